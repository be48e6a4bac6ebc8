// What plans, rules and the policy of a platform do to a running engine.

#include <gmock/gmock.h>

#include "tests/reconciler/engine/daemon.hpp"

namespace croft {

namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

/// A platform with alice on plan `hobby`, which is as given, and a larger plan `studio`.
std::string platform_with(const std::string& hobby) {
  return "apiVersion: croft/v1\nkind: Plan\nmetadata: {name: hobby}\nspec: " + hobby +
         "\n---\napiVersion: croft/v1\nkind: Plan\nmetadata: {name: studio}\n"
         "spec: {price: {amount: \"50\", currency: USD, per: month}, quotas: {instances: 20}}\n"
         "---\napiVersion: croft/v1\nkind: Provider\nmetadata: {name: local}\n"
         "spec: {adapter: fake, default: true}\n"
         "---\napiVersion: croft/v1\nkind: Tenant\nmetadata: {name: alice}\n"
         "spec: {plan: hobby, source: {url: ALICE, interval: 1h}}\n";
}

constexpr const char* kHourly =
    R"({price: {amount: "0.01", currency: USD, per: hour}, quotas: {instances: 2}})";

class PlansTest : public testing::Test {
 protected:
  PlansTest() { bed_.push_platform(platform_with(kHourly)); }

  void push(const std::vector<std::string>& names, const std::string& extra = "") {
    std::string yaml;
    for (const std::string& name : names)
      yaml += (yaml.empty() ? "" : "---\n") + instance_yaml(name, extra);
    bed_.push_alice({{"a.yaml", yaml}});
  }
  void start() {
    daemon_ = std::make_unique<Daemon>(bed_);
    ASSERT_TRUE(daemon_->settle());
  }
  /// Of alice's source, if it is stalled.
  std::optional<Condition> stalled() {
    const std::vector<SourceStatus> sources = daemon_->engine().sources("alice");
    const Condition* found =
        sources.empty() ? nullptr : find_condition(sources[0].conditions, "Stalled");
    if (found == nullptr) return std::nullopt;
    return *found;
  }
  /// Why the newest push is not applied, once that is said.
  std::string refusal() {
    const bool is_said = daemon_->run_until([&] {
      const auto sources = daemon_->engine().sources("alice");
      return !sources.empty() && sources[0].attempted_revision == bed_.alice.id_of() && stalled();
    });
    return is_said ? stalled()->reason + ": " + stalled()->message : "it was not refused";
  }
  bool passes() {
    return daemon_->run_until([&] {
      const auto sources = daemon_->engine().sources("alice");
      return sources[0].applied_revision == bed_.alice.id_of() && !stalled();
    });
  }
  Changeset diff() {
    Result<Changeset> changeset =
        daemon_->run(daemon_->engine().diff({.tenant = "alice", .tree = nullptr}));
    EXPECT_TRUE(changeset) << changeset.error().describe();
    return changeset.value_or(Changeset{});
  }

