#include "tests/reconciler/notify/dispatcher_fixture.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "tests/support/test_store.hpp"

namespace croft::notify {

DispatcherTest::DispatcherTest()
    : server_(io_.get_executor(),
              [this](HttpRequest request) { return answer(std::move(request)); }) {
  port_ = server_.listen_tcp("127.0.0.1", 0).value();
  settings_.domain = "example.com";
  settings_.key_file = directory_.path() / "webhooks.key";
  settings_.schedule.delays = {Duration(50), Duration(100), Duration(200)};
  sender_.timeout = Duration(5'000);
  begin();
}

DispatcherTest::~DispatcherTest() { dispatcher_->stop(); }

void DispatcherTest::begin() {
  store_ = open_store(directory_.path(), test_store_url(directory_.path())).value();
  const auto read_secret = [this](const Ref&, const std::string& name) {
    const auto found = secrets_.find(name);
    return found == secrets_.end() ? Result<Secret<std::string>>(
                                         fail(ErrorCode::NotFound, "there is no secret " + name))
                                   : Secret<std::string>(found->second);
  };
  dispatcher_ = std::make_unique<Dispatcher>(DispatchParts{.settings = settings_,
                                                           .executor = io_.get_executor(),
                                                           .store = *store_,
                                                           .clock = clock_,
                                                           .random = random_,
                                                           .sender = http_sender(sender_, clock_),
                                                           .mail = mail_,
                                                           .secret = read_secret,
                                                           .keys = {},
                                                           .wake = {},
                                                           .on_change = {}},
                                             [] {});
  const Result<void> started = run(dispatcher_->start());
  ASSERT_TRUE(started.has_value()) << started.error().describe();
}

void DispatcherTest::restart() {
  dispatcher_->stop();
  // What is under way ends before its store goes.
  runs_until([] { return false; }, Duration(300));
  dispatcher_.reset();
  store_.reset();
  begin();
  declare(declared_.webhooks, declared_.unread_sources);
}

Task<HttpResponse> DispatcherTest::answer(HttpRequest request) {
  const std::string name = request.target.substr(1);
  Received got{request.headers, request.body, {}};
  if (Result<Value> event = parse_json(request.body)) got.event = std::move(*event);
  received_[name].push_back(std::move(got));
  const auto known = answers_.find(name);
  if (known != answers_.end()) co_return co_await known->second(std::move(request));
  HttpResponse none;
  none.status = known == answers_.end() ? 204 : 404;
  co_return none;
}

std::string DispatcherTest::serve(const std::string& name, Answer answer) {
  if (answer) answers_[name] = std::move(answer);
  return fmt::format("http://127.0.0.1:{}/{}", port_, name);
}

DispatcherTest::Answer DispatcherTest::always(int status, HttpHeaders headers, std::string body) {
  return [=](HttpRequest) -> Task<HttpResponse> {
    HttpResponse response;
    response.status = status;
    response.headers = headers;
    response.body = body;
    co_return response;
  };
}

WebhookDeclaration DispatcherTest::webhook(const std::string& name, std::string url) {
  WebhookDeclaration webhook;
  webhook.ref = ref(name);
  webhook.source = "alice/main";
  webhook.url = std::move(url);
  webhook.allow_private = true;
  return webhook;
}

void DispatcherTest::declare(std::vector<WebhookDeclaration> webhooks,
                             std::vector<std::string> unread) {
  declared_ = {std::move(webhooks), std::move(unread)};
  dispatcher_->declare(declared_);
  const auto is_followed = [this] {
    const auto all = dispatcher_->list("");
    return std::ranges::all_of(declared_.webhooks, [&](const WebhookDeclaration& one) {
      return std::ranges::any_of(
          all, [&](const WebhookStatus& known) { return known.declaration == one; });
    });
  };
  ASSERT_TRUE(runs_until(is_followed));
}

void DispatcherTest::tell(const std::string& subject, const std::string& type,
                          const std::string& tenant) {
  NotificationRow row;
  row.id = random_.id();
  row.time = clock_.now();
  row.tenant = tenant;
  row.type = type;
  row.subject = subject;
  row.data = std::make_shared<const Value>(Value::map({{"tenant", tenant},
                                                       {"ref", subject},
                                                       {"kind", "Instance"},
                                                       {"name", "api"},
                                                       {"severity", "Warning"},
                                                       {"reason", "CrashLoop"},
                                                       {"message", "exit 1"}}));
  Transaction transaction;
  transaction.add(AppendNotification{std::move(row)});
  const Result<void> done = run(store_->commit(std::move(transaction)));
  ASSERT_TRUE(done.has_value()) << done.error().describe();
  dispatcher_->wake(tenant);
}

bool DispatcherTest::runs_until(const std::function<bool()>& is_so, Duration at_most) {
  const auto end = std::chrono::steady_clock::now() + at_most;
  io_.restart();
  while (!is_so()) {
    if (std::chrono::steady_clock::now() > end) return false;
    io_.run_one_for(Duration(20));
  }
  return true;
}

void DispatcherTest::expect_received(const std::string& name, std::size_t count) {
  EXPECT_TRUE(runs_until([&] { return received_[name].size() >= count; }))
      << name << " got " << received_[name].size() << " of " << count;
}

std::vector<std::string> DispatcherTest::subjects(const std::string& name) const {
  std::vector<std::string> all;
  const auto found = received_.find(name);
  if (found == received_.end()) return all;
  for (const Received& one : found->second) all.push_back(one.subject());
  return all;
}

WebhookStatus DispatcherTest::status(const std::string& name) const {
  const std::vector<WebhookStatus> all = dispatcher_->list("");
  for (const WebhookStatus& one : all) {
    if (one.row.ref == ref(name)) return one;
  }
  ADD_FAILURE() << "there is no webhook " << name;
  return {};
}

std::vector<DeliveryRow> DispatcherTest::deliveries(const std::string& name) {
  auto rows = run(dispatcher_->deliveries(ref(name), 1'000));
  EXPECT_TRUE(rows.has_value());
  return rows ? std::move(*rows) : std::vector<DeliveryRow>();
}

std::string DispatcherTest::key_of(const std::string& name) {
  const WebhookStatus known = status(name);
  const KeyRing ring = KeyRing::open(settings_.key_file, random_).value();
  return print_signing_key(ring.key(known.row.id, known.row.key_number));
}

}  // namespace croft::notify
