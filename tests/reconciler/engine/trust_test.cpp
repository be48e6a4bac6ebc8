// What the engine does with signatures that are wrong: real commits, real keys, a fake provider.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/reconciler/engine/daemon.hpp"
#include "tests/support/signer.hpp"

namespace croft {
namespace {

using testing::HasSubstr;

class TrustTest : public testing::Test {
 protected:
  /// Alice's source asks for these keys' signatures.
  void trust(const std::vector<std::string>& keys, const std::string& mode = "head") {
    std::string verify = "verify: {mode: " + mode + ", ssh: [";
    for (const std::string& key : keys) verify += "'" + key + "', ";
    std::string yaml = platform_yaml(true);
    yaml.replace(yaml.find("interval: 1h"), 12, "interval: 1h, " + verify + "]}");
    bed_.push_platform(yaml);
  }

  std::string push(const std::string& name) {
    return bed_.push_alice({{"a.yaml", instance_yaml(name)}});
  }

  static SourceStatus source(Daemon& daemon, const std::string& key = "alice/alice") {
    for (SourceStatus& one : daemon.engine().sources("")) {
      if (one.key == key) return one;
    }
    return {};
  }

  /// Waits until the source is stalled at that commit: why, and in which words.
  static std::string stalled(Daemon& daemon, const std::string& commit,
                             const std::string& key = "alice/alice") {
    std::string said;
    daemon.run_until([&] {
      const SourceStatus status = source(daemon, key);
      const Condition* condition = find_condition(status.conditions, "Stalled");
      if (condition == nullptr || status.attempted_revision != commit) return false;
      said = condition->reason + ": " + condition->message;
      return true;
    });
    return said;
  }

  static bool applies(Daemon& daemon, const std::string& commit) {
    return daemon.run_until([&] {
      const SourceStatus status = source(daemon);
      return status.applied_revision == commit &&
             find_condition(status.conditions, "Stalled") == nullptr;
    });
  }

