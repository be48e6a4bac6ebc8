// Croft and the engine are killed at random moments while a Stack converges: nothing is left over,
// nothing is there twice, no volume loses a byte.

#include <algorithm>
#include <map>
#include <random>
#include <set>
#include <sstream>
#include <thread>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "core/base/value.hpp"
#include "tests/e2e/support/platform.hpp"
#include "tests/support/docker_engine.hpp"

namespace croft::e2e {

namespace {

using namespace std::chrono_literals;

constexpr const char* kHosting =
    "apiVersion: croft/v1\nkind: Stack\nmetadata: {name: shop}\nspec: {file: compose.yaml}\n";

/// What a round pushes: each changes a field of one service or two, every third round has a service
/// and a network more than the one before or after it.
std::string compose(int round) {
  const bool is_wide = round % 3 == 0;
  return fmt::format(
      R"(x-app: &app
  image: busybox:test
  command: [sh, -c, 'trap "exit 0" TERM; sleep 86400 & wait']
  restart: always
services:
  db:
    <<: *app
    volumes: ['data:/data']
    environment: {{GENERATION: "{}"}}
  cache: {{<<: *app}}
  api:
    <<: *app
    depends_on: [db, cache]
    environment: {{ROUND: "{}"}}
  web:
    <<: *app
    depends_on: [api]
    environment: {{ROUND: "{}"}}
{}volumes: {{data: {{}}}}
{})",
      round / 2, round / 2, round, is_wide ? "  extra: {<<: *app, networks: [back]}\n" : "",
      is_wide ? "networks: {back: {}}\n" : "");
}

struct EngineObject {
  std::string name;   ///< of a container its id
  std::string state;  ///< of a container
  std::string uid;
  std::string ref;
};

struct Counts {
  int rounds = 0;
  int control_kills = 0;
  int daemon_kills = 0;
  int engine_kills = 0;
  int orphans = 0;
  int doubles = 0;
};

class StackKillTest : public testing::Test {
 protected:
  void SetUp() override {
    if (!DockerEngine::problem().empty()) GTEST_SKIP() << DockerEngine::problem();
    platform_.emplace(std::vector<std::string>{"alice"});
    platform_->provide_docker(engine().host());
    push(1);
    daemon().start();
    ASSERT_TRUE(is_converged(1)) << said();
  }
  void TearDown() override {
    if (!platform_) return;
    daemon().stop();
    (void)daemon().croft({"down", "--data", daemon().data().string()});
    platform_.reset();
  }

  static DockerEngine& engine() {
    // Asked for once: shared() starts one that was killed, with an image that is another one.
    static DockerEngine& one = DockerEngine::shared();
    return one;
  }
  Daemon& daemon() { return platform_->daemon; }

  void push(int round) {
    platform_->push("alice", {{"hosting.yaml", kHosting}, {"compose.yaml", compose(round)}},
                    fmt::format("round {}", round));
  }

  /// What everything says of itself, for a failure.
  std::string said() {
    return fmt::format("{}\n{}\n{}\n{}", daemon().croft({"get", "-A"}).output,
                       daemon().croft({"get", "services", "-A"}).output,
                       engine().docker({"ps", "-a"}).value_or("the engine does not answer"),
                       daemon().log());
  }

  /// Ours at the engine: "container", "network" or "volume".
  static std::vector<EngineObject> objects(const std::string& what) {
    std::vector<std::string> words{what, "ls", "--filter", "label=croft.provider=docker"};
    const bool is_container = what == "container";
    if (is_container) words.insert(words.end(), {"-a", "--no-trunc"});
    words.insert(words.end(),
                 {"--format", fmt::format("{} {{{{.Label \"croft.uid\"}}}} {{{{.Label "
                                          "\"croft.ref\"}}}}",
                                          is_container ? "{{.ID}} {{.State}}" : "{{.Name}} -")});
    // An engine that has just come back, or removes one of them this moment, may refuse to list.
    Result<std::string> listed = engine().docker(words);
    wait_until([&] { return listed || (listed = engine().docker(words)); });
    std::istringstream lines(listed.value());
    std::vector<EngineObject> found;
    for (EngineObject one; lines >> one.name >> one.state >> one.uid >> one.ref;)
      found.push_back(one);
    return found;
  }

  /// What Croft owns, and whether it is ready: uid → ready.
  std::map<std::string, bool> inventory() {
    std::map<std::string, bool> rows;
    for (const char* kind : {"services", "networks", "volumes"}) {
      const ChildOutput got = daemon().croft({"get", kind, "-t", "alice", "-o", "json"});
      const Result<Value> answer = parse_json(got.output);
      const Value* list = answer ? answer->find("resources") : nullptr;
      if (list == nullptr) continue;
      for (const Value& row : list->as_list()) {
        rows[row.text_or("uid", "")] = row.text_or("conditions[0].type", "") == "Ready" &&
                                       row.text_or("conditions[0].status", "") == "True";
      }
    }
    return rows;
  }

  static std::string environment_of(const std::string& service) {
    std::string text;
    for (const EngineObject& one : objects("container")) {
      if (one.ref != "alice/Service/shop." + service || one.state != "running") continue;
      text += engine()
                  .docker({"inspect", "--format", "{{range .Config.Env}}{{.}} {{end}}", one.name})
                  .value_or("");
    }
    return text;
  }

