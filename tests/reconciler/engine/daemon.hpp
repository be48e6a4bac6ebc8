#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "core/base/files.hpp"
#include "core/store/open.hpp"
#include "providers/fake/fake_provider.hpp"
#include "reconciler/engine.hpp"
#include "tests/support/faulty_store.hpp"
#include "tests/support/git_repository.hpp"

namespace croft {

/// What outlives a daemon: repositories, the data directory, and the world out there.
struct TestBed {
  TestBed();

  /// Commits and pushes a tenant's manifests.
  std::string push_alice(const GitRepository::Files& files, const std::string& message = "change");
  std::string push_platform(const std::string& yaml);

  SystemClock clock;
  SystemRandom random;
  TemporaryDirectory data;
  /// The store's own directory is lost, and with it everything that Croft knew.
  void lose_store() { store_name += "x"; }
  std::string store_name = "store";
  GitRepository platform_remote;
  GitRepository alice_remote;
  GitRepository platform;
  GitRepository alice;
  std::shared_ptr<FakeWorld> world;
  FakeSettings provider;  ///< of every provider
  /// Says more of the engine's settings, before each life.
  std::function<void(EngineSettings&, const asio::any_io_executor&)> configure;
};

/// One life of the daemon's heart: engine and store over a test bed.
class Daemon {
 public:
  /// `prepare` may order faults of the store before anything is done.
  explicit Daemon(TestBed& bed, const std::function<void(FaultyStore&)>& prepare = {});
  /// Stops in order.
  ~Daemon();
  Daemon(const Daemon&) = delete;
  Daemon& operator=(const Daemon&) = delete;

  /// Runs until the condition holds; false if it does not within some seconds.
  bool run_until(const std::function<bool()>& condition);
  /// Until nothing is left to do: every source read, every resource ready or failed.
  bool settle();
  /// Runs for that long, whatever happens.
  void run_for(Duration duration);

  template <typename T>
  T run(Task<T> task) {
    std::optional<T> output;
    asio::co_spawn(parts_->io, std::move(task), [&](std::exception_ptr failure, T value) {
      if (!failure) output.emplace(std::move(value));
    });
    run_until([&] { return output.has_value(); });
    return std::move(output.value());
  }

  Engine& engine() { return *parts_->engine; }
  FaultyStore& faults() { return *parts_->faulty; }
  /// The resource's status; fails the test if there is none.
  ResourceStatus status(const std::string& ref);
  std::vector<EventRow> events();

 private:
  struct Parts {
    asio::io_context io{1};
    std::unique_ptr<Store> store;
    std::unique_ptr<FaultyStore> faulty;
    std::unique_ptr<Engine> engine;
  };

  TestBed& bed_;
  std::unique_ptr<Parts> parts_;
};

/// The platform repository: a plan, a provider of the fake adapter, and perhaps the tenant alice.
std::string platform_yaml(bool with_alice);

/// An Instance of the fake provider as YAML.
std::string instance_yaml(const std::string& name, const std::string& extra = "");

}  // namespace croft
