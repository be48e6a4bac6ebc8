#include "cli/serve/control.hpp"

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

#include "cli/version.hpp"
#include "core/base/files.hpp"
#include "core/base/log.hpp"
#include "core/net/server.hpp"
#include "core/store/open.hpp"
#include "gateway/api/api.hpp"
#include "gateway/edge/edge.hpp"
#include "gateway/routes_publisher.hpp"
#include "providers/registry/registry.hpp"
#include "reconciler/engine.hpp"

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
  engine.solo_url = settings.solo;
  engine.domain = settings.domain;
  engine.url_suffix = url_suffix(settings);
  engine.secrets_dir = settings.secrets_dir;
  engine.resync = settings.resync;
  engine.retention = settings.retention;
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
          std::unique_ptr<Store> store)
      : settings_(settings),
        store_(std::move(store)),
        pool_(kPoolThreads),
        secrets_(std::make_shared<secret::OperatorSecrets>(settings.secrets_dir)),
        engine_(make_engine(
            with_parts(engine_settings(settings), registry_parts(settings), secrets_),
            io_.get_executor(), *store_, make_adapters(registry_parts(settings)), clock_, random_)),
        api_(make_api({*engine_, *store_, clock_, random_, pool_},
                      api_settings(settings, std::move(operators)))),
        server_(
            io_.get_executor(), [this](HttpRequest request) { return answer(std::move(request)); },
            api_->server_settings()) {}

  int run() {
    asio::signal_set signals(io_, SIGTERM, SIGINT);
    signals.async_wait([this](const boost::system::error_code& error, int) {
      if (!error) spawn(io_.get_executor(), stop(), "stop");
    });
    spawn(io_.get_executor(), start(), "start");
    io_.run();
    return status_;
  }

 private:
  RegistryParts registry_parts(const Settings& settings) {
    return {settings.data, io_.get_executor(), pool_, clock_, secrets_};
  }

  static EngineSettings with_parts(EngineSettings settings, RegistryParts parts,
                                   std::shared_ptr<secret::OperatorSecrets> secrets) {
    settings.operator_secrets = std::move(secrets);
    settings.scripted = make_scripted_adapters(std::move(parts));
    settings.shipped_scripts = shipped_adapters();
    return settings;
  }

  static ApiSettings api_settings(const Settings& settings, std::vector<std::uint32_t> operators) {
    ApiSettings api;
    api.operator_uids = std::move(operators);
    api.is_solo = !settings.solo.empty();
    api.version = CROFT_VERSION;
    api.audit_log = settings.data / "audit.log";
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
    if (started) started = co_await engine_->start();
    if (is_stopping_) co_return;
    if (started) {
      is_started_ = true;
      started_.cancel();
      publisher_.emplace(*engine_, settings_.data / "run" / "routes.json", io_.get_executor());
      log_info("control", "ready", {{"api", settings_.api_socket.string()}});
      co_return;
    }
    log_error("control", "cannot start", {{"error", started.error().describe()}});
    status_ = started.error().is_retryable() ? 1 : kConfigurationError;
    co_await stop();
  }

  Task<> stop() {
    if (std::exchange(is_stopping_, true)) co_return;
    log_info("control", "stopping");
    started_.cancel();
    co_await server_.stop(kStopGrace);
    co_await engine_->stop();
    io_.stop();
  }

  const Settings& settings_;
  SystemClock clock_;
  SystemRandom random_;
  asio::io_context io_{1};
  std::unique_ptr<Store> store_;
  BlockingPool pool_;
  std::shared_ptr<secret::OperatorSecrets> secrets_;
  std::unique_ptr<Engine> engine_;
  std::unique_ptr<Api> api_;
  HttpServer server_;
  bool is_started_ = false;
  bool is_stopping_ = false;
  asio::steady_timer started_{io_, asio::steady_timer::time_point::max()};  ///< cancelled then
  std::optional<RoutesPublisher> publisher_;  ///< once the engine knows what ran before
  int status_ = 0;
};

/// This role opens secrets: nothing of its memory may come to a disk, or to another process of the
/// same user.
void keep_memory_private() {
  const rlimit no_core{0, 0};
  ::setrlimit(RLIMIT_CORE, &no_core);
  ::prctl(PR_SET_DUMPABLE, 0);
}

}  // namespace

int run_control(const Settings& settings) {
  keep_memory_private();
  Result<std::vector<std::uint32_t>> operators = operator_uids(settings);
  if (!operators) {
    log_error("control", "cannot start", {{"error", operators.error().describe()}});
    return kConfigurationError;
  }
  const Result<void> made = make_directory(settings.data / "run", 0755);
  Result<std::unique_ptr<Store>> store =
      made ? open_store(settings.data, settings.store_url)
           : Result<std::unique_ptr<Store>>(std::unexpected(made.error()));
  if (!store) {
    log_error("control", "cannot open the store", {{"error", store.error().describe()}});
    return store.error().is_retryable() ? 1 : kConfigurationError;
  }
  return Control(settings, std::move(*operators), std::move(*store)).run();
}

int run_edge_role(const Settings& settings) {
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
  const Result<void> made = make_directory(settings.data / "run", 0755);
  const Result<void> done = made ? run_edge(std::move(edge)) : made;
  if (done) return 0;
  log_error("edge", "cannot serve", {{"error", done.error().describe()}});
  return done.error().is_retryable() ? 1 : kConfigurationError;
}

}  // namespace croft