  TestBed bed_;
  std::unique_ptr<Daemon> daemon_;
};

TEST_F(PlansTest, APushBeyondAQuotaIsRefusedAsAWholeAndSaysWhatWouldAllowIt) {
  push({"a", "b"});
  start();
  const std::size_t effects = bed_.world->effects();
  push({"a", "b", "c"}, "  env: {X: y}\n");
  const std::string why = refusal();
  EXPECT_THAT(why, HasSubstr("NotAdmitted: "));
  EXPECT_THAT(why, HasSubstr("plan 'hobby' allows 2 instances, this asks for 3 (2 now)"));
  EXPECT_THAT(why, HasSubstr("plan 'studio' allows 20 instances"));
  EXPECT_THAT(why, HasSubstr("a.yaml:")) << "with its line";
  EXPECT_EQ(bed_.world->effects(), effects) << "the change of env, which is allowed, waits too";
  // A push that keeps within it is taken.
  push({"a", "b"}, "  env: {X: y}\n");
  EXPECT_TRUE(passes());
  EXPECT_EQ(bed_.world->things().size(), 2U);
}

TEST_F(PlansTest, AfterADowngradeWhatIsThereStaysAndMayChangeOrGo) {
  push({"a", "b"});
  start();
  bed_.push_platform(platform_with(R"({quotas: {instances: 1, memory: 1MiB}})"));
  ASSERT_TRUE(daemon_->run(daemon_->engine().reconcile({"alice", std::nullopt})));
  EXPECT_EQ(bed_.world->things().size(), 2U);
  push({"a", "b"}, "  env: {X: y}\n");
  EXPECT_TRUE(passes());
  push({"a", "b", "c"});
  EXPECT_THAT(refusal(), HasSubstr("allows 1 instances, this asks for 3 (2 now)"));
  push({"a"});
  EXPECT_TRUE(passes());
  push({"a", "d"});
  EXPECT_THAT(refusal(), HasSubstr("allows 1 instances, this asks for 2 (1 now)"));
}

TEST_F(PlansTest, WhatWasRefusedIsRefusedAfterARestartToo) {
  push({"a", "b"});
  start();
  push({"a", "b", "c"});
  EXPECT_THAT(refusal(), HasSubstr("NotAdmitted"));
  daemon_.reset();
  daemon_ = std::make_unique<Daemon>(bed_);
  EXPECT_THAT(refusal(), HasSubstr("NotAdmitted"));
  daemon_->run_for(Duration(300));
  EXPECT_EQ(bed_.world->things().size(), 2U);
}

TEST_F(PlansTest, TheOperatorsPolicyAllowsWarnsAndDenies) {
  bed_.platform.write("policy.lua", R"(return {api = 1, admit = function(resource, tenant)
  local env = resource.spec.env or {}
  if env.MINER then return {deny = tenant.name .. " may not mine"} end
  if env.DEBUG then return {warn = "debugging costs"} end
end}
)");
  bed_.push_platform(platform_with(kHourly));
  push({"a"});
  start();
  push({"a", "b"}, "  env: {MINER: '1'}\n");
  EXPECT_THAT(refusal(), HasSubstr("the operator's policy: alice may not mine"));
  push({"a"}, "  env: {DEBUG: '1'}\n");
  EXPECT_TRUE(passes());
  // It is asked of what changes, not of what stands.
  bed_.platform.write("policy.lua",
                      "return {api = 1, admit = function() return {deny = 'all'} end}");
  bed_.push_platform(platform_with(kHourly));
  ASSERT_TRUE(daemon_->run(daemon_->engine().reconcile({"alice", std::nullopt})));
  EXPECT_THAT(diff().refusals, IsEmpty());
  push({"a", "b"}, "  env: {DEBUG: '1'}\n");
  EXPECT_THAT(refusal(), HasSubstr("the operator's policy: all"));
}

TEST_F(PlansTest, ADiffHasMoneyQuotasAndRefusals) {
  push({"a"});
  start();
  EXPECT_EQ(diff().price->delta.minor, 0);
  const auto tree = make_memory_tree({{"a.yaml", instance_yaml("a") + "---\n" + instance_yaml("b") +
                                                     "---\n" + instance_yaml("c")}});
  const Changeset changeset =
      daemon_->run(daemon_->engine().diff({.tenant = "alice", .tree = tree})).value();
  ASSERT_TRUE(changeset.price);
  EXPECT_EQ(changeset.price->before.minor, 730);
  EXPECT_EQ(changeset.price->after.minor, 2190);
  EXPECT_EQ(changeset.price->basis, "always-on (730 h)");
  EXPECT_EQ(changeset.changes[0].price->delta.minor, 730);
  ASSERT_THAT(changeset.quotas, SizeIs(1));
  EXPECT_EQ(changeset.quotas[0], (plans::QuotaUse{"instances", "3", "2", true}));
  ASSERT_THAT(changeset.refusals, SizeIs(1));
  EXPECT_EQ(bed_.world->things().size(), 1U) << "a diff changes nothing";
}

