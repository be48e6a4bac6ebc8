#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "core/base/async.hpp"
#include "core/base/clock.hpp"
#include "core/base/files.hpp"
#include "core/resource/resource.hpp"
#include "providers/process/process_provider.hpp"
#include "tests/support/run_task.hpp"

namespace croft {

/// A process provider in a temporary directory, and what tests do with it. Everything that it made
/// is destroyed at the end of a test, whatever happened.
class ProcessTest : public testing::Test {
 protected:
  void SetUp() override;
  void TearDown() override;

  /// Skips, saying why, unless sandboxes work here; with egress, unless that works, too.
  bool needs_sandbox();
  /// The same, and unless volumes of a fixed size can be mounted.
  bool needs_images();

  virtual void adjust(ProcessSettings& settings) { (void)settings; }
  /// Drops the provider, as a crash of Croft would, and makes another one on the same directory.
  void restart_croft();
  void drop_croft();

  Value shell(const std::string& script) const;
  Value python(const std::string& script) const;
  /// A web server that answers every request with that text.
  Value web_app(const std::string& text) const;

  Effect effect(const std::string& uid, const Value& spec, std::int64_t tenant = 1);
  Effect order(const std::string& uid, std::int64_t tenant = 1);
  Result<void> create(const std::string& uid, const Value& spec, std::int64_t tenant = 1);
  Result<void> stop(const std::string& uid);
  Result<void> start(const std::string& uid);
  Result<void> destroy(const std::string& uid, DataPolicy data = DataPolicy::Erase);
  template <typename T>
  T await(Task<T> task) {
    return run_task(io_, std::move(task));
  }

  std::vector<Observed> observe();
  std::optional<Observed> seen(const std::string& uid);
  /// Looks again and again until the claim holds, at most that long. False if it never did.
  bool eventually(const std::function<bool()>& claim, Duration limit = Duration(15'000));
  bool becomes(const std::string& uid, Phase phase);
  /// Everything the app has said, and waits until a text is in it.
  std::string log_of(const std::string& uid, int lines = 1000);
  bool says(const std::string& uid, const std::string& text);
  /// What the app answers to a request for "/", or "error: ..." .
  std::string get(const std::string& uid);
  int exec(const std::string& uid, std::vector<std::string> command);
  pid_t shim_of(const std::string& uid) const;
  std::filesystem::path data() const { return settings_.data; }

  asio::io_context io_;
  BlockingPool pool_{4};
  SystemClock clock_;
  std::optional<TemporaryDirectory> directory_;
  ProcessSettings settings_;
  std::unique_ptr<Provider> provider_;
  std::vector<std::string> changes_;
  int intents_ = 0;
};

}  // namespace croft
