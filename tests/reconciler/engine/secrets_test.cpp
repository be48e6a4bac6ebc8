#include <algorithm>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/secret/keyring.hpp"
#include "tests/reconciler/engine/daemon.hpp"
#include "tests/support/sops_file.hpp"

namespace croft {
namespace {

using testing::HasSubstr;
using testing::Not;

class EngineSecretsTest : public testing::Test {
 protected:
  secret::Keyring keys() {
    return secret::KeyringFiles(bed.data.path() / "secrets", bed.data.path() / "keys")
        .load_or_make()
        .value();
  }
  std::string seal(const std::string& name, const std::string& key, const std::string& value,
                   const std::string& tenant = "alice") {
    return secret::seal(keys().newest().public_bytes(), {tenant, name, key}, value);
  }
  static std::string secret_yaml(const std::string& name, const std::string& spec) {
    return fmt::format("apiVersion: croft/v1\nkind: Secret\nmetadata: {{name: {}}}\nspec: {{{}}}\n",
                       name, spec);
  }
  std::string api(const std::string& value) {
    return secret_yaml("api", fmt::format("values: {{value: \"{}\"}}", value));
  }
  static std::string using_it(const std::string& name, const std::string& reference) {
    return instance_yaml(name, fmt::format("  env: {{TOKEN: {{secret: {}}}}}\n", reference));
  }
  /// The clear value that the world got for it last.
  std::string given(const std::string& name, const std::string& reference) {
    const FakeThing* thing = bed.world->find(Ref{"alice", Kind::Instance, name});
    if (thing == nullptr || !thing->secrets.contains(reference)) return "";
    return thing->secrets.at(reference).reveal();
  }
  static std::string why_stalled(Daemon& daemon, const std::string& tenant = "alice") {
    for (const SourceStatus& source : daemon.engine().sources(tenant)) {
      const Condition* stalled = find_condition(source.conditions, "Stalled");
      if (source.tenant == tenant && stalled != nullptr) return stalled->message;
    }
    return "";
  }

