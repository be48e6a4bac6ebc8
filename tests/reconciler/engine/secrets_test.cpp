#include "reconciler/secrets.hpp"

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
using testing::SizeIs;

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

  /// "REASON: MESSAGE" of a source's Stalled; empty if it is not.
  static std::string stalled(Daemon& daemon, const std::string& key) {
    for (const SourceStatus& source : daemon.engine().sources("")) {
      const Condition* condition = find_condition(source.conditions, "Stalled");
      if (source.key == key && condition != nullptr)
        return condition->reason + ": " + condition->message;
    }
    return "";
  }
  std::filesystem::path key_file() const {
    return bed.data.path() / "keys" / secret::KeyringFiles::kSealFile;
  }
  /// The keys are others than those that everything is sealed to. Gives what was there.
  std::string lose_keys() const {
    std::string before = read_file(key_file(), 1 << 16).value();
    const std::string other = secret::AgeIdentity::generate().text().reveal();
    EXPECT_TRUE(write_file_atomic(key_file(), other + "\n", 0600));
    return before;
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

TEST_F(EngineSecretsTest, AreListedWithWhatUsesThemAndWhetherTheyOpen) {
  bed.push_alice({{"s.yaml", api(seal("api", "value", "hunter2-abc"))},
                  {"web.yaml", using_it("web", "api")},
                  {"job.yaml", using_it("job", "api")}});
  Daemon daemon(bed);
  ASSERT_TRUE(daemon.settle());
  const ResourceStatus status = daemon.status("alice/Secret/api");
  EXPECT_EQ(status.message, "used by 2");
  EXPECT_EQ(find_condition(status.conditions, "Ready")->reason, "Opened");
  EXPECT_EQ(status.spec, nullptr) << "nothing of it is shown";
  const auto tree = make_memory_tree({{"s.yaml", api(seal("api", "value", "another-value"))},
                                      {"web.yaml", using_it("web", "api")},
                                      {"job.yaml", using_it("job", "api")}});
  const auto diff = daemon.run(daemon.engine().diff({.tenant = "alice", .tree = tree}));
  ASSERT_TRUE(diff) << diff.error().describe();
  ASSERT_THAT(diff->records, SizeIs(1));
  ASSERT_THAT(diff->records[0].fields, SizeIs(1));
  EXPECT_EQ(diff->records[0].fields[0].after, "(sealed anew)");
  lose_keys();
  ASSERT_TRUE(daemon.run_until([&] {
    (void)daemon.run(daemon.engine().reconcile({"alice", std::nullopt}));
    const ResourceStatus now = daemon.status("alice/Secret/api");
    return find_condition(now.conditions, "Ready")->reason == "Broken";
  }));
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
  EXPECT_EQ(count_of(same->front(), Action::Keep), same->front().changes.size());
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

TEST_F(EngineSecretsTest, AKeyOfThePlatformsOwnSecretsIsNotForgotten) {
  bed.push_platform(platform_yaml(true) + "---\n" +
                    secret_yaml("token", "values: {value: \"" +
                                             seal("token", "value", "first-token", "") + "\"}"));
  Daemon daemon(bed);
  ASSERT_TRUE(daemon.settle());
  const std::string old_id = secret::seal_key_id(keys().newest().public_bytes());
  ASSERT_TRUE(daemon.run(daemon.engine().rotate_sealing_key("test")));
  const auto refused = daemon.run(daemon.engine().retire_sealing_key(old_id, "test"));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), ErrorCode::Conflict);
  EXPECT_THAT(refused.error().message(), HasSubstr("Secret/token"));
}

TEST_F(EngineSecretsTest, NoKeyIsForgottenWhileWhatIsAppliedIsNotAtHand) {
  bed.push_alice(
      {{"s.yaml", api(seal("api", "value", "hunter2-abc"))}, {"web.yaml", using_it("web", "api")}});
  std::string old_id = secret::seal_key_id(keys().newest().public_bytes());
  {
    Daemon daemon(bed);
    ASSERT_TRUE(daemon.settle());
    ASSERT_TRUE(daemon.run(daemon.engine().rotate_sealing_key("test")));
  }
  // Neither the mirror nor the repository is there at the next start.
  std::filesystem::remove_all(bed.data.path() / "mirrors" / "alice.alice");
  std::filesystem::rename(bed.alice_remote.path(), bed.data.path() / "elsewhere");
  Daemon daemon(bed);
  ASSERT_TRUE(daemon.run_until([&] { return !stalled(daemon, "alice/alice").empty(); }));
  const auto refused = daemon.run(daemon.engine().retire_sealing_key(old_id, "test"));
  std::filesystem::rename(bed.data.path() / "elsewhere", bed.alice_remote.path());
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), ErrorCode::Conflict);
  EXPECT_THAT(refused.error().message(), HasSubstr("alice/alice is not at hand"));
}

