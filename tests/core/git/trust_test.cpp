// Signatures by the real programs (git, ssh-keygen, gpg), judged as the daemon judges them.

#include "core/git/trust.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/base/child.hpp"
#include "tests/core/git/mirror_fixture.hpp"
#include "tests/support/fido_signer.hpp"
#include "tests/support/signer.hpp"

namespace croft {
namespace {

using testing::HasSubstr;
using testing::Not;

class TrustTest : public MirrorFixture {
 protected:
  std::string commit(const std::string& text = "x") {
    const std::string id = work_.commit({{"site.yaml", text + std::to_string(++count_)}});
    work_.push();
    return id;
  }

  /// What is said of the newest commit ("" if it is trusted), fetched with all the history there is
  /// if `since` is given.
  std::string judge(const SigningKeys& keys, const std::string& since = "", bool is_old = false) {
    TrustQuestion question;
    question.keys = keys;
    question.since = since;
    question.is_old = is_old;
    return ask(std::move(question), "main");
  }

  std::string ask(TrustQuestion question, const std::string& ref) {
    FetchLimits limits;
    if (!question.since.empty()) limits.history = kMostCommitsJudged + 1;
    const auto fetched = mirror().fetch(remote(ref), limits, {});
    if (!fetched) return fetched.error().describe();
    question.commit = *fetched;
    question.ref = ref;
    question.tag = mirror().fetched_tag().value();
    const auto verdict = judge_revision(mirror(), question);
    if (!verdict) return "error: " + verdict.error().describe();
    signer_ = verdict->signer;
    return verdict->distrust ? std::string(to_string(*verdict->distrust)) + ": " + verdict->words
                             : "";
  }

  /// Puts those bytes into the repository as the newest commit.
  void plant(const std::string& bytes) {
    ASSERT_TRUE(write_file_atomic(work_.path() / "object", bytes, 0600));
    const std::string id =
        work_.git({"hash-object", "-t", "commit", "-w", "--literally", "object"});
    work_.git({"update-ref", "refs/heads/main", id});
    work_.force_push("main");
  }

  /// The bytes of an unsigned commit, with that signature put into them.
  void plant_signed(std::string bytes, const std::string& signature) {
    std::string header = "gpgsig ";
    for (const char c : signature.substr(0, signature.size() - 1)) {
      header += c;
      if (c == '\n') header += ' ';
    }
    plant(bytes.insert(bytes.find("\n\n") + 1, header + "\n"));
  }

  std::string bytes_of(const std::string& id) {
    return work_.git({"cat-file", "commit", id}) + "\n";
  }

