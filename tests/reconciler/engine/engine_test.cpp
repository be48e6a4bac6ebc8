#include <algorithm>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "tests/reconciler/engine/daemon.hpp"

namespace croft {
namespace {

bool has_event(const std::vector<EventRow>& events, std::string_view reason) {
  return std::any_of(events.begin(), events.end(),
                     [&](const EventRow& event) { return event.reason == reason; });
}

const Condition* ready_of(const ResourceStatus& status) {
  return find_condition(status.conditions, "Ready");
}

TEST(EngineTest, APushConvergesAndASecondRoundChangesNothing) {
  TestBed bed;
  const std::string commit =
      bed.push_alice({{"a.yaml", instance_yaml("web")}, {"b.yaml", instance_yaml("worker")}});
  Daemon daemon(bed);
  ASSERT_TRUE(daemon.settle());
  EXPECT_EQ(bed.world->things().size(), 2U);
  const ResourceStatus web = daemon.status("alice/Instance/web");
  EXPECT_EQ(ready_of(web)->status, ConditionStatus::True);
  EXPECT_EQ(web.applied_revision, commit);
  const std::size_t effects = bed.world->effects();
  const auto again = daemon.run(daemon.engine().reconcile({"alice", std::nullopt}));
  ASSERT_TRUE(again) << again.error().describe();
  EXPECT_FALSE(has_changes(again->front()));
  EXPECT_EQ(bed.world->effects(), effects);
}

TEST(EngineTest, EverybodyIsReconciledAtOnceAndOneTenantsTroubleIsTheirs) {
  TestBed bed;
  bed.push_alice({{"a.yaml", instance_yaml("web")}});
  std::string yaml = platform_yaml(true);
  for (const char* name : {"bob", "carol", "dave"}) {
    yaml += fmt::format(
        "---\napiVersion: croft/v1\nkind: Tenant\nmetadata: {{name: {}}}\nspec: {{plan: hobby, "
        "source: {{url: \"{}\"}}}}\n",
        name,
        std::string_view(name) == "carol" ? "/nowhere/at/all" : bed.alice_remote.path().string());
  }
  bed.push_platform(yaml);
  Daemon daemon(bed);
  daemon.run_until([&] { return daemon.engine().tenants().size() == 4; });
  const auto all = daemon.run(daemon.engine().reconcile({"", std::nullopt}));
  ASSERT_TRUE(all) << all.error().describe();
  std::vector<std::string> tenants;
  for (const Changeset& one : *all) tenants.push_back(one.tenant);
  EXPECT_EQ(tenants, (std::vector<std::string>{"alice", "bob", "dave"}));
  EXPECT_EQ(bed.world->things().size(), 3U);
}

TEST(EngineTest, WhatHangsForOneTenantHoldsUpNobodyElse) {
  TestBed bed;
  GitRepository::Files many;
  for (int i = 0; i < 20; ++i) {
    const std::string name = fmt::format("web{}", i);
    many.emplace_back(name + ".yaml", instance_yaml(name));
  }
  bed.push_alice(many);
  bed.world->held_tenants.insert("alice");
  const GitRepository bobs = GitRepository::make_bare();
  GitRepository bob = bobs.clone();
  bob.commit({{"a.yaml", instance_yaml("api")}}, "bob's");
  bob.push("HEAD:refs/heads/main");
  Daemon daemon(bed);
  ASSERT_TRUE(daemon.run_until([&] { return bed.world->calls_of(FakeVerb::Create) >= 8; }));
  bed.push_platform(
      platform_yaml(true) +
      fmt::format("---\napiVersion: croft/v1\nkind: Tenant\nmetadata: {{name: bob}}\nspec: "
                  "{{plan: hobby, source: {{url: \"{}\"}}}}\n",
                  bobs.path().string()));
  const Ref api{"bob", Kind::Instance, "api"};
  EXPECT_TRUE(daemon.run_until([&] { return bed.world->find(api) != nullptr; }));
  EXPECT_EQ(bed.world->find(Ref{"alice", Kind::Instance, "web0"}), nullptr);
  bed.world->held_tenants.clear();
  ASSERT_TRUE(daemon.settle());
  EXPECT_EQ(bed.world->things().size(), 21U);
}

TEST(EngineTest, APlanThatLosesItsWayOutChangesWhatRuns) {
  const auto platform = [](const std::string& egress) {
    std::string yaml = platform_yaml(true);
    const std::string_view begin = "spec: {price";
    return yaml.replace(yaml.find(begin), begin.size(),
                        fmt::format("spec: {{network: {{egress: {}}}, price", egress));
  };
  TestBed bed;
  bed.push_platform(platform("allow"));
  bed.push_alice({{"a.yaml", instance_yaml("web")}});
  Daemon daemon(bed);
  ASSERT_TRUE(daemon.settle());
  const Ref web{"alice", Kind::Instance, "web"};
  ASSERT_TRUE(bed.world->find(web)->allows_egress);
  bed.push_platform(platform("deny"));
  EXPECT_TRUE(daemon.run_until([&] { return !bed.world->find(web)->allows_egress; }));
  ASSERT_TRUE(daemon.settle());
  EXPECT_TRUE(has_event(daemon.events(), "Updated"));
  EXPECT_FALSE(has_event(daemon.events(), "Drifted")) << "nobody touched it";
}

// What a tenant declares has not changed; what it may declare has.
TEST(EngineTest, ADomainThatIsTakenAwayIsNoticedThoughNoManifestChanged) {
  TestBed bed;
  const auto platform = [](const std::string& hosts) {
    std::string yaml = platform_yaml(true);
    yaml.replace(yaml.find("plan: hobby, "), 0, "hosts: [" + hosts + "], ");
    return yaml;
  };
  bed.push_platform(platform("example.com"));
  bed.push_alice({{"a.yaml", instance_yaml("web", "  http: {hosts: [www.example.com]}\n")}});
  Daemon daemon(bed);
  const auto pass = [&] { return daemon.run(daemon.engine().reconcile({"alice", std::nullopt})); };
  const auto first = pass();
  ASSERT_TRUE(first) << first.error().describe();
  ASSERT_EQ(bed.world->things().size(), 1U);
  bed.push_platform(platform("example.org"));
  const auto refused = pass();
  ASSERT_FALSE(refused);
  EXPECT_TRUE(refused.error().describe().starts_with(
      "error: alice/Instance/web spec.http.hosts[0]: the operator does not allow the host "
      "'www.example.com'"))
      << refused.error().describe();
  bed.push_platform(platform("example.org, example.com"));
  const auto allowed = pass();
  EXPECT_TRUE(allowed) << allowed.error().describe();
}

TEST(EngineTest, ALocalPushIsNoticedByItself) {
  TestBed bed;
  bed.push_alice({{"a.yaml", instance_yaml("web")}});
  Daemon daemon(bed);
  ASSERT_TRUE(daemon.settle());
  bed.push_alice({{"a.yaml", instance_yaml("web", "  env: {GREETING: hi}\n")}});
  EXPECT_TRUE(daemon.run_until([&] { return bed.world->calls_of(FakeVerb::Update) == 1; }));
}

TEST(EngineTest, ABrokenManifestChangesNothingAndSaysWhy) {
  TestBed bed;
  bed.push_alice({{"a.yaml", instance_yaml("web")}});
  Daemon daemon(bed);
  ASSERT_TRUE(daemon.settle());
  const std::size_t effects = bed.world->effects();
  bed.push_alice({{"a.yaml", instance_yaml("web", "  recources: {cpu: 1}\n")}});
  ASSERT_TRUE(daemon.run_until([&] {
    const auto sources = daemon.engine().sources("alice");
    return !sources.empty() && find_condition(sources[0].conditions, "Stalled") != nullptr;
  }));
  const SourceStatus source = daemon.engine().sources("alice").front();
  EXPECT_NE(find_condition(source.conditions, "Stalled")->message.find("did you mean 'resources'?"),
            std::string::npos);
  EXPECT_NE(source.attempted_revision, source.applied_revision);
  EXPECT_EQ(bed.world->effects(), effects);
  // Mending it clears the condition.
  bed.push_alice({{"a.yaml", instance_yaml("web", "  resources: {cpu: 500m}\n")}});
  EXPECT_TRUE(daemon.run_until([&] {
    return find_condition(daemon.engine().sources("alice").front().conditions, "Stalled") ==
               nullptr &&
           bed.world->calls_of(FakeVerb::Update) == 1;
  }));
}

TEST(EngineTest, DriftIsRepairedWhenTheProviderTells) {
  TestBed bed;
  bed.push_alice({{"a.yaml", instance_yaml("web")}});
  Daemon daemon(bed);
  ASSERT_TRUE(daemon.settle());
  const std::string uid = daemon.status("alice/Instance/web").uid;
  bed.world->end_process(uid);
  ASSERT_TRUE(
      daemon.run_until([&] { return bed.world->find(uid)->observed.phase == Phase::Running; }));
  bed.world->vanish(uid);
  ASSERT_TRUE(daemon.run_until([&] { return bed.world->find(uid) != nullptr; }));
  ASSERT_TRUE(daemon.settle());
  EXPECT_TRUE(has_event(daemon.events(), "DriftRepaired"));
  EXPECT_TRUE(bed.world->doubles().empty());
}

TEST(EngineTest, DependenciesComeFirstAndAreReadyBeforeTheOthers) {
  TestBed bed;
  bed.world->observes_until_running = 2;
  bed.push_alice({{"a.yaml", instance_yaml("api", "  dependsOn: [Instance/db]\n") + "---\n" +
                                 instance_yaml("db")}});
  Daemon daemon(bed);
  ASSERT_TRUE(daemon.run_until([&] {
    (void)daemon.run(daemon.engine().reconcile({"alice", std::nullopt}));
    return bed.world->things().size() == 2;
  }));
  std::vector<std::string> created;
  for (const FakeCall& call : bed.world->calls()) {
    if (call.verb == FakeVerb::Create) created.push_back(call.ref.name);
  }
  EXPECT_EQ(created, (std::vector<std::string>{"db", "api"}));
}

// What the commit statuses call a success hangs on it.
TEST(EngineTest, ACommitHasPassedOnceNothingOfItWaitsAnyMore) {
  TestBed bed;
  bed.world->observes_until_running = 2;
  const std::string commit =
      bed.push_alice({{"a.yaml", instance_yaml("api", "  dependsOn: [Instance/db]\n") + "---\n" +
                                     instance_yaml("db")}});
  Daemon daemon(bed);
  bool was_early = false;
  const auto passed = [&] {
    const std::vector<SourceStatus> sources = daemon.engine().sources("alice");
    return sources.empty() ? std::string() : sources.front().passed_revision;
  };
  ASSERT_TRUE(daemon.run_until([&] {
    (void)daemon.run(daemon.engine().reconcile({"alice", std::nullopt}));
    was_early = was_early || (bed.world->things().size() < 2 && !passed().empty());
    return passed() == commit;
  }));
  EXPECT_FALSE(was_early);
  EXPECT_EQ(bed.world->things().size(), 2U);
}

TEST(EngineTest, AnEmptiedSourceIsGuardedUntilAcknowledged) {
  TestBed bed;
  bed.push_alice({{"a.yaml", instance_yaml("web")}, {"b.yaml", instance_yaml("worker")}});
  Daemon daemon(bed);
  ASSERT_TRUE(daemon.settle());
  bed.alice.remove("a.yaml");
  bed.alice.remove("b.yaml");
  bed.push_alice({{"README", "empty now"}});
  ASSERT_TRUE(daemon.run_until([&] { return !daemon.engine().guarded("alice").empty(); }));
  EXPECT_EQ(bed.world->things().size(), 2U);
  const Changeset waiting = daemon.engine().guarded("alice").front();
  ASSERT_TRUE(waiting.guard);
  EXPECT_FALSE(daemon.run(daemon.engine().acknowledge("alice", "0000000000", "test")));
  ASSERT_TRUE(daemon.run(daemon.engine().acknowledge("alice", waiting.digest, "test")));
  EXPECT_TRUE(daemon.run_until([&] { return bed.world->things().empty(); }));
  EXPECT_TRUE(daemon.run_until([&] { return daemon.engine().guarded("alice").empty(); }));
}

TEST(EngineTest, AnAcknowledgementIsUsedUpByWhatItWasFor) {
  TestBed bed;
  const GitRepository::Files both{{"a.yaml", instance_yaml("web")},
                                  {"b.yaml", instance_yaml("worker")}};
  bed.push_alice(both);
  Daemon daemon(bed);
  ASSERT_TRUE(daemon.settle());
  const auto empty_it = [&](const std::string& note) {
    bed.alice.remove("a.yaml");
    bed.alice.remove("b.yaml");
    bed.push_alice({{"README", note}});
    return daemon.run_until([&] { return !daemon.engine().guarded("alice").empty(); });
  };
  ASSERT_TRUE(empty_it("once"));
  const std::string digest = daemon.engine().guarded("alice").front().digest;
  ASSERT_TRUE(daemon.run(daemon.engine().acknowledge("alice", digest, "test")));
  ASSERT_TRUE(daemon.run_until([&] { return bed.world->things().empty(); }));
  bed.push_alice(both);
  ASSERT_TRUE(daemon.run_until([&] { return bed.world->things().size() == 2; }));
  ASSERT_TRUE(daemon.settle());
  EXPECT_TRUE(empty_it("again")) << "the same loss asks again";
  EXPECT_EQ(bed.world->things().size(), 2U);
}

TEST(EngineTest, ACommitMayConsentToPruningByItsTrailer) {
  TestBed bed;
  bed.push_alice({{"a.yaml", instance_yaml("web")}, {"b.yaml", instance_yaml("worker")}});
  Daemon daemon(bed);
  ASSERT_TRUE(daemon.settle());
  bed.alice.remove("a.yaml");
  bed.alice.remove("b.yaml");
  bed.push_alice({{"README", "empty now"}}, "Remove everything\n\nCroft-Prune: yes\n");
  EXPECT_TRUE(daemon.run_until([&] { return bed.world->things().empty(); }));
}

TEST(EngineTest, StopHoldsUntilStartAndIsNoDrift) {
  TestBed bed;
  bed.push_alice({{"a.yaml", instance_yaml("web")}});
  Daemon daemon(bed);
  ASSERT_TRUE(daemon.settle());
  const std::string uid = daemon.status("alice/Instance/web").uid;
  const Ref ref = parse_ref("alice/Instance/web").value();
  DirectiveRow stop;
  stop.ref = ref;
  stop.verb = DirectiveVerb::Stop;
  stop.by = "test";
  ASSERT_TRUE(daemon.run(daemon.engine().direct(stop)));
  ASSERT_TRUE(
      daemon.run_until([&] { return bed.world->find(uid)->observed.phase == Phase::Stopped; }));
  const auto held = daemon.run(daemon.engine().reconcile({"alice", std::nullopt}));
  ASSERT_TRUE(held);
  EXPECT_FALSE(has_changes(held->front()));
  EXPECT_EQ(ready_of(daemon.status("alice/Instance/web"))->reason, "Held");
  DirectiveRow start = stop;
  start.verb = DirectiveVerb::Start;
  ASSERT_TRUE(daemon.run(daemon.engine().direct(start)));
  EXPECT_TRUE(
      daemon.run_until([&] { return bed.world->find(uid)->observed.phase == Phase::Running; }));
}

TEST(EngineTest, SuspendedShowsAsAConditionUntilResumed) {
  TestBed bed;
  bed.push_alice({{"a.yaml", instance_yaml("web")}});
  Daemon daemon(bed);
  ASSERT_TRUE(daemon.settle());
  const auto condition = [&] {
    const ResourceStatus status = daemon.status("alice/Instance/web");
    const Condition* found = find_condition(status.conditions, "Suspended");
    return found == nullptr ? std::string() : found->message;
  };
  DirectiveRow suspend;
  suspend.ref = parse_ref("alice/Instance/web").value();
  suspend.verb = DirectiveVerb::Suspend;
  suspend.by = "test";
  suspend.why = "maintenance";
  ASSERT_TRUE(daemon.run(daemon.engine().direct(suspend)));
  EXPECT_TRUE(daemon.run_until([&] { return condition() == "suspended by test: maintenance"; }));
  ASSERT_TRUE(daemon.run(daemon.engine().withdraw(suspend.ref, DirectiveVerb::Suspend, "test")));
  EXPECT_TRUE(daemon.run_until([&] { return condition().empty(); }));
}

TEST(EngineTest, WhatAProviderCannotEnforceShowsAsACondition) {
  TestBed bed;
  bed.provider.capabilities.missing = {{"memory", "no cgroup controller 'memory' is mounted"},
                                       {"egress", "nft is not installed"}};
  bed.push_alice({{"a.yaml", instance_yaml("web")}});
  Daemon daemon(bed);
  ASSERT_TRUE(daemon.settle());
  const ResourceStatus status = daemon.status("alice/Instance/web");
  const Condition* found = find_condition(status.conditions, "Unenforced");
  ASSERT_NE(found, nullptr);
  EXPECT_EQ(found->message, "memory: no cgroup controller 'memory' is mounted");
}

TEST(EngineTest, RestartByHandHappensOnce) {
  TestBed bed;
  bed.push_alice({{"a.yaml", instance_yaml("web")}});
  Daemon daemon(bed);
  ASSERT_TRUE(daemon.settle());
  DirectiveRow restart;
  restart.ref = parse_ref("alice/Instance/web").value();
  restart.verb = DirectiveVerb::Restart;
  restart.by = "test";
  daemon.run_for(Duration(5));
  ASSERT_TRUE(daemon.run(daemon.engine().direct(restart)));
  ASSERT_TRUE(daemon.run_until([&] { return bed.world->calls_of(FakeVerb::Start) == 1; }));
  ASSERT_TRUE(daemon.settle());
  (void)daemon.run(daemon.engine().reconcile({"alice", std::nullopt}));
  EXPECT_EQ(bed.world->calls_of(FakeVerb::Stop), 1U);
  EXPECT_EQ(bed.world->calls_of(FakeVerb::Start), 1U);
}

TEST(EngineTest, AFailingEffectIsRetriedAndALostReplyMakesNoSecond) {
  for (const FakeFault fault : {FakeFault::Fail, FakeFault::LoseReply}) {
    TestBed bed;
    FakeRule rule;
    rule.verb = FakeVerb::Create;
    rule.fault = fault;
    bed.world->add(rule);
    bed.push_alice({{"a.yaml", instance_yaml("web")}});
    Daemon daemon(bed);
    ASSERT_TRUE(daemon.run_until([&] {
      return !daemon.engine().status("alice").empty() && daemon.engine().is_settled("") &&
             ready_of(daemon.engine().status("alice").front())->status == ConditionStatus::True;
    }));
    EXPECT_EQ(bed.world->things().size(), 1U);
    EXPECT_TRUE(bed.world->doubles().empty());
  }
}

TEST(EngineTest, WhatFailsIsTriedSeldomHoweverOftenItsTenantIsLookedAt) {
  TestBed bed;
  bed.push_alice({{"a.yaml", instance_yaml("web")}});
  Daemon daemon(bed);
  ASSERT_TRUE(daemon.settle());
  const std::string web = bed.world->things().front().observed.uid;
  FakeRule rule;
  rule.verb = FakeVerb::Create;
  for (rule.nth = 1; rule.nth <= 100; ++rule.nth) bed.world->add(rule);
  const std::size_t before = bed.world->calls_of(FakeVerb::Create);
  bed.push_alice({{"b.yaml", instance_yaml("worker")}});
  const auto tries = [&] { return bed.world->calls_of(FakeVerb::Create) - before; };
  ASSERT_TRUE(daemon.run_until([&] { return tries() > 0; }));
  ASSERT_TRUE(daemon.settle());
  // Its neighbour drifts again and again, and is mended every time.
  constexpr std::size_t kLooks = 30;
  for (std::size_t i = 1; i <= kLooks; ++i) {
    bed.world->end_process(web);
    ASSERT_TRUE(daemon.run_until([&] { return bed.world->calls_of(FakeVerb::Start) == i; }));
    ASSERT_TRUE(daemon.settle());
  }
  EXPECT_LT(tries(), kLooks / 2);
  const ResourceStatus worker = daemon.status("alice/Instance/worker");
  EXPECT_EQ(ready_of(worker)->reason, "ApplyFailed");
  // Asked by hand, it is tried at once; and a changed spec is something new.
  const std::size_t tried = tries();
  (void)daemon.run(daemon.engine().reconcile({"alice", std::nullopt}));
  EXPECT_EQ(tries(), tried + 1);
  bed.push_alice({{"b.yaml", instance_yaml("worker", "  env: {A: b}\n")}});
  EXPECT_TRUE(daemon.run_until([&] { return tries() == tried + 2; }));
}

TEST(EngineTest, ARestartedDaemonTouchesNothingThatIsRight) {
  TestBed bed;
  bed.push_alice({{"a.yaml", instance_yaml("web")}, {"b.yaml", instance_yaml("worker")}});
  {
    Daemon daemon(bed);
    ASSERT_TRUE(daemon.settle());
  }
  const std::size_t effects = bed.world->effects();
  Daemon daemon(bed);
  ASSERT_TRUE(daemon.settle());
  EXPECT_EQ(bed.world->effects(), effects);
}

TEST(EngineTest, ARemoteThatIsGoneStallsAndChangesNothing) {
  TestBed bed;
  bed.push_alice({{"a.yaml", instance_yaml("web")}});
  {
    Daemon daemon(bed);
    ASSERT_TRUE(daemon.settle());
  }
  std::filesystem::remove_all(bed.alice_remote.path());
  const std::size_t effects = bed.world->effects();
  Daemon daemon(bed);
  ASSERT_TRUE(daemon.run_until([&] {
    const auto sources = daemon.engine().sources("alice");
    return !sources.empty() && find_condition(sources[0].conditions, "Stalled") != nullptr;
  }));
  ASSERT_TRUE(daemon.settle());
  EXPECT_EQ(bed.world->effects(), effects);
  EXPECT_EQ(bed.world->things().size(), 1U);
  // What runs is still kept up, from the pinned commit.
  const std::string uid = daemon.status("alice/Instance/web").uid;
  bed.world->vanish(uid);
  EXPECT_TRUE(daemon.run_until([&] { return bed.world->find(uid) != nullptr; }));
}

TEST(EngineTest, ARemovedTenantIsGuardedAndItsNameStaysReserved) {
  TestBed bed;
  bed.push_alice({{"a.yaml", instance_yaml("web")}});
  Daemon daemon(bed);
  ASSERT_TRUE(daemon.settle());
  bed.push_platform(platform_yaml(false));
  ASSERT_TRUE(daemon.run_until([&] { return !daemon.engine().guarded("alice").empty(); }));
  EXPECT_EQ(bed.world->things().size(), 1U);
  const Changeset waiting = daemon.engine().guarded("alice").front();
  EXPECT_EQ(waiting.guard->reason, "TenantRemoved");
  ASSERT_TRUE(daemon.run(daemon.engine().acknowledge("alice", waiting.digest, "test")));
  ASSERT_TRUE(daemon.run_until([&] { return bed.world->things().empty(); }));
  ASSERT_TRUE(daemon.settle());
  // A new tenant of the same name would inherit the old one's data: refused while that is kept.
  bed.push_platform(platform_yaml(true));
  EXPECT_TRUE(daemon.run_until([&] {
    const auto sources = daemon.engine().sources("");
    const Condition* stalled = find_condition(sources.front().conditions, "Stalled");
    return stalled != nullptr && stalled->message.find("reserved") != std::string::npos;
  }));
  EXPECT_TRUE(bed.world->things().empty());
}

TEST(EngineTest, AProviderThatHoldsSomethingCannotBeRemoved) {
  TestBed bed;
  bed.push_alice({{"a.yaml", instance_yaml("web")}});
  Daemon daemon(bed);
  ASSERT_TRUE(daemon.settle());
  std::string yaml = platform_yaml(true);
  const std::size_t at = yaml.find("name: local");
  yaml.replace(at, 11, "name: other");
  bed.push_platform(yaml);
  EXPECT_TRUE(daemon.run_until([&] {
    for (const SourceStatus& source : daemon.engine().sources("")) {
      const Condition* stalled = find_condition(source.conditions, "Stalled");
      if (stalled != nullptr && stalled->message.find("resources are on it") != std::string::npos)
        return true;
    }
    return false;
  }));
  EXPECT_EQ(bed.world->things().size(), 1U);
}

TEST(EngineTest, ExpectRefusesAChangesetThatMoved) {
  TestBed bed;
  bed.push_alice({{"a.yaml", instance_yaml("web")}});
  Daemon daemon(bed);
  ASSERT_TRUE(daemon.settle());
  const auto refused = daemon.run(daemon.engine().reconcile({"alice", "00000000"}));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), ErrorCode::Conflict);
  const auto shown = daemon.run(daemon.engine().diff({"alice", nullptr, "", "now"}));
  ASSERT_TRUE(shown);
  EXPECT_TRUE(daemon.run(daemon.engine().reconcile({"alice", shown->digest.substr(0, 8)})));
}

}  // namespace
}  // namespace croft
