#pragma once

#include <gtest/gtest.h>

#include "lua/engine/adapter_host.hpp"
#include "tests/support/run_task.hpp"

namespace croft::lua {

/// A server that answers what a test says, without a network.
class ScriptedHttp final : public AdapterHttp {
 public:
  Task<Result<HttpResponse>> send(AdapterRequest request) override {
    ++sent;
    last = request;
    co_return co_await answer(std::move(request));
  }

  static Task<Result<HttpResponse>> at_once(HttpResponse response) {
    co_return Result<HttpResponse>(std::move(response));
  }

  int sent = 0;
  AdapterRequest last;
  std::function<Task<Result<HttpResponse>>(AdapterRequest)> answer = [](AdapterRequest) {
    return at_once(HttpResponse{});
  };
};

inline HttpResponse answer_of(int status, std::string body, HttpHeaders headers = {}) {
  HttpResponse response;
  response.status = status;
  response.body = std::move(body);
  response.headers = std::move(headers);
  return response;
}

class AdapterTest : public testing::Test {
 protected:
  /// A host for a script that is the body of a table: "f = function(...) ... end".
  void load(const std::string& body, HostLimits limits = {}) {
    load_file("return {\n" + body + "\n}", limits);
  }
  void load_file(const std::string& source, HostLimits limits = {},
                 const std::map<std::string, std::string>& files = {}) {
    HostServices services;
    for (const auto& [name, text] : files)
      services.files.push_back({name, Script::compile(name + ".lua", text).value()});
    services.name = "test";
    services.http = http;
    services.clock = &clock;
    services.sleep = sleep;
    auto made = AdapterHost::make(io.get_executor(), Script::compile("adapter.lua", source).value(),
                                  std::move(services), limits);
    ASSERT_TRUE(made) << made.error().describe();
    host = std::move(*made);
  }

  Result<Value> call(AdapterCall order) { return run_task(io, host->call(std::move(order))); }
  Result<Value> call(const std::string& function, std::vector<Value> arguments = {}) {
    AdapterCall order;
    order.function = function;
    order.arguments = std::move(arguments);
    return call(std::move(order));
  }

  /// What an expression gives within a verb, as JSON; the error's text if it fails.
  std::string eval(const std::string& expression) {
    return eval_body("return (" + expression + ")");
  }
  std::string eval_body(const std::string& body) {
    load("f = function()\n" + body + "\nend");
    const Result<Value> value = call("f");
    return value ? to_json(*value) : value.error().message();
  }

  /// Answers every request with this after so many turns of the loop.
  void answer_with(HttpResponse response) {
    http->answer = [response](AdapterRequest) { return ScriptedHttp::at_once(response); };
  }

  asio::io_context io;
  ManualClock clock;
  std::shared_ptr<ScriptedHttp> http = std::make_shared<ScriptedHttp>();
  std::function<Task<>(Duration)> sleep = [this](Duration time) { return advance(time); };
  std::vector<Duration> slept;
  std::unique_ptr<AdapterHost> host;

 private:
  Task<> advance(Duration time) {
    slept.push_back(time);
    clock.advance(time);
    co_return;
  }
};

}  // namespace croft::lua
