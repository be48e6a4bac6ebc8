#include <chrono>
#include <functional>

#include <gtest/gtest.h>

#include "core/base/clock.hpp"
#include "core/base/value.hpp"
#include "tests/cli/golden.hpp"
#include "tests/cli/served.hpp"
#include "tests/support/git_repository.hpp"

namespace croft::cli {
namespace {

constexpr Duration kDay{86'400'000};
const std::string kCommit = "8d1c0aa" + std::string(33, '0');

/// Collects text and breaks once it holds what is waited for, as a pipe does whose reader has gone.
class UntilText : public std::stringbuf {
 public:
  explicit UntilText(std::string wanted) : wanted_(std::move(wanted)) {}

 protected:
  int sync() override { return str().find(wanted_) == std::string::npos ? 0 : -1; }

 private:
  std::string wanted_;
};

/// Runs a command that goes on for ever until its output holds `wanted`.
Ran run_until(const Served& served, const std::vector<std::string>& words,
              const std::string& wanted) {
  UntilText buffer(wanted);
  std::ostream out(&buffer);
  std::ostringstream err;
  Terminal terminal{.out = out, .err = err};
  const int status = run_command_line(words, {{"CROFT_SERVER", served.socket()}}, terminal);
  return {status, buffer.str(), err.str()};
}

class ServerTest : public testing::Test {
 protected:
  ServerTest() {
    served_.with([&](FakeEngine& engine) {
      engine.tenant_names = {"alice"};
      fill(engine);
    });
  }

