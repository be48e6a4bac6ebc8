#include "reconciler/expand.hpp"

#include <gtest/gtest.h>

#include "core/base/clock.hpp"
#include "providers/fake/fake_provider.hpp"
#include "tests/reconciler/worlds.hpp"

namespace croft {
namespace {

class ExpandTest : public testing::Test {
 protected:
  ExpandTest() {
    input_.tenant = "alice";
    input_.revisions["alice/main"] = "c0ffee";
    input_.trees[{"alice/main", "public"}] = "7ree";
    offer("local", {.workloads = true, .volumes = true}, true);
    offer("pages", {.sites = true}, true);
    offer("cloud", {.workloads = true}, false);
  }

  ProviderOffer& offer(const std::string& name, Capabilities capabilities, bool is_default,
                       FakeSettings settings = {}) {
    providers_.push_back(std::make_unique<FakeProvider>(world_, std::move(settings)));
    input_.providers.push_back(
        {name, "fake", providers_.back().get(), is_default, {}, capabilities});
    return input_.providers.back();
  }
  ProviderOffer& offered(const std::string& name) {
    return *std::ranges::find(input_.providers, name, &ProviderOffer::name);
  }
  void add(const Ref& ref, Value value) {
    input_.resources.push_back(
        {ref, spec(std::move(value)), nullptr, nullptr, {"alice/main", "hosting.yaml", 0, 3}});
  }
  static Value plain_app() {
    Value value = app();
    value.erase("provider");
    return value;
  }
  Value on(const std::string& provider) {
    Value value = app();
    value.set("provider", provider);
    return value;
  }
  Desired only() {
    const Expansion expansion = expand(input_);
    for (const Problem& problem : expansion.problems)
      ADD_FAILURE() << problem.path << ": " << problem.message;
    if (expansion.desired.size() != 1) throw std::logic_error("not one");
    return expansion.desired.begin()->second;
  }
  Problem refused() {
    const Expansion expansion = expand(input_);
    if (expansion.problems.size() != 1) throw std::logic_error("not one problem");
    return expansion.problems.front();
  }

