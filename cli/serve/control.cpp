#include "cli/serve/control.hpp"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <csignal>
#include <optional>
#include <pwd.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>
#include <utility>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/signal_set.hpp>
#include <fmt/format.h>

#include "cli/output/changeset_text.hpp"
#include "cli/serve/mail_settings.hpp"
#include "cli/serve/platform_verify.hpp"
#include "cli/serve/traces.hpp"
#include "cli/version.hpp"
#include "core/base/files.hpp"
#include "core/base/log.hpp"
#include "core/net/address.hpp"
#include "core/net/server.hpp"
#include "core/store/measured.hpp"
#include "core/store/open.hpp"
#include "gateway/api/api.hpp"
#include "gateway/edge/edge.hpp"
#include "gateway/forge/reporter.hpp"
#include "gateway/metrics/role_metrics.hpp"
#include "gateway/metrics/watch_server.hpp"
#include "gateway/receivers/hooks_publisher.hpp"
#include "gateway/receivers/hooks_role.hpp"
#include "gateway/routes_publisher.hpp"
#include "providers/registry/registry.hpp"
#include "reconciler/engine.hpp"
#include "reconciler/engine/github_apps.hpp"

namespace croft {

namespace {

constexpr int kConfigurationError = 78;  // EX_CONFIG of sysexits.h
constexpr std::size_t kPoolThreads = 8;
constexpr Duration kStopGrace{10'000};

EngineSettings engine_settings(const Settings& settings) {
  EngineSettings engine;
  engine.data = settings.data;
  engine.platform_url = settings.platform_url;
  engine.platform_ref = settings.platform_ref;
  engine.platform_path = settings.platform_path;
  engine.platform_interval = settings.platform_interval;
  if (!settings.platform_receiver.empty()) {
    engine.platform_receiver =
        ReceiverDeclaration{settings.platform_receiver, settings.platform_receiver_secret};
  }
  engine.solo_url = settings.solo;
  engine.domain = settings.domain;
  engine.url_suffix = url_suffix(settings);
  engine.secrets_dir = settings.secrets_dir;
  engine.resync = settings.resync;
  engine.retention = settings.retention;
  engine.webhooks.allowed_networks = settings.webhooks_networks;
  engine.mail = mail_settings(settings).value_or(notify::MailSettings{});  // was checked
  return engine;
}

/// A name is looked up, so that a mistyped one is no silent lack of a power.
Result<std::vector<std::uint32_t>> operator_uids(const Settings& settings) {
  std::vector<std::uint32_t> uids;
  for (const std::string& user : settings.api_operators) {
    std::uint32_t uid = 0;
    const char* end = user.data() + user.size();
    const auto parsed = std::from_chars(user.data(), end, uid);
    if (parsed.ec == std::errc() && parsed.ptr == end) {
      uids.push_back(uid);
    } else if (const passwd* entry = ::getpwnam(user.c_str())) {
      uids.push_back(entry->pw_uid);
    } else {
      return fail(ErrorCode::Invalid, fmt::format("api.operators: there is no user '{}'", user));
    }
  }
  return uids;
}

/// For roles that read secrets: nothing of their memory may come to a disk, or to another process
/// of the same user.
void keep_memory_private() {
  const rlimit no_core{0, 0};
  ::setrlimit(RLIMIT_CORE, &no_core);
  ::prctl(PR_SET_DUMPABLE, 0);
}

std::filesystem::path hooks_socket(const Settings& settings) {
  return settings.data / "run" / "hooks.sock";
}

std::filesystem::path hooks_table(const Settings& settings) {
  return settings.data / "run" / "hooks.json";
}

HookFiles hook_files(const Settings& settings, const secret::OperatorSecrets& secrets) {
  return {hooks_table(settings), secrets, settings.data};
}

/// The host in `hooks.url`, whose requests the edge passes on.
std::vector<Engine::HostRoute> own_routes(const Settings& settings) {
  if (settings.hooks_url.empty()) return {};
  std::string host = settings.hooks_url.substr(settings.hooks_url.find("://") + 3);
  const std::size_t bracket = host.rfind(']');
  host = host.substr(0, host.find(':', bracket == std::string::npos ? 0 : bracket));
  std::ranges::transform(host, host.begin(), [](unsigned char c) { return std::tolower(c); });
  Engine::HostRoute route;
  route.host = std::move(host);
  route.ref = "hooks";
  route.endpoint = {Endpoint::Scheme::Unix, hooks_socket(settings).string()};
  route.state = "Starting";
  return {std::move(route)};
}

/// A hook as a forge is told it: the path only, if nobody said what stands before it.
std::string hook_url(const Settings& settings, const Secret<std::string>& key,
                     const std::string& source) {
  return fmt::format("{}/hooks/{}", settings.hooks_url, hook_id(key, source));
}

ControlMetricsSettings metrics_settings(const Settings& settings) {
  ControlMetricsSettings watched;
  std::vector<metrics::Role> others{metrics::Role::Edge};
  if (receives_hooks(settings)) others.push_back(metrics::Role::Hooks);
  for (const metrics::Role role : others)
    watched.others.push_back({role, role_metrics_socket(settings.data, role)});
  watched.with_tenants = settings.metrics_tenants;
  return watched;
}

Result<void> listen(HttpServer& server, const Settings& settings) {
  // Anybody may connect; who the peer is decides what it may do.
  TRY(server.listen_unix(settings.api_socket, 0666));
  if (settings.api_listen.empty()) return {};
  const std::size_t colon = settings.api_listen.rfind(':');
  TRY(server.listen_tcp(settings.api_listen.substr(0, colon),
                        std::atoi(settings.api_listen.c_str() + colon + 1)));
  return {};
}

/// Everything of the control role; its members end in the reverse order.
class Control {
 public:
  Control(const Settings& settings, std::vector<std::uint32_t> operators,
          std::unique_ptr<Store> store, Secret<std::string> hook_key,
          std::optional<TraceExporterSettings> traces, std::optional<VerifyDeclaration> verify)
      : settings_(settings),
        hook_key_(std::move(hook_key)),
        store_(measured(std::move(store))),
        pool_(kPoolThreads),
        secrets_(std::make_shared<secret::OperatorSecrets>(settings.secrets_dir)),
        apps_(std::make_shared<GithubApps>(secrets_, clock_)),
        engine_(make_engine(
            with_parts(engine_settings(settings), registry_parts(settings), std::move(verify)),
            io_.get_executor(), *store_, make_adapters(registry_parts(settings)), clock_, random_)),
        api_(make_api({*engine_, *store_, clock_, random_, pool_},
                      api_settings(settings, std::move(operators)))),
        metrics_(*engine_, *store_, metrics_settings(settings)),
        server_(
            io_.get_executor(), [this](HttpRequest request) { return answer(std::move(request)); },
            api_->server_settings()),
        watch_server_(io_.get_executor(), [this] { return is_started_ ? &metrics_ : nullptr; }) {
    if (traces) exporter_.emplace(io_.get_executor(), random_, std::move(*traces));
  }

  int run() {
    asio::signal_set signals(io_, SIGTERM, SIGINT);
    signals.async_wait([this](const boost::system::error_code& error, int) {
      if (!error) spawn(io_.get_executor(), stop(), "stop");
    });
    if (exporter_) exporter_->start();
    spawn(io_.get_executor(), start(), "start");
    io_.run();
    return status_;
  }

 private:
  RegistryParts registry_parts(const Settings& settings) {
    return {settings.data, io_.get_executor(), pool_, clock_, secrets_};
  }

  EngineSettings with_parts(EngineSettings settings, RegistryParts parts,
                            std::optional<VerifyDeclaration> verify) {
    settings.platform_verify = std::move(verify);
    settings.operator_secrets = secrets_;
    settings.github_apps = apps_;
    settings.scripted = make_scripted_adapters(std::move(parts));
    settings.shipped_scripts = shipped_adapters();
    return settings;
  }

  ApiSettings api_settings(const Settings& settings, std::vector<std::uint32_t> operators) {
    ApiSettings api;
    api.operator_uids = std::move(operators);
    api.is_solo = !settings.solo.empty();
    api.version = CROFT_VERSION;
    api.audit_log = settings.data / "audit.log";
    api.metrics = [this] { return metrics_.page(); };
    api.reasons_not_ready = [this] { return metrics_.reasons_not_ready(); };
    api.on_merge_request = [this](std::string source, std::int64_t number) -> Task<Result<void>> {
      if (!reporter_) co_return fail(ErrorCode::Unavailable, "Croft is about to stop");
      co_return co_await reporter_->look_at_merge_request(std::move(source), number);
    };
    if (receives_hooks(settings)) {
      api.hook_url = [this](const std::string& source) {
        return hook_url(settings_, hook_key_, source);
      };
    }
    return api;
  }

  /// The engine knows nothing until it has read the store: requests wait for that.
  Task<HttpResponse> answer(HttpRequest request) {
    if (!is_started_ && !is_stopping_)
      (void)co_await started_.async_wait(asio::as_tuple(asio::use_awaitable));
    if (is_started_) co_return co_await api_->handle(std::move(request));
    HttpResponse response;
    response.status = 503;
    response.body = R"({"error":{"code":"Unavailable","message":"Croft is stopping"}})";
    co_return response;
  }

  Task<> start() {
    Result<void> started = listen(server_, settings_);
    if (started) started = show_metrics();
    if (started) started = co_await engine_->start();
    if (is_stopping_) co_return;
    if (started) {
      is_started_ = true;
      started_.cancel();
      const asio::any_io_executor executor = io_.get_executor();
      publisher_.emplace(*engine_, settings_.data / "run" / "routes.json", executor,
                         own_routes(settings_));
      start_reporter();
      if (receives_hooks(settings_))
        hooks_publisher_.emplace(*engine_, hook_files(settings_, *secrets_), hook_key_, executor);
      log_info("control", "ready", {{"api", settings_.api_socket.string()}});
      co_return;
    }
    log_error("control", "cannot start", {{"error", started.error().describe()}});
    status_ = started.error().is_retryable() ? 1 : kConfigurationError;
    co_await stop();
  }

  Result<void> show_metrics() {
    if (settings_.metrics_listen.empty()) return {};
    TRY_ASSIGN(const int port, watch_server_.listen(settings_.metrics_listen));
    log_info("control", "shows metrics",
             {{"address", settings_.metrics_listen}, {"port", std::to_string(port)}});
    return {};
  }

  void start_reporter() {
    ForgeReporterSettings settings;
    settings.secrets = secrets_;
    settings.markdown = cli::changeset_markdown;
    ForgeReporterParts parts{*engine_, *store_, clock_, random_, io_.get_executor(), apps_};
    reporter_.emplace(std::move(parts), std::move(settings));
  }

  Task<> stop() {
    if (std::exchange(is_stopping_, true)) co_return;
    log_info("control", "stopping");
    started_.cancel();
    co_await watch_server_.stop(kStopGrace);
    co_await server_.stop(kStopGrace);
    if (reporter_) co_await reporter_->stop();
    co_await engine_->stop();
    if (exporter_) co_await exporter_->stop();
    io_.stop();
  }

  const Settings& settings_;
  const Secret<std::string> hook_key_;
  SystemClock clock_;
  SystemRandom random_;
  asio::io_context io_{1};
  std::optional<TraceExporter> exporter_;  ///< before the engine, whose pushes end as it goes
  std::unique_ptr<Store> store_;
  BlockingPool pool_;
  std::shared_ptr<secret::OperatorSecrets> secrets_;
  std::shared_ptr<GithubApps> apps_;
  std::unique_ptr<Engine> engine_;
  std::unique_ptr<Api> api_;
  ControlMetrics metrics_;
  HttpServer server_;
  WatchServer watch_server_;
  bool is_started_ = false;
  bool is_stopping_ = false;
  asio::steady_timer started_{io_, asio::steady_timer::time_point::max()};  ///< cancelled then
  std::optional<ForgeReporter> reporter_;
  std::optional<HooksPublisher> hooks_publisher_;
  std::optional<RoutesPublisher> publisher_;  ///< once the engine knows what ran before
  int status_ = 0;
};

StoreHistory history_of(const Settings& settings) {
  StoreHistory history;
  history.events = settings.events_keep;
  history.event_age = settings.events_keep_for;
  return history;
}

/// A mistyped network is no silent lack of a permission.
Result<void> check_networks(const Settings& settings) {
  for (const std::string& network : settings.webhooks_networks) {
    TRY(while_doing(check_network(network), "reading webhooks.networks"));
  }
  return {};
}

}  // namespace

int run_control(const Settings& settings) {
  keep_memory_private();
  metrics::set_build(CROFT_VERSION, CROFT_COMMIT);
  Result<std::vector<std::uint32_t>> operators = operator_uids(settings);
  if (operators) {
    const Result<void> checked = check_networks(settings);
    if (!checked) operators = fail(checked.error());
  }
  Result<std::optional<VerifyDeclaration>> verify = platform_verify(settings);
  if (operators && !verify) operators = fail(verify.error());
  if (operators) {
    const auto mail = mail_settings(settings);
    if (!mail) operators = fail(mail.error());
  }
  if (!operators) {
    log_error("control", "cannot start", {{"error", operators.error().describe()}});
    return kConfigurationError;
  }
  const Result<void> made = make_directory(settings.data / "run", 0755);
  Result<std::unique_ptr<Store>> store =
      made ? open_store(settings.data, settings.store_url, history_of(settings))
           : Result<std::unique_ptr<Store>>(std::unexpected(made.error()));
  if (!store) {
    log_error("control", "cannot open the store", {{"error", store.error().describe()}});
    return store.error().is_retryable() ? 1 : kConfigurationError;
  }
  SystemRandom random;
  Result<Secret<std::string>> key = receives_hooks(settings)
                                        ? hook_key(settings.data / "hooks.key", random)
                                        : Result<Secret<std::string>>();
  if (!key) {
    log_error("control", "cannot start", {{"error", key.error().describe()}});
    return kConfigurationError;
  }
  Result<std::optional<TraceExporterSettings>> traces = trace_settings(settings, "control");
  if (!traces) {
    log_error("control", "cannot start", {{"error", traces.error().describe()}});
    return kConfigurationError;
  }
  return Control(settings, std::move(*operators), std::move(*store), std::move(*key),
                 std::move(*traces), std::move(*verify))
      .run();
}

int run_hooks_role(const Settings& settings) {
  metrics::set_build(CROFT_VERSION, CROFT_COMMIT);
  keep_memory_private();
  HooksRoleSettings hooks;
  hooks.table_file = hooks_table(settings);
  hooks.socket = hooks_socket(settings);
  hooks.listen = settings.hooks_listen;
  hooks.control_socket = settings.api_socket;
  Result<std::optional<TraceExporterSettings>> traces = trace_settings(settings, "hooks");
  if (!traces) {
    log_error("hooks", "cannot receive", {{"error", traces.error().describe()}});
    return kConfigurationError;
  }
  hooks.traces = std::move(*traces);
  const Result<void> made = make_directory(settings.data / "run", 0755);
  const RoleMetrics shown(role_metrics_socket(settings.data, metrics::Role::Hooks),
                          metrics::Role::Hooks);
  const Result<void> done = made ? run_hooks(std::move(hooks)) : made;
  if (done) return 0;
  log_error("hooks", "cannot receive", {{"error", done.error().describe()}});
  return done.error().is_retryable() ? 1 : kConfigurationError;
}

int run_edge_role(const Settings& settings) {
  metrics::set_build(CROFT_VERSION, CROFT_COMMIT);
  EdgeSettings edge;
  edge.listen = {settings.edge_listen};
  edge.routes_file = settings.data / "run" / "routes.json";
  edge.release_store = release_store(settings.data);
  edge.trusted_proxies = settings.edge_trusted_proxies;
  const std::filesystem::path ready = settings.data / "run" / "edge.ready";
  edge.on_listening = [ready](const std::vector<std::string>& addresses) {
    for (const std::string& address : addresses)
      log_info("edge", "listening", {{"address", address}});
    const Result<void> noted = write_file_atomic(ready, fmt::format("{}\n", ::getpid()), 0644);
    if (!noted) log_warning("edge", "readiness not written", {{"error", noted.error().describe()}});
  };
  edge.while_serving = [socket = role_metrics_socket(settings.data, metrics::Role::Edge)](
                           const Edge& serving) {
    return std::make_shared<RoleMetrics>(
        socket, metrics::Role::Edge, [&serving](metrics::Page& page) { serving.measure(page); });
  };
  const Result<void> made = make_directory(settings.data / "run", 0755);
  const Result<void> done = made ? run_edge(std::move(edge)) : made;
  if (done) return 0;
  log_error("edge", "cannot serve", {{"error", done.error().describe()}});
  return done.error().is_retryable() ? 1 : kConfigurationError;
}

}  // namespace croft
