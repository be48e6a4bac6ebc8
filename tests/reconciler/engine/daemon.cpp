#include "tests/reconciler/engine/daemon.hpp"

#include <thread>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "tests/support/test_store.hpp"

namespace croft {

namespace {

constexpr std::string_view kOperator = R"(apiVersion: croft/v1
kind: Plan
metadata: {name: hobby}
spec: {price: {amount: "20.00", currency: USD, per: year}}
---
apiVersion: croft/v1
kind: Provider
metadata: {name: local}
spec: {adapter: fake, default: true}
)";
constexpr std::string_view kAlice = R"(---
apiVersion: croft/v1
kind: Tenant
metadata: {name: alice}
spec: {plan: hobby, source: {url: ALICE, interval: 1h}}
)";

/// A child that a dead daemon was just starting holds its lock until it executes git; then the lock
/// is free.
Result<std::unique_ptr<Store>> open_store_when_free(const std::filesystem::path& directory) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  for (;;) {
    Result<std::unique_ptr<Store>> store = open_store(directory, test_store_url(directory));
    const bool is_taken = !store && store.error().code() == ErrorCode::Conflict;
    if (!is_taken || std::chrono::steady_clock::now() > end) return store;
    std::this_thread::yield();
  }
}

}  // namespace

TestBed::TestBed()
    : data(TemporaryDirectory::make("croft-engine-").value()),
      platform_remote(GitRepository::make_bare()),
      alice_remote(GitRepository::make_bare()),
      platform(platform_remote.clone()),
      alice(alice_remote.clone()),
      world(std::make_shared<FakeWorld>(clock)) {
  push_platform(platform_yaml(true));
}

std::string TestBed::push_platform(const std::string& yaml) {
  std::string text = yaml;
  const std::size_t at = text.find("ALICE");
  if (at != std::string::npos) text.replace(at, 5, alice_remote.path().string());
  const std::string id = platform.commit({{"platform.yaml", text}});
  platform.push("HEAD:refs/heads/main");
  return id;
}

std::string TestBed::push_alice(const GitRepository::Files& files, const std::string& message) {
  const std::string id = alice.commit(files, message);
  alice.push("HEAD:refs/heads/main");
  return id;
}

Daemon::Daemon(TestBed& bed, const std::function<void(FaultyStore&)>& prepare)
    : bed_(bed), parts_(std::make_unique<Parts>()) {
  Result<std::unique_ptr<Store>> store = open_store_when_free(bed.data.path() / bed.store_name);
  if (!store) throw std::runtime_error(store.error().describe());
  parts_->store = std::move(*store);
  parts_->faulty = std::make_unique<FaultyStore>(*parts_->store);
  if (prepare) prepare(*parts_->faulty);
  EngineSettings settings;
  settings.data = bed.data.path();
  settings.platform_url = bed.platform_remote.path().string();
  settings.platform_interval = Duration(3'600'000);
  settings.secrets_dir = bed.data.path() / "secrets";
  if (bed.configure) bed.configure(settings, parts_->io.get_executor());
  const ProviderFactory factory = [&bed](const std::string&, const Value&) {
    return Result<std::shared_ptr<Provider>>(
        std::make_shared<FakeProvider>(bed.world, bed.provider));
  };
  parts_->engine = make_engine(settings, parts_->io.get_executor(), *parts_->faulty,
                               {{"fake", factory}, {"site", factory}}, bed.clock, bed.random);
  const Result<void> started = run(parts_->engine->start());
  if (!started) throw std::runtime_error(started.error().describe());
}

Daemon::~Daemon() {
  bool is_stopped = false;
  spawn(
      parts_->io.get_executor(),
      [](Engine& engine, bool& stopped) -> Task<> {
        co_await engine.stop();
        stopped = true;
      }(*parts_->engine, is_stopped),
      "stop");
  run_until([&] { return is_stopped; });
  parts_->io.stop();
}

bool Daemon::run_until(const std::function<bool()>& condition) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(30);
  while (!condition() && std::chrono::steady_clock::now() < end) {
    parts_->io.restart();
    parts_->io.run_one_for(std::chrono::milliseconds(20));
  }
  return condition();
}

bool Daemon::settle() {
  return run_until([this] { return engine().is_settled(""); });
}

void Daemon::run_for(Duration duration) {
  const auto end = std::chrono::steady_clock::now() + duration;
  run_until([&] { return std::chrono::steady_clock::now() >= end; });
}

ResourceStatus Daemon::status(const std::string& ref) {
  for (ResourceStatus& one : engine().status("")) {
    if (to_string(one.ref) == ref) return one;
  }
  ADD_FAILURE() << "there is no " << ref;
  return {};
}

std::vector<EventRow> Daemon::events() {
  EventQuery query;
  query.limit = 10'000;
  return run(engine().events(query)).value_or(std::vector<EventRow>{});
}

std::string platform_yaml(bool with_alice) {
  return std::string(kOperator) + (with_alice ? std::string(kAlice) : std::string());
}

std::string instance_yaml(const std::string& name, const std::string& extra) {
  return fmt::format(
      "apiVersion: croft/v1\nkind: Instance\nmetadata: {{name: {}}}\nspec:\n  command: [run]\n{}",
      name, extra);
}

}  // namespace croft