  std::string signer_;
  int count_ = 0;
};

TEST_F(TrustTest, UnsignedCommitsAreNotTrusted) {
  const std::string id = commit();
  const SshSigner alice("alice");
  const std::string said = judge({{alice.public_key()}, {}});
  EXPECT_THAT(
      said, HasSubstr("Unsigned: commit " + id.substr(0, 10) + " by Tester <tester@example.com>"));
  EXPECT_THAT(said, HasSubstr("git commit --amend --no-edit -S"));
}

TEST_F(TrustTest, EveryKindOfSshKeyThatIsListedMaySign) {
  const std::vector<std::pair<std::string, std::string>> kinds{
      {"ed25519", ""}, {"ecdsa", "256"}, {"ecdsa", "384"}, {"ecdsa", "521"}, {"rsa", "2048"}};
  for (const auto& [type, bits] : kinds) {
    const SshSigner signer("alice@laptop", type, bits);
    signer.sign_in(work_);
    commit();
    EXPECT_EQ(judge({{signer.public_key()}, {}}), "") << type << bits;
    EXPECT_EQ(signer_, "alice@laptop");
    EXPECT_EQ(judge({{"alice@example.com,bob@example.com " + signer.public_key()}, {}}), "");
  }
}

TEST_F(TrustTest, OtherSshKeysMayNot) {
  const SshSigner alice("alice");
  const SshSigner mallory("mallory");
  mallory.sign_in(work_);
  commit();
  const std::string said = judge({{alice.public_key()}, {}});
  EXPECT_THAT(said, HasSubstr("UntrustedKey: "));
  EXPECT_THAT(said, HasSubstr("the SSH key SHA256:"));
  EXPECT_THAT(said, HasSubstr("not among those that may sign"));
  EXPECT_THAT(judge({{}, {GpgSigner("alice").public_key()}}), HasSubstr("no SSH key may sign"));
}

TEST_F(TrustTest, KeysCountOnlyWhileTheyAreValidByOurClock) {
  const SshSigner alice("alice");
  alice.sign_in(work_);
  commit();  // of 2023, by its own word
  const auto keys = [&](const std::string& option) {
    return SigningKeys{{"alice " + option + " " + alice.public_key()}, {}};
  };
  EXPECT_THAT(judge(keys("valid-before=\"20240101Z\"")), HasSubstr("key has expired"));
  EXPECT_THAT(judge(keys("valid-after=\"21000101Z\"")), HasSubstr("UntrustedKey"));
  EXPECT_EQ(judge(keys("valid-after=\"20240101Z\"")), "");
  // What was applied before is judged as of then.
  EXPECT_EQ(judge(keys("valid-before=\"20240101Z\""), "", true), "");
  EXPECT_THAT(judge(keys("valid-after=\"20240101Z\""), "", true), HasSubstr("UntrustedKey"));
}

TEST_F(TrustTest, ACommitsTimeMayBeAnything) {
  const SshSigner alice("alice");
  const std::string bytes = bytes_of(commit());
  for (const char* time : {"0", "99999999999", "9223372036", "253402300800"}) {
    std::string payload = bytes;
    const std::size_t at = payload.find("> ", payload.find("\ncommitter ")) + 2;
    payload.replace(at, payload.find(' ', at) - at, time);
    plant_signed(payload, alice.sign(payload));
    EXPECT_EQ(judge({{alice.public_key()}, {}}), "") << time;
    EXPECT_EQ(judge({{alice.public_key()}, {}}, "", true), "") << time;
  }
}

TEST_F(TrustTest, SignaturesForSomethingElseAreNone) {
  const SshSigner alice("alice");
  const std::string id = commit();
  const std::string payload = bytes_of(id);
  plant_signed(payload, alice.sign(payload));
  EXPECT_EQ(judge({{alice.public_key()}, {}}), "");
  plant_signed(payload, alice.sign(payload, "file"));
  EXPECT_THAT(judge({{alice.public_key()}, {}}), HasSubstr("BadSignature"));
  plant_signed(payload, alice.sign(payload + "?"));
  EXPECT_THAT(judge({{alice.public_key()}, {}}), HasSubstr("BadSignature"));
  EXPECT_EQ(judge({{"alice namespaces=\"git,file\" " + alice.public_key()}, {}}).find("error"),
            std::string::npos);
}

TEST_F(TrustTest, SecurityKeysSignWhatTheyWereTouchedFor) {
  const FidoSigner alice;
  const std::string payload = bytes_of(commit());
  const auto judged = [&](const std::string& signature, const FidoSigner& listed) {
    plant_signed(payload, signature);
    return judge({{listed.public_key("alice@key")}, {}});
  };
  EXPECT_EQ(judged(alice.sign(payload), alice), "");
  EXPECT_EQ(signer_, "alice@key");
  EXPECT_THAT(judged(alice.sign(payload + "?"), alice), HasSubstr("BadSignature"));
  EXPECT_THAT(judged(alice.sign(payload, {}, {.counter = 8}), alice), HasSubstr("BadSignature"));
  EXPECT_THAT(judged(alice.sign(payload, {.application = "web:"}, {}), alice),
              HasSubstr("BadSignature"));
  EXPECT_THAT(judged(alice.sign(payload), FidoSigner()), HasSubstr("UntrustedKey"));
}

TEST_F(TrustTest, CertificatesOfAnAuthorityMaySignWhileTheyAreValid) {
  const SshSigner authority("ca");
  const SigningKeys keys{{"*@example.com cert-authority " + authority.public_key()}, {}};
  const auto signed_with = [&](const std::string& principal, const std::string& validity) {
    SshSigner alice("alice");
    alice.certify(authority, principal, validity);
    alice.sign_in(work_);
    commit();
    return judge(keys);
  };
  EXPECT_EQ(signed_with("alice@example.com", "-1d:+1d"), "");
  EXPECT_EQ(signer_, "alice@example.com");
  EXPECT_THAT(signed_with("alice@elsewhere.com", "-1d:+1d"), HasSubstr("UntrustedKey"));
  EXPECT_THAT(signed_with("alice@example.com", "-2d:-1d"), HasSubstr("UntrustedKey"));
  // The authority's own key is not a signer's.
  authority.sign_in(work_);
  commit();
  EXPECT_THAT(judge(keys), HasSubstr("UntrustedKey"));
}

TEST_F(TrustTest, GpgKeysThatAreListedMaySign) {
  const GpgSigner alice("alice");
  const GpgSigner bob("bob");
  bob.sign_in(work_);
  commit();
  EXPECT_EQ(judge({{}, {alice.public_key(), bob.public_key()}}), "");
  EXPECT_EQ(signer_, bob.fingerprint());
  EXPECT_EQ(judge({{}, {alice.public_key() + bob.public_key()}}), "");
  EXPECT_THAT(judge({{}, {alice.public_key()}}), HasSubstr("not among those that may sign"));
  EXPECT_THAT(judge({{SshSigner("a").public_key()}, {}}), HasSubstr("no GPG key may sign"));
}

TEST_F(TrustTest, GpgKeysThatExpiredOrWereRevokedMayNot) {
  const GpgSigner old("old", "20231101T000000", "30d");
  old.sign_in(work_, "20231115T000000");
  commit();
  EXPECT_THAT(judge({{}, {old.public_key()}}), HasSubstr("has expired"));
  EXPECT_EQ(judge({{}, {old.public_key()}}, "", true), "");
  const GpgSigner lost("lost");
  lost.sign_in(work_);
  commit();
  const std::string before = lost.public_key();
  lost.revoke();
  EXPECT_EQ(judge({{}, {before}}), "");
  EXPECT_THAT(judge({{}, {lost.public_key()}}), HasSubstr("is revoked"));
  EXPECT_THAT(judge({{}, {lost.public_key()}}, "", true), HasSubstr("is revoked"));
}

TEST_F(TrustTest, GpgSignaturesByWeakDigestsAreNone) {
  const GpgSigner alice("alice");
  alice.sign_in(work_, "", "--digest-algo SHA1 --allow-weak-digest-algos");
  commit();
  EXPECT_THAT(judge({{}, {alice.public_key()}}), HasSubstr("BadSignature"));
}

TEST_F(TrustTest, SeveralGpgSignaturesAreNone) {
  const GpgSigner alice("alice");
  const std::string payload = bytes_of(commit());
  const std::string good = alice.sign(payload);
  plant_signed(payload, good);
  EXPECT_EQ(judge({{}, {alice.public_key()}}), "");
  plant_signed(payload, good + good);
  EXPECT_THAT(judge({{}, {alice.public_key()}}), HasSubstr("BadSignature"));
  plant_signed(payload, alice.sign(payload, {"--sign"}));
  EXPECT_THAT(judge({{}, {alice.public_key()}}), HasSubstr("BadSignature"));
  plant_signed(payload, "-----BEGIN SIGNED MESSAGE-----\nAAAA\n-----END SIGNED MESSAGE-----\n");
  EXPECT_THAT(judge({{}, {alice.public_key()}}), HasSubstr("X.509"));
}

TEST_F(TrustTest, ChangedCommitsAreNotTrusted) {
  const SshSigner alice("alice");
  alice.sign_in(work_);
  const std::string bytes = bytes_of(commit());
  const auto changed = [&](const std::string& from, const std::string& to) {
    std::string other = bytes;
    plant(other.replace(other.find(from), from.size(), to));
    return judge({{alice.public_key()}, {}});
  };
  EXPECT_EQ(changed("change", "change"), "");
  EXPECT_THAT(changed("change", "chance"), HasSubstr("BadSignature"));
  EXPECT_THAT(changed("author Tester", "author Alice"), HasSubstr("BadSignature"));
  // The signature in the message is part of the message, and no header.
  std::string moved = bytes;
  const std::size_t begin = moved.find("gpgsig ");
  const std::size_t end = moved.find("\n\n") + 1;
  const std::string header = moved.substr(begin, end - begin);
  moved.erase(begin, end - begin);
  plant(moved + header);
  EXPECT_THAT(judge({{alice.public_key()}, {}}), HasSubstr("Unsigned"));
  // Twice is once too many.
  std::string twice = bytes;
  plant(twice.insert(twice.find("gpgsig "), header));
  EXPECT_THAT(judge({{alice.public_key()}, {}}), HasSubstr("two signatures"));
}

TEST_F(TrustTest, EveryCommitSinceTheLastAppliedMustBeSigned) {
  const SshSigner alice("alice");
  const SigningKeys keys{{alice.public_key()}, {}};
  const std::string applied = commit();  // before anybody asked for signatures
  alice.sign_in(work_);
  commit();
  commit();
  EXPECT_EQ(judge(keys, applied), "");
  sign_no_more(work_);
  const std::string hidden = commit();
  alice.sign_in(work_);
  commit();
  EXPECT_EQ(judge(keys), "") << "the head alone";
  EXPECT_THAT(judge(keys, applied), HasSubstr("Unsigned: commit " + hidden.substr(0, 10)));
}

TEST_F(TrustTest, BranchesThatWereMergedMustBeSignedToo) {
  const SshSigner alice("alice");
  const SigningKeys keys{{alice.public_key()}, {}};
  alice.sign_in(work_);
  const std::string fork = commit();
  work_.start_branch("side");
  sign_no_more(work_);
  work_.commit({{"side", "1"}});
  const std::string side = work_.id_of();
  work_.switch_to("main");
  alice.sign_in(work_);
  const std::string applied = commit();
  work_.git({"merge", "--quiet", "--no-ff", "-m", "merge", "side"});
  work_.push();
  EXPECT_EQ(judge(keys), "");
  EXPECT_THAT(judge(keys, applied), HasSubstr(side.substr(0, 10)));
  EXPECT_THAT(judge(keys, applied), Not(HasSubstr(fork.substr(0, 10))));
}

TEST_F(TrustTest, AForcedPushIsJudgedFromWhereItLeftTheApplied) {
  const SshSigner alice("alice");
  const SigningKeys keys{{alice.public_key()}, {}};
  const std::string base = commit();  // unsigned, and common to both
  alice.sign_in(work_);
  const std::string applied = commit();
  ASSERT_EQ(judge(keys, base), "");
  ASSERT_TRUE(mirror().pin("applied", applied));
  work_.git({"reset", "--quiet", "--hard", base});
  work_.commit({{"other", "1"}});
  work_.force_push();
  EXPECT_EQ(judge(keys, applied), "");
  sign_no_more(work_);
  work_.commit({{"other", "2"}});
  work_.force_push();
  EXPECT_THAT(judge(keys, applied), HasSubstr("Unsigned"));
  // Nothing in common: all of it must be signed, back to its beginning.
  work_.git({"checkout", "--quiet", "--orphan", "fresh"});
  work_.commit({{"fresh", "1"}});
  alice.sign_in(work_);
  work_.commit({{"fresh", "2"}});
  work_.git({"push", "--quiet", "--force", "origin", "HEAD:main"});
  EXPECT_EQ(judge(keys), "");
  EXPECT_THAT(judge(keys, applied), HasSubstr("Unsigned"));
}

TEST_F(TrustTest, MoreCommitsThanAreLookedAtAreRefused) {
  const SshSigner alice("alice");
  const std::string applied = commit();
  std::string stream;
  for (int i = 0; i < kMostCommitsJudged + 5; ++i) {
    stream += "commit refs/heads/main\ncommitter T <t@x> 1700000000 +0000\ndata 1\nx\n";
    stream += i == 0 ? "from " + applied + "\n\n" : "\n";
  }
  ASSERT_TRUE(write_file_atomic(work_.path() / "stream", stream, 0600));
  ASSERT_TRUE(run_child_checked(
      {{"sh", "-c", "git fast-import --quiet --force < stream"}, {}, work_.path().string()}));
  work_.git({"reset", "--quiet", "--hard", "main"});
  alice.sign_in(work_);
  commit();
  const SigningKeys keys{{alice.public_key()}, {}};
  EXPECT_EQ(judge(keys), "");
  EXPECT_THAT(judge(keys, applied), HasSubstr("TooManyCommits"));
}

TEST_F(TrustTest, ASignedTagStandsForItsCommit) {
  const SshSigner alice("alice");
  const SigningKeys keys{{alice.public_key()}, {}};
  const auto ask_tag = [&](const std::string& name) {
    TrustQuestion question;
    question.keys = keys;
    return ask(std::move(question), "refs/tags/" + name);
  };
  commit();
  work_.git({"tag", "-a", "-m", "plain", "v0"});
  alice.sign_in(work_);
  work_.git({"tag", "-s", "-m", "release", "v1"});
  work_.git({"update-ref", "refs/tags/v2", work_.git({"rev-parse", "v1"})});
  work_.push("--tags");
  EXPECT_THAT(ask_tag("v0"), HasSubstr("Unsigned: commit"));
  EXPECT_EQ(ask_tag("v1"), "");
  EXPECT_THAT(ask_tag("v2"), HasSubstr("signed as the tag 'v1'")) << "an old release as a new one";
}

}  // namespace
}  // namespace croft
