#include <algorithm>

#include <fmt/format.h>

#include "core/base/child.hpp"
#include "tests/providers/fly/fly_harness.hpp"

namespace croft {
namespace {

constexpr const char* kApp = "croft-resource0uid0aaaaaaaaaaaaa";
constexpr std::int64_t kGibibyte = 1LL << 30;

class FlyTest : public VendorTest {
 protected:
  void SetUp() override { set_up(make_fly_harness); }

  /// What the vendor has: the app of our resource, or null.
  Value app() {
    const Value state = vendor().state();
    for (const Value& one : state.find("apps")->as_list()) {
      if (one.text_or("name", "") == kApp) return one;
    }
    return {};
  }
  /// Machines of our app that are not destroyed.
  std::vector<Value> machines() {
    std::vector<Value> live;
    const Value found = app();
    if (found.is_null()) return live;
    for (const Value& machine : found.find("machines")->as_list()) {
      if (machine.text_or("state", "") != "destroyed") live.push_back(machine);
    }
    return live;
  }
  std::size_t volume_count() {
    const Value found = app();
    if (found.is_null()) return 0;
    return static_cast<std::size_t>(std::ranges::count_if(
        found.find("volumes")->as_list(),
        [](const Value& volume) { return volume.text_or("state", "") == "created"; }));
  }
  Value act(const std::string& what, Value arguments = Value::map()) {
    arguments.set("app", kApp);
    return vendor().act(what, std::move(arguments));
  }
  static Value volumes_of(std::int64_t size) {
    return Value::List{Value::map({{"name", "data"}, {"path", "/data"}, {"size", Value(size)}})};
  }
  /// Requests that change something, in the order of a verb that just ran.
  int writes() {
    int count = 0;
    for (const std::string& label : vendor().requests()) count += label.starts_with("GET") ? 0 : 1;
    return count;
  }
};

// What is made

TEST_F(FlyTest, MakesOneAppWithANetworkOfItsOwnThatFlyNeitherStartsNorStops) {
  create_and_wait(spec());
  EXPECT_EQ(at(app(), "network"), kApp);
  EXPECT_EQ(at(app(), "ips").size(), 2u);
  ASSERT_EQ(machines().size(), 1u);
  const Value config = at(machines()[0], "config");
  EXPECT_EQ(at(config, "services[0].autostop"), "off");
  EXPECT_EQ(at(config, "services[0].autostart"), false);
  EXPECT_EQ(at(config, "env.PORT"), "8080");
  EXPECT_EQ(at(config, "restart.policy"), "always");
  EXPECT_EQ(at(config, "checks.health.path"), "/healthz");
  EXPECT_EQ(at(config, "checks.health.grace_period"), "90s");
  EXPECT_EQ(at(config, "stop_config.signal"), "SIGTERM");
}

TEST_F(FlyTest, GivesNoAddressToWhatListensNowhere) {
  Value spec = without_volume();
  spec.erase("http");
  spec.erase("health");
  create_and_wait(spec);
  EXPECT_EQ(at(app(), "ips").size(), 0u);
  EXPECT_EQ(only().endpoint, Endpoint{});
}

TEST_F(FlyTest, RunsTheCommandByAShellThatChangesNoWord) {
  Value spec = without_volume();
  spec.set("command", Value::List{"printf", "%s|", "a b", "$HOME", "it's"});
  create_and_wait(spec);
  ChildCommand command;
  const Value exec = at(machines()[0], "config.init.exec");
  for (const Value& word : exec.as_list()) command.arguments.push_back(word.as_text());
  const auto output = run_child_checked(command);
  ASSERT_TRUE(output) << output.error().describe();
  EXPECT_EQ(*output, "a b|$HOME|it's|");
}

TEST_F(FlyTest, WritesTheFilesIntoTheMachine) {
  create_and_wait(spec());
  const Value config = at(machines()[0], "config");
  EXPECT_EQ(at(config, "files").size(), 2u);
  EXPECT_EQ(at(config, "files[0].guest_path"), "/srv/app/app.py");
  EXPECT_EQ(at(config, "files[0].raw_value"), "cHJpbnQoJ2hlbGxvJyk=");
  EXPECT_EQ(at(config, "files[0].mode"), 0644);
  EXPECT_EQ(at(config, "files[1].guest_path"), "/srv/app/lib/data.bin");
  EXPECT_EQ(at(config, "init.exec[3]"), "/srv/app");
  Value files = at(config, "files");
  files.as_list()[0].set("raw_value", "YmFk");
  act("edit", Value::map({{"config", Value::map({{"files", files}})}}));
  pass_time();
  EXPECT_NE(at(*only().fields, "files.tree"), files_->id()) << "files changed by hand are drift";
}

TEST_F(FlyTest, RefusesFilesThatAreTooLargeBeforeAnythingIsMade) {
  expect_too_large((1 << 20) + 1, "settings.filesLimit");
  EXPECT_TRUE(app().is_null());
}

// Sizes

TEST_F(FlyTest, RoundsUpToTheSizesThatFlyHas) {
  const auto normal = [&](std::int64_t cpu, std::int64_t memory) {
    Value wanted = spec();
    wanted.set("resources", Value::map({{"cpu", Value(cpu)}, {"memory", Value(memory)}}));
    const auto done = provider().normalize(Ref{"alice", Kind::Instance, "web"}, wanted);
    if (!done) return done.error().message();
    return fmt::format("{} {}", done->integer_or("resources.cpu", 0),
                       done->integer_or("resources.memory", 0) >> 20);
  };
  EXPECT_EQ(normal(250, 128 << 20), "1000 256");
  EXPECT_EQ(normal(1001, 128 << 20), "2000 512");
  EXPECT_EQ(normal(3000, 300 << 20), "4000 1024");
  EXPECT_EQ(normal(250, 2049LL << 20), "2000 2304");  // more memory than one processor may have
  EXPECT_EQ(normal(8000, 16 * kGibibyte), "8000 16384");
  EXPECT_NE(normal(8001, kGibibyte).find("the largest has 8"), std::string::npos);
  EXPECT_NE(normal(250, 17 * kGibibyte).find("the largest has 8"), std::string::npos);
  harness_->change_setting("cpuKind", "performance");
  EXPECT_EQ(normal(250, 128 << 20), "1000 2048");
  EXPECT_EQ(normal(9000, 40 * kGibibyte), "16000 40960");
}

TEST_F(FlyTest, SaysWhatItCannotHonour) {
  const auto said = [&](const char* key, Value value) {
    return refusal(with(spec(), key, std::move(value)));
  };
  EXPECT_NE(said("grace", 600'000).find("at most 300s"), std::string::npos);
  EXPECT_NE(said("env", Value::map({{"PORT", "1"}})).find("http.port"), std::string::npos);
  EXPECT_NE(said("volumes", volumes_of(501 * kGibibyte)).find("500 GiB"), std::string::npos);
  const Value health = Value::map({{"exec", Value::List{"x"}}});
  EXPECT_NE(said("health", health).find("by HTTP or TCP"), std::string::npos);
  EXPECT_NE(said("health", Value::map({{"tcp", 1}})).find("only port"), std::string::npos);
}

// Faults: any reply lost, any request refused; the same intent again makes it whole, and nothing is
// there twice.

TEST_F(FlyTest, CompletesACreateOfWhichAnyReplyWasLost) {
  ASSERT_TRUE(create("intent-1", spec()));
  const int steps = writes();
  ASSERT_GE(steps, 4);  // app, two addresses, volume, machine
  for (int step = 0; step < steps; ++step) {
    harness_ = make_fly_harness();
    vendor().lose("^(POST|PUT|DELETE) ", step);
    (void)create("intent-1", spec());
    const auto again = create("intent-1", spec());
    ASSERT_TRUE(again) << step << ": " << again.error().describe();
    pass_time();
    EXPECT_EQ(only().phase, Phase::Running) << step;
    EXPECT_EQ(machines().size(), 1u) << step;
    EXPECT_EQ(volume_count(), 1u) << step;
    EXPECT_EQ(at(app(), "ips").size(), 2u) << step;
  }
}

TEST_F(FlyTest, CleansUpWhateverACreateLeftHalfMade) {
  for (int step = 0; step < 5; ++step) {
    harness_ = make_fly_harness();
    vendor().refuse("^(POST|PUT|DELETE) ", 500, 5, step);
    EXPECT_FALSE(create("intent-1", spec())) << step;
    harness_->restart();  // whatever was known of the vendor's troubles
    vendor().control("clearFaults");
    ASSERT_TRUE(destroy("intent-2")) << step;
    EXPECT_TRUE(app().is_null()) << step;
  }
}

TEST_F(FlyTest, CompletesAnUpdateOfWhichAnyReplyWasLost) {
  for (int step = 0; step < 3; ++step) {  // lease, configuration, release
    harness_ = make_fly_harness();
    create_and_wait(spec());
    vendor().lose("^(POST|PUT|DELETE) ", step);
    (void)update("intent-2", changed());
    const auto again = update("intent-2", changed());
    ASSERT_TRUE(again) << step << ": " << again.error().describe();
    pass_time();
    const Observed observed = only();
    EXPECT_EQ(observed.phase, Phase::Running) << step;
    EXPECT_EQ(observed.intent, "intent-2") << step;
    EXPECT_EQ(machines().size(), 1u) << step;
  }
}

TEST_F(FlyTest, CompletesADestroyOfWhichAnyReplyWasLost) {
  for (int step = 0; step < 5; ++step) {  // lease, stop, machine, volume, app
    harness_ = make_fly_harness();
    create_and_wait(spec());
    vendor().lose("^(POST|PUT|DELETE) ", step);
    (void)destroy("intent-2");
    const auto again = destroy("intent-2");
    ASSERT_TRUE(again) << step << ": " << again.error().describe();
    EXPECT_TRUE(app().is_null()) << step;
  }
}

TEST_F(FlyTest, SaysThatItIsRateLimitedAndMayBeTriedAgain) {
  vendor().refuse("POST /apps$", 429, 3);
  const auto done = create("intent-1", spec());
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().code(), ErrorCode::Unavailable);
  EXPECT_TRUE(done.error().is_retryable());
  EXPECT_TRUE(create("intent-1", spec()));
}

TEST_F(FlyTest, SaysInFlysWordsWhatWentWrong) {
  vendor().control("fault", Value::map({{"match", "POST /apps/[^/]+/machines$"},
                                        {"status", 422},
                                        {"body", Value::map({{"error", "no such image"}})}}));
  const auto done = create("intent-1", spec());
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().code(), ErrorCode::Invalid);
  EXPECT_NE(done.error().describe().find("no such image"), std::string::npos);
}

// Leases

TEST_F(FlyTest, LeavesAMachineAloneThatSomebodyElseLeases) {
  create_and_wait(spec());
  const std::string before = machines()[0].text_or("instance_id", "");
  act("lease", Value::map({{"ttl", 60}}));
  for (const auto& done : {update("intent-2", changed()), stop("intent-3"), destroy("intent-4")}) {
    ASSERT_FALSE(done);
    EXPECT_EQ(done.error().code(), ErrorCode::Conflict);
    EXPECT_NE(done.error().describe().find("somebody@tokens.fly.io"), std::string::npos);
  }
  EXPECT_EQ(machines()[0].text_or("instance_id", ""), before);
  vendor().advance(Duration(60'000));
  EXPECT_TRUE(update("intent-2", changed()));
}

TEST_F(FlyTest, GivesItsLeaseBack) {
  create_and_wait(spec());
  ASSERT_TRUE(update("intent-2", changed()));
  EXPECT_EQ(at(machines()[0], "lease"), Value());
}

// States

TEST_F(FlyTest, TellsOfAMachineThatFailedAndMendsItByAnUpdate) {
  vendor().act("breakImage", Value::map({{"image", "docker.io/library/python:3.12-slim"}}));
  ASSERT_TRUE(create("intent-1", spec()));
  pass_time();
  const Observed observed = only();
  EXPECT_EQ(observed.phase, Phase::Failed);
  EXPECT_EQ(observed.reason, "MachineFailed");
  vendor().act("mendImage", Value::map({{"image", "docker.io/library/python:3.12-slim"}}));
  ASSERT_TRUE(update("intent-2", changed()));
  pass_time();
  EXPECT_EQ(only().phase, Phase::Running);
}

TEST_F(FlyTest, StartsAFailedMachine) {
  create_and_wait(spec());
  act("fail");
  EXPECT_EQ(only().phase, Phase::Failed);
  ASSERT_TRUE(start("intent-2"));
  pass_time();
  EXPECT_EQ(only().phase, Phase::Running);
}

TEST_F(FlyTest, UpdatesAStoppedMachineAndStartsItAsFlyDoesNot) {
  create_and_wait(spec());
  ASSERT_TRUE(stop("intent-2"));
  pass_time();
  ASSERT_EQ(only().phase, Phase::Stopped);
  ASSERT_TRUE(update("intent-3", changed()));
  pass_time();
  EXPECT_EQ(only().phase, Phase::Running);
}

TEST_F(FlyTest, TellsWhyAnAppCrashes) {
  create_and_wait(spec());
  act("crash", Value::map({{"code", 3}}));
  pass_time();
  Observed observed = only();
  EXPECT_EQ(observed.reason, "CrashLoop");
  EXPECT_EQ(observed.message, "exit status 3");
  EXPECT_EQ(observed.restarts, 1);
  act("crash", Value::map({{"oom", true}}));
  pass_time();
  EXPECT_EQ(only().reason, "OutOfMemory");
}

TEST_F(FlyTest, TellsOfFailingChecks) {
  create_and_wait(spec());
  EXPECT_EQ(only().health, Health::Passing);
  act("failCheck", Value::map({{"check", "health"}}));
  EXPECT_EQ(only().health, Health::Failing);
}

TEST_F(FlyTest, ADeadHostHidesNothingElse) {
  create_and_wait(spec());
  const Value plain = without_volume();
  Effect other = effect("intent-2", &plain, "other0uid0aaaaaaaaaaaaaaaa");
  ASSERT_TRUE(harness_->run(provider().create(std::move(other))));
  act("loseHost");
  pass_time();
  const auto all = observe();
  ASSERT_EQ(all.size(), 2u);
  for (const Observed& one : all) {
    EXPECT_EQ(one.phase, one.uid == kUid ? Phase::Failed : Phase::Running) << one.uid;
    EXPECT_EQ(one.reason, one.uid == kUid ? "HostUnreachable" : "") << one.uid;
    EXPECT_EQ(one.fields == nullptr, one.uid == kUid);
  }
  const auto done = update("intent-3", changed());
  ASSERT_FALSE(done);
  EXPECT_TRUE(done.error().is_retryable()) << done.error().describe();
}

TEST_F(FlyTest, OneMachineThatCannotBeReadHidesNoOther) {
  create_and_wait(spec());
  harness_->restart();
  vendor().refuse(fmt::format("GET /apps/{}/machines/", kApp), 500, 5);
  const Observed observed = only();
  EXPECT_EQ(observed.uid, kUid);
  EXPECT_EQ(observed.phase, Phase::Running);
  EXPECT_EQ(observed.reason, "DetailsMissing");
}

// Drift

TEST_F(FlyTest, ShowsWhatWasChangedByHand) {
  create_and_wait(spec());
  const Value env = Value::map({{"GREETING", "tampered"}, {"PORT", "8080"}});
  const Value guest = Value::map({{"cpu_kind", "shared"}, {"cpus", 2}, {"memory_mb", 1024}});
  const Value exec = Value::List{"sleep", "1"};
  act("edit", Value::map({{"config", Value::map({{"env", env},
                                                 {"guest", guest},
                                                 {"init", Value::map({{"exec", exec}})}})}}));
  pass_time();
  const Observed observed = only();
  ASSERT_NE(observed.fields, nullptr);
  EXPECT_EQ(to_json(at(*observed.fields, "env")), R"({"GREETING":"tampered"})");
  EXPECT_EQ(at(*observed.fields, "resources.cpu"), 2000);
  EXPECT_EQ(at(*observed.fields, "resources.memory"), kGibibyte);
  EXPECT_EQ(to_json(at(*observed.fields, "command")), R"(["sleep","1"])");
  ASSERT_TRUE(update("intent-2", spec()));
  pass_time();
  EXPECT_EQ(at(*only().fields, "env.GREETING"), "hello");
}

TEST_F(FlyTest, AMachineDestroyedByHandIsGoneAndMadeAgain) {
  create_and_wait(spec());
  act("destroyMachine");
  EXPECT_TRUE(observe().empty());
  EXPECT_FALSE(start("intent-2"));
  ASSERT_TRUE(create("intent-3", spec()));
  pass_time();
  EXPECT_EQ(only().intent, "intent-3");
  EXPECT_EQ(volume_count(), 1u);
}

// Volumes and regions

TEST_F(FlyTest, AVolumeGrowsButNeverShrinks) {
  create_and_wait(spec());
  ASSERT_TRUE(update("intent-2", with(spec(), "volumes", volumes_of(2 * kGibibyte))));
  pass_time();
  EXPECT_EQ(at(*only().fields, "volumes[0].size"), 2 * kGibibyte);
  const auto done = update("intent-3", spec());
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().code(), ErrorCode::Invalid);
  EXPECT_NE(done.error().describe().find("never shrinks"), std::string::npos);
}

TEST_F(FlyTest, ANewVolumeNeedsANewMachine) {
  create_and_wait(without_volume());
  const std::string before = machines()[0].text_or("id", "");
  ASSERT_TRUE(update("intent-2", spec()));
  pass_time();
  ASSERT_EQ(machines().size(), 1u);
  EXPECT_NE(machines()[0].text_or("id", ""), before);
  EXPECT_EQ(only().intent, "intent-2");
  EXPECT_EQ(at(*only().fields, "volumes[0].name"), "data");
}

TEST_F(FlyTest, AVolumeInAnotherRegionIsAnErrorThatSaysSo) {
  create_and_wait(spec());
  ASSERT_TRUE(destroy("intent-2", DataPolicy::Keep));
  harness_->change_setting("region", "iad");
  const auto done = create("intent-3", spec());
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().code(), ErrorCode::Conflict);
  EXPECT_NE(done.error().describe().find("is in region cdg"), std::string::npos);
  EXPECT_TRUE(machines().empty());
}

TEST_F(FlyTest, AMachineWithoutAVolumeMovesToAnotherRegion) {
  create_and_wait(without_volume());
  harness_->change_setting("region", "iad");
  ASSERT_TRUE(update("intent-2", with(without_volume(), "grace", 3000)));
  ASSERT_EQ(machines().size(), 1u);
  EXPECT_EQ(machines()[0].text_or("region", ""), "iad");
}

// What is not ours

TEST_F(FlyTest, TouchesNothingWithoutOurLabels) {
  vendor().act("addApp", Value::map({{"app", kApp}, {"network", "default"}}));
  vendor().act("addMachine",
               Value::map({{"app", kApp}, {"config", Value::map({{"image", "nginx"}})}}));
  EXPECT_TRUE(observe().empty());
  const auto done = create("intent-1", spec());
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().code(), ErrorCode::Conflict);
  ASSERT_TRUE(destroy("intent-2")) << "of ours there is nothing";
  EXPECT_EQ(machines().size(), 1u);
}

TEST_F(FlyTest, ANameThatIsTakenElsewhereIsSaidToBe) {
  vendor().act("addApp", Value::map({{"app", kApp}, {"organization", "others"}}));
  const auto done = create("intent-1", spec());
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().code(), ErrorCode::Denied);
}