TEST_F(EngineSecretsTest, WhatCannotBeOpenedAnyMoreKeepsNothingFromStopping) {
  bed.push_alice({{"s.yaml", api(seal("api", "value", "hunter2-abc"))},
                  {"web.yaml", using_it("web", "api")},
                  {"job.yaml", using_it("job", "api")},
                  {"plain.yaml", instance_yaml("plain")}});
  Daemon daemon(bed);
  ASSERT_TRUE(daemon.settle());
  const std::string before = lose_keys();
  auto same = daemon.run(daemon.engine().reconcile({"alice", std::nullopt}));
  ASSERT_TRUE(same) << same.error().describe();
  EXPECT_FALSE(has_changes(same->front())) << "what is not known counts as unchanged";
  EXPECT_THAT(stalled(daemon, "alice/alice"), HasSubstr("SecretsBroken: "));
  EXPECT_THAT(stalled(daemon, "alice/alice"), HasSubstr("alice/Secret/api"));

  DirectiveRow stop;
  stop.ref = Ref{"alice", Kind::Instance, "web"};
  stop.verb = DirectiveVerb::Stop;
  stop.by = "test";
  ASSERT_TRUE(daemon.run(daemon.engine().direct(stop)));
  EXPECT_TRUE(daemon.run_until(
      [&] { return bed.world->find(stop.ref)->observed.phase == Phase::Stopped; }));
  // What does not touch the Secret is taken: here, that something goes.
  std::filesystem::remove(bed.alice.path() / "job.yaml");
  bed.push_alice({{"other.yaml", instance_yaml("other")}}, "drop job\n\nCroft-Prune: yes\n");
  ASSERT_TRUE(daemon.run(daemon.engine().reconcile({"alice", std::nullopt})));
  EXPECT_EQ(bed.world->find(Ref{"alice", Kind::Instance, "job"}), nullptr);
  EXPECT_NE(bed.world->find(Ref{"alice", Kind::Instance, "other"}), nullptr);

  // Put back by hand, they count at once.
  ASSERT_TRUE(write_file_atomic(key_file(), before, 0600));
  ASSERT_TRUE(daemon.run(daemon.engine().reconcile({"alice", std::nullopt})));
  EXPECT_EQ(stalled(daemon, "alice/alice"), "");
  ASSERT_TRUE(daemon.run(daemon.engine().withdraw(stop.ref, DirectiveVerb::Stop, "test")));
  EXPECT_TRUE(daemon.run_until(
      [&] { return bed.world->find(stop.ref)->observed.phase == Phase::Running; }));
}

TEST_F(EngineSecretsTest, ThePlatformGoesOnWithoutItsKeys) {
  bed.push_platform(platform_yaml(true) + "---\n" +
                    secret_yaml("token", "values: {value: \"" +
                                             seal("token", "value", "first-token", "") + "\"}"));
  bed.push_alice({{"plain.yaml", instance_yaml("plain")}});
  {
    Daemon daemon(bed);
    ASSERT_TRUE(daemon.settle());
  }
  lose_keys();
  Daemon daemon(bed);
  ASSERT_TRUE(daemon.settle());
  ASSERT_TRUE(daemon.run_until([&] { return !stalled(daemon, "platform").empty(); }));
  EXPECT_THAT(stalled(daemon, "platform"), HasSubstr("SecretsBroken: "));
  bed.push_alice({{"other.yaml", instance_yaml("other")}});
  ASSERT_TRUE(daemon.run(daemon.engine().reconcile({"alice", std::nullopt})));
  EXPECT_NE(bed.world->find(Ref{"alice", Kind::Instance, "other"}), nullptr);
}

