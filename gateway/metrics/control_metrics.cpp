#include "gateway/metrics/control_metrics.hpp"

#include <map>
#include <optional>
#include <utility>

#include <boost/asio/this_coro.hpp>

#include "core/base/metric_families.hpp"
#include "core/net/client.hpp"

namespace croft {

namespace {

constexpr std::size_t kLargestPage = 4U << 20U;

HttpClient client_of(const std::filesystem::path& socket) {
  ServerAddress address;
  address.path = socket.string();
  HttpClientSettings settings;
  settings.body_limit = kLargestPage;
  return HttpClient(std::move(address), std::move(settings));
}

/// Nothing if it is not there in time.
Task<std::optional<std::string>> page_of(std::filesystem::path socket, Duration patience) {
  const HttpClient client = client_of(socket);
  HttpRequest request;
  request.target = "/metrics";
  request.headers.set("Host", "croft");
  const auto deadline = std::chrono::steady_clock::now() + patience;
  Result<HttpResponse> answer = co_await client.send(std::move(request), deadline);
  if (!answer || answer->status != 200) co_return std::nullopt;
  co_return std::move(answer->body);
}

bool is_true(const std::vector<Condition>& conditions, std::string_view type) {
  const Condition* condition = find_condition(conditions, type);
  return condition != nullptr && condition->status == ConditionStatus::True;
}

}  // namespace

ControlMetrics::ControlMetrics(Engine& engine, Store& store, ControlMetricsSettings settings)
    : engine_(engine), store_(store), settings_(std::move(settings)) {}

Task<std::string> ControlMetrics::page() const {
  metrics::Page page = metrics::own_page(metrics::Role::Control);
  page.add(metrics::kRoleUp, {std::string(to_string(metrics::Role::Control))}, 1);
  for (const ControlMetricsSettings::Other& other : settings_.others) {
    const std::optional<std::string> theirs = co_await page_of(other.socket, settings_.patience);
    const metrics::Labels role{std::string(to_string(other.role))};
    page.add(metrics::kRoleUp, role, theirs ? 1 : 0);
    if (theirs) page.join(other.role, *theirs);
  }
  const std::vector<std::string> reasons = co_await reasons_not_ready();
  page.add(metrics::kReady, {}, reasons.empty() ? 1 : 0);
  add_engine(page);
  add_resources(page);
  add_sources(page);
  add_webhooks(page);
  co_return page.text();
}

void ControlMetrics::add_engine(metrics::Page& page) const {
  const EngineVitals vitals = engine_.vitals();
  for (const QueueVitals& queue : vitals.queues) {
    page.add(metrics::kQueueDepth, {queue.name}, static_cast<double>(queue.waiting));
    page.add(metrics::kQueueRunning, {queue.name}, queue.running);
    page.add(metrics::kQueueOldest, {queue.name},
             std::chrono::duration<double>(queue.oldest).count());
  }
  for (const EngineVitals::ProviderVitals& provider : vitals.providers)
    page.add(metrics::kProviderUsable, {provider.name, provider.adapter},
             provider.is_usable ? 1 : 0);
  page.add(metrics::kTenants, {}, static_cast<double>(engine_.tenants().size()));
}

void ControlMetrics::add_resources(metrics::Page& page) const {
  for (const ResourceStatus& status : engine_.status("")) {
    const std::string tenant = settings_.with_tenants ? status.ref.tenant : std::string();
    const std::string kind(to_string(status.ref.kind));
    page.add(metrics::kResources, {tenant, kind, std::string(to_string(status.phase))}, 1);
    page.add(metrics::kNotReady, {tenant, kind}, is_true(status.conditions, "Ready") ? 0 : 1);
  }
  page.add(metrics::kGuarded, {}, 0);
  for (const Changeset& changeset : engine_.guarded("")) {
    const std::string tenant = settings_.with_tenants ? changeset.tenant : std::string();
    page.add(metrics::kGuarded, {tenant}, 1);
  }
}

void ControlMetrics::add_sources(metrics::Page& page) const {
  for (const SourceStatus& source : engine_.sources("")) {
    const metrics::Labels tenant{settings_.with_tenants ? source.tenant : std::string()};
    page.add(metrics::kSources, tenant, 1);
    page.add(metrics::kStalled, tenant, is_true(source.conditions, "Stalled") ? 1 : 0);
  }
}

void ControlMetrics::add_webhooks(metrics::Page& page) const {
  double waiting = 0;
  std::map<std::string, double> states{{"ok", 0}, {"failing", 0}, {"disabled", 0}};
  for (const notify::WebhookStatus& webhook : engine_.webhooks().list("")) {
    waiting += static_cast<double>(webhook.waiting);
    const bool is_disabled = webhook.row.disabled_at || webhook.declaration.is_paused;
    ++states[is_disabled ? "disabled" : webhook.row.failing_since ? "failing" : "ok"];
  }
  page.add(metrics::kWebhookWaiting, {}, waiting);
  for (const auto& [state, count] : states) page.add(metrics::kWebhooks, {state}, count);
}

struct ControlMetrics::Question {
  explicit Question(asio::any_io_executor executor) : answered(std::move(executor)) {}
  Signal answered;
  std::optional<bool> answer;
};

Task<> ControlMetrics::ask(Store& store, std::shared_ptr<Question> question) {
  // A small table, whatever the size of the rest.
  const Result<std::vector<TokenRow>> tokens = co_await store.tokens();
  question->answer = tokens.has_value();
  question->answered.notify();
}

Task<bool> ControlMetrics::answers() const {
  if (!question_ || question_->answer) {
    const asio::any_io_executor executor = co_await asio::this_coro::executor;
    question_ = std::make_shared<Question>(executor);
    spawn(executor, ask(store_, question_), "readiness");
  }
  const std::shared_ptr<Question> question = question_;
  if (!question->answer) (void)co_await question->answered.wait(settings_.patience);
  co_return question->answer.value_or(false);
}

Task<std::vector<std::string>> ControlMetrics::reasons_not_ready() const {
  std::vector<std::string> reasons;
  if (!(co_await answers())) reasons.emplace_back("the store does not answer");
  const EngineVitals vitals = engine_.vitals();
  if (!vitals.waits_for.empty()) reasons.push_back(vitals.waits_for);
  co_return reasons;
}

}  // namespace croft