  TestBed bed;
};

TEST_F(EngineSecretsTest, ReachTheProviderAndStayOutOfTheSpec) {
  bed.push_alice(
      {{"s.yaml", api(seal("api", "value", "hunter2-abc"))}, {"web.yaml", using_it("web", "api")}});
  Daemon daemon(bed);
  ASSERT_TRUE(daemon.settle());
  EXPECT_EQ(given("web", "api"), "hunter2-abc");
  const std::string spec = to_json(*daemon.status("alice/Instance/web").spec);
  EXPECT_THAT(spec, HasSubstr("\"fingerprint\""));
  EXPECT_THAT(spec, Not(HasSubstr("hunter2")));
  EXPECT_TRUE(daemon.engine().is_settled("alice"));
}

TEST_F(EngineSecretsTest, AnotherValueChangesWhatUsesItAndNothingElse) {
  const auto files = [&](const std::string& value) {
    return GitRepository::Files{
        {"s.yaml", api(seal("api", "value", value))},
        {"o.yaml", secret_yaml("other", "values: {value: \"" +
                                            seal("other", "value", "other-value") + "\"}")},
        {"web.yaml", using_it("web", "api")},
        {"job.yaml", using_it("job", "other")},
        {"plain.yaml", instance_yaml("plain")}};
  };
  bed.push_alice(files("first-value"));
  Daemon daemon(bed);
  ASSERT_TRUE(daemon.settle());
  // Sealed again, but the same: sealing never gives the same text twice.
  bed.push_alice(files("first-value"));
  auto same = daemon.run(daemon.engine().reconcile({"alice", std::nullopt}));
  ASSERT_TRUE(same) << same.error().describe();
  EXPECT_FALSE(has_changes(same->front()));
  bed.push_alice(files("second-value"));
  const auto moved = daemon.run(daemon.engine().reconcile({"alice", std::nullopt}));
  ASSERT_TRUE(moved) << moved.error().describe();
  int changes = 0;
  for (const Change& change : moved->front().changes) {
    if (change.action == Action::Keep) continue;
    ++changes;
    EXPECT_EQ(change.ref.name, "web");
    ASSERT_EQ(change.fields.size(), 1U);
    EXPECT_EQ(change.fields[0].path, "env.TOKEN");
    EXPECT_EQ(change.fields[0].after, "{secret: api} (secret changed)");
  }
  EXPECT_EQ(changes, 1);
  EXPECT_EQ(given("web", "api"), "second-value");
}

TEST_F(EngineSecretsTest, WhatWasSealedForAnotherPlaceChangesNothing) {
  bed.push_alice(
      {{"s.yaml", api(seal("api", "value", "hunter2-abc"))}, {"web.yaml", using_it("web", "api")}});
  Daemon daemon(bed);
  ASSERT_TRUE(daemon.settle());
  const std::size_t effects = bed.world->effects();
  for (const auto& [sealed, why] : std::vector<std::pair<std::string, std::string>>{
           {seal("api", "value", "hunter2-abc", "bob"), "was sealed for another place"},
           {seal("other", "value", "hunter2-abc"), "was sealed for another place"},
           {secret::seal(secret::AgeIdentity::generate().public_bytes(), {"alice", "api", "value"},
                         "hunter2-abc"),
            "which this server does not have"}}) {
    bed.push_alice({{"s.yaml", api(sealed)}});
    ASSERT_TRUE(daemon.run_until([&] {
      return why_stalled(daemon).find(why) != std::string::npos;
    })) << why_stalled(daemon);
    EXPECT_THAT(why_stalled(daemon), HasSubstr("s.yaml:4:24"));
    EXPECT_THAT(why_stalled(daemon), Not(HasSubstr("hunter2")));
  }
  EXPECT_EQ(bed.world->effects(), effects);
  EXPECT_EQ(given("web", "api"), "hunter2-abc");
}

TEST_F(EngineSecretsTest, ANameThatMeansNothingIsAnErrorAtItsPlace) {
  bed.push_alice(
      {{"s.yaml", api(seal("api", "value", "hunter2-abc"))}, {"web.yaml", using_it("web", "apj")}});
  Daemon daemon(bed);
  ASSERT_TRUE(daemon.run_until([&] { return !why_stalled(daemon).empty(); }));
  EXPECT_THAT(why_stalled(daemon), HasSubstr("there is no Secret 'apj'"));
  EXPECT_THAT(why_stalled(daemon), HasSubstr("did you mean 'api'?"));
  EXPECT_THAT(why_stalled(daemon), HasSubstr("web.yaml:"));
  EXPECT_TRUE(bed.world->things().empty());
}

TEST_F(EngineSecretsTest, FilesOfSopsOpenForTheirTenantAlone) {
  const auto recipient = [&](const std::string& tenant) {
    return keys().keys_of(tenant).back().recipient();
  };
  const auto files = [&](const std::string& tenant) {
    return GitRepository::Files{
        {"s.yaml", secret_yaml("tls", "file: tls.enc.yaml")},
        {"tls.enc.yaml", sops_file({{"key", "the-key"}, {"crt", "the-crt"}}, recipient(tenant))},
        {"web.yaml", using_it("web", "tls/key")}};
  };
  bed.push_alice(files("alice"));
  Daemon daemon(bed);
  ASSERT_TRUE(daemon.settle());
  EXPECT_EQ(given("web", "tls/key"), "the-key");
  bed.push_alice(files("bob"));
  ASSERT_TRUE(daemon.run_until([&] { return !why_stalled(daemon).empty(); }));
  EXPECT_THAT(why_stalled(daemon), HasSubstr("tls.enc.yaml:4:5: none of its age recipients"));
}

TEST_F(EngineSecretsTest, OneOfSeveralValuesHasToBeNamed) {
  bed.push_alice({{"s.yaml", secret_yaml("tls", fmt::format("values: {{key: \"{}\", crt: \"{}\"}}",
                                                            seal("tls", "key", "the-key"),
                                                            seal("tls", "crt", "the-crt")))},
                  {"web.yaml", using_it("web", "tls")}});
  Daemon daemon(bed);
  ASSERT_TRUE(daemon.run_until([&] { return !why_stalled(daemon).empty(); }));
  EXPECT_THAT(why_stalled(daemon), HasSubstr("Secret 'tls' has several values"));
  EXPECT_THAT(why_stalled(daemon), HasSubstr("tls/KEY; it has crt, key"));
}

TEST_F(EngineSecretsTest, WhatAVariableCannotHoldIsAnError) {
  bed.push_alice({{"s.yaml", api(seal("api", "value", std::string("a\0b", 3)))},
                  {"web.yaml", using_it("web", "api")}});
  Daemon daemon(bed);
  ASSERT_TRUE(daemon.run_until([&] { return !why_stalled(daemon).empty(); }));
  EXPECT_THAT(why_stalled(daemon), HasSubstr("NUL byte"));
}

TEST_F(EngineSecretsTest, AProvidersWordsNeverRepeatAValue) {
  bed.push_alice(
      {{"s.yaml", api(seal("api", "value", "hunter2-abc"))}, {"web.yaml", using_it("web", "api")}});
  bed.world->add({.verb = FakeVerb::Create,
                  .fault = FakeFault::Fail,
                  .error = Error(ErrorCode::Unavailable, "422: bad variable TOKEN=hunter2-abc")});
  Daemon daemon(bed);
  ASSERT_TRUE(daemon.run_until([&] {
    const auto events = daemon.events();
    return std::ranges::any_of(
        events, [](const EventRow& event) { return event.reason == "CreateFailed"; });
  }));
  for (const EventRow& event : daemon.events())
    EXPECT_THAT(event.message, Not(HasSubstr("hunter2"))) << event.reason;
}

TEST_F(EngineSecretsTest, KeysInUseAreNotForgotten) {
  bed.push_alice(
      {{"s.yaml", api(seal("api", "value", "hunter2-abc"))}, {"web.yaml", using_it("web", "api")}});
  Daemon daemon(bed);
  ASSERT_TRUE(daemon.settle());
  const auto before = daemon.run(daemon.engine().sealing_keys("alice")).value();
  ASSERT_EQ(before.size(), 1U);
  ASSERT_TRUE(daemon.run(daemon.engine().rotate_sealing_key("test")));
  const auto after = daemon.run(daemon.engine().sealing_keys("alice")).value();
  ASSERT_EQ(after.size(), 2U);
  EXPECT_TRUE(after[0].is_newest);
  EXPECT_EQ(after[1].id, before[0].id);
  const auto refused = daemon.run(daemon.engine().retire_sealing_key(before[0].id, "test"));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), ErrorCode::Conflict);
  EXPECT_THAT(refused.error().message(), HasSubstr("alice/Secret/api"));

