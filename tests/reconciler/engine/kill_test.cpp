// kill -9 at every boundary: for every commit of the journal, before and after it, and for every
// call of a provider, before and after its effect, a daemon dies there and another takes over. It
// must end where an undisturbed one ends, with nothing doubled, nothing forgotten, and nothing
// touched that was right.

#include <cstdlib>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "tests/reconciler/engine/daemon.hpp"
#include "tests/reconciler/engine/killed_life.hpp"

namespace croft {
namespace {

bool is_soak() { return std::getenv("CROFT_SOAK") != nullptr; }
int resources() { return is_soak() ? 50 : 4; }

GitRepository::Files manifests(int count, const std::string& extra = "") {
  GitRepository::Files files;
  for (int i = 0; i < count; ++i) {
    const std::string depends =
        i % 5 == 4 ? fmt::format("  dependsOn: [Instance/app{}]\n", i - 1) : "";
    files.emplace_back(fmt::format("app{}.yaml", i),
                       instance_yaml(fmt::format("app{}", i), depends + extra));
  }
  return files;
}

std::map<std::string, Timestamp> running(const FakeWorld& world) {
  std::map<std::string, Timestamp> since;
  for (const FakeThing& thing : world.things()) {
    if (thing.observed.started_at) since.emplace(thing.observed.uid, *thing.observed.started_at);
  }
  return since;
}

/// What must hold once a second daemon is done. With `is_as_desired`, what the first one made was
/// already what is asked for, and is not to be restarted.
void expect_converged(TestBed& bed, int count, const std::string& where, bool is_as_desired) {
  const std::map<std::string, Timestamp> before = running(*bed.world);
  Daemon daemon(bed);
  // A fetch that meets what the dead left is tried again; until then the engine is settled with
  // what it has.
  ASSERT_TRUE(daemon.run_until([&] {
    return daemon.engine().is_settled("") &&
           bed.world->things().size() == static_cast<std::size_t>(count);
  })) << where
      << ": " << bed.world->things().size() << " of " << count;
  EXPECT_TRUE(bed.world->doubles().empty()) << where;
  std::set<std::string> known;
  for (const ResourceStatus& one : daemon.engine().status("")) {
    known.insert(one.uid);
    const Condition* ready = find_condition(one.conditions, "Ready");
    EXPECT_TRUE(ready != nullptr && ready->status == ConditionStatus::True)
        << where << " " << to_string(one.ref);
  }
  EXPECT_TRUE(bed.world->orphans(known).empty()) << where;
  const std::map<std::string, Timestamp> after = running(*bed.world);
  for (const auto& [uid, since] : is_as_desired ? before : decltype(before){}) {
    EXPECT_EQ(after.at(uid), since) << where << ": it was restarted";
  }
  const std::size_t effects = bed.world->effects();
  const auto again = daemon.run(daemon.engine().reconcile({"alice", std::nullopt}));
  ASSERT_TRUE(again) << where << again.error().describe();
  EXPECT_FALSE(has_changes(again->front())) << where;
  EXPECT_EQ(bed.world->effects(), effects) << where;
}

TEST(KillMatrixTest, DyingAtAnyCommitLosesAndDoublesNothing) {
  int commits = 0;
  {
    TestBed bed;
    bed.push_alice(manifests(resources()));
    Daemon daemon(bed);
    ASSERT_TRUE(daemon.settle());
    commits = daemon.faults().commits();
  }
  int kills = 0;
  // Two runs of the same work may differ by a commit or two, as passes meet: some more are tried.
  for (int n = 1; n <= commits + 2; ++n) {
    for (const KillPoint point : {KillPoint::Before, KillPoint::After}) {
      TestBed bed;
      bed.push_alice(manifests(resources()));
      const std::string where =
          fmt::format("killed {} commit {}", point == KillPoint::Before ? "before" : "after", n);
      const bool was_killed = live_until_killed(bed, [&](const std::function<void()>& die) {
        Daemon daemon(bed, [&](FaultyStore& store) { store.kill_at(n, point, die); });
        daemon.settle();
      });
      kills += was_killed ? 1 : 0;
      expect_converged(bed, resources(), where, true);
    }
  }
  fmt::print("killed {} times at {} commits while converging {} resources: no orphan, no double\n",
             kills, commits, resources());
  EXPECT_GE(kills, commits);
}

FakeRule hanging(FakeVerb verb, FakeFault fault, int nth) {
  FakeRule rule;
  rule.verb = verb;
  rule.nth = nth;
  rule.fault = fault;
  return rule;
}

/// What makes the daemon use that verb, once it has created everything.
void push_change(TestBed& bed, FakeVerb verb) {
  if (verb == FakeVerb::Update) bed.push_alice(manifests(resources(), "  env: {A: b}\n"));
  if (verb != FakeVerb::Destroy) return;
  for (int i = 0; i < resources(); ++i) bed.alice.remove(fmt::format("app{}.yaml", i));
  bed.push_alice({{"README", "x"}}, "gone\n\nCroft-Prune: yes\n");
}

TEST(KillMatrixTest, DyingInAnyUpdateOrDestroyLosesAndDoublesNothing) {
  int kills = 0;
  for (const FakeVerb verb : {FakeVerb::Create, FakeVerb::Update, FakeVerb::Destroy}) {
    for (const FakeFault fault : {FakeFault::HangBefore, FakeFault::HangAfter}) {
      for (int nth = 1; nth <= (is_soak() ? resources() : 2); ++nth) {
        TestBed bed;
        bed.push_alice(manifests(resources()));
        const std::string where = fmt::format("{} {} {}", to_string(verb), nth,
                                              fault == FakeFault::HangBefore ? "before" : "after");
        const bool was_killed = live_until_killed(bed, [&](const std::function<void()>& die) {
          bed.world->add(hanging(verb, fault, nth));
          bed.world->on_hang = [&](const FakeCall&) { die(); };
          Daemon daemon(bed);
          daemon.settle();
          push_change(bed, verb);
          daemon.run_until([] { return false; });
        });
        EXPECT_TRUE(was_killed) << where;
        kills += was_killed ? 1 : 0;
        const int left = verb == FakeVerb::Destroy ? 0 : resources();
        expect_converged(bed, left, where, verb == FakeVerb::Create);
      }
    }
  }
  fmt::print("killed {} times inside a provider's call\n", kills);
}

}  // namespace
}  // namespace croft
