#pragma once

#include <filesystem>
#include <fstream>
#include <sstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/base/files.hpp"
#include "core/net/client.hpp"
#include "core/net/server.hpp"
#include "core/store/sqlite.hpp"
#include "gateway/api/api.hpp"
#include "gateway/api/json_forms.hpp"
#include "tests/support/fake_engine.hpp"
#include "tests/support/run_task.hpp"

namespace croft {

/// The API over a fake engine and a real store, listening on a real unix socket and a real TCP
/// port.
class ApiTest : public testing::Test {
 protected:
  void SetUp() override {
    add_tenant("alice");
    add_tenant("bob");
    engine.tenant_names = {"alice", "bob"};
    settings.audit_log = directory.path() / "audit.log";
    settings.heartbeat = Duration(50);
    settings.metrics = []() -> Task<std::string> { co_return "croft_up 1\n"; };
    settings.reasons_not_ready = [this]() -> Task<std::vector<std::string>> {
      co_return reasons_not_ready;
    };
  }
  void start() {
    api = make_api({engine, *store, clock, random, pool}, settings);
    const auto handle = [this](HttpRequest request) { return api->handle(std::move(request)); };
    server.emplace(io.get_executor(), handle, api->server_settings());
    ASSERT_TRUE(server->listen_unix(socket_path(), 0600));
    port = server->listen_tcp("127.0.0.1", 0).value();
  }

  std::string socket_path() const { return (directory.path() / "api.sock").string(); }
  HttpClient local() const { return HttpClient(parse_server_address(socket_path()).value()); }
  HttpClient remote() const {
    return HttpClient(parse_server_address("http://127.0.0.1:" + std::to_string(port)).value());
  }

  static HttpRequest request_of(std::string method, std::string target, std::string body = {}) {
    HttpRequest request;
    request.method = std::move(method);
    request.target = std::move(target);
    request.body = std::move(body);
    return request;
  }
  /// As the operator, on the unix socket.
  HttpResponse ask(const std::string& method, const std::string& target,
                   const std::string& body = {}) {
    return run_task(io, local().send(request_of(method, target, body))).value();
  }
  /// Over TCP with a token, or none.
  HttpResponse ask_with(const std::string& token, const std::string& method,
                        const std::string& target, const std::string& body = {}) {
    HttpRequest request = request_of(method, target, body);
    if (!token.empty()) request.headers.set("Authorization", "Bearer " + token);
    return run_task(io, remote().send(std::move(request))).value();
  }
  Value json(const std::string& method, const std::string& target, const std::string& body = {}) {
    const HttpResponse response = ask(method, target, body);
    EXPECT_LT(response.status, 300) << response.body;
    return response.body.empty() ? Value() : parse_json(response.body).value();
  }
  std::string make_token(const std::string& tenant, const std::string& expires_in = "") {
    Value body = Value::map({{"name", "test"}});
    if (!tenant.empty()) body.set("tenant", tenant);
    if (!expires_in.empty()) body.set("expiresIn", expires_in);
    return json("POST", "/v1/tokens", to_json(body)).text_or("token", "");
  }
  static Error error_of(const HttpResponse& response) {
    return error_from_answer(response.status, response.body);
  }

  void add_tenant(const std::string& name) {
    Transaction transaction;
    TenantRow row;
    row.uid = "uid-" + name + std::to_string(++tenants_made);
    row.name = name;
    row.created_at = clock.now();
    transaction.add(PutTenant{row});
    commit(std::move(transaction));
    clock.advance(Duration(1'000));
  }
  void commit(Transaction transaction) {
    const Result<void> done = run_task(io, store->commit(std::move(transaction)));
    ASSERT_TRUE(done) << done.error().describe();
  }
  std::string audit() const {
    std::ifstream file(settings.audit_log);
    std::stringstream text;
    text << file.rdbuf();
    return text.str();
  }
  /// Lets everything run until the claim holds.
  bool eventually(std::function<bool()> claim) {
    const auto wait = [](std::function<bool()> holds) -> Task<bool> {
      for (int i = 0; i < 1000 && !holds(); ++i) co_await sleep_for(Duration(5));
      co_return holds();
    };
    return run_task(io, wait(std::move(claim)));
  }

  TemporaryDirectory directory = TemporaryDirectory::make("croft-api").value();
  asio::io_context io;
  std::unique_ptr<Store> store = open_sqlite_store(directory.path() / "store").value();
  FakeEngine engine;
  ManualClock clock;
  SystemRandom random;
  BlockingPool pool{1};
  ApiSettings settings;
  std::vector<std::string> reasons_not_ready;  ///< what /readyz stands on
  std::unique_ptr<Api> api;
  std::optional<HttpServer> server;
  int port = 0;
  int tenants_made = 0;
};

}  // namespace croft
