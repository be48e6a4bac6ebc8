#include "reconciler/notify/what_happened.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/resource/event_type.hpp"

namespace croft::notify {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

const Ref kApi{"alice", Kind::Instance, "api"};

EventRow event(std::string reason, Severity severity = Severity::Normal) {
  EventRow row;
  row.time = Timestamp(Duration(5));
  row.tenant = "alice";
  row.subject = to_string(kApi);
  row.severity = severity;
  row.reason = std::move(reason);
  row.message = "why";
  row.revision = "8d1c0aa";
  return row;
}

ResourceRow api(ConditionStatus status, std::string reason) {
  ResourceRow row;
  row.uid = "u1";
  row.ref = kApi;
  row.provider = "local";
  row.phase = Phase::Running;
  row.conditions = {{"Ready", status, std::move(reason), "", {}}};
  return row;
}

SourceRow source(std::string attempted, std::string applied,
                 std::vector<Condition> conditions = {}) {
  SourceRow row;
  row.key = "alice/main";
  row.attempted_revision = std::move(attempted);
  row.applied_revision = std::move(applied);
  row.conditions = std::move(conditions);
  return row;
}

Condition stalled(std::string reason) {
  return {"Stalled", ConditionStatus::True, std::move(reason), "line 7: no", {}};
}

const ResourceRow* no_resource(const Ref&) { return nullptr; }

std::vector<NotificationRow> told(const Transaction& transaction,
                                  const SourceRow* known = nullptr) {
  return what_happened(transaction, {no_resource, [known](const std::string&) { return known; }});
}

template <typename... Writes>
std::vector<std::string> types(const SourceRow* known, Writes... writes) {
  Transaction transaction;
  (transaction.add(std::move(writes)), ...);
  std::vector<std::string> all;
  const std::vector<NotificationRow> rows = told(transaction, known);
  for (const NotificationRow& row : rows) all.push_back(row.type);
  return all;
}

TEST(WhatHappenedTest, EventsOfResourcesAreOfTheirTypes) {
  for (const auto& [reason, type] : std::vector<std::pair<std::string, std::string>>{
           {"Created", "croft.resource.created"},
           {"Replaced", "croft.resource.updated"},
           {"Stopped", "croft.resource.stopped"},
           {"Destroyed", "croft.resource.destroyed"},
           {"Drifted", "croft.resource.drifted"},
           {"DriftRepaired", "croft.resource.repaired"},
           {"CreateFailed", "croft.resource.failed"}}) {
    EXPECT_THAT(types(nullptr, AppendEvent{event(reason)}), ElementsAre(type));
  }
}

TEST(WhatHappenedTest, LinesOfBuildsAndCommandsAreNoNews) {
  EXPECT_THAT(types(nullptr, AppendEvent{event("Built")},
                    AppendEvent{event("PullFailed", Severity::Warning)},
                    AppendEvent{event("ExecBegan")}, PutToken{}),
              IsEmpty());
}

TEST(WhatHappenedTest, BecomingReadySaysHow) {
  const auto ready = [](const std::string& how) {
    return types(nullptr, AppendEvent{event("Ready")},
                 PutResource{api(ConditionStatus::True, how)});
  };
  EXPECT_THAT(ready("Running"), ElementsAre("croft.resource.ready"));
  EXPECT_THAT(ready("Asleep"), ElementsAre("croft.resource.asleep"));
  EXPECT_THAT(ready("Completed"), ElementsAre("croft.resource.completed"));
}

TEST(WhatHappenedTest, NotBeingReadyIsAFailureUnlessItWasMeant) {
  EXPECT_THAT(types(nullptr, AppendEvent{event("CrashLoop", Severity::Warning)},
                    PutResource{api(ConditionStatus::False, "CrashLoop")}),
              ElementsAre("croft.resource.failed"));
  EXPECT_THAT(types(nullptr, AppendEvent{event("Stopped", Severity::Warning)},
                    PutResource{api(ConditionStatus::False, "Stopped")}),
              ElementsAre("croft.resource.failed"));
  EXPECT_THAT(
      types(nullptr, AppendEvent{event("Held")}, PutResource{api(ConditionStatus::False, "Held")}),
      ElementsAre("croft.resource.stopped"));
}

TEST(WhatHappenedTest, SaysWhoseAndWhat) {
  Transaction transaction;
  transaction.add(PutResource{api(ConditionStatus::True, "Running")});
  transaction.add(AppendEvent{event("Ready")});
  const auto rows = told(transaction);
  ASSERT_EQ(rows.size(), 1U);
  EXPECT_EQ(rows[0].tenant, "alice");
  EXPECT_EQ(rows[0].subject, "alice/Instance/api");
  EXPECT_EQ(to_json(*rows[0].data),
            R"({"kind":"Instance","message":"why","name":"api","phase":"Running",)"
            R"("provider":"local","reason":"Ready","ref":"alice/Instance/api",)"
            R"("revision":"8d1c0aa","severity":"Normal","tenant":"alice","uid":"u1"})");
}

TEST(WhatHappenedTest, ARevisionIsAppliedOnce) {
  const SourceRow before = source("2", "1");
  EXPECT_THAT(types(&before, PutSource{source("2", "2")}), ElementsAre("croft.revision.applied"));
  const SourceRow after = source("2", "2");
  EXPECT_THAT(types(&after, PutSource{source("2", "2")}), IsEmpty());
  EXPECT_THAT(types(nullptr, PutSource{source("1", "")}), IsEmpty());
}

TEST(WhatHappenedTest, EachRefusedCommitIsTold) {
  const SourceRow good = source("1", "1");
  const SourceRow bad = source("2", "1", {stalled("InvalidManifests")});
  EXPECT_THAT(types(&good, PutSource{bad}), ElementsAre("croft.revision.rejected"));
  EXPECT_THAT(types(&bad, PutSource{bad}), IsEmpty());
  EXPECT_THAT(types(&bad, PutSource{source("3", "1", {stalled("InvalidManifests")})}),
              ElementsAre("croft.revision.rejected"));
  EXPECT_THAT(types(&bad, PutSource{source("2", "1", {stalled("NotAdmitted")})}),
              ElementsAre("croft.revision.rejected"));
}

TEST(WhatHappenedTest, ALostRepositoryIsToldOnce) {
  const SourceRow good = source("1", "1");
  const SourceRow lost = source("1", "1", {stalled("FetchFailed")});
  EXPECT_THAT(types(&good, PutSource{lost}), ElementsAre("croft.source.failed"));
  EXPECT_THAT(types(&lost, PutSource{lost}), IsEmpty());
}

TEST(WhatHappenedTest, WhatIsMissingBesideTheCommitIsNoRefusalOfIt) {
  const SourceRow good = source("1", "1");
  for (const std::string reason : {"SecretsBroken", "ProviderNotMade", "NotVerified"}) {
    const SourceRow lame = source("1", "1", {stalled(reason)});
    EXPECT_THAT(types(&good, PutSource{lame}), ElementsAre("croft.source.failed")) << reason;
    EXPECT_THAT(types(&lame, PutSource{lame}), IsEmpty()) << reason;
    // A commit that is taken, and with which it is no better.
    EXPECT_THAT(types(&lame, PutSource{source("2", "1", {stalled(reason)})}), IsEmpty()) << reason;
  }
}

TEST(WhatHappenedTest, TellsThatNothingIsInTheWayAnyMore) {
  for (const std::string reason : {"FetchFailed", "SecretsBroken", "InvalidManifests"}) {
    const SourceRow bad = source("1", "1", {stalled(reason)});
    EXPECT_THAT(types(&bad, PutSource{source("1", "1")}), ElementsAre("croft.source.recovered"));
  }
  const SourceRow lost = source("1", "1", {stalled("FetchFailed")});
  EXPECT_THAT(types(&lost, PutSource{source("2", "2")}),
              ElementsAre("croft.source.recovered", "croft.revision.applied"));
  EXPECT_THAT(types(&lost, PutSource{source("2", "1", {stalled("InvalidManifests")})}),
              ElementsAre("croft.revision.rejected"));
}

TEST(WhatHappenedTest, RecoverySaysFromWhat) {
  const SourceRow lost = source("1", "1", {stalled("FetchFailed")});
  Transaction transaction;
  transaction.add(PutSource{source("1", "1")});
  const auto rows = told(transaction, &lost);
  ASSERT_EQ(rows.size(), 1U);
  EXPECT_EQ(to_json(*rows[0].data),
            R"({"message":"over: FetchFailed","reason":"Recovered","revision":"1",)"
            R"("severity":"Normal","source":"alice/main","tenant":"alice"})");
}

TEST(WhatHappenedTest, PrunesAreOfTheTenant) {
  EventRow guarded = event("PruneGuarded", Severity::Warning);
  guarded.subject = "alice";
  EXPECT_THAT(types(nullptr, AppendEvent{guarded}), ElementsAre("croft.prune.guarded"));
}

}  // namespace
}  // namespace croft::notify