  static void fill(FakeEngine& engine) {
    const Timestamp now = SystemClock().now();
    auto& api = engine.add_resource("alice/Instance/api");
    api.url = "http://alice-api.localhost:8080";
    auto& worker = engine.add_resource("alice/Instance/worker", Phase::Failed);
    worker.conditions = {{"Ready", ConditionStatus::False, "CrashLoop",
                          "exit status 1, next try in 40s", now - Duration(150'000)}};
    worker.restarts = 5;
    worker.spec = std::make_shared<const Value>(Value::map(
        {{"command", Value(Value::List{"python3", "worker.py"})},
         {"env", Value::map({{"TOKEN", Value::map({{"secret", "api-token"}})}})},
         {"resources", Value::map({{"cpu", 250}, {"memory", 134217728}, {"pids", 128}})},
         {"volumes", Value(Value::List{Value::map({{"name", "data"}, {"size", 1073741824}})})}}));
    engine.log_text["alice/Instance/worker"] =
        "starting\nModuleNotFoundError: No module named 'redis'\n";
    auto& blog = engine.add_resource("alice/Site/blog");
    blog.provider = "site";
    blog.url = "https://blog.alice.dev";
    for (ResourceStatus& status : engine.resources) {
      status.created_at = now - 3 * kDay;
      status.observed_at = now - Duration(12'000);
      status.applied_revision = status.attempted_revision = kCommit;
      if (status.conditions.front().reason == "Running")
        status.conditions.front().since = now - 3 * kDay;
    }
    engine.history.push_back({1, now - Duration(150'000), "alice", "alice/Instance/worker",
                              Severity::Warning, "CrashLoop", "exit status 1", kCommit});
  }

  static Changeset guarded_changeset() {
    Changeset changeset;
    changeset.tenant = "alice";
    changeset.before = changeset.after = kCommit;
    changeset.digest = "7c1e09ab42d1" + std::string(52, '0');
    Change destroy;
    destroy.ref = {"alice", Kind::Instance, "db"};
    destroy.action = Action::Destroy;
    destroy.provider = "local";
    destroy.reason = "Removed";
    destroy.why = "removed from alice/main; data kept for 30 days";
    destroy.loses_data = true;
    changeset.changes = {destroy};
    changeset.guard = Guard{"DataLoss", "destroying alice/Instance/db puts its data out of reach"};
    return changeset;
  }

  /// Times of the machine's clock cannot be in a golden file.
  static std::string without_times(std::string text) {
    for (std::size_t at = text.find("Z, 3d ago"); at != std::string::npos;
         at = text.find("Z, 3d ago", at + 1)) {
      text.replace(at - 23, 24, "TIME");
    }
    return text;
  }

  void wait_for_a_watcher() {
    while (served_.with([](FakeEngine& engine) { return engine.listener_count(); }) == 0) {
      std::this_thread::yield();
    }
  }

  Served served_;
};

TEST_F(ServerTest, GetShowsATableThatFitsTheTerminal) {
  const Ran wide = served_.run({"get"});
  EXPECT_EQ(wide.status, 0) << wide.err;
  expect_golden("get.txt", wide.out);
  expect_golden("get-80.txt", served_.run({"get"}, 80).out);
}

TEST_F(ServerTest, GetSelectsKindsAndResources) {
  EXPECT_EQ(served_.run({"get", "sites", "-o", "name"}).out, "Site/blog\n");
  EXPECT_EQ(served_.run({"get", "site/blog", "-o", "name"}).out, "Site/blog\n");
  EXPECT_EQ(served_.run({"get", "alice/Instance/api", "Site/blog", "-o", "name"}).out,
            "Instance/api\nSite/blog\n");
  EXPECT_EQ(served_.run({"get", "-A", "-o", "name"}).out,
            "alice/Instance/api\nalice/Instance/worker\nalice/Site/blog\n");
  const Ran absent = served_.run({"get", "Site/nothing"});
  EXPECT_EQ(absent.status, 2);
  EXPECT_EQ(
      absent.err,
      "croft get: there is no alice/Site/nothing\n  `croft get -A -o name` lists what there is\n");
}

TEST_F(ServerTest, GetSpeaksJsonAndYaml) {
  const Value json = parse_json(served_.run({"get", "Site/blog", "-o", "json"}).out).value();
  EXPECT_EQ(json.text_or("resources[0].ref", ""), "alice/Site/blog");
  EXPECT_NE(served_.run({"get", "-o", "yaml"}).out.find("ref: alice/Site/blog"), std::string::npos);
}

TEST_F(ServerTest, GetShowsSourcesThatAreStalledAndWhatWaitsForAPerson) {
  served_.with([](FakeEngine& engine) {
    SourceStatus source;
    source.key = "alice/main";
    source.tenant = "alice";
    source.attempted_revision = kCommit;
    source.applied_revision = "3f2a9c1" + std::string(33, '0');
    source.conditions = {{"Stalled",
                          ConditionStatus::True,
                          "InvalidManifests",
                          "hosting.yaml:9:5: error: unknown field 'recources' in Instance spec",
                          {}}};
    engine.watched = {source};
    engine.waiting = {guarded_changeset()};
  });
  expect_golden("get-warnings.txt", served_.run({"get"}).err);
}

TEST_F(ServerTest, DescribeSaysWhyNotReadyAndWhatToTry) {
  const Ran ran = served_.run({"describe", "Instance/worker"}, 100);
  EXPECT_EQ(ran.status, 0) << ran.err;
  expect_golden("describe.txt", without_times(ran.out));
}

TEST_F(ServerTest, DescribeOfTheAbsentSaysSo) {
  const Ran ran = served_.run({"describe", "Instance/nothing"});
  EXPECT_EQ(ran.status, 2);
  EXPECT_NE(ran.err.find("alice/Instance/nothing"), std::string::npos) << ran.err;
}

TEST_F(ServerTest, AsksWhichTenantIsMeant) {
  served_.with([](FakeEngine& engine) { engine.tenant_names = {"alice", "bob"}; });
  const Ran ran = served_.run({"get"});
  EXPECT_EQ(ran.status, 2);
  EXPECT_EQ(ran.err,
            "croft get: which tenant is meant?\n  say --tenant TENANT (or CROFT_TENANT), one of "
            "alice, bob\n");
  EXPECT_EQ(served_.run({"get", "-t", "alice"}).status, 0);
  EXPECT_EQ(served_.run({"describe", "alice/Site/blog"}).status, 0);
}

TEST_F(ServerTest, EventsShowHistoryAndGoOnAsTheyCome) {
  const Ran history = served_.run({"events"});
  EXPECT_EQ(history.status, 0) << history.err;
  EXPECT_NE(history.out.find("CrashLoop"), std::string::npos);
  std::thread later([this] {
    served_.with(
        [](FakeEngine& engine) { engine.add_event("alice", "alice/Site/blog", "Published"); });
  });
  const Ran watched = run_until(served_, {"events", "-w"}, "Published");
  later.join();
  EXPECT_EQ(watched.status, 0) << watched.err;
  EXPECT_NE(watched.out.find("alice/Site/blog"), std::string::npos) << watched.out;
}

TEST_F(ServerTest, AWatchOutlivesARestartOfTheServerAndMissesNothing) {
  std::thread later([this] {
    wait_for_a_watcher();
    served_.restart();
    served_.with(
        [](FakeEngine& engine) { engine.add_event("alice", "alice/Site/blog", "Published"); });
  });
  const Ran watched = run_until(served_, {"events", "-w", "-o", "json"}, "Published");
  later.join();
  EXPECT_EQ(watched.status, 0) << watched.err;
  // Each event once: nothing is repeated after the stream was taken up again.
  const std::size_t first = watched.out.find("CrashLoop happened");
  EXPECT_EQ(watched.out.find("\"Published\"", watched.out.find("\"Published\"") + 1),
            std::string::npos)
      << watched.out;
  EXPECT_EQ(first, std::string::npos);
}

TEST_F(ServerTest, EventsAreFilteredHereAndInAWatch) {
  served_.with([](FakeEngine& engine) {
    engine.add_event("alice", "alice/Site/blog", "Published");
    engine.history.back().revision = "8d1c0aa";
    engine.add_event("alice", "alice/Instance/api", "StartFailed");
    engine.history.back().severity = Severity::Warning;
  });
  const auto reasons = [this](std::vector<std::string> options) {
    options.insert(options.begin(), {"events", "-o", "json"});
    const Ran ran = served_.run(std::move(options));
    EXPECT_EQ(ran.status, 0) << ran.err;
    std::string found;
    for (const std::string reason : {"CrashLoop", "Published", "StartFailed"})
      if (ran.out.find(reason) != std::string::npos) found += reason + " ";
    return found;
  };
  EXPECT_EQ(reasons({}), "CrashLoop Published StartFailed ");
  EXPECT_EQ(reasons({"-r", "Site/*"}), "Published ");
  EXPECT_EQ(reasons({"-r", "Site/*", "-r", "Instance/api"}), "Published StartFailed ");
  EXPECT_EQ(reasons({"--reason", "*Failed"}), "StartFailed ");
  EXPECT_EQ(reasons({"--severity", "warning"}), "CrashLoop StartFailed ");
  EXPECT_EQ(reasons({"--revision", "8d1c"}), "CrashLoop Published ");
  EXPECT_EQ(reasons({"--since", "1h"}), "CrashLoop ");
  EXPECT_EQ(served_.run({"events", "--since", "noon"}).status, 2);
  EXPECT_EQ(served_.run({"events", "-w", "--until", "1h"}).status, 2);

  std::thread later([this] {
    wait_for_a_watcher();
    served_.with([](FakeEngine& engine) {
      engine.add_event("alice", "alice/Instance/api", "Started");
      engine.add_event("alice", "alice/Site/shop", "Drifted");
    });
  });
  const Ran watched = run_until(served_, {"events", "-w", "-n", "0", "-r", "Site/*"}, "Drifted");
  later.join();
  EXPECT_EQ(watched.out.find("Published"), std::string::npos) << watched.out;
  EXPECT_EQ(watched.out.find("Started"), std::string::npos) << watched.out;
}

TEST_F(ServerTest, LogsShowTheEndAndFollow) {
  EXPECT_EQ(served_.run({"logs", "Instance/worker", "-n", "1"}).out,
            "ModuleNotFoundError: No module named 'redis'\n");
  std::thread later([this] {
    while (served_.with([](FakeEngine& engine) { return engine.followers; }) == 0)
      std::this_thread::yield();
    served_.with([](FakeEngine& engine) { engine.add_log("alice/Instance/worker", "again\n"); });
  });
  const Ran followed = run_until(served_, {"logs", "Instance/worker", "-f"}, "again");
  later.join();
  EXPECT_EQ(followed.status, 0) << followed.err;
  EXPECT_TRUE(followed.out.ends_with("'redis'\nagain\n")) << followed.out;
}

TEST_F(ServerTest, OrdersReachTheEngine) {
  EXPECT_EQ(served_.run({"stop", "Instance/api", "--why", "night", "--for", "2h"}).out,
            "alice/Instance/api will be stopped and held\n");
  EXPECT_EQ(served_.run({"start", "Instance/api", "Instance/worker"}).status, 0);
  EXPECT_EQ(served_.run({"resume", "Instance/api"}).status, 0);
  served_.with([](FakeEngine& engine) {
    ASSERT_EQ(engine.directed.size(), 3U);
    EXPECT_EQ(engine.directed[0].verb, DirectiveVerb::Stop);
    EXPECT_EQ(engine.directed[0].why, "night");
    ASSERT_TRUE(engine.directed[0].until);
    EXPECT_GT(*engine.directed[0].until, SystemClock().now() + Duration(7'000'000));
    EXPECT_EQ(engine.directed[2].ref.name, "worker");
    ASSERT_EQ(engine.withdrawn.size(), 1U);
    EXPECT_EQ(engine.withdrawn[0].second, DirectiveVerb::Suspend);
  });
}

TEST_F(ServerTest, AWrongNameAmongSeveralChangesNothing) {
  EXPECT_EQ(served_.run({"stop", "Instance/api", "Instants/worker"}).status, 2);
  EXPECT_EQ(served_.with([](FakeEngine& engine) { return engine.directed.size(); }), 0U);
}

TEST_F(ServerTest, ReconcileTellsWhatWaitsForAPerson) {
  served_.with([](FakeEngine& engine) { engine.changeset = guarded_changeset(); });
  const Ran ran = served_.run({"reconcile"});
  EXPECT_EQ(ran.status, 0) << ran.err;
  expect_golden("reconcile-guarded.txt", ran.out);
}

TEST_F(ServerTest, ReconcileWaitsUntilAllIsReady) {
  served_.with([](FakeEngine& engine) { engine.settled = false; });
  std::thread later([this] {
    while (served_.with([](FakeEngine& engine) { return engine.reconciles.empty(); }))
      std::this_thread::yield();
    served_.with([](FakeEngine& engine) {
      engine.resources[1].conditions[0].status = ConditionStatus::True;
      engine.settled = true;
    });
  });
  const Ran ran = served_.run({"reconcile", "--wait"});
  later.join();
  EXPECT_EQ(ran.status, 0) << ran.out << ran.err;
  EXPECT_TRUE(ran.out.ends_with("3 of 3 ready\n")) << ran.out;
}

TEST_F(ServerTest, ReconcileFailsForWhatDoesNotGetReady) {
  const Ran ran = served_.run({"reconcile", "--wait"});
  EXPECT_EQ(ran.status, 1);
  EXPECT_NE(ran.out.find("not ready alice/Instance/worker: CrashLoop"), std::string::npos)
      << ran.out;
  served_.with([](FakeEngine& engine) { engine.settled = false; });
  const Ran late = served_.run({"reconcile", "--wait", "--timeout", "10ms"});
  EXPECT_EQ(late.status, 2);
  EXPECT_NE(late.err.find("not settled after 10ms: 2/3 ready, waiting for alice/Instance/worker"),
            std::string::npos)
      << late.err;
}

TEST_F(ServerTest, ReconcileRefusesWhatMoved) {
  served_.with([](FakeEngine& engine) {
    engine.failure = Error(ErrorCode::Conflict, "the changeset moved");
  });
  const Ran ran = served_.run({"reconcile", "--expect", "7c1e09ab"});
  EXPECT_EQ(ran.status, 2);
  EXPECT_NE(ran.err.find("the changeset moved"), std::string::npos) << ran.err;
  served_.with([](FakeEngine& engine) {
    EXPECT_EQ(engine.reconciles[0].tenant, "alice");
    EXPECT_EQ(engine.reconciles[0].expect, "7c1e09ab");
  });
}

TEST_F(ServerTest, PruneShowsWhatWaitsAndAcknowledgesExactlyIt) {
  EXPECT_EQ(served_.run({"prune", "show"}).out, "Nothing waits to be acknowledged.\n");
  served_.with([](FakeEngine& engine) { engine.waiting = {guarded_changeset()}; });
  expect_golden("prune-show.txt", served_.run({"prune", "show"}).out);
  EXPECT_EQ(served_.run({"prune", "ack", "0000"}).status, 2);
  EXPECT_EQ(served_.run({"prune", "ack", "7c"}).status, 2) << "too short to mean anything";
  const Ran ran = served_.run({"prune", "ack", "7c1e09ab"});
  EXPECT_EQ(ran.status, 0) << ran.err;
  EXPECT_EQ(
      served_.with([](FakeEngine& engine) { return engine.acknowledged; }),
      (std::vector<std::pair<std::string, std::string>>{{"alice", guarded_changeset().digest}}));
}

TEST_F(ServerTest, TokensAreMadeListedAndTakenBack) {
  const Ran made = served_.run({"token", "create", "ci", "--operator", "--expires-in", "720h"});
  EXPECT_EQ(made.status, 0) << made.err;
  EXPECT_TRUE(made.out.starts_with("croft_")) << made.out;
  const Ran listed = served_.run({"token", "ls"});
  EXPECT_NE(listed.out.find("ci"), std::string::npos) << listed.out;
  EXPECT_EQ(listed.out.find(made.out.substr(0, 20)), std::string::npos) << "a token is shown once";
  EXPECT_EQ(served_.run({"token", "revoke", "ci"}).status, 0);
  EXPECT_EQ(served_.run({"token", "revoke", "ci"}).status, 2);
}

TEST_F(ServerTest, VersionNamesTheServersToo) {
  EXPECT_NE(served_.run({"version"}).out.find("server 9.9.9"), std::string::npos);
}

TEST_F(ServerTest, DiffUploadsTheWorkingTreeAndShowsTheServersAnswer) {
  const GitRepository repository = GitRepository::make();
  repository.write(
      "site.yaml",
      "apiVersion: croft/v1\nkind: Site\nmetadata: {name: blog}\nspec: {files: {path: public}}\n");
  repository.write("public/index.html", "hello\n");
  served_.with([](FakeEngine& engine) {
    engine.changeset = guarded_changeset();
    engine.changeset.guard.reset();
  });
  const Ran ran = served_.run({"diff", repository.path().string()});
  EXPECT_EQ(ran.status, 1) << ran.err;
  EXPECT_NE(ran.out.find("- Instance/db"), std::string::npos) << ran.out;
  EXPECT_NE(ran.out.find("croft reconcile --expect 7c1e09ab42d1 -t alice"), std::string::npos)
      << ran.out;
  served_.with([&](FakeEngine& engine) {
    ASSERT_EQ(engine.diffs.size(), 1U);
    EXPECT_EQ(engine.diffs[0].tenant, "alice");
    EXPECT_EQ(engine.diffs[0].label, "working tree");
    ASSERT_NE(engine.diffs[0].tree, nullptr);
    EXPECT_EQ(engine.diffs[0].tree->id(),
              open_working_tree(repository.path().string()).value()->id());
  });
  EXPECT_EQ(served_.run({"diff", repository.path().string(), "--expect", "ffff"}).status, 2);
  EXPECT_EQ(served_.run({"diff", repository.path().string(), "--detailed-exitcode"}).status, 2);
}

TEST_F(ServerTest, DiffShowsMistakesBeforeItAsksTheServer) {
  const GitRepository repository = GitRepository::make();
  repository.write(
      "site.yaml",
      "apiVersion: croft/v1\nkind: Site\nmetadata: {name: blog}\nspec: {fils: {path: x}}\n");
  const Ran ran = served_.run({"diff", repository.path().string()});
  EXPECT_EQ(ran.status, 2);
  EXPECT_NE(ran.err.find("unknown field 'fils'"), std::string::npos) << ran.err;
  EXPECT_EQ(served_.with([](FakeEngine& engine) { return engine.diffs.size(); }), 0U);
}

TEST_F(ServerTest, DiffOfAPlatformRepositoryIsThePlatforms) {
  const GitRepository repository = GitRepository::make();
  repository.write("plans.yaml",
                   "apiVersion: croft/v1\nkind: Plan\nmetadata: {name: hobby}\nspec: {}\n");
  EXPECT_EQ(served_.run({"diff", repository.path().string()}).status, 0);
  EXPECT_EQ(served_.with([](FakeEngine& engine) { return engine.diffs.at(0).tenant; }), "");
}

}  // namespace
}  // namespace croft::cli