TEST_F(PlansTest, APlanWithoutAPriceIsSaidToHaveNone) {
  push({"a"});
  start();
  EXPECT_EQ(diff().unpriced, "");
  bed_.push_platform(platform_with("{quotas: {instances: 1}}"));
  ASSERT_TRUE(daemon_->run(daemon_->engine().reconcile({"alice", std::nullopt})));
  const Changeset changeset = diff();
  EXPECT_FALSE(changeset.price);
  EXPECT_EQ(changeset.unpriced, "plan 'hobby' has no price");
}

TEST_F(PlansTest, WhatWaitsToBeAcknowledgedHasItsPrice) {
  push({"a", "b"});
  start();
  bed_.alice.remove("a.yaml");
  bed_.push_alice({{"README", "nothing"}});
  ASSERT_TRUE(daemon_->run_until([&] { return !daemon_->engine().guarded("alice").empty(); }));
  const Changeset waiting = daemon_->engine().guarded("alice").front();
  ASSERT_TRUE(waiting.price);
  EXPECT_EQ(format_money(waiting.price->delta), "-14.60 USD");
  ASSERT_TRUE(waiting.changes.front().price);
  EXPECT_EQ(format_amount(waiting.changes.front().price->delta), "-7.30");
}

TEST_F(PlansTest, ADigestCoversThePrice) {
  push({"a"});
  start();
  const std::string before = diff().digest;
  bed_.push_platform(platform_with(
      R"({price: {amount: "0.02", currency: USD, per: hour}, quotas: {instances: 2}})"));
  ASSERT_TRUE(daemon_->run(daemon_->engine().reconcile({"alice", std::nullopt})));
  EXPECT_NE(diff().digest, before);
}

TEST_F(PlansTest, ABrokenRuleKeepsThePlatformAtItsLastGoodRevision) {
  const std::string own =
      R"({price: {amount: "1", currency: USD, per: month}, rules: rules/own.lua})";
  bed_.platform.write(
      "rules/own.lua",
      "return {api = 1, price = function() return {{text = 'x', amount = 123}} end}");
  bed_.push_platform(platform_with(own));
  push({"a"});
  start();
  EXPECT_EQ(diff().price->after.minor, 123);
  bed_.platform.write("rules/own.lua",
                      "return {api = 1, price = function(plan)\n  return plan.nothing.more\nend}");
  bed_.push_platform(platform_with(own));
  ASSERT_TRUE(daemon_->run_until([&] {
    const auto platform = daemon_->engine().sources("");
    return std::ranges::any_of(platform, [](const SourceStatus& source) {
      return source.key == "platform" && find_condition(source.conditions, "Stalled") != nullptr;
    });
  }));
  for (const SourceStatus& source : daemon_->engine().sources("")) {
    if (source.key != "platform") continue;
    EXPECT_THAT(find_condition(source.conditions, "Stalled")->message,
                HasSubstr("rule 'rules/own.lua' cannot be used: rules/own.lua:2:"));
  }
  EXPECT_EQ(diff().price->after.minor, 123) << "the last good rule goes on";
  bed_.platform.write(
      "rules/own.lua",
      "return {api = 1, price = function() return {{text = 'x', amount = 456}} end}");
  bed_.push_platform(platform_with(own));
  EXPECT_TRUE(daemon_->run_until([&] { return diff().price->after.minor == 456; }));
}

TEST_F(PlansTest, APriceIsAskedForOnePlanOrForAll) {
  push({"a"});
  start();
  const auto priced = [&](bool all, SupposedUsage supposed) {
    PriceRequest request{
        .what = {.tenant = "alice", .tree = nullptr}, .all_plans = all, .supposed = supposed};
    return daemon_->run(daemon_->engine().price(request)).value();
  };
  const PriceList own = priced(false, {.hours = 20});
  ASSERT_THAT(own.plans, SizeIs(1));
  EXPECT_EQ(own.plans[0].quote->total.minor, 20);
  EXPECT_EQ(own.basis, "20 hours of each Instance");
  const PriceList all = priced(true, {});
  ASSERT_THAT(all.plans, SizeIs(2));
  EXPECT_TRUE(all.plans[0].is_current);
  EXPECT_EQ(all.plans[1].plan, "studio");
  EXPECT_EQ(all.plans[1].quote->total.minor, 5000);
  EXPECT_EQ(all.basis, "always-on (730 h)");
}

