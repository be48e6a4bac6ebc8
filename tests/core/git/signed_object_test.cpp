#include "core/git/signed_object.hpp"

#include <random>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/git/signature_check.hpp"

namespace croft::git {
namespace {

using testing::HasSubstr;

const std::string kHead = "tree 1\nparent 2\nauthor A <a> 1 +0000\ncommitter A <a> 1 +0000\n";
const std::string kBody = "\nsubject\n\ngpgsig of a message\n";

TEST(SignedObjectTest, TakesTheSignatureOutAndLeavesTheRest) {
  const auto commit =
      take_commit_apart(kHead + "gpgsig one\n two\n \n three\nencoding x\n" + kBody);
  ASSERT_TRUE(commit) << commit.error().describe();
  EXPECT_EQ(commit->signature, "one\ntwo\n\nthree\n");
  EXPECT_EQ(commit->payload, kHead + "encoding x\n" + kBody);
}

TEST(SignedObjectTest, TheSignatureOfSha256IsNotSigned) {
  const auto commit = take_commit_apart(
      kHead + "gpgsig one\ngpgsig-sha256 two\n more\nmergetag x\n gpgsig y\n" + kBody);
  ASSERT_TRUE(commit);
  EXPECT_EQ(commit->signature, "one\n");
  EXPECT_EQ(commit->payload, kHead + "mergetag x\n gpgsig y\n" + kBody);
}

TEST(SignedObjectTest, AnUnsignedCommitIsItsOwnPayload) {
  const auto commit = take_commit_apart(kHead + kBody);
  ASSERT_TRUE(commit);
  EXPECT_EQ(commit->signature, "");
  EXPECT_EQ(commit->payload, kHead + kBody);
}

TEST(SignedObjectTest, RefusesWhatHasTwoMeanings) {
  using namespace std::string_literals;
  for (const std::string& bytes :
       {kHead + "gpgsig one\ngpgsig two\n" + kBody, kHead + "gpgsig-sha256 one\n" + kBody,
        kHead + "gpgsigtree 3\n" + kBody, kHead + "gpgsig one\n\nbody\0hidden"s,
        kHead + "x\0y z\n"s + kBody, " tree 1\n" + kBody, kHead + "gpgsig one"}) {
    EXPECT_FALSE(take_commit_apart(bytes)) << bytes;
  }
}

TEST(SignedObjectTest, ATagEndsWithItsSignature) {
  const std::string head = "object 1\ntype commit\ntag v1\ntagger A <a> 1 +0000\n\nmessage\n";
  const std::string armor = "-----BEGIN SSH SIGNATURE-----\nAAAA\n-----END SSH SIGNATURE-----\n";
  const auto tag = take_tag_apart(head + armor);
  ASSERT_TRUE(tag);
  EXPECT_EQ(tag->payload, head);
  EXPECT_EQ(tag->signature, armor);
  EXPECT_EQ(tag->tag_name, "v1");
  EXPECT_EQ(tag->target, "1");
  // The last one counts; what is before it is signed.
  EXPECT_EQ(take_tag_apart(head + armor + armor)->payload, head + armor);
  EXPECT_EQ(take_tag_apart(head)->signature, "");
  EXPECT_FALSE(take_tag_apart("gpgsig x\n" + head));
}

TEST(SignedObjectTest, AnArmorIsOneBlockAndNothingElse) {
  const std::string good = "-----BEGIN SSH SIGNATURE-----\nAAAA\n-----END SSH SIGNATURE-----\n";
  EXPECT_TRUE(check_armor(good, SignatureFormat::Ssh));
  EXPECT_FALSE(check_armor(good, SignatureFormat::OpenPgp));
  for (const std::string& bad :
       {good + good, good + "more", "x" + good, std::string("-----BEGIN SSH SIGNATURE-----\n"),
        std::string("-----BEGIN SSH SIGNATURE-----\n-----END PGP SIGNATURE-----"),
        "-----BEGIN SSH SIGNATURE-----\n" + std::string(70'000, 'A') +
            "\n-----END SSH SIGNATURE-----\n"}) {
    EXPECT_FALSE(check_armor(bad, SignatureFormat::Ssh)) << bad.substr(0, 100);
  }
}

/// Whatever the bytes are: no crash, and the payload with the signature is no more than they were.
TEST(SignedObjectTest, SurvivesAnyBytes) {
  const std::string armor = "-----BEGIN SSH SIGNATURE-----\n AAAA\n -----END SSH SIGNATURE-----\n";
  const std::string seed = kHead + "gpgsig " + armor + "mergetag x\n y\n" + kBody + armor;
  std::mt19937 random(7);
  for (int round = 0; round < 20'000; ++round) {
    std::string bytes = seed;
    for (int i = 0; i < 1 + round % 8; ++i) {
      const std::size_t at = random() % (bytes.size() + 1);
      constexpr std::string_view kOdd("\n -gp\0A\x80", 8);
      switch (random() % 3) {
        case 0:
          bytes.insert(at, 1, kOdd[random() % kOdd.size()]);
          break;
        case 1:
          bytes.erase(at, random() % 20);
          break;
        default:
          bytes.resize(std::max<std::size_t>(at, 1));
          break;
      }
    }
    for (const auto& apart : {take_commit_apart(bytes), take_tag_apart(bytes)}) {
      if (!apart) continue;
      EXPECT_LE(apart->payload.size() + apart->signature.size(), bytes.size());
      (void)check_armor(apart->signature, format_of(apart->signature));
    }
  }
}

TEST(GpgStatusTest, OneGoodSignatureIsGood) {
  const std::string valid = "[GNUPG:] VALIDSIG AAAA 2026-01-01 1 0 4 0 22 8 00 BBBB\n";
  const std::string good = "[GNUPG:] NEWSIG a\n[GNUPG:] GOODSIG CC A <a>\n" + valid;
  EXPECT_FALSE(read_gpg_status(good, false).distrust);
  EXPECT_EQ(read_gpg_status(good, false).signer, "BBBB");
  const auto refusal = [](const std::string& lines) {
    const SignatureFinding finding = read_gpg_status(lines, false);
    return finding.distrust ? std::string(to_string(*finding.distrust)) + ": " + finding.words : "";
  };
  EXPECT_THAT(refusal(good + good), HasSubstr("several"));
  EXPECT_THAT(refusal(good + "[GNUPG:] BADSIG CC A\n"), HasSubstr("several"));
  EXPECT_THAT(refusal("[GNUPG:] NEWSIG a\n[GNUPG:] GOODSIG CC A <a>\n"), HasSubstr("BadSignature"));
  EXPECT_THAT(refusal("[GNUPG:] NEWSIG a\n" + valid), HasSubstr("damaged"));
  EXPECT_THAT(refusal("GOODSIG CC A\n" + valid), HasSubstr("damaged")) << "not a status line";
  EXPECT_THAT(refusal("[GNUPG:] EXPKEYSIG CC A\n" + valid), HasSubstr("UntrustedKey"));
  EXPECT_THAT(refusal("[GNUPG:] REVKEYSIG CC A\n" + valid), HasSubstr("revoked"));
  EXPECT_THAT(refusal("[GNUPG:] BADSIG CC A\n"), HasSubstr("BadSignature"));
  EXPECT_THAT(refusal("[GNUPG:] ERRSIG CC 22 8 00 1 9 DD\n"), HasSubstr("UntrustedKey"));
  EXPECT_THAT(refusal("[GNUPG:] ERRSIG CC 22 8 00 1 4 DD\n"), HasSubstr("BadSignature"));
  // SHA-1, and a signature over text.
  EXPECT_THAT(refusal("[GNUPG:] GOODSIG CC A\n[GNUPG:] VALIDSIG A d 1 0 4 0 22 2 00 B\n"),
              HasSubstr("digest"));
  EXPECT_THAT(refusal("[GNUPG:] GOODSIG CC A\n[GNUPG:] VALIDSIG A d 1 0 4 0 22 8 01 B\n"),
              HasSubstr("BadSignature"));
}

}  // namespace
}  // namespace croft::git