  ManualClock clock_;
  std::shared_ptr<FakeWorld> world_ = std::make_shared<FakeWorld>(clock_);
  std::vector<std::unique_ptr<FakeProvider>> providers_;
  ExpandInput input_;
};

TEST_F(ExpandTest, PlacesOnTheDefaultWithTheCapability) {
  add(instance("api"), plain_app());
  const Desired desired = only();
  EXPECT_EQ(desired.provider, "local");
  EXPECT_EQ(desired.source, "alice/main");
  EXPECT_EQ(desired.revision, "c0ffee");
  EXPECT_EQ(desired.spec->text_or("provider", ""), "local");
  EXPECT_EQ(desired.spec_digest, spec_digest(provider_part(Kind::Instance, *desired.spec)));
}

TEST_F(ExpandTest, SitesGoWhereSitesAreServedAndCarryTheirTree) {
  add(site("blog"), Value::map({{"files", Value::map({{"path", "public"}})}}));
  const Desired desired = only();
  EXPECT_EQ(desired.provider, "pages");
  EXPECT_EQ(desired.spec->text_or("files.tree", ""), "7ree");
}

TEST_F(ExpandTest, WhatWasExpandedBeforeIsTakenOverUnlessSomethingMoved) {
  add(site("blog"), Value::map({{"files", Value::map({{"path", "public"}})}}));
  add(instance("api"), plain_app());
  const Expansion before = expand(input_);
  const auto spec_of_ref = [](const Expansion& expansion, const Ref& ref) {
    return expansion.desired.at(ref).spec.get();
  };
  input_.before = &before.desired;
  input_.revisions["alice/main"] = "cafe";
  const Expansion again = expand(input_);
  for (const auto& [ref, desired] : again.desired) {
    EXPECT_EQ(desired.spec, before.desired.at(ref).spec) << to_string(ref);
    EXPECT_EQ(desired.spec_digest, before.desired.at(ref).spec_digest);
    EXPECT_EQ(desired.revision, "cafe");
  }
  EXPECT_TRUE(again.is_as_before);
  EXPECT_FALSE(before.is_as_before);

  input_.trees[{"alice/main", "public"}] = "other";
  const Expansion of_new_files = expand(input_);
  EXPECT_EQ(of_new_files.desired.at(site("blog")).spec->text_or("files.tree", ""), "other");
  EXPECT_NE(of_new_files.desired.at(site("blog")).spec_digest,
            before.desired.at(site("blog")).spec_digest);
  EXPECT_FALSE(of_new_files.is_as_before);
  EXPECT_EQ(spec_of_ref(of_new_files, instance("api")), spec_of_ref(before, instance("api")));

  input_.placed[instance("api")] = "cloud";
  EXPECT_EQ(expand(input_).desired.at(instance("api")).spec->text_or("provider", ""), "cloud");

  // Equal, but declared anew: worked out again, and the pool gives the same copy.
  manifest::SpecPool pool;
  input_.pool = &pool;
  input_.before = nullptr;
  input_.placed.clear();
  const Expansion pooled = expand(input_);
  EXPECT_EQ(spec_of_ref(expand(input_), instance("api")), spec_of_ref(pooled, instance("api")));
}

TEST_F(ExpandTest, AMissingDirectoryIsAProblemWithTheNearestName) {
  add(site("blog"), Value::map({{"files", Value::map({{"path", "pulbic"}})}}));
  const Problem problem = refused();
  EXPECT_EQ(problem.path, "spec.files.path");
  EXPECT_EQ(problem.message, "there is no directory 'pulbic' in this repository");
  EXPECT_EQ(problem.hint, "did you mean 'public'?");
}

TEST_F(ExpandTest, TakesTheProviderThatIsNamed) {
  add(instance("api"), on("cloud"));
  EXPECT_EQ(only().provider, "cloud");
}

TEST_F(ExpandTest, AnUnknownProviderIsAProblem) {
  add(instance("api"), on("clowd"));
  const Problem problem = refused();
  EXPECT_EQ(problem.path, "spec.provider");
  EXPECT_EQ(problem.message, "there is no provider 'clowd'");
  EXPECT_EQ(problem.hint, "did you mean 'cloud'?");
}

TEST_F(ExpandTest, AProviderOfOthersIsAsIfItWereNotThere) {
  offered("cloud").tenants = {"bob"};
  add(instance("api"), on("cloud"));
  const Problem problem = refused();
  EXPECT_EQ(problem.message, "there is no provider 'cloud'");
  EXPECT_EQ(problem.hint, "you may use: local");
}

TEST_F(ExpandTest, ThePlanSaysWhichProvidersAreAllowed) {
  input_.allowed_providers = {"cloud", "pages"};
  add(instance("api"), on("local"));
  EXPECT_EQ(refused().message, "the plan does not allow provider 'local'");
  input_.resources.clear();
  add(instance("api"), plain_app());
  EXPECT_EQ(only().provider, "cloud") << "the only one that is left";
}

TEST_F(ExpandTest, AProviderMustBeAbleTo) {
  add(instance("db"), with_volume(on("cloud"), "data", 1 << 30));
  EXPECT_EQ(refused().message, "provider 'cloud' cannot run Instances with volumes");
  input_.resources.clear();
  add(instance("db"), on("pages"));
  EXPECT_EQ(refused().message, "provider 'pages' cannot run Instances");
}

TEST_F(ExpandTest, NoneAtAllIsAProblem) {
  offered("pages").capabilities.sites = false;
  add(site("blog"), Value::map());
  EXPECT_EQ(refused().message, "no provider that you may use can serve Sites");
}

TEST_F(ExpandTest, SeveralWithoutADefaultAskForAChoice) {
  offered("local").is_default = false;
  add(instance("api"), plain_app());
  const Problem problem = refused();
  EXPECT_EQ(problem.message, "no default provider can run Instances");
  EXPECT_EQ(problem.hint, "you may use: cloud, local");
}

TEST_F(ExpandTest, ANewDefaultDoesNotMoveWhatIsThere) {
  offered("local").is_default = false;
  offered("cloud").is_default = true;
  input_.placed[instance("api")] = "local";
  add(instance("api"), plain_app());
  EXPECT_EQ(only().provider, "local");
  input_.allowed_providers = {"cloud"};
  EXPECT_EQ(only().provider, "local") << "nor does a smaller plan";
  offered("local").tenants = {"bob"};
  EXPECT_EQ(only().provider, "cloud") << "unless the tenant may not use it any more";
}

TEST_F(ExpandTest, TheProviderFillsInItsDefaultsAndCroftsFieldsStay) {
  offer("special", {.workloads = true}, false,
        {.defaults = Value::map({{"resources", Value::map({{"swap", 1}})}})});
  Value value = on("special");
  value.set("dependsOn", Value(Value::List{"Site/x"}));
  value.set("http", Value::map({{"port", 80}, {"hosts", Value(Value::List{"a.b"})}}));
  add(instance("api"), value);
  const Desired desired = only();
  EXPECT_EQ(desired.spec->integer_or("resources.swap", 0), 1);
  EXPECT_NE(desired.spec->find("dependsOn"), nullptr);
  EXPECT_EQ(desired.spec->text_or("http.hosts[0]", ""), "a.b");
  EXPECT_EQ(desired.spec->integer_or("http.port", 0), 80);
}

TEST_F(ExpandTest, WhatAProviderRefusesIsAProblemAtItsField) {
  offer("simple", {.workloads = true}, false, {.unsupported = {"resources.pids"}});
  add(instance("api"), on("simple"));
  const Problem problem = refused();
  EXPECT_EQ(problem.path, "spec.resources.pids");
  EXPECT_EQ(problem.message,
            "provider 'simple': Instance/api has 'resources.pids', which is not supported here");
}

TEST_F(ExpandTest, ARefDeclaredTwiceIsAProblem) {
  add(instance("api"), plain_app());
  add(instance("api"), plain_app());
  EXPECT_EQ(refused().message, "is declared twice: first in hosting.yaml:3");
}

TEST_F(ExpandTest, OperatorKindsPassThrough) {
  add({"", Kind::Plan, "hobby"}, Value::map({{"quotas", Value::map()}}));
  const Desired desired = only();
  EXPECT_EQ(desired.provider, "");
}

TEST_F(ExpandTest, OfflineSpecsAreTakenAsDeclared) {
  input_.providers.clear();
  add(instance("api"), on("anywhere"));
  EXPECT_EQ(only().provider, "anywhere");
  input_.providers.push_back({.name = "local", .adapter = "process", .is_default = true});
  input_.resources.clear();
  add(instance("api"), plain_app());
  EXPECT_EQ(only().provider, "local");
}

TEST_F(ExpandTest, TheOrderOfResourcesDoesNotMatter) {
  add(instance("b"), on("nowhere"));
  add(instance("a"), on("nothere"));
  auto first = expand(input_).problems;
  std::ranges::reverse(input_.resources);
  std::ranges::reverse(input_.providers);
  EXPECT_EQ(first, expand(input_).problems);
}

TEST(ClaimsTest, OwnAndCustomHostsAreClaimed) {
  World world = empty_world();
  Value web = app();
  web.set("http", Value::map({{"hosts", Value(Value::List{"API.Alice.dev."})}}));
  declare(world, instance("api"), web);
  declare(world, instance("worker"), app());
  declare(world, site("blog"), Value::map({{"domains", Value(Value::List{"alice.dev"})}}));
  std::string text;
  for (const HostClaim& claim : claims_of(world.desired, "example.com"))
    text += claim.host + " " + claim.path + "\n";
  EXPECT_EQ(text,
            "alice-api.example.com \napi.alice.dev spec.http.hosts[0]\n"
            "alice-blog.example.com \nalice.dev spec.domains[0]\n");
}

HostClaim custom(const std::string& host, const Ref& ref) { return {host, ref, "spec.domains[0]"}; }

TEST(ClaimsTest, AllowedAreTheDomainItselfAndWhatIsBelow) {
  const std::vector<std::string> allowed{"alice.dev"};
  for (const char* host : {"alice.dev", "blog.alice.dev", "a.b.alice.dev"}) {
    EXPECT_TRUE(check_claims({}, {custom(host, site("s"))}, allowed).empty()) << host;
  }
  for (const char* host : {"malice.dev", "dev", "alice.dev.evil.com", "bob.dev"}) {
    const auto problems = check_claims({}, {custom(host, site("s"))}, allowed);
    ASSERT_EQ(problems.size(), 1u) << host;
    EXPECT_EQ(problems[0].path, "spec.domains[0]");
  }
}

TEST(ClaimsTest, ASecondClaimNamesTheFirstOnlyToItsOwner) {
  const std::vector<std::string> allowed{"x.dev"};
  auto problems =
      check_claims({}, {custom("x.dev", site("b")), custom("x.dev", site("a"))}, allowed);
  ASSERT_EQ(problems.size(), 1u);
  EXPECT_EQ(problems[0].ref, site("b"));
  EXPECT_EQ(problems[0].message, "the host 'x.dev' is claimed by Site/a already");
  problems = check_claims({custom("X.dev", {"bob", Kind::Site, "secret"})},
                          {custom("x.dev", site("a"))}, allowed);
  ASSERT_EQ(problems.size(), 1u);
  EXPECT_EQ(problems[0].message, "the host 'x.dev' is claimed by another tenant already");
}

TEST(ClaimsTest, TwoKindsOfOneNameShareNoHost) {
  World world = empty_world();
  Value web = app();
  web.set("http", Value::map());
  declare(world, instance("blog"), web);
  declare(world, site("blog"), Value::map());
  const auto problems = check_claims({}, claims_of(world.desired, "localhost"), {}, "localhost");
  ASSERT_EQ(problems.size(), 1u);
  EXPECT_EQ(problems[0].ref, site("blog"));
  EXPECT_EQ(problems[0].path, "metadata.name");
}

TEST(ClaimsTest, NobodyClaimsBelowThePlatformsDomain) {
  const auto problems =
      check_claims({}, {custom("bob-shop.example.com", site("a"))}, {"example.com"}, "example.com");
  ASSERT_EQ(problems.size(), 1u);
  EXPECT_NE(problems[0].message.find("TENANT-NAME.example.com only"), std::string::npos);
}

TEST(ClaimsTest, LabelsLongerThanDnsAllowsAreRefused) {
  World world = empty_world();
  declare(world, site(std::string(60, 'x')), Value::map());
  const auto problems = check_claims({}, claims_of(world.desired, "localhost"), {}, "localhost");
  ASSERT_EQ(problems.size(), 1u);
  EXPECT_EQ(problems[0].path, "metadata.name");
}

TEST(ClaimIndexTest, GivesWhatOthersClaimOfTheWantedHosts) {
  const auto claim = [](const std::string& host, const std::string& tenant) {
    return HostClaim{host, Ref{tenant, Kind::Site, "home"}, ""};
  };
  ClaimIndex index;
  index.replace("alice", {claim("a.example", "alice"), claim("shared.example", "alice")});
  index.replace("bob", {claim("b.example", "bob"), claim("shared.example", "bob")});
  const std::vector<HostClaim> wanted{claim("shared.example", "alice"), claim("b.example", "alice"),
                                      claim("b.example", "alice")};
  std::vector<HostClaim> taken = index.of_others("alice", wanted);
  ASSERT_EQ(taken.size(), 2U) << "each once, and none of its own";
  for (const HostClaim& one : taken) EXPECT_EQ(one.ref.tenant, "bob");
  index.replace("bob", {claim("b.example", "bob")});
  EXPECT_EQ(index.of_others("alice", wanted).size(), 1U);
  index.replace("bob", {});
  EXPECT_TRUE(index.of_others("alice", wanted).empty());
  EXPECT_EQ(index.of_others("bob", {claim("shared.example", "bob")}).size(), 1U);
}

}  // namespace
}  // namespace croft