TEST_F(PlansTest, WhatIsStoppedByHandLeavesRoomForAnotherAndMayNotStartBesideIt) {
  bed_.push_platform(platform_with("{quotas: {concurrent: 1}}"));
  push({"a"});
  start();
  const Ref a{"alice", Kind::Instance, "a"};
  DirectiveRow stop;
  stop.ref = a;
  stop.verb = DirectiveVerb::Stop;
  stop.by = "alice";
  ASSERT_TRUE(daemon_->run(daemon_->engine().direct(stop)));
  push({"a", "b"});
  EXPECT_TRUE(passes());
  ASSERT_TRUE(daemon_->run_until([&] { return bed_.world->things().size() == 2; }));
  const auto withdrawn = daemon_->run(daemon_->engine().withdraw(a, DirectiveVerb::Stop, "alice"));
  ASSERT_FALSE(withdrawn);
  EXPECT_THAT(
      withdrawn.error().describe(),
      HasSubstr("while starting alice/Instance/a: plan 'hobby' allows 1 instances at a time"));
  DirectiveRow start = stop;
  start.verb = DirectiveVerb::Start;
  EXPECT_FALSE(daemon_->run(daemon_->engine().direct(start)));
  stop.ref.name = "b";
  ASSERT_TRUE(daemon_->run(daemon_->engine().direct(stop)));
  EXPECT_TRUE(daemon_->run(daemon_->engine().direct(start)));
}