TEST_F(FlyTest, AClonedMachineIsNotOurs) {
  create_and_wait(without_volume());
  const Value clone = at(machines()[0], "config");
  act("addMachine", Value::map({{"name", "clone"}, {"config", clone}}));
  EXPECT_EQ(observe().size(), 1u);
  ASSERT_TRUE(destroy("intent-2"));
  ASSERT_EQ(machines().size(), 1u) << "the clone and its app stay";
  EXPECT_EQ(machines()[0].text_or("name", ""), "clone");
}

// Limits of the real service: 1 request a second for each action and machine, 5 to read a machine;
// no average.

TEST_F(FlyTest, KeepsToFlysLimitsWithFiftyMachinesForAnHour) {
  ManualClock clock;
  vendor().control("clock", Value::map({{"perRequest", 0}}));
  harness_->live_on(clock, Value::map());  // the adapter's own limits
  const Value plain = without_volume();
  for (int i = 0; i < 50; ++i) {
    Effect one = effect("intent-1", &plain, fmt::format("fleet0uid0aaaaaaaaaaaaaa{:02}", i));
    const auto done = harness_->run(provider().create(std::move(one)));
    ASSERT_TRUE(done) << done.error().describe();
  }
  vendor().forget();
  const Timestamp end = clock.now() + std::chrono::hours(1);
  int observations = 0;
  for (; clock.now() < end; ++observations) {
    const auto seen = observe();
    ASSERT_EQ(seen.size(), 50u);
    harness_->pass(Duration(30'000));
  }
  EXPECT_GE(observations, 110);
  // Two lists each time, two machines read again, and for two minutes those that were just made.
  EXPECT_LE(vendor().request_count(), observations * 4 + 150);
  const Value answer = vendor().control("requests");
  for (const Value& request : answer.find("requests")->as_list())
    ASSERT_EQ(request.integer_or("status", 0), 200) << to_json(request);
  RecordProperty("requests", static_cast<int>(vendor().request_count()));
  std::printf("%d observations of 50 machines took %lld requests\n", observations,
              static_cast<long long>(vendor().request_count()));
}

// Lists

TEST_F(FlyTest, ListsThatLagBehindHideNothingThatCroftDid) {
  vendor().act("lag", Value::map({{"ms", 60'000}}));
  ASSERT_TRUE(create("intent-1", spec()));
  pass_time();
  EXPECT_EQ(only().phase, Phase::Running);
  ASSERT_TRUE(update("intent-2", changed()));
  EXPECT_EQ(only().intent, "intent-2");
  pass_time();
  EXPECT_EQ(only().phase, Phase::Running);
  ASSERT_TRUE(stop("intent-3"));
  pass_time();
  EXPECT_EQ(only().phase, Phase::Stopped);
  ASSERT_TRUE(destroy("intent-4"));
  EXPECT_TRUE(observe().empty());
}

TEST_F(FlyTest, ListsThatLagBehindMakeNoSecondMachine) {
  vendor().act("lag", Value::map({{"ms", 60'000}}));
  ASSERT_TRUE(create("intent-1", spec()));
  harness_->restart();
  EXPECT_TRUE(observe().empty()) << "nobody remembers that it was made";
  ASSERT_TRUE(create("intent-2", spec()));
  EXPECT_EQ(machines().size(), 1u);
  vendor().advance(Duration(120'000));
  EXPECT_EQ(only().phase, Phase::Running);
}

TEST_F(FlyTest, ReadsListsOfManyPages) {
  vendor().act("pageSize", Value::map({{"size", 2}}));
  const Value plain = without_volume();
  for (int i = 0; i < 5; ++i) {
    Effect one = effect("intent-1", &plain, fmt::format("many0uid0aaaaaaaaaaaaaaa{}", i));
    ASSERT_TRUE(harness_->run(provider().create(std::move(one))));
  }
  EXPECT_EQ(observe().size(), 5u);
}

}  // namespace
}  // namespace croft
