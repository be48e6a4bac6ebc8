#pragma once

#include <filesystem>
#include <future>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "core/base/files.hpp"
#include "core/net/server.hpp"
#include "core/store/sqlite.hpp"
#include "gateway/api/api.hpp"
#include "tests/cli/command_line.hpp"
#include "tests/support/fake_engine.hpp"

namespace croft::cli {

/// The real API on a real unix socket over a fake engine, running on a thread of its own, because
/// command lines block.
class Served {
 public:
  /// Runs a function on the server's own thread and gives its result.
  template <typename Function>
  auto with(Function function) {
    using Output = std::invoke_result_t<Function, FakeEngine&>;
    // Shared: the result is there before the task is done with itself.
    auto task = std::make_shared<std::packaged_task<Output()>>([&] { return function(engine_); });
    std::future<Output> output = task->get_future();
    asio::post(io_, [task] { (*task)(); });
    return output.get();
  }

  Served() {
    api_ = make_api({engine_, *store_, clock_, random_, pool_}, settings());
    start();
    thread_ = std::thread([this] { io_.run(); });
  }
  ~Served() {
    with([this](FakeEngine&) { server_.reset(); });
    work_.reset();
    io_.stop();
    thread_.join();
  }
  Served(const Served&) = delete;
  Served& operator=(const Served&) = delete;

  std::string socket() const { return (directory_.path() / "api.sock").string(); }

  /// Stops listening and cuts every connection off; then listens again.
  void restart() {
    with([this](FakeEngine&) {
      server_.reset();
      start();
    });
  }

  Ran run(std::vector<std::string> words, std::size_t width = 0) {
    return cli::run(words, {{"CROFT_SERVER", socket()}}, width);
  }

 private:
  ApiSettings settings() const {
    ApiSettings settings;
    settings.version = "9.9.9";
    settings.audit_log = directory_.path() / "audit.log";
    settings.heartbeat = Duration(50);
    return settings;
  }
  void start() {
    const auto handle = [this](HttpRequest request) { return api_->handle(std::move(request)); };
    server_ = std::make_unique<HttpServer>(io_.get_executor(), handle, api_->server_settings());
    if (const Result<void> listening = server_->listen_unix(socket(), 0600); !listening) {
      throw std::runtime_error(listening.error().describe());
    }
  }

  TemporaryDirectory directory_ = TemporaryDirectory::make("croft-cli-").value();
  asio::io_context io_{1};
  asio::executor_work_guard<asio::io_context::executor_type> work_ = asio::make_work_guard(io_);
  std::unique_ptr<Store> store_ = open_sqlite_store(directory_.path() / "store").value();
  FakeEngine engine_;
  SystemClock clock_;
  SystemRandom random_;
  BlockingPool pool_{1};
  std::unique_ptr<Api> api_;
  std::unique_ptr<HttpServer> server_;
  std::thread thread_;
};

}  // namespace croft::cli