TEST_F(PlansTest, AStopWithAnEndKeepsItsPlaceFreeNoLongerThanThePlanHasRoom) {
  bed_.push_platform(platform_with("{quotas: {concurrent: 1}}"));
  push({"a"});
  start();
  const Ref a{"alice", Kind::Instance, "a"};
  const auto is_running = [&](const std::string& ref) {
    const FakeThing* thing = bed_.world->find(daemon_->status(ref).uid);
    return thing != nullptr && thing->observed.phase == Phase::Running;
  };
  const auto stop_for = [&](const Ref& ref, std::optional<Duration> time) {
    DirectiveRow stop;
    stop.ref = ref;
    stop.verb = DirectiveVerb::Stop;
    stop.by = "alice";
    if (time) stop.until = bed_.clock.now() + *time;
    return daemon_->run(daemon_->engine().direct(stop));
  };
  ASSERT_TRUE(stop_for(a, std::nullopt));
  ASSERT_TRUE(daemon_->run_until([&] { return !is_running("alice/Instance/a"); }));
  ASSERT_TRUE(stop_for(a, Duration(100)));
  ASSERT_TRUE(daemon_->run_until([&] { return is_running("alice/Instance/a"); }))
      << "with room, it comes back by itself";
  EXPECT_TRUE(daemon_->status("alice/Instance/a").directives.empty());

  ASSERT_TRUE(stop_for(a, Duration(1'000)));
  push({"a", "b"});
  ASSERT_TRUE(daemon_->run_until([&] {
    const auto held = daemon_->status("alice/Instance/a").directives;
    return held.size() == 1 && held[0].by == "plan hobby";
  }));
  const DirectiveRow held = daemon_->status("alice/Instance/a").directives[0];
  EXPECT_FALSE(held.until);
  EXPECT_THAT(held.why, HasSubstr("the stop by alice is over, but plan 'hobby' allows 1"));
  ASSERT_TRUE(daemon_->settle());
  EXPECT_FALSE(is_running("alice/Instance/a"));
  EXPECT_TRUE(is_running("alice/Instance/b"));

  ASSERT_TRUE(stop_for(Ref{"alice", Kind::Instance, "b"}, std::nullopt));
  DirectiveRow again;
  again.ref = a;
  again.verb = DirectiveVerb::Start;
  again.by = "alice";
  EXPECT_TRUE(daemon_->run(daemon_->engine().direct(again)));
  EXPECT_TRUE(daemon_->run_until([&] { return is_running("alice/Instance/a"); }));
}

TEST_F(PlansTest, OfTwoStopsThatEndTogetherAsManyComeBackAsThereIsRoomFor) {
  bed_.push_platform(platform_with("{quotas: {concurrent: 2}}"));
  push({"a", "b"});
  start();
  const Timestamp end = bed_.clock.now() + Duration(1'000);
  for (const char* name : {"a", "b"}) {
    DirectiveRow stop;
    stop.ref = Ref{"alice", Kind::Instance, name};
    stop.verb = DirectiveVerb::Stop;
    stop.by = "alice";
    stop.until = end;
    ASSERT_TRUE(daemon_->run(daemon_->engine().direct(stop)));
  }
  push({"a", "b", "c"});
  const auto held = [&] {
    std::size_t count = 0;
    for (const ResourceStatus& one : daemon_->engine().status("alice")) {
      for (const DirectiveRow& directive : one.directives) count += directive.until ? 0 : 1;
    }
    return count;
  };
  ASSERT_TRUE(daemon_->run_until([&] { return held() > 0; }));
  ASSERT_TRUE(daemon_->settle());
  EXPECT_EQ(held(), 1u);
}

TEST_F(PlansTest, WhatRanForTheLongestThatThePlanAllowsIsStopped) {
  bed_.push_platform(platform_with("{governors: {maxRuntime: 4h}}"));
  push({"a"});
  start();
  const std::string uid = daemon_->status("alice/Instance/a").uid;
  bed_.world->started(uid, bed_.clock.now() - Duration(4 * 3'600'000));
  EXPECT_TRUE(
      daemon_->run_until([&] { return bed_.world->find(uid)->observed.phase == Phase::Stopped; }));
  const ResourceStatus status = daemon_->status("alice/Instance/a");
  ASSERT_THAT(status.directives, SizeIs(1));
  EXPECT_EQ(status.directives[0].by, "plan hobby");
  EXPECT_THAT(status.directives[0].why, HasSubstr("ran for 4h, the longest that the plan allows"));
  // Started by hand it runs anew.
  ASSERT_TRUE(daemon_->run(
      daemon_->engine().withdraw({"alice", Kind::Instance, "a"}, DirectiveVerb::Stop, "alice")));
  EXPECT_TRUE(
      daemon_->run_until([&] { return bed_.world->find(uid)->observed.phase == Phase::Running; }));
  daemon_->run_for(Duration(300));
  EXPECT_EQ(bed_.world->find(uid)->observed.phase, Phase::Running);
}

TEST_F(PlansTest, AHealthRuleJudgesInThePlaceOfTheProvider) {
  const auto platform = [](const std::string& rule) {
    std::string yaml = platform_with("{}");
    const std::string plain = "{adapter: fake, default: true}";
    return yaml.replace(yaml.find(plain), plain.size(),
                        "{adapter: fake, default: true" + rule + "}");
  };
  bed_.platform.write("rules/health.lua", R"(return {api = 1, Instance = function(observed)
  if observed.name == "b" then return "Failing", observed.phase .. " is not enough for b" end
  if observed.name == "c" then return observed.nothing.more end
  return observed.health
end}
)");
  bed_.push_platform(platform(", healthRule: rules/health.lua"));
  push({"a", "b", "c"});
  daemon_ = std::make_unique<Daemon>(bed_);
  const auto ready = [&](const std::string& ref) {
    const auto all = daemon_->engine().status("alice");
    for (const ResourceStatus& status : all) {
      const Condition* condition = find_condition(status.conditions, "Ready");
      if (to_string(status.ref) == ref && condition != nullptr)
        return condition->reason + ": " + condition->message;
    }
    return std::string();
  };
  EXPECT_TRUE(daemon_->run_until([&] {
    return ready("alice/Instance/b") == "Unhealthy: Running is not enough for b" &&
           ready("alice/Instance/a") == "Running: " && ready("alice/Instance/c") == "Running: ";
  })) << ready("alice/Instance/b");
  bed_.push_platform(platform(""));
  EXPECT_TRUE(daemon_->run_until([&] { return ready("alice/Instance/b") == "Running: "; }));
}

TEST_F(PlansTest, AThresholdOfAQuotaIsToldOnceWithTheRevisionThatReachesIt) {
  bed_.push_platform(platform_with("{quotas: {instances: 4}, usageThresholds: [50, 100]}"));
  push({"a"});
  start();
  const auto told = [&] {
    std::vector<std::string> messages;
    for (const EventRow& event : daemon_->events()) {
      if (event.reason == "UsageThreshold") messages.push_back(event.message);
    }
    return messages;
  };
  EXPECT_THAT(told(), IsEmpty());
  push({"a", "b"});
  ASSERT_TRUE(passes());
  const std::string half = "instances reached 50% of what plan 'hobby' allows: 2 of 4";
  EXPECT_THAT(told(), ElementsAre(half));
  push({"a", "b", "c"});
  ASSERT_TRUE(passes());
  daemon_.reset();
  start();
  push({"a", "b", "d"});
  ASSERT_TRUE(passes());
  EXPECT_THAT(told(), ElementsAre(half)) << "it stays past the half";
  push({"a", "b", "c", "d"});
  ASSERT_TRUE(passes());
  ASSERT_THAT(told(), SizeIs(2));
  EXPECT_EQ(told()[1], "instances reached 100% of what plan 'hobby' allows: 4 of 4");
}

TEST_F(PlansTest, AThresholdIsToldOnceItsPushIsAcknowledged) {
  bed_.push_platform(platform_with("{quotas: {sites: 1}}"));
  push({"a", "b"});
  start();
  bed_.alice.remove("a.yaml");
  bed_.push_alice({{"b.yaml",
                    "apiVersion: croft/v1\nkind: Site\nmetadata: {name: s}\n"
                    "spec: {files: {path: public}}\n"},
                   {"public/index.html", "x"}});
  ASSERT_TRUE(daemon_->run_until([&] { return !daemon_->engine().guarded("alice").empty(); }));
  const auto told = [&] {
    return std::ranges::count(daemon_->events(), "UsageThreshold", &EventRow::reason);
  };
  daemon_->run_for(Duration(300));
  EXPECT_EQ(told(), 0) << "it is not accepted yet";
  const std::string digest = daemon_->engine().guarded("alice").front().digest;
  ASSERT_TRUE(daemon_->run(daemon_->engine().acknowledge("alice", digest, "alice")));
  EXPECT_TRUE(daemon_->run_until([&] { return told() == 1; }));
}

TEST_F(PlansTest, SizesOfSitesCount) {
  bed_.push_platform(platform_with("{quotas: {storage: 100B, fileSize: 60B}}"));
  const auto site = [&](const std::string& page, const std::string& extra = "") {
    bed_.push_alice({{"a.yaml",
                      "apiVersion: croft/v1\nkind: Site\nmetadata: {name: s}\n"
                      "spec: {files: {path: public}}\n"},
                     {"public/index.html", page},
                     {"public/deep/er/x.txt", extra}});
  };
  site("hello", "x");
  start();
  const Changeset changeset = diff();
  EXPECT_EQ(changeset.quotas[0], (plans::QuotaUse{"storage", "6B", "100B", false}));
  EXPECT_EQ(changeset.quotas[1], (plans::QuotaUse{"fileSize", "5B", "60B", false}));
  site("hello", std::string(61, 'x'));
  EXPECT_THAT(refusal(), HasSubstr("allows 60B a file, this asks for 61B (5B now)"));
  site(std::string(60, 'x'), std::string(60, 'y'));
  EXPECT_THAT(refusal(), HasSubstr("allows 100B of storage, this asks for 120B (6B now)"));
  site(std::string(50, 'x'), std::string(50, 'y'));
  EXPECT_TRUE(passes());
}

}  // namespace

}  // namespace croft