  /// That all that a round declares runs as declared, and nothing else does.
  bool is_converged_now(int round) {
    const std::set<std::string> wanted =
        round % 3 == 0 ? std::set<std::string>{"db", "cache", "api", "web", "extra"}
                       : std::set<std::string>{"db", "cache", "api", "web"};
    std::multiset<std::string> running;
    for (const EngineObject& one : objects("container")) {
      if (one.state != "running") return false;
      running.insert(one.ref.substr(one.ref.rfind('.') + 1));
    }
    if (running != std::multiset<std::string>(wanted.begin(), wanted.end())) return false;
    if (objects("network").size() != (round % 3 == 0 ? 2U : 1U)) return false;
    const auto rows = inventory();
    const bool is_ready = std::ranges::all_of(rows, [](const auto& row) { return row.second; });
    return is_ready && rows.size() == (round % 3 == 0 ? 8U : 6U) &&
           environment_of("web").find(fmt::format("ROUND={} ", round)) != std::string::npos &&
           environment_of("db").find(fmt::format("GENERATION={} ", round / 2)) != std::string::npos;
  }
  bool is_converged(int round) {
    return wait_until([&] { return is_converged_now(round); }, 300s);
  }

  // The kills

  void kill_something(std::mt19937& random) {
    const auto what = std::uniform_int_distribution(0, 9)(random);
    const bool is_engine = what < 3 || what == 9;
    const bool is_daemon = what >= 6;
    const bool is_control = what >= 3 && what < 6;
    if (is_control) {
      // None: it is being started after the last kill.
      if (const std::optional<pid_t> control = daemon().role("control")) {
        ::kill(*control, SIGKILL);
        ++counts_.control_kills;
      }
    }
    if (is_daemon) {
      daemon().kill();
      ++counts_.daemon_kills;
    }
    if (is_engine) {
      engine().kill();
      ++counts_.engine_kills;
    }
    if (is_daemon) daemon().launch();
    if (is_engine) {
      const Result<void> started = engine().start();
      ASSERT_TRUE(started) << started.error().describe();
    }
  }

  /// What is left that nobody owns, and what is there twice.
  void count_what_is_wrong() {
    const auto rows = inventory();
    for (const char* what : {"container", "network", "volume"}) {
      for (const EngineObject& one : objects(what)) {
        if (rows.contains(one.uid)) continue;
        ++counts_.orphans;
        ADD_FAILURE() << what << " " << one.name << " of " << one.ref << " is nobody's";
      }
    }
    std::set<std::string> seen;
    for (const EngineObject& one : objects("container")) {
      if (seen.insert(one.ref).second) continue;
      ++counts_.doubles;
      ADD_FAILURE() << one.ref << " is there twice";
    }
  }

  static std::string in_database(const std::string& script) {
    for (const EngineObject& one : objects("container")) {
      if (one.ref != "alice/Service/shop.db") continue;
      const auto done = engine().docker({"exec", one.name, "sh", "-c", script});
      return done ? *done : done.error().describe();
    }
    return "there is no db";
  }

  std::optional<Platform> platform_;
  Counts counts_;
};

TEST_F(StackKillTest, KillingCroftAndTheEngineAtRandomLosesAndDoublesNothing) {
  const int rounds = is_soak() ? 200 : 10;
  const auto seed = std::random_device()();
  fmt::print("seed {}\n", seed);
  std::mt19937 random(seed);
  std::string written = "first\n";
  ASSERT_EQ(in_database("echo first > /data/marker"), "");
  for (int round = 2; round <= rounds + 1; ++round) {
    push(round);
    const int kills = std::uniform_int_distribution(1, 3)(random);
    for (int i = 0; i < kills; ++i) {
      // At a random moment of what the push began: there is nothing to wait for.
      std::this_thread::sleep_for(
          std::chrono::milliseconds(std::uniform_int_distribution(0, 1500)(random)));
      ASSERT_NO_FATAL_FAILURE(kill_something(random));
    }
    ASSERT_TRUE(is_converged(round)) << "round " << round << ", seed " << seed << '\n' << said();
    count_what_is_wrong();
    ASSERT_FALSE(HasFailure()) << "round " << round << ", seed " << seed << '\n' << said();
    ASSERT_EQ(in_database("cat /data/marker"), written) << "round " << round;
    ASSERT_EQ(in_database(fmt::format("echo {} >> /data/marker", round)), "");
    written += fmt::format("{}\n", round);
    ++counts_.rounds;
    if (counts_.rounds % 10 == 0) fmt::print("{} rounds\n", counts_.rounds);
  }
  fmt::print(
      "{} converge runs, {} kills of control, {} of croft serve, {} of the engine: {} orphans, {} "
      "doubles, {} lines on the volume of {} written\n",
      counts_.rounds, counts_.control_kills, counts_.daemon_kills, counts_.engine_kills,
      counts_.orphans, counts_.doubles, std::ranges::count(in_database("cat /data/marker"), '\n'),
      std::ranges::count(written, '\n'));
}

}  // namespace

}  // namespace croft::e2e