// Whoever may open a merge request knows the public key, and could seal a guess.
TEST_F(EngineSecretsTest, AMergeRequestTellsNobodyWhetherAGuessIsRight) {
  const std::string accepted = bed.push_alice(
      {{"s.yaml", api(seal("api", "value", "hunter2-abc"))}, {"web.yaml", using_it("web", "api")}});
  Daemon daemon(bed);
  ASSERT_TRUE(daemon.settle());
  const auto asked = [&](const std::string& guess) {
    bed.alice.commit({{"s.yaml", api(seal("api", "value", guess))}}, "guess");
    bed.alice.push("+HEAD:refs/pull/1/head");
    const auto diffed = daemon.run(daemon.engine().diff_ref("alice/alice", "refs/pull/1/head"));
    EXPECT_TRUE(diffed) << diffed.error().describe();
    std::string said = diffed->problems;
    for (const Change& change : diffed->changeset.changes) {
      for (const FieldChange& field : change.fields)
        said += field.path + " " + field.after.value_or("");
    }
    return said;
  };
  const std::string right = asked("hunter2-abc");
  EXPECT_THAT(right, HasSubstr("(secret changed)"));
  EXPECT_EQ(right, asked("hunter2-xyz"));
  // What is sealed as it was is the same.
  bed.alice.git({"reset", "--hard", accepted});
  bed.alice.commit({{"plain.yaml", instance_yaml("plain")}}, "harmless");
  bed.alice.push("+HEAD:refs/pull/1/head");
  const auto harmless = daemon.run(daemon.engine().diff_ref("alice/alice", "refs/pull/1/head"));
  ASSERT_TRUE(harmless);
  EXPECT_EQ(harmless->problems, "");
  for (const Change& change : harmless->changeset.changes) {
    if (change.ref.name == "web") {
      EXPECT_EQ(change.action, Action::Keep);
    }
  }
}

TEST_F(EngineSecretsTest, WhatIsTooLargeForAFileIsAnErrorAndTheAppRunsOn) {
  const std::string recipient = keys().keys_of("alice").back().recipient();
  const auto files = [&](std::size_t size) {
    std::string mounts;
    for (const char* name : {"a", "b", "c", "d", "e"})
      mounts += fmt::format("    /run/{}: {{secret: tls/key}}\n", name);
    return GitRepository::Files{
        {"s.yaml", secret_yaml("tls", "file: tls.enc.yaml")},
        {"tls.enc.yaml", sops_file({{"key", std::string(size, 'x')}}, recipient)},
        {"web.yaml", instance_yaml("web", "  secretFiles:\n" + mounts)}};
  };
  bed.push_alice(files(100));
  Daemon daemon(bed);
  ASSERT_TRUE(daemon.settle());
  const std::size_t effects = bed.world->effects();
  bed.push_alice(files((256 << 10) + 1));
  ASSERT_TRUE(daemon.run_until([&] { return !why_stalled(daemon).empty(); }));
  EXPECT_THAT(why_stalled(daemon), HasSubstr("more than 256 KiB"));
  bed.push_alice(files(220 << 10));
  ASSERT_TRUE(daemon.run_until([&] {
    return why_stalled(daemon).find("more than 1 MiB together") != std::string::npos;
  })) << why_stalled(daemon);
  EXPECT_EQ(bed.world->effects(), effects);
}

TEST_F(EngineSecretsTest, AFilesValuesCountForEachSecretThatNamesIt) {
  std::vector<std::pair<std::string, std::string>> values;
  for (int i = 0; i < 900; ++i) values.emplace_back(fmt::format("v{}", i), "x");
  std::string secrets;
  for (const char* name : {"a", "b", "c"}) secrets += secret_yaml(name, "file: f.yaml") + "---\n";
  bed.push_alice({{"s.yaml", secrets},
                  {"f.yaml", sops_file(values, keys().keys_of("alice").back().recipient())}});
  Daemon daemon(bed);
  ASSERT_TRUE(daemon.run_until([&] { return !why_stalled(daemon).empty(); }));
  EXPECT_THAT(why_stalled(daemon), HasSubstr("there are more than 2000 secret values"));
}

TEST(WithoutValuesTest, TakesTheLongestFirst) {
  const SecretValues values{{"a", Secret<std::string>("hunter2")},
                            {"b", Secret<std::string>("hunter2-and-more")}};
  const Error clean =
      without_values(Error(ErrorCode::Invalid, "no hunter2-and-more, and no hunter2"), values);
  EXPECT_EQ(clean.message(), "no [redacted], and no [redacted]");
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
