#pragma once

#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "providers/docker/engine/engine_client.hpp"
#include "tests/support/docker_engine.hpp"
#include "tests/support/run_task.hpp"

namespace croft::docker {

/// A test with the engine that all tests of this program share; containers that it makes are
/// removed at its end.
class EngineTest : public testing::Test {
 protected:
  static constexpr const char* kImage = "busybox:test";

  void SetUp() override {
    if (!DockerEngine::problem().empty()) GTEST_SKIP() << DockerEngine::problem();
    engine = &DockerEngine::shared();
  }
  void TearDown() override {
    for (const std::string& id : made_)
      (void)await(client().containers().remove(id, {.force = true, .volumes = true}));
  }

  EngineSettings settings() const {
    EngineSettings made;
    made.host = engine->host();
    return made;
  }
  EngineClient& client() {
    if (!client_) client_ = EngineClient::make(settings()).value();
    return *client_;
  }
  template <typename T>
  T await(Task<T> task) {
    return run_task(io, std::move(task));
  }

  /// A container that runs this; nobody stops it gently.
  static Value config(const std::vector<std::string>& command) {
    Value list = Value::list();
    for (const std::string& word : command) list.push_back(word);
    return Value::map({{"Image", kImage}, {"Cmd", list}, {"StopSignal", "SIGKILL"}});
  }
  std::string create(Value with, const std::string& name = {}) {
    const auto made = await(client().containers().create(name, std::move(with)));
    EXPECT_TRUE(made) << made.error().describe();
    if (!made) return {};
    made_.push_back(made->id);
    return made->id;
  }
  std::string run(Value with, const std::string& name = {}) {
    std::string id = create(std::move(with), name);
    const Result<void> started = await(client().containers().start(id));
    EXPECT_TRUE(started) << started.error().describe();
    return id;
  }
  /// One that does nothing for a while.
  std::string idle(const std::string& name = {}) { return run(config({"sleep", "300"}), name); }

  asio::io_context io;
  DockerEngine* engine = nullptr;

 private:
  std::optional<EngineClient> client_;
  std::vector<std::string> made_;
};

/// The error of something that must have failed.
template <typename T>
Error error_of(const Result<T>& result) {
  EXPECT_FALSE(result);
  return result ? Error() : result.error();
}

#define EXPECT_OK(expression)                                   \
  do {                                                          \
    const auto expected_ok = (expression);                      \
    EXPECT_TRUE(expected_ok) << expected_ok.error().describe(); \
  } while (false)

}  // namespace croft::docker