  TestBed bed_;
  SshSigner laptop_{"alice@laptop"};
  SshSigner desk_{"alice@desk"};
};

TEST_F(TrustTest, OnlySignedRevisionsChangeAnything) {
  trust({laptop_.public_key()});
  laptop_.sign_in(bed_.alice);
  const std::string first = push("web");
  Daemon daemon(bed_);
  ASSERT_TRUE(applies(daemon, first));
  ASSERT_TRUE(daemon.settle());
  const std::size_t effects = bed_.world->effects();

  sign_no_more(bed_.alice);
  const std::string plain = push("other");
  EXPECT_THAT(stalled(daemon, plain), HasSubstr("Unsigned: commit " + plain.substr(0, 10) +
                                                " by Tester <tester@example.com>"));
  desk_.sign_in(bed_.alice);
  const std::string foreign = push("other");
  EXPECT_THAT(stalled(daemon, foreign), HasSubstr("UntrustedKey: "));
  EXPECT_EQ(source(daemon).applied_revision, first);
  EXPECT_EQ(source(daemon).candidate_revision, "");
  EXPECT_EQ(bed_.world->effects(), effects) << "nothing changed";
  std::size_t told = 0;
  for (const EventRow& event : daemon.events()) {
    if (event.reason == "Unsigned" || event.reason == "UntrustedKey") ++told;
  }
  EXPECT_EQ(told, 2U);

  // A key that is added lets the commit in that waits for it.
  trust({laptop_.public_key(), desk_.public_key()});
  EXPECT_TRUE(applies(daemon, foreign));
  laptop_.sign_in(bed_.alice);
  EXPECT_TRUE(applies(daemon, push("web")));
}

TEST_F(TrustTest, TheEndOfAKeyTakesNothingBackAndLetsNothingIn) {
  trust({laptop_.public_key()});
  laptop_.sign_in(bed_.alice);
  const std::string first = push("web");
  {
    Daemon daemon(bed_);
    ASSERT_TRUE(applies(daemon, first));
  }
  trust({"alice valid-before=\"20240101Z\" " + laptop_.public_key()});
  Daemon daemon(bed_);
  EXPECT_TRUE(applies(daemon, first));
  const std::string late = push("other");
  EXPECT_THAT(stalled(daemon, late), HasSubstr("key has expired"));
  EXPECT_EQ(source(daemon).applied_revision, first);
}

TEST_F(TrustTest, WhatWasRefusedIsRefusedAfterARestart) {
  trust({laptop_.public_key()});
  laptop_.sign_in(bed_.alice);
  const std::string first = push("web");
  {
    Daemon daemon(bed_);
    ASSERT_TRUE(applies(daemon, first));
    sign_no_more(bed_.alice);
    const std::string plain = push("other");
    ASSERT_THAT(stalled(daemon, plain), HasSubstr("Unsigned"));
  }
  Daemon daemon(bed_);
  ASSERT_TRUE(daemon.settle());
  EXPECT_THAT(stalled(daemon, bed_.alice.id_of()), HasSubstr("Unsigned"));
  EXPECT_EQ(source(daemon).applied_revision, first);
  EXPECT_EQ(bed_.world->things().size(), 1U);
}

TEST_F(TrustTest, EveryCommitSinceTheLastAppliedCounts) {
  trust({laptop_.public_key()}, "every");
  push("before-anybody-signed");
  laptop_.sign_in(bed_.alice);
  const std::string first = push("web");
  Daemon daemon(bed_);
  ASSERT_TRUE(applies(daemon, first)) << "its history is nobody's promise";
  sign_no_more(bed_.alice);
  const std::string hidden = bed_.alice.commit({{"a.yaml", instance_yaml("hidden")}});
  laptop_.sign_in(bed_.alice);
  const std::string top = push("top");
  EXPECT_THAT(stalled(daemon, top), HasSubstr("Unsigned: commit " + hidden.substr(0, 10)));
  bed_.alice.git({"reset", "--quiet", "--hard", first});
  const std::string mended = bed_.alice.commit({{"a.yaml", instance_yaml("web")}});
  bed_.alice.force_push("HEAD:refs/heads/main");
  EXPECT_TRUE(applies(daemon, mended));
}

TEST_F(TrustTest, ThePlatformsRepositoryIsHeldToTheOperatorsKeys) {
  bed_.configure = [&](EngineSettings& settings, const asio::any_io_executor&) {
    settings.platform_verify = VerifyDeclaration{false, {{desk_.public_key()}, {}}};
  };
  desk_.sign_in(bed_.platform);
  trust({laptop_.public_key()});
  laptop_.sign_in(bed_.alice);
  const std::string first = push("web");
  Daemon daemon(bed_);
  ASSERT_TRUE(applies(daemon, first));
  // Who can push to the platform's repository cannot let their own key in.
  laptop_.sign_in(bed_.platform);
  trust({laptop_.public_key(), desk_.public_key()});
  EXPECT_THAT(stalled(daemon, bed_.platform.id_of(), "platform"), HasSubstr("UntrustedKey"));
  desk_.sign_in(bed_.alice);
  const std::string foreign = push("other");
  EXPECT_THAT(stalled(daemon, foreign), HasSubstr("UntrustedKey"));
  EXPECT_EQ(source(daemon).applied_revision, first);
}

TEST_F(TrustTest, OtherRefsAreDiffedWithoutASignature) {
  trust({laptop_.public_key()});
  laptop_.sign_in(bed_.alice);
  const std::string first = push("web");
  Daemon daemon(bed_);
  ASSERT_TRUE(applies(daemon, first));
  sign_no_more(bed_.alice);
  bed_.alice.start_branch("topic");
  bed_.alice.commit({{"b.yaml", instance_yaml("more")}});
  bed_.alice.push("HEAD:refs/heads/topic");
  const auto diff = daemon.run(daemon.engine().diff_ref("alice/alice", "refs/heads/topic"));
  ASSERT_TRUE(diff) << diff.error().describe();
  EXPECT_TRUE(has_changes(diff->changeset));
  EXPECT_EQ(source(daemon).applied_revision, first);
}

}  // namespace
}  // namespace croft
