#include "providers/docker/observation.hpp"

#include <gtest/gtest.h>

#include "providers/docker/names.hpp"

namespace croft::docker {
namespace {

class ObservationTest : public testing::Test {
 protected:
  ObservationTest() {
    summary_.id = "c1";
    summary_.labels = {{label::kUid, "uid1"},       {label::kRef, "alice/Service/shop.web"},
                       {label::kIntent, "intent1"}, {label::kSpec, "digest1"},
                       {label::kTenant, "tenant1"}, {label::kFields, fields_}};
    details_ = {.restart_policy = "on-failure",
                .cpu_millis = 250,
                .memory = 1 << 28,
                .reservation = 0,
                .pids = 256};
    known_.now = Timestamp(Duration(1'000'000'000));
  }

  Observed describe() { return describe_container(summary_, details_, known_); }
  Observed exited(std::int64_t code, const char* policy) {
    summary_.state = "exited";
    details_.exit_code = code;
    details_.restart_policy = policy;
    return describe();
  }

  std::string fields_ =
      R"({"image":"a","ports":[80],"resources":{"cpu":250,"memory":268435456,"pids":256},"restart":"on-failure"})";
  ContainerSummary summary_;
  ContainerDetails details_;
  Circumstances known_;
};

TEST_F(ObservationTest, WhatJoinsAContainerThatIsNotCurrentIsOutdated) {
  const Result<Value> inspection = parse_json(
      R"({"State":{"Pid":42},"HostConfig":{"NetworkMode":"container:c7","PidMode":"container:c8"}})");
  ASSERT_TRUE(inspection);
  const ContainerDetails joining = read_details(*inspection);
  EXPECT_EQ(joining.process, 42);
  EXPECT_EQ(outdated_by_joins(joining, {"c7", "c8", "c9"}), "");
  EXPECT_NE(outdated_by_joins(joining, {"c7", "c9"}), "");
  EXPECT_EQ(outdated_by_joins(details_, {}), "") << "it joins nobody";
}

TEST_F(ObservationTest, WhetherItMayReachTheOutsideIsOnItsLabel) {
  summary_.state = "running";
  EXPECT_FALSE(describe().allows_egress) << "made by an earlier Croft";
  summary_.labels[label::kEgress] = "allow";
  EXPECT_EQ(describe().allows_egress, true);
  summary_.labels[label::kEgress] = "deny";
  EXPECT_EQ(describe().allows_egress, false);
}

TEST_F(ObservationTest, WhatRunsHasItsEndpoints) {
  summary_.state = "running";
  summary_.status = "Up 5 seconds (healthy)";
  summary_.ports = {{80, "127.0.0.1:49153"}};
  const Observed seen = describe();
  EXPECT_EQ(seen.phase, Phase::Running);
  EXPECT_EQ(seen.health, Health::Passing);
  EXPECT_EQ(to_string(seen.endpoint), "tcp:127.0.0.1:49153");
  EXPECT_EQ(seen.tenant_uid, "tenant1");
  EXPECT_EQ(to_json(*seen.fields), fields_);
}

TEST_F(ObservationTest, AnotherContainerOfTheResourceIsLeftBehindUnlessItGoes) {
  ContainerSummary other = summary_;
  other.id = "c2";
  EXPECT_EQ(left_beside(summary_, {&summary_}), "");
  EXPECT_EQ(left_beside(summary_, {&summary_, &other}), "another container");
  other.state = "removing";
  EXPECT_EQ(left_beside(summary_, {&summary_, &other}), "");
}

TEST_F(ObservationTest, AnInternalNetworkIsReachedByItsAddress) {
  summary_.state = "running";
  summary_.networks = {{"croft_x", "10.214.0.2"}};
  EXPECT_EQ(to_string(describe().endpoint), "tcp:10.214.0.2:80");
  known_.is_local = false;
  EXPECT_EQ(describe().endpoint, Endpoint{});
}

TEST_F(ObservationTest, TellsHowItEnded) {
  EXPECT_EQ(exited(0, "on-failure").phase, Phase::Completed);
  EXPECT_EQ(exited(3, "no").phase, Phase::Failed);
  // The engine would have started these again, had nobody stopped them.
  EXPECT_EQ(exited(137, "on-failure").phase, Phase::Stopped);
  EXPECT_EQ(exited(0, "unless-stopped").phase, Phase::Stopped);
  // An engine that stops ends what runs, and that may well exit with 0: unless it was heard to end
  // by itself, it is to run on.
  known_.has_completed = false;
  EXPECT_EQ(exited(0, "on-failure").phase, Phase::Stopped);
  EXPECT_EQ(exited(0, "no").phase, Phase::Completed);
  known_.has_completed = true;
  details_.restart_attempts = 3;
  details_.restarts = 3;
  EXPECT_EQ(exited(3, "on-failure").reason, "CrashLoop");
}

TEST_F(ObservationTest, WhatSomebodyKilledIsStoppedWhateverItsPolicy) {
  known_.was_killed = true;
  EXPECT_EQ(exited(137, "no").phase, Phase::Stopped);
  EXPECT_EQ(exited(0, "on-failure").phase, Phase::Stopped);
}

TEST_F(ObservationTest, WhatWeStoppedIsStopped) {
  const Record record{.object = "c1",
                      .intent = "intent2",
                      .spec_digest = {},
                      .fields = nullptr,
                      .is_stopped = true};
  known_.record = &record;
  const Observed seen = exited(0, "no");
  EXPECT_EQ(seen.phase, Phase::Stopped);
  EXPECT_EQ(seen.intent, "intent2");
}

TEST_F(ObservationTest, ARecordOfAnotherContainerDoesNotCount) {
  const Record record{.object = "c0",
                      .intent = "intent0",
                      .spec_digest = "d0",
                      .fields = nullptr,
                      .is_stopped = true};
  known_.record = &record;
  summary_.state = "running";
  EXPECT_EQ(describe().intent, "intent1");
}

TEST_F(ObservationTest, DriftIsSeenFieldByField) {
  summary_.state = "running";
  details_.memory = 1 << 27;
  details_.restart_policy = "no";
  const Observed seen = describe();
  EXPECT_EQ(seen.fields->integer_or("resources.memory", 0), 1 << 27);
  EXPECT_EQ(seen.fields->integer_or("resources.cpu", 0), 250);
  EXPECT_EQ(seen.fields->text_or("restart", ""), "no");
}

TEST_F(ObservationTest, ACrashLoopShows) {
  summary_.state = "restarting";
  details_.exit_code = 1;
  details_.restarts = 4;
  EXPECT_EQ(describe().phase, Phase::Failed);
  EXPECT_EQ(describe().reason, "CrashLoop");
  EXPECT_EQ(describe().restarts, 4);
  summary_.state = "running";
  details_.started_at = known_.now - Duration(1'000);
  EXPECT_EQ(describe().phase, Phase::Starting);
  details_.started_at = known_.now - kStableAfter;
  EXPECT_EQ(describe().phase, Phase::Running);
}

TEST_F(ObservationTest, OfTwoTheOneThatIsWellStandsForBoth) {
  ContainerSummary old_one = summary_;
  old_one.state = "running";
  old_one.created = 1;
  ContainerSummary new_one = summary_;
  new_one.state = "running";
  new_one.status = "Up 1 second (health: starting)";
  new_one.created = 2;
  EXPECT_EQ(choose_current({&new_one, &old_one}), &old_one);
  new_one.status = "Up 1 second (healthy)";
  EXPECT_EQ(choose_current({&old_one, &new_one}), &new_one);
  new_one.state = "created";
  EXPECT_EQ(choose_current({&old_one, &new_one}), &old_one);
}

TEST_F(ObservationTest, ReadsTheEnginesTimes) {
  EXPECT_EQ(format_time(*parse_engine_time("2026-11-28T13:17:14.123456789Z")),
            "2026-11-28T13:17:14.123Z");
  EXPECT_EQ(format_time(*parse_engine_time("2026-11-28T13:17:14+01:00")),
            "2026-11-28T12:17:14.000Z");
  EXPECT_FALSE(parse_engine_time("0001-01-01T00:00:00Z"));
}

TEST_F(ObservationTest, OnlyWhatIsLabelledAndNamedAsOursIsOurs) {
  const auto list = [&](const std::string& name, const std::string& provider) {
    Value entry = Value::map({{"Id", "c1"}, {"State", "running"}});
    entry.set("Names", Value(Value::List{Value("/" + name)}));
    Labels labels = summary_.labels;
    labels[label::kProvider] = provider;
    entry.set("Labels", to_value(labels));
    return our_containers(Value(Value::List{std::move(entry)}), "docker").size();
  };
  const std::string ours = container_name({"alice", Kind::Service, "shop.web"}, "uid1", "intent1");
  EXPECT_EQ(list(ours, "docker"), 1u);
  EXPECT_EQ(list("loving_turing", "docker"), 0u) << "a step of a build may carry any label";
  EXPECT_EQ(list(ours, "other"), 0u);
}

}  // namespace
}  // namespace croft::docker