  const std::string old_one = api(seal("api", "value", "x"));
  const auto wrong = daemon.run(daemon.engine().reseal({"bob", "api", "value", old_one}));
  EXPECT_FALSE(wrong);
  const std::size_t effects = bed.world->effects();
  bed.push_alice({{"s.yaml", api(seal("api", "value", "hunter2-abc"))}});
  ASSERT_TRUE(daemon.run(daemon.engine().reconcile({"alice", std::nullopt})));
  EXPECT_EQ(bed.world->effects(), effects) << "another key is not another value";
  const auto retired = daemon.run(daemon.engine().retire_sealing_key(before[0].id, "test"));
  EXPECT_TRUE(retired) << retired.error().describe();
}

TEST_F(EngineSecretsTest, OperatorsSecretsAreWhatTheirKindsName) {
  const auto platform = [&](const std::string& value) {
    return platform_yaml(true) + "---\n" +
           secret_yaml("token", "values: {value: \"" + seal("token", "value", value, "") + "\"}");
  };
  const auto secrets = std::make_shared<secret::OperatorSecrets>(bed.data.path() / "secrets");
  bed.configure = [&](EngineSettings& settings, const asio::any_io_executor&) {
    settings.operator_secrets = secrets;
  };
  bed.push_platform(platform("first-token"));
  Daemon daemon(bed);
  ASSERT_TRUE(daemon.settle());
  EXPECT_EQ(secrets->find("token", 100)->reveal(), "first-token");
  EXPECT_EQ(secrets->find("token/value", 100)->reveal(), "first-token");
  EXPECT_EQ(secrets->find("nothing", 100).error().code(), ErrorCode::NotFound);
  bed.push_platform(platform("second-token"));
  EXPECT_TRUE(
      daemon.run_until([&] { return secrets->find("token", 100)->reveal() == "second-token"; }));
}

}  // namespace
}  // namespace croft
