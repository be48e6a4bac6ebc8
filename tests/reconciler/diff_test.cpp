#include <gtest/gtest.h>

#include "core/base/secret.hpp"
#include "tests/reconciler/worlds.hpp"

namespace croft {
namespace {

std::optional<FieldChange> field(const Change& change, const std::string& path) {
  for (const FieldChange& one : change.fields) {
    if (one.path == path) return one;
  }
  return std::nullopt;
}

TEST(DiffTest, KeepsWhatIsAsDeclared) {
  World world = empty_world();
  settle(world, instance("api"), app());
  const Changeset changeset = diff(world);
  const Change& change = change_of(changeset, instance("api"));
  EXPECT_EQ(change.action, Action::Keep);
  EXPECT_EQ(change.reason, "Unchanged");
  EXPECT_FALSE(has_changes(changeset));
  EXPECT_EQ(changeset.digest.size(), 64u);
}

TEST(DiffTest, OnlyWhatChangesNothingGoesWithoutADigest) {
  World world = empty_world();
  settle(world, instance("api"), app());
  const std::string digest = diff(world).digest;
  world.wants_digest = false;
  EXPECT_EQ(diff(world).digest, "");
  declare(world, instance("worker"), app());
  EXPECT_EQ(diff(world).digest.size(), 64u);
  EXPECT_NE(diff(world).digest, digest);
}

TEST(DiffTest, CreatesWhatIsNew) {
  World world = empty_world();
  declare(world, instance("api"), app());
  const Changeset changeset = diff(world);
  const Change& change = change_of(changeset, instance("api"));
  EXPECT_EQ(change.action, Action::Create);
  EXPECT_EQ(change.reason, "Declared");
  EXPECT_EQ(change.provider, "local");
  EXPECT_TRUE(change.uid.empty());
  EXPECT_FALSE(change.is_drift);
  EXPECT_EQ(field(change, "command")->after, R"(["python3", "app.py"])");
  EXPECT_FALSE(field(change, "resources.memory")) << "a default is not worth a line";
}

TEST(DiffTest, UpdatesTheFieldsThatChangedAndPrintsThemAsPeopleWrite) {
  World world = empty_world();
  settle(world, instance("api"), app("hello"));
  Value changed = app("hi");
  changed.find("resources")->set("memory", 256 << 20);
  declare(world, instance("api"), changed);
  const Changeset changeset = diff(world);
  const Change& change = change_of(changeset, instance("api"));
  EXPECT_EQ(change.action, Action::Update);
  EXPECT_EQ(change.reason, "SpecChanged");
  EXPECT_EQ(change.why, "spec changed");
  EXPECT_EQ(change.fields.size(), 2u);
  EXPECT_EQ(*field(change, "env.GREETING"), (FieldChange{"env.GREETING", "\"hello\"", "\"hi\""}));
  EXPECT_EQ(*field(change, "resources.memory"),
            (FieldChange{"resources.memory", "128MiB", "256MiB"}));
}

TEST(DiffTest, RepairsFieldsThatWereChangedOutsideOfGit) {
  World world = empty_world();
  settle(world, instance("api"), app());
  Value fields = app();
  fields.find("env")->set("GREETING", "tampered");
  run(world, instance("api"), fields);
  const Changeset changeset = diff(world);
  const Change& change = change_of(changeset, instance("api"));
  EXPECT_EQ(change.action, Action::Update);
  EXPECT_EQ(change.reason, "Drifted");
  EXPECT_TRUE(change.is_drift);
  EXPECT_EQ(*field(change, "env.GREETING"),
            (FieldChange{"env.GREETING", "\"tampered\"", "\"hello\""}));
}

TEST(DiffTest, TidiesUpWhatAnInterruptedChangeLeftBehind) {
  World world = empty_world();
  settle(world, instance("api"), app());
  run(world, instance("api"), app());
  world.observed.begin()->second.left_behind = "another container";
  const Changeset changeset = diff(world);
  const Change& change = change_of(changeset, instance("api"));
  EXPECT_EQ(change.action, Action::Update);
  EXPECT_TRUE(change.is_drift);
  EXPECT_EQ(change.why, "drifted: an interrupted change left another container");
  EXPECT_TRUE(change.fields.empty());
}

TEST(DiffTest, WhatMustBeMadeAnewIsUpdatedThoughItsFieldsAreRight) {
  World world = empty_world();
  settle(world, instance("api"), app());
  Observed& seen = run(world, instance("api"), app());
  seen.outdated = "it shares the network of a container that is gone";
  const Changeset changeset = diff(world);
  const Change& change = change_of(changeset, instance("api"));
  EXPECT_EQ(change.action, Action::Update);
  EXPECT_TRUE(change.is_drift);
  EXPECT_EQ(change.why, "drifted: it shares the network of a container that is gone");
  EXPECT_FALSE(has_changes(diff(applied(world, changeset))));
  seen.phase = Phase::Completed;
  EXPECT_FALSE(has_changes(diff(world))) << "what has done its work does not do it again";
}

TEST(DiffTest, APlanThatLosesItsWayOutClosesWhatRuns) {
  World world = empty_world();
  world.allow_egress = true;
  for (const char* name : {"api", "job", "untold"}) settle(world, instance(name), app());
  run(world, instance("api"), app()).allows_egress = true;
  Observed& job = run(world, instance("job"), app());
  job.allows_egress = true;
  job.phase = Phase::Completed;
  const Changeset before = diff(world);
  EXPECT_FALSE(has_changes(before));
  world.allow_egress = false;
  const Changeset changeset = diff(world);
  const Change& change = change_of(changeset, instance("api"));
  EXPECT_EQ(change.action, Action::Update);
  EXPECT_EQ(change.reason, "PlanChanged");
  EXPECT_FALSE(change.is_drift);
  EXPECT_EQ(count_of(changeset, Action::Keep), 2U) << "what has done its work, what tells nothing";
  EXPECT_NE(changeset.digest, before.digest);
  EXPECT_FALSE(has_changes(diff(applied(world, changeset))));
}

TEST(DiffTest, AnUpdateSaysWhatItDoesToWhatRuns) {
  World world = empty_world();
  settle(world, instance("api"), app("hello"));
  declare(world, instance("api"), app("hi"));
  EXPECT_FALSE(change_of(diff(world), instance("api")).manner) << "nobody tells";
  std::vector<std::string> asked;
  world.how_updated = [&](const std::string& provider, const Ref& ref, const Value& before,
                          const Value& after, bool is_anew) {
    asked = {provider, ref.name, before.text_or("env.GREETING", ""),
             after.text_or("env.GREETING", ""), is_anew ? "anew" : "as it is"};
    return std::optional(UpdateManner{UpdateWay::Replace, "it has a host port"});
  };
  EXPECT_EQ(change_of(diff(world), instance("api")).manner,
            (UpdateManner{UpdateWay::Replace, "it has a host port"}));
  EXPECT_EQ(asked, (std::vector<std::string>{"local", "api", "hello", "hi", "as it is"}));
  run(world, instance("api"), app("hello")).outdated = "gone";
  (void)diff(world);
  EXPECT_EQ(asked.back(), "anew");
  run(world, instance("api"), app("hello")).phase = Phase::Stopped;
  EXPECT_FALSE(change_of(diff(world), instance("api")).manner) << "nothing runs";
}

TEST(DiffTest, KeepsFieldsTheProviderOwns) {
  World world = empty_world();
  settle(world, instance("api"), app());
  Value fields = app();
  fields.find("env")->set("REGION", "cdg");
  fields.set("zone", "a");
  run(world, instance("api"), fields);
  EXPECT_FALSE(has_changes(diff(world)));
}

TEST(DiffTest, RemovesAFieldThatIsNoLongerDeclared) {
  World world = empty_world();
  Value before = app();
  before.find("env")->set("OLD", "x");
  settle(world, instance("api"), before);
  declare(world, instance("api"), app());
  const Changeset changeset = diff(world);
  const Change& change = change_of(changeset, instance("api"));
  EXPECT_EQ(change.action, Action::Update);
  EXPECT_EQ(*field(change, "env.OLD"), (FieldChange{"env.OLD", "\"x\"", std::nullopt}));
}

TEST(DiffTest, AFieldThatIsLikeThatAlreadyNeedsNoProvider) {
  World world = empty_world();
  settle(world, instance("api"), app("hello"));
  run(world, instance("api"), app("hi"));
  declare(world, instance("api"), app("hi"));
  const Changeset changeset = diff(world);
  const Change& change = change_of(changeset, instance("api"));
  EXPECT_EQ(change.action, Action::Update);
  EXPECT_TRUE(change.is_record_only);
  EXPECT_FALSE(has_changes(diff(applied(world, changeset))));
}

TEST(DiffTest, AChangeOfCroftsOwnFieldsDoesNotTouchWhatRuns) {
  World world = empty_world();
  settle(world, instance("api"), app());
  Value changed = app();
  changed.find("deletion")->set("policy", "destroy");
  changed.set("dependsOn", Value(Value::List{"Site/blog"}));
  declare(world, instance("api"), changed);
  const Changeset changeset = diff(world);
  const Change& change = change_of(changeset, instance("api"));
  EXPECT_EQ(change.action, Action::Update);
  EXPECT_TRUE(change.is_record_only);
  EXPECT_EQ(change.spec_digest, world.observed.at("uid-api").spec_digest);
  EXPECT_EQ(*field(change, "deletion.policy"),
            (FieldChange{"deletion.policy", "\"retain\"", "\"destroy\""}));
}

TEST(DiffTest, AHostOfItsOwnDoesNotRestartAnApp) {
  World world = empty_world();
  Value web = app();
  web.set("http", Value::map({{"port", 8080}}));
  settle(world, instance("api"), web);
  web.find("http")->set("hosts", Value(Value::List{"api.alice.dev"}));
  declare(world, instance("api"), web);
  EXPECT_TRUE(change_of(diff(world), instance("api")).is_record_only);
}

TEST(DiffTest, IgnoredPathsAreNeitherShownNorOverwritten) {
  World world = empty_world();
  Value declared = app("hello");
  declared.set("ignore", Value(Value::List{"env.GREETING", "resources.memory"}));
  settle(world, instance("api"), declared);
  Value fields = app("set by hand");
  fields.find("resources")->set("memory", 512 << 20);
  run(world, instance("api"), fields);
  EXPECT_FALSE(has_changes(diff(world)));

  declared.find("env")->set("OTHER", "new");
  declare(world, instance("api"), declared);
  const Changeset changeset = diff(world);
  const Change& change = change_of(changeset, instance("api"));
  EXPECT_EQ(change.action, Action::Update);
  ASSERT_EQ(change.fields.size(), 1u);
  EXPECT_EQ(change.fields[0].path, "env.OTHER");
  EXPECT_EQ(change.after->text_or("env.GREETING", ""), "set by hand");
  EXPECT_EQ(change.after->integer_or("resources.memory", 0), 512 << 20);
  EXPECT_FALSE(has_changes(diff(applied(world, changeset))));
}

TEST(DiffTest, IgnoreReachesElementsByNameByIndexOrAll) {
  for (const char* path : {"volumes[data].size", "volumes[0].size", "volumes.size", "volumes"}) {
    World world = empty_world();
    Value declared = with_volume(app(), "data", 1 << 30);
    declared.set("ignore", Value(Value::List{path}));
    settle(world, instance("api"), declared);
    Value fields = with_volume(app(), "data", 2 << 29);
    fields.find("volumes")->as_list()[0].set("size", 4 << 20);
    run(world, instance("api"), fields);
    EXPECT_FALSE(has_changes(diff(world))) << path;
  }
}

TEST(DiffTest, SecretsAreNeitherComparedNorShownInClear) {
  World world = empty_world();
  Value declared = app();
  declared.find("env")->set("TOKEN", Value::map({{"secret", "api-token"}}));
  settle(world, instance("api"), declared);
  Value fields = app();
  fields.find("env")->set("TOKEN", "s3cr3t-in-clear");
  run(world, instance("api"), fields);
  EXPECT_FALSE(has_changes(diff(world)));

  declare(world, instance("api"), app());
  const Changeset changeset = diff(world);
  const Change& change = change_of(changeset, instance("api"));
  EXPECT_EQ(*field(change, "env.TOKEN"),
            (FieldChange{"env.TOKEN", std::string(kRedacted), std::nullopt}));
}

TEST(DiffTest, StartsWhatIsStoppedThoughWantedAndSaysSinceWhen) {
  World world = empty_world();
  settle(world, instance("api"), app());
  world.observed.at("uid-api").phase = Phase::Stopped;
  world.observed.at("uid-api").message = "its process is gone";
  row_of(world, instance("api"))
      .conditions.push_back({.type = "Ready",
                             .status = ConditionStatus::False,
                             .reason = "Stopped",
                             .since = at(-720)});
  const Changeset changeset = diff(world);
  const Change& change = change_of(changeset, instance("api"));
  EXPECT_EQ(change.action, Action::Start);
  EXPECT_TRUE(change.is_drift);
  EXPECT_EQ(change.why, "drifted: its process is gone since 12 min");
}

TEST(DiffTest, CreatesAgainWhatVanished) {
  World world = empty_world();
  settle(world, instance("api"), app());
  world.observed.clear();
  const Changeset changeset = diff(world);
  const Change& change = change_of(changeset, instance("api"));
  EXPECT_EQ(change.action, Action::Create);
  EXPECT_EQ(change.uid, "uid-api");
  EXPECT_TRUE(change.is_drift);
  EXPECT_EQ(change.why, "drifted: it is gone from local");
}

TEST(DiffTest, LeavesCrashLoopsToTheProvider) {
  World world = empty_world();
  settle(world, instance("api"), app());
  Observed& observed = world.observed.at("uid-api");
  observed.phase = Phase::Failed;
  observed.reason = "CrashLoop";
  observed.message = "exit status 1, next try in 40s";
  const Changeset changeset = diff(world);
  const Change& change = change_of(changeset, instance("api"));
  EXPECT_EQ(change.action, Action::Keep);
  EXPECT_EQ(change.reason, "Failed");
  EXPECT_EQ(change.why, "CrashLoop: exit status 1, next try in 40s");
  declare(world, instance("api"), app("mended"));
  EXPECT_EQ(change_of(diff(world), instance("api")).action, Action::Update);
}

TEST(DiffTest, AsleepAndCompletedAreFine) {
  for (const Phase phase : {Phase::Asleep, Phase::Completed, Phase::Starting}) {
    World world = empty_world();
    settle(world, instance("api"), app());
    world.observed.at("uid-api").phase = phase;
    EXPECT_FALSE(has_changes(diff(world))) << to_string(phase);
  }
}

TEST(DiffTest, DestroysWhatIsNoLongerDeclaredAndSaysWhatBecomesOfItsData) {
  World world = empty_world();
  own(world, site("old"), Value::map({{"files", Value::map({{"path", "public"}})}}));
  run(world, site("old"), Value::map({{"files", Value::map({{"path", "public"}})}}));
  for (const char* name : {"a", "b"}) settle(world, instance(name), app());
  const Changeset changeset = diff(world);
  const Change& change = change_of(changeset, site("old"));
  EXPECT_EQ(change.action, Action::Destroy);
  EXPECT_EQ(change.reason, "Removed");
  EXPECT_EQ(change.why, "removed from alice/main; releases kept for 30 days");
  EXPECT_EQ(change.after, nullptr);
  EXPECT_FALSE(change.loses_data);
  EXPECT_FALSE(changeset.guard);
}

TEST(DiffTest, DeletionPolicyDestroyErases) {
  World world = empty_world();
  Value value = app();
  value.find("deletion")->set("policy", "destroy");
  own(world, instance("api"), value);
  const Change change = change_of(diff(world), instance("api"));
  EXPECT_TRUE(change.erases_data);
  EXPECT_TRUE(change.loses_data);
}

TEST(DiffTest, KeptDataReturnsUnderTheSameUid) {
  World world = empty_world();
  declare(world, instance("db"), with_volume(app(), "data", 1 << 30));
  ResourceRow& row = own(world, instance("db"), with_volume(app(), "data", 1 << 30));
  row.state = InventoryState::Retained;
  row.retained_until = at(3600);
  const Changeset changeset = diff(world);
  const Change& change = change_of(changeset, instance("db"));
  EXPECT_EQ(change.action, Action::Create);
  EXPECT_EQ(change.reason, "DataReturned");
  EXPECT_EQ(change.uid, "uid-db");
  EXPECT_FALSE(change.loses_data);
}

TEST(DiffTest, DataPastItsRetentionDoesNotReturn) {
  World world = empty_world();
  declare(world, instance("db"), app());
  ResourceRow& row = own(world, instance("db"), app());
  row.state = InventoryState::Retained;
  row.retained_until = at(0);
  const Changeset changeset = diff(world);
  EXPECT_EQ(change_of(changeset, instance("db")).reason, "Declared");
  EXPECT_TRUE(change_of(changeset, instance("db")).uid.empty());
}

TEST(DiffTest, RetainedDataAloneNeedsNoChange) {
  World world = empty_world();
  own(world, instance("db"), app()).state = InventoryState::Retained;
  EXPECT_TRUE(diff(world).changes.empty());
}

TEST(DiffTest, WhatRunsAgainAfterItsRemovalIsDestroyedAgain) {
  World world = empty_world();
  own(world, instance("ghost"), app()).state = InventoryState::Retained;
  run(world, instance("ghost"), app());
  const Changeset changeset = diff(world);
  EXPECT_EQ(change_of(changeset, instance("ghost")).action, Action::Destroy);
  EXPECT_EQ(change_of(changeset, instance("ghost")).reason, "Leftover");
  EXPECT_FALSE(changeset.guard);
}

TEST(DiffTest, AnotherProviderIsAReplace) {
  World world = empty_world();
  settle(world, instance("api"), app());
  Value moved = app();
  moved.set("provider", "docker");
  declare(world, instance("api"), moved).provider = "docker";
  const Changeset changeset = diff(world);
  const Change& change = change_of(changeset, instance("api"));
  EXPECT_EQ(change.action, Action::Replace);
  EXPECT_EQ(change.provider, "docker");
  EXPECT_EQ(change.provider_before, "local");
  EXPECT_EQ(change.why, "moves from local to docker");
  EXPECT_EQ(*field(change, "provider"), (FieldChange{"provider", "\"local\"", "\"docker\""}));
  EXPECT_FALSE(changeset.guard);
}

TEST(DiffTest, AnotherProviderIsGuardedWhereVolumesStayBehind) {
  World world = empty_world();
  settle(world, instance("db"), with_volume(app(), "data", 1 << 30));
  declare(world, instance("db"), with_volume(app(), "data", 1 << 30)).provider = "docker";
  const Changeset changeset = diff(world);
  EXPECT_TRUE(change_of(changeset, instance("db")).loses_data);
  ASSERT_TRUE(changeset.guard);
  EXPECT_EQ(changeset.guard->reason, "DataLoss");
  EXPECT_EQ(
      changeset.guard->message,
      "data would be lost: Instance/db (moves from local to docker; volume data stays behind)");
}

TEST(DiffTest, VolumesThatShrinkOrGoLoseData) {
  World world = empty_world();
  settle(world, instance("db"), with_volume(with_volume(app(), "data", 1 << 30), "logs", 1 << 20));
  declare(world, instance("db"), with_volume(with_volume(app(), "data", 1 << 29), "logs", 1 << 20));
  EXPECT_EQ(change_of(diff(world), instance("db")).why, "spec changed; volume 'data' shrinks");
  EXPECT_TRUE(diff(world).guard);
  declare(world, instance("db"), with_volume(app(), "data", 1 << 30));
  EXPECT_EQ(change_of(diff(world), instance("db")).why,
            "spec changed; volume 'logs' is no longer declared");
  EXPECT_TRUE(diff(world).guard);
  declare(world, instance("db"), with_volume(with_volume(app(), "data", 2 << 29), "logs", 1 << 21));
  EXPECT_FALSE(diff(world).guard) << "growing is fine";
}

TEST(DiffTest, TheOrderOfVolumesDoesNotMatter) {
  World world = empty_world();
  settle(world, instance("db"), with_volume(with_volume(app(), "a", 1 << 20), "b", 1 << 20));
  declare(world, instance("db"), with_volume(with_volume(app(), "b", 1 << 20), "a", 1 << 20));
  EXPECT_FALSE(has_changes(diff(world)));
}

TEST(DiffTest, AdoptsWhatRunsAsDeclaredAlready) {
  World world = empty_world();
  settle(world, instance("api"), app());
  row_of(world, instance("api")).applied = nullptr;
  const Changeset changeset = diff(world);
  EXPECT_EQ(change_of(changeset, instance("api")).action, Action::Adopt);
  EXPECT_FALSE(has_changes(diff(applied(world, changeset))));
}

TEST(DiffTest, FinishesWhatWasLeftHalfMade) {
  World world = empty_world();
  settle(world, instance("api"), app());
  row_of(world, instance("api")).applied = nullptr;
  run(world, instance("api"), app("other"));
  EXPECT_EQ(change_of(diff(world), instance("api")).action, Action::Update);
  world.observed.at("uid-api").phase = Phase::Created;
  run(world, instance("api"), app()).phase = Phase::Created;
  EXPECT_EQ(change_of(diff(world), instance("api")).action, Action::Start);
  world.observed.clear();
  EXPECT_EQ(change_of(diff(world), instance("api")).action, Action::Create);
  EXPECT_FALSE(change_of(diff(world), instance("api")).is_drift);
}

TEST(DiffTest, HoldingStopsWhatRunsAndThenLeavesItAlone) {
  World world = empty_world();
  settle(world, instance("batch"), app());
  direct(world, instance("batch"), DirectiveVerb::Stop, -7200);
  Changeset changeset = diff(world);
  EXPECT_EQ(change_of(changeset, instance("batch")).action, Action::Stop);
  EXPECT_EQ(change_of(changeset, instance("batch")).reason, "Held");
  EXPECT_FALSE(change_of(changeset, instance("batch")).is_drift);

  world = applied(world, changeset);
  declare(world, instance("batch"), app("new"));
  changeset = diff(world);
  const Change& change = change_of(changeset, instance("batch"));
  EXPECT_EQ(change.action, Action::Keep);
  EXPECT_EQ(change.why, "held by alice for 2 h (croft stop), left alone");
  EXPECT_EQ(change.after, change.before) << "what is pending must not be remembered as applied";
}

TEST(DiffTest, HoldingDoesNotKeepWhatIsNoLongerDeclared) {
  World world = empty_world();
  own(world, instance("batch"), app());
  direct(world, instance("batch"), DirectiveVerb::Stop, -10);
  EXPECT_EQ(change_of(diff(world), instance("batch")).action, Action::Destroy);
}

TEST(DiffTest, TheNewestOfStopAndStartCounts) {
  World world = empty_world();
  settle(world, instance("api"), app());
  direct(world, instance("api"), DirectiveVerb::Stop, -20);
  direct(world, instance("api"), DirectiveVerb::Start, -10);
  EXPECT_FALSE(has_changes(diff(world)));
  world.observed.at("uid-api").phase = Phase::Stopped;
  const Changeset changeset = diff(world);
  EXPECT_EQ(change_of(changeset, instance("api")).action, Action::Start);
  EXPECT_EQ(change_of(changeset, instance("api")).reason, "Started");
  EXPECT_FALSE(change_of(changeset, instance("api")).is_drift);
  direct(world, instance("api"), DirectiveVerb::Stop, -10);
  EXPECT_FALSE(has_changes(diff(world))) << "at the same time, stopping wins";
}

TEST(DiffTest, ADirectiveEndsWithItsTime) {
  World world = empty_world();
  settle(world, instance("api"), app());
  direct(world, instance("api"), DirectiveVerb::Stop, -20);
  world.directives[0].until = at(-1);
  EXPECT_FALSE(has_changes(diff(world)));
  world.directives[0].until = at(60);
  EXPECT_EQ(change_of(diff(world), instance("api")).action, Action::Stop);
}

TEST(DiffTest, AStartAfterAHoldIsNoDrift) {
  World world = empty_world();
  settle(world, instance("api"), app());
  world.observed.at("uid-api").phase = Phase::Stopped;
  row_of(world, instance("api"))
      .conditions.push_back(
          {.type = "Ready", .status = ConditionStatus::False, .reason = "Held", .since = at(-60)});
  const Changeset changeset = diff(world);
  EXPECT_EQ(change_of(changeset, instance("api")).reason, "Released");
  EXPECT_FALSE(change_of(changeset, instance("api")).is_drift);
}

TEST(DiffTest, SuspendingByHandLeavesEverythingAlone) {
  World world = empty_world();
  settle(world, instance("api"), app());
  declare(world, instance("api"), app("new"));
  world.observed.at("uid-api").phase = Phase::Stopped;
  own(world, instance("old"), app());
  for (const char* name : {"api", "old"})
    direct(world, instance(name), DirectiveVerb::Suspend, -60);
  const Changeset changeset = diff(world);
  EXPECT_FALSE(has_changes(changeset));
  EXPECT_EQ(change_of(changeset, instance("api")).reason, "Suspended");
  EXPECT_EQ(change_of(changeset, instance("api")).why,
            "suspended by alice for 60 s (croft suspend), left alone");
}

TEST(DiffTest, ASuspendedTenantIsStoppedWhateverWasOrderedByHand) {
  World world = empty_world();
  world.is_suspended = true;
  settle(world, instance("api"), app());
  direct(world, instance("api"), DirectiveVerb::Suspend, -60);
  direct(world, instance("api"), DirectiveVerb::Start, -60);
  declare(world, instance("new"), app());
  const Changeset changeset = diff(world);
  EXPECT_EQ(change_of(changeset, instance("api")).action, Action::Stop);
  EXPECT_EQ(change_of(changeset, instance("api")).reason, "TenantSuspended");
  EXPECT_EQ(change_of(changeset, instance("new")).action, Action::Keep);
  EXPECT_FALSE(changeset.guard);
}

TEST(DiffTest, RestartsWhatStartedBeforeItWasAskedTo) {
  World world = empty_world();
  settle(world, instance("api"), app());
  direct(world, instance("api"), DirectiveVerb::Restart, -10);
  const Changeset changeset = diff(world);
  EXPECT_EQ(change_of(changeset, instance("api")).action, Action::Start);
  EXPECT_TRUE(change_of(changeset, instance("api")).stops_first);
  EXPECT_FALSE(has_changes(diff(applied(world, changeset))));
}

TEST(DiffTest, ARemovedTenantLosesEverythingButItsData) {
  World world = empty_world();
  world.is_removed = true;
  settle(world, instance("db"), with_volume(app(), "data", 1 << 30));
  own(world, site("blog"), Value::map()).source = "alice/frozen";
  world.frozen_sources.insert("alice/frozen");
  direct(world, instance("db"), DirectiveVerb::Suspend, -60);
  const Changeset changeset = diff(world);
  EXPECT_EQ(count_of(changeset, Action::Destroy), 2u);
  EXPECT_FALSE(change_of(changeset, instance("db")).erases_data);
  ASSERT_TRUE(changeset.guard);
  EXPECT_EQ(changeset.guard->reason, "TenantRemoved");
  EXPECT_FALSE(has_changes(diff(applied(world, changeset))));
}

TEST(DiffTest, AnUnobservedProvidersThingsAreLeftAlone) {
  World world = empty_world();
  settle(world, instance("api"), app());
  world.observed.clear();
  own(world, instance("old"), app());
  declare(world, instance("new"), app());
  world.unobserved.insert("local");
  const Changeset changeset = diff(world);
  EXPECT_FALSE(has_changes(changeset));
  ASSERT_EQ(changeset.notes.size(), 1u);
  EXPECT_EQ(changeset.notes[0], "provider local does not answer: 3 resources are left alone");
}

TEST(DiffTest, AFrozenSourceKeepsWhatItHasButPowerIsStillOurs) {
  World world = empty_world();
  for (const char* name : {"a", "b"}) {
    own(world, instance(name), app()).source = "alice/broken";
    run(world, instance(name), app());
  }
  world.frozen_sources.insert("alice/broken");
  direct(world, instance("b"), DirectiveVerb::Stop, -60);
  const Changeset changeset = diff(world);
  EXPECT_EQ(change_of(changeset, instance("a")).reason, "SourceFrozen");
  EXPECT_EQ(change_of(changeset, instance("a")).action, Action::Keep);
  EXPECT_EQ(change_of(changeset, instance("b")).action, Action::Stop);
  ASSERT_EQ(changeset.notes.size(), 1u);
  EXPECT_EQ(changeset.notes[0],
            "source alice/broken failed to load: its 2 resources are left as they are");
}

TEST(DiffTest, ALastGoodRevisionIsKeptUpWhileItsSourceIsBroken) {
  World world = empty_world();
  settle(world, instance("a"), app());
  world.frozen_sources.insert("alice/main");
  world.observed.clear();
  EXPECT_EQ(change_of(diff(world), instance("a")).action, Action::Create);
}

TEST(DiffTest, ARefThatMovesToAnotherSourceStays) {
  World world = empty_world();
  settle(world, instance("a"), app());
  world.desired.at(instance("a")).source = "alice/other";
  world.removed_sources.insert("alice/main");
  EXPECT_FALSE(has_changes(diff(world)));
}

TEST(DiffTest, StrangersAreNamedAndLeftAlone) {
  World world = empty_world();
  settle(world, instance("a"), app());
  Observed stranger;
  stranger.uid = "who";
  stranger.ref = instance("a");
  stranger.phase = Phase::Running;
  world.observed["who"] = stranger;
  const Changeset changeset = diff(world);
  EXPECT_FALSE(has_changes(changeset));
  ASSERT_EQ(changeset.notes.size(), 1u);
  EXPECT_NE(changeset.notes[0].find("uid who"), std::string::npos);
}

TEST(DiffTest, OperatorKindsAreRecordsOnly) {
  World world;
  const Ref plan{"", Kind::Plan, "hobby"};
  world.desired[plan] = Desired{.ref = plan,
                                .spec = spec(Value::map({{"quotas", Value::map({{"sites", 3}})}})),
                                .source = "platform"};
  Changeset changeset = diff(world);
  EXPECT_EQ(change_of(changeset, plan).action, Action::Create);
  world = applied(world, changeset);
  EXPECT_FALSE(has_changes(diff(world)));
  world.desired[plan].spec = spec(Value::map({{"quotas", Value::map({{"sites", 4}})}}));
  changeset = diff(world);
  EXPECT_EQ(change_of(changeset, plan).action, Action::Update);
  EXPECT_FALSE(has_changes(diff(applied(world, changeset))));
}

TEST(DiffTest, OfflineNothingHasDrifted) {
  World world = empty_world();
  world.is_observed = false;
  settle(world, instance("same"), app());
  settle(world, instance("changed"), app("hello"));
  declare(world, instance("changed"), app("hi"));
  declare(world, instance("new"), app());
  world.observed.clear();
  const Changeset changeset = diff(world);
  EXPECT_FALSE(changeset.observed);
  EXPECT_EQ(change_of(changeset, instance("same")).action, Action::Keep);
  EXPECT_EQ(change_of(changeset, instance("changed")).action, Action::Update);
  EXPECT_EQ(change_of(changeset, instance("new")).action, Action::Create);
}

TEST(DiffTest, AProviderWithoutFieldsIsJudgedByItsLabel) {
  World world = empty_world();
  settle(world, instance("api"), app());
  world.observed.at("uid-api").fields = nullptr;
  EXPECT_FALSE(has_changes(diff(world)));
  world.observed.at("uid-api").spec_digest = "another";
  EXPECT_EQ(change_of(diff(world), instance("api")).action, Action::Update);
  EXPECT_TRUE(change_of(diff(world), instance("api")).is_drift);
}

TEST(DiffTest, GarbageFromAProviderIsSurvived) {
  const Value garbage[] = {
      Value(),
      Value(3),
      Value("text"),
      Value::list(),
      Value(Value::List{Value(), Value::map()}),
      Value::map(
          {{"volumes", Value("none")}, {"env", Value(Value::List{1})}, {"http", Value(true)}}),
      Value::map({{"volumes", Value(Value::List{Value::map({{"name", 3}}), Value(7)})}})};
  for (const Value& fields : garbage) {
    World world = empty_world();
    settle(world, instance("db"), with_volume(app(), "data", 1 << 30));
    world.observed.at("uid-db").fields = spec(fields);
    const Changeset changeset = diff(world);
    EXPECT_EQ(change_of(changeset, instance("db")).action, Action::Update) << to_json(fields);
  }
}

}  // namespace
}  // namespace croft
