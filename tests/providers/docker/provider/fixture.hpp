#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "core/base/async.hpp"
#include "core/base/clock.hpp"
#include "core/base/files.hpp"
#include "providers/docker/docker_provider.hpp"
#include "tests/support/docker_engine.hpp"
#include "tests/support/run_task.hpp"

namespace croft {

/// A docker provider over the program's engine, and what tests do with it. Everything that it made
/// is gone at the end of a test, whatever happened.
class DockerTest : public testing::Test {
 protected:
  void SetUp() override;
  void TearDown() override;

  virtual void adjust(docker::ProviderSettings& settings) { (void)settings; }
  /// Drops the provider, as a crash of Croft would, and makes another one.
  void restart_croft();

  /// An Instance of the image "busybox:test" that runs a line of shell.
  Value shell(const std::string& script) const;
  /// The same, as a Service.
  Value service(const std::string& script) const;
  /// One that serves "/" at port 8080 with that text.
  Value web(const std::string& text) const;

  Effect effect(const Ref& ref, const Value& spec, const std::string& tenant = "alice");
  Effect order(const Ref& ref, const std::string& tenant = "alice");
  Result<void> create(const Ref& ref, const Value& spec, const std::string& tenant = "alice");
  Result<void> update(const Ref& ref, const Value& spec, const std::string& tenant = "alice");
  Result<void> destroy(const Ref& ref, DataPolicy data = DataPolicy::Erase);
  template <typename T>
  T await(Task<T> task) {
    return run_task(io_, std::move(task));
  }

  static std::string uid_of(const Ref& ref);
  std::vector<Observed> observe();
  std::optional<Observed> seen(const Ref& ref);
  /// Looks again and again until the claim holds, at most that long. False if it never did.
  bool eventually(const std::function<bool()>& claim, Duration limit = Duration(15'000));
  bool becomes(const Ref& ref, Phase phase);
  std::string log_of(const Ref& ref, int lines = 1000);
  bool says(const Ref& ref, const std::string& text);
  /// What it answers to a request for "/", or "error: ...".
  std::string get(const Ref& ref);
  int exec(const Ref& ref, const std::string& script);
  /// What the engine's own client says; a failure is a failure of the test.
  std::string docker(std::vector<std::string> arguments);
  /// The engine's id of the container that stands for it.
  std::string container_of(const Ref& ref);
  /// Starts the program's engine again where it was ended; what it said if that fails.
  static std::string engine_starts();
  bool has_news(const std::string& reason) const;

  static Ref instance(const std::string& name, const std::string& tenant = "alice") {
    return {tenant, Kind::Instance, name};
  }
  static Ref part(Kind kind, const std::string& name, const std::string& tenant = "alice") {
    return {tenant, kind, name};
  }

  /// Before there are threads: those of before would set the packet filter of this machine.
  const std::string& problem_ = DockerEngine::problem();
  asio::io_context io_;
  BlockingPool pool_{4};
  SystemClock clock_;
  std::optional<TemporaryDirectory> directory_;
  docker::ProviderSettings settings_;
  std::unique_ptr<Provider> provider_;
  std::shared_ptr<const FileTree> source_;  ///< of effects, if it is set
  std::vector<std::string> changes_;
  std::vector<ProviderNews> news_;
  bool allow_egress_ = true;
  Duration deadline_{30'000};
  int intents_ = 0;
};

}  // namespace croft
