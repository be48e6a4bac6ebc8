#include <algorithm>

#include <fmt/format.h>

#include "core/base/child.hpp"
#include "tests/providers/railway/railway_harness.hpp"

namespace croft {
namespace {

constexpr const char* kProject = "croft-resource0uid0aaaaaaaaaaaaa";
constexpr const char* kImage = "docker.io/library/python:3.12-slim";

class RailwayTest : public VendorTest {
 protected:
  void SetUp() override { set_up(make_railway_harness); }

  /// Projects with our name that the vendor has.
  std::vector<Value> projects() {
    std::vector<Value> ours;
    const Value state = vendor().state();
    for (const Value& one : state.find("projects")->as_list()) {
      if (one.text_or("name", "") == kProject) ours.push_back(one);
    }
    return ours;
  }
  Value service() {
    const auto all = projects();
    return all.size() == 1 ? at(all[0], "services[0]") : Value();
  }
  Value act(const std::string& what, Value arguments = Value::map()) {
    arguments.set("project", kProject);
    return vendor().act(what, std::move(arguments));
  }
  void fail_field(const std::string& field, int times = 1) {
    vendor().act("failField", Value::map({{"field", field}, {"times", times}}));
  }
  /// There is one of each, and it runs.
  void expect_whole(const std::string& intent, const std::string& when) {
    pass_time();
    ASSERT_EQ(projects().size(), 1u) << when;
    const Value project = projects()[0];
    EXPECT_EQ(at(project, "services").size(), 1u) << when;
    EXPECT_EQ(at(project, "volumes").size(), 1u) << when;
    EXPECT_EQ(at(project, "services[0].domainList").size(), 1u) << when;
    const Observed observed = only();
    EXPECT_EQ(observed.phase, Phase::Running) << when;
    EXPECT_EQ(observed.intent, intent) << when;
  }
};

// What is made

TEST_F(RailwayTest, MakesAServiceThatRailwayNeitherScalesNorPutsToSleep) {
  create_and_wait(spec());
  const Value made = service();
  EXPECT_EQ(at(made, "sleepApplication"), false);
  EXPECT_EQ(at(made, "numReplicas"), 1);
  EXPECT_EQ(at(made, "healthcheckPath"), "/healthz");
  EXPECT_EQ(at(made, "healthcheckTimeout"), 90);
  EXPECT_EQ(at(made, "drainingSeconds"), 10);
  EXPECT_EQ(at(made, "variables.PORT"), "8080");
  EXPECT_EQ(at(made, "deployments").size(), 1u) << "nothing was deployed before all was set";
  EXPECT_GE(at(made, "limits.containers.memoryBytes").as_integer(), 1 << 28);
}

TEST_F(RailwayTest, RunsTheCommandByAScriptThatChangesNoWord) {
  Value wanted = without_volume();
  wanted.set("command", Value::List{"printf", "%s|", "a  b", "$HOME", "it's \"this\" * one"});
  create_and_wait(wanted);
  ASSERT_EQ(at(service(), "startCommand").as_text().find("/bin/sh -c \""), 0u);
  const auto temporary = TemporaryDirectory::make("croft-railway-").value();
  std::string launch = at(service(), "startCommand").as_text();
  for (std::size_t i = 0; (i = launch.find("/tmp/", i)) != std::string::npos; i += 5)
    launch.replace(i, 4, temporary.path().string());
  // Railway takes the words apart as a shell does.
  const auto output = run_child_checked(
      {.arguments = {"/bin/sh", "-c", launch},
       .environment = {"CROFT_START=" + at(service(), "variables.CROFT_START").as_text()}});
  ASSERT_TRUE(output) << output.error().describe();
  EXPECT_EQ(*output, "a  b|$HOME|it's \"this\" * one|");
}

TEST_F(RailwayTest, BringsFilesInItsScript) {
  const auto temporary = TemporaryDirectory::make("croft-railway-").value();
  harness_->change_setting("directory", (temporary.path() / "the app").string());
  Value wanted = without_volume();
  wanted.set("command", Value::List{"sh", "-c", "cat app.py && od -An -tx1 lib/data.bin"});
  create_and_wait(wanted);
  const auto output = run_child_checked(
      {.arguments = {"/bin/sh", "-c", at(service(), "variables.CROFT_START").as_text()}});
  ASSERT_TRUE(output) << output.error().describe();
  EXPECT_EQ(*output, "print('hello') 01 ff\n");
}

TEST_F(RailwayTest, RefusesFilesThatAreTooLargeBeforeAnythingIsMade) {
  expect_too_large(96 << 10, "put them into an image");
  EXPECT_TRUE(projects().empty());
}

TEST_F(RailwayTest, SaysWhatItCannotHonour) {
  const auto said = [&](const char* key, Value value) {
    return refusal(with(spec(), key, std::move(value)));
  };
  const Value large =
      Value::List{Value::map({{"name", "data"}, {"path", "/data"}, {"size", 1 << 30}})};
  EXPECT_NE(said("volumes", large).find("settings.volumeLimit"), std::string::npos);
  EXPECT_NE(said("env", Value::map({{"RAILWAY_X", "1"}})).find("is set by"), std::string::npos);
  EXPECT_NE(said("env", Value::map({{"A", "${{B}}"}})).find("would replace"), std::string::npos);
  EXPECT_NE(said("command", Value::List{"x", "${{B}}"}).find("would replace"), std::string::npos);
  EXPECT_NE(said("health", Value::map({{"exec", Value::List{"x"}}})).find("by HTTP only"),
            std::string::npos);
  EXPECT_EQ(said("grace", 1'001), "");
}

TEST_F(RailwayTest, SaysInRailwaysWordsWhatThePlanDoesNotAllow) {
  vendor().act("plan", Value::map({{"plan", "free"}}));
  const Value resources = Value::map({{"cpu", 500}, {"memory", 1 << 30}});
  const auto done = create("intent-1", with(spec(), "resources", resources));
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().code(), ErrorCode::Invalid);
  EXPECT_NE(done.error().describe().find("Memory limit must be at most"), std::string::npos);
  EXPECT_EQ(at(service(), "deployments").size(), 0u);
  ASSERT_TRUE(destroy("intent-2"));
  EXPECT_TRUE(projects().empty());
}

// Faults

TEST_F(RailwayTest, CompletesACreateOfWhichAnyReplyWasLost) {
  for (int step = 0; step < 4; ++step) {  // project, service, volume, configuration
    harness_ = make_railway_harness();
    vendor().lose("mutation", step);
    EXPECT_FALSE(create("intent-1", spec())) << step;
    const auto again = create("intent-1", spec());
    ASSERT_TRUE(again) << step << ": " << again.error().describe();
    expect_whole("intent-1", fmt::format("step {}", step));
    EXPECT_EQ(at(service(), "deployments").size(), 1u) << step;
  }
}

TEST_F(RailwayTest, CompletesACreateThatAnyFieldInterrupted) {
  for (const char* field :
       {"projectCreate", "serviceCreate", "volumeCreate", "projectUpdate", "volumeInstanceUpdate",
        "serviceDomainCreate", "variableCollectionUpsert", "serviceInstanceUpdate",
        "serviceInstanceLimitsUpdate", "serviceInstanceDeployV2"}) {
    harness_ = make_railway_harness();
    fail_field(field);
    const auto done = create("intent-1", spec());
    ASSERT_FALSE(done) << field;
    EXPECT_TRUE(done.error().is_retryable()) << field << done.error().describe();
    for (const Observed& one : observe()) EXPECT_NE(one.phase, Phase::Running) << field;
    const auto again = create("intent-1", spec());
    ASSERT_TRUE(again) << field << ": " << again.error().describe();
    expect_whole("intent-1", field);
  }
}

TEST_F(RailwayTest, AnUpdateThatWasInterruptedIsNotSaidToBeDone) {
  create_and_wait(spec());
  const Observed before = only();
  fail_field("serviceInstanceDeployV2");
  ASSERT_FALSE(update("intent-2", changed()));
  EXPECT_EQ(only().intent, "intent-1");
  EXPECT_EQ(only().spec_digest, before.spec_digest);
  ASSERT_FALSE([&] {
    fail_field("variableCollectionUpsert");
    return update("intent-3", changed());
  }());
  EXPECT_EQ(only().intent, "intent-1") << "also after a second try";
  ASSERT_TRUE(update("intent-4", changed()));
  expect_whole("intent-4", "at last");
}

TEST_F(RailwayTest, CompletesAnUpdateAndADestroyWhoseReplyWasLost) {
  create_and_wait(spec());
  vendor().lose("mutation Configure");
  EXPECT_FALSE(update("intent-2", changed()));
  ASSERT_TRUE(update("intent-2", changed()));
  expect_whole("intent-2", "updated");
  EXPECT_EQ(at(service(), "deployments").size(), 2u) << "deployed once";
  vendor().lose("mutation DeleteProject");
  EXPECT_FALSE(destroy("intent-3"));
  ASSERT_TRUE(destroy("intent-3"));
  EXPECT_TRUE(projects().empty());
}

TEST_F(RailwayTest, SaysThatItIsRateLimitedAndMayBeTriedAgain) {
  vendor().refuse("mutation MakeProject", 429);
  const auto done = create("intent-1", spec());
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().code(), ErrorCode::Unavailable);
  EXPECT_TRUE(done.error().is_retryable());
}

TEST_F(RailwayTest, VariablesThatCannotBeReadHideNoOtherService) {
  create_and_wait(spec());
  const Value plain = without_volume();
  Effect other = effect("intent-2", &plain, "other0uid0aaaaaaaaaaaaaaaa");
  ASSERT_TRUE(harness_->run(provider().create(std::move(other))));
  pass_time();
  harness_->restart();
  fail_field("variables");
  const auto all = observe();
  ASSERT_EQ(all.size(), 2u);
  EXPECT_EQ(std::ranges::count_if(all, [](const Observed& one) { return one.fields != nullptr; }),
            1);
  for (const Observed& one : all) EXPECT_EQ(one.phase, Phase::Running);
}

// States

TEST_F(RailwayTest, ADeploymentThatFailedLeavesTheOneBeforeAndSaysSo) {
  create_and_wait(spec());
  vendor().act("breakImage", Value::map({{"image", kImage}}));
  ASSERT_TRUE(update("intent-2", changed()));
  pass_time();
  const Observed observed = only();
  EXPECT_EQ(observed.phase, Phase::Failed);
  EXPECT_EQ(observed.reason, "DeploymentFailed");
  EXPECT_NE(observed.message.find("still runs"), std::string::npos);
  ASSERT_TRUE(stop("intent-3"));
  pass_time();
  EXPECT_EQ(only().phase, Phase::Stopped);
  const Value deployments = at(service(), "deployments");
  for (const Value& one : deployments.as_list()) EXPECT_EQ(one.text_or("status", ""), "REMOVED");
}

TEST_F(RailwayTest, StartsWhatCrashed) {
  create_and_wait(spec());
  act("crash");
  EXPECT_EQ(only().phase, Phase::Failed);
  EXPECT_EQ(only().reason, "CrashLoop");
  ASSERT_TRUE(start("intent-2"));
  expect_whole("intent-1", "started");
}

TEST_F(RailwayTest, WhatSleepsIsAsleep) {
  create_and_wait(spec());
  act("sleep");
  EXPECT_EQ(only().phase, Phase::Asleep);
}

TEST_F(RailwayTest, StopsADeploymentThatIsOnItsWay) {
  vendor().control("clock", Value::map({{"perRequest", 0}}));
  ASSERT_TRUE(create("intent-1", spec()));
  EXPECT_EQ(only().phase, Phase::Starting);
  ASSERT_TRUE(stop("intent-2"));
  EXPECT_EQ(only().phase, Phase::Stopped);
  pass_time();
  EXPECT_EQ(only().phase, Phase::Stopped);
}

// Drift

TEST_F(RailwayTest, ShowsWhatWasChangedByHand) {
  create_and_wait(spec());
  const Value variables = Value::map({{"GREETING", "tampered"}});
  act("edit", Value::map({{"variables", variables},
                          {"instance", Value::map({{"startCommand", "sleep 1"}})}}));
  pass_time();
  const Observed observed = only();
  ASSERT_NE(observed.fields, nullptr);
  EXPECT_EQ(at(*observed.fields, "env.GREETING"), "tampered");
  EXPECT_EQ(to_json(at(*observed.fields, "command")), R"(["sleep 1"])");
  ASSERT_TRUE(update("intent-2", spec()));
  pass_time();
  EXPECT_EQ(at(*only().fields, "env.GREETING"), "hello");
}

// Volumes

TEST_F(RailwayTest, WhatIsKeptRunsNothingAndHoldsNoSecret) {
  create_and_wait(spec());
  ASSERT_TRUE(destroy("intent-2", DataPolicy::Keep));
  pass_time();
  EXPECT_TRUE(observe().empty());
  ASSERT_EQ(projects().size(), 1u);
  EXPECT_EQ(at(service(), "variables").size(), 0u);
  EXPECT_EQ(at(service(), "deployments[0].status"), "REMOVED");
  EXPECT_FALSE(start("intent-3"));
  EXPECT_FALSE(update("intent-4", spec()));
  ASSERT_TRUE(destroy("intent-5", DataPolicy::Erase));
  EXPECT_TRUE(projects().empty());
}

TEST_F(RailwayTest, AVolumeThatIsNoLongerDeclaredIsDetachedAndComesBack) {
  create_and_wait(spec());
  ASSERT_TRUE(harness_->write(kUid, "data", "remember me"));
  ASSERT_TRUE(update("intent-2", without_volume()));
  pass_time();
  EXPECT_EQ(at(*only().fields, "volumes").size(), 0u);
  ASSERT_TRUE(update("intent-3", spec()));
  pass_time();
  EXPECT_EQ(harness_->read(kUid, "data").value(), "remember me");
  const Value other =
      Value::List{Value::map({{"name", "other"}, {"path", "/data"}, {"size", 1000}})};
  const auto done = update("intent-4", with(spec(), "volumes", other));
  ASSERT_FALSE(done) << "another volume must not get the data of this one";
  EXPECT_NE(done.error().describe().find("is 'data' and holds data"), std::string::npos);
}

TEST_F(RailwayTest, AVolumeInAnotherRegionIsAnErrorThatSaysSo) {
  harness_->change_setting("region", "europe-west4");
  create_and_wait(spec());
  harness_->change_setting("region", "us-west2");
  const auto done = update("intent-2", changed());
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().code(), ErrorCode::Conflict);
  EXPECT_NE(done.error().describe().find("is in region europe-west4"), std::string::npos);
}

// What is not ours

TEST_F(RailwayTest, TouchesNothingWithoutOurLabels) {
  vendor().act("addProject", Value::map({{"name", kProject}, {"description", "somebody's"}}));
  EXPECT_TRUE(observe().empty());
  ASSERT_TRUE(create("intent-1", spec()));
  EXPECT_EQ(projects().size(), 2u) << "names need not be unique at Railway";
  ASSERT_TRUE(destroy("intent-2"));
  ASSERT_EQ(projects().size(), 1u);
  EXPECT_EQ(projects()[0].text_or("description", ""), "somebody's");
}

TEST_F(RailwayTest, ASecondProjectOfOneResourceIsNotSeenTwice) {
  create_and_wait(spec());
  const std::string labels = projects()[0].text_or("description", "");
  vendor().act("addProject", Value::map({{"name", kProject}, {"description", labels}}));
  EXPECT_EQ(only().phase, Phase::Running);
  ASSERT_TRUE(destroy("intent-2"));
  EXPECT_TRUE(projects().empty());
}

TEST_F(RailwayTest, ReadsListsOfManyPages) {
  vendor().act("pageSize", Value::map({{"size", 2}}));
  const Value plain = without_volume();
  for (int i = 0; i < 5; ++i) {
    Effect one = effect("intent-1", &plain, fmt::format("many0uid0aaaaaaaaaaaaaaa{}", i));
    ASSERT_TRUE(harness_->run(provider().create(std::move(one))));
  }
  EXPECT_EQ(observe().size(), 5u);
}

// Limits of the real service: 100 requests an hour on the Free plan, whatever it is for.

TEST_F(RailwayTest, KeepsToTheFreePlansLimitWithFiftyServicesForAnHour) {
  Value plain = without_volume();
  plain.set("resources", Value::map({{"cpu", 500}, {"memory", 1 << 28}}));
  for (int i = 0; i < 50; ++i) {
    Effect one = effect("intent-1", &plain, fmt::format("fleet0uid0aaaaaaaaaaaaaa{:02}", i));
    ASSERT_TRUE(harness_->run(provider().create(std::move(one))));
  }
  pass_time();
  vendor().control("clock", Value::map({{"perRequest", 0}}));
  vendor().act("plan", Value::map({{"plan", "free"}}));
  vendor().advance(Duration(3'600'000));
  vendor().forget();
  ManualClock clock;
  harness_->change_setting("observeEvery", "60s");
  harness_->live_on(clock, Value::map());  // the adapter's own limits
  // Many tenants' passes, one every ten seconds; one of them stops and starts something.
  const std::string uid = "fleet0uid0aaaaaaaaaaaaaa07";
  for (int i = 0; i < 360; ++i) {
    ASSERT_EQ(observe().size(), 50u) << i;
    if (i == 100) {
      ASSERT_TRUE(harness_->run(provider().stop(effect("intent-2", nullptr, uid))));
    }
    if (i == 102) {
      const auto seen = observe();
      EXPECT_EQ(std::ranges::find(seen, uid, &Observed::uid)->phase, Phase::Stopped);
    }
    if (i == 200) {
      ASSERT_TRUE(harness_->run(provider().start(effect("intent-3", nullptr, uid))));
    }
    harness_->pass(Duration(10'000));
  }
  EXPECT_LE(vendor().request_count(), 80);
  std::printf("360 observations of 50 services took %lld requests\n",
              static_cast<long long>(vendor().request_count()));
}

TEST_F(RailwayTest, AnObservationIsNewAfterAnEffect) {
  harness_->change_setting("observeEvery", "60s");
  create_and_wait(spec());
  (void)observe();
  vendor().forget();
  (void)observe();
  EXPECT_EQ(vendor().request_count(), 0) << "nothing has changed by Croft";
  ASSERT_TRUE(stop("intent-2"));
  pass_time();
  EXPECT_EQ(only().phase, Phase::Stopped);
}

// Logs

TEST_F(RailwayTest, GivesTheLastLinesAndFollowsUntilNobodyListens) {
  create_and_wait(spec());
  act("log", Value::map({{"text", "one"}}));
  act("log", Value::map({{"text", "two"}}));
  std::string text;
  LogRequest last{.uid = kUid, .last_lines = 2};
  const auto done = harness_->run(provider().logs(std::move(last), [&](std::string_view lines) {
    text += lines;
    return true;
  }));
  ASSERT_TRUE(done) << done.error().describe();
  EXPECT_EQ(text, "one\ntwo\n");
  LogRequest follow{.uid = kUid, .last_lines = 10, .follow = true};
  int calls = 0;
  const auto ended = harness_->run(provider().logs(std::move(follow), [&](std::string_view) {
    ++calls;
    return false;
  }));
  EXPECT_TRUE(ended);
  EXPECT_EQ(calls, 1);
}

}  // namespace
}  // namespace croft
