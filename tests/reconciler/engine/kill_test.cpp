// kill -9 at every boundary: for every commit of the journal, before and after it, and for every
// call of a provider, before and after its effect, a daemon dies there and another takes over. It
// must end where an undisturbed one ends, with nothing doubled, nothing forgotten, and nothing
// touched that was right.

#include <cstdlib>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "tests/reconciler/engine/daemon.hpp"

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

/// What must hold once the second daemon is done.
void expect_converged(TestBed& bed, Daemon& daemon, int count, const std::string& where) {
  // A thread of the dead daemon may still hold a mirror for a moment, as no killed process could;
  // the source is then tried again, and until then the engine is settled with nothing.
  ASSERT_TRUE(daemon.run_until([&] {
    return daemon.engine().is_settled("") &&
           bed.world->things().size() >= static_cast<std::size_t>(count);
  })) << where;
  EXPECT_EQ(bed.world->things().size(), static_cast<std::size_t>(count)) << where;
  EXPECT_TRUE(bed.world->doubles().empty()) << where;
  std::set<std::string> known;
  for (const ResourceStatus& one : daemon.engine().status("")) {
    known.insert(one.uid);
    const Condition* ready = find_condition(one.conditions, "Ready");
    EXPECT_TRUE(ready != nullptr && ready->status == ConditionStatus::True)
        << where << " " << to_string(one.ref);
  }
  EXPECT_TRUE(bed.world->orphans(known).empty()) << where;
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
  // Not every commit is the work of one settling; the count of two runs differs by those that race.
  // Twice as many are tried.
  for (int n = 1; n <= commits + 2; ++n) {
    for (const KillPoint point : {KillPoint::Before, KillPoint::After}) {
      TestBed bed;
      bed.push_alice(manifests(resources()));
      const std::string where =
          fmt::format("killed {} commit {}", point == KillPoint::Before ? "before" : "after", n);
      {
        Daemon daemon(bed, [&](FaultyStore& store) { store.kill_at(n, point); });
        if (!daemon.is_killed()) daemon.settle();
        kills += daemon.is_killed() ? 1 : 0;
      }
      Daemon daemon(bed);
      expect_converged(bed, daemon, resources(), where);
    }
  }
  fmt::print("killed {} times at {} commits while converging {} resources: no orphan, no double\n",
             kills, commits, resources());
  EXPECT_GE(kills, commits);
}

TEST(KillMatrixTest, DyingInAnyUpdateOrDestroyLosesAndDoublesNothing) {
  int kills = 0;
  for (const FakeVerb verb : {FakeVerb::Create, FakeVerb::Update, FakeVerb::Destroy}) {
    for (const FakeFault fault : {FakeFault::HangBefore, FakeFault::HangAfter}) {
      for (int nth = 1; nth <= (is_soak() ? resources() : 2); ++nth) {
        TestBed bed;
        bed.push_alice(manifests(resources()));
        FakeRule rule;
        rule.verb = verb;
        rule.nth = nth;
        rule.fault = fault;
        bed.world->add(rule);
        bool is_hanging = false;
        bed.world->on_hang = [&](const FakeCall&) { is_hanging = true; };
        const std::string where = fmt::format("{} {} {}", to_string(verb), nth,
                                              fault == FakeFault::HangBefore ? "before" : "after");
        {
          Daemon daemon(bed);
          if (verb != FakeVerb::Create) {
            ASSERT_TRUE(daemon.settle()) << where;
            bed.push_alice(manifests(resources(), "  env: {A: b}\n"));
            if (verb == FakeVerb::Destroy) {
              for (int i = 0; i < resources(); ++i) bed.alice.remove(fmt::format("app{}.yaml", i));
              bed.push_alice({{"README", "x"}}, "gone\n\nCroft-Prune: yes\n");
            }
          }
          ASSERT_TRUE(daemon.run_until([&] { return is_hanging; })) << where;
          daemon.kill();
          ++kills;
        }
        bed.world->on_hang = nullptr;
        Daemon daemon(bed);
        if (verb == FakeVerb::Destroy) {
          EXPECT_TRUE(daemon.run_until([&] { return bed.world->things().empty(); })) << where;
        } else {
          expect_converged(bed, daemon, resources(), where);
        }
      }
    }
  }
  fmt::print("killed {} times inside a provider's call\n", kills);
}

}  // namespace
}  // namespace croft
