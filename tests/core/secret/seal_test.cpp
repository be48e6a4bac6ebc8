#include "core/secret/seal.hpp"

#include <gtest/gtest.h>

#include "core/base/base64.hpp"

namespace croft::secret {
namespace {

std::string unhex(std::string_view text) {
  std::string bytes;
  for (std::size_t i = 0; i < text.size(); i += 2)
    bytes += static_cast<char>(std::stoi(std::string(text.substr(i, 2)), nullptr, 16));
  return bytes;
}

const SealScope kScope{"alice", "api", "TOKEN"};

// RFC 9180, appendix A.2.1: DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, ChaCha20Poly1305.
TEST(SealTest, OpensTheVectorOfTheRfc) {
  const AgeIdentity recipient{
      KeyBytes(unhex("8057991eef8f1f1af18f4a9491d16a1ce333f695d4db8e38da75975c4478e0fb"))};
  EXPECT_EQ(recipient.public_bytes(),
            unhex("4310ee97d88cc1f088a5576c77ab0cf5c3ac797f3d95139c6c84b5429c59662a"));
  const std::string sealed = unhex(
      "1afa08d3dec047a643885163f1180476fa7ddb54c6a8029ea33f95796bf2ac4a"
      "1c5250d8034ec2b784ba2cfd69dbdb8af406cfe3ff938e131f0def8c8b60b4db21993c62ce81883d2dd1"
      "b51a28");
  const std::string info = unhex("4f6465206f6e2061204772656369616e2055726e");
  EXPECT_EQ(hpke_open(recipient, info, "Count-0", sealed), "Beauty is truth, truth beauty");
  EXPECT_FALSE(hpke_open(recipient, info, "Count-1", sealed));
  EXPECT_FALSE(hpke_open(recipient, "", "Count-0", sealed));
}

TEST(SealTest, OpensOnlyForThePlaceItWasMadeFor) {
  const AgeIdentity server = AgeIdentity::generate();
  for (const std::string& clear : {std::string("hunter2"), std::string(), std::string(100'000, 'x'),
                                   std::string("\0 \n binary \xff", 12)}) {
    const std::string sealed = seal(server.public_bytes(), kScope, clear);
    EXPECT_TRUE(sealed.starts_with("sealed:v1:"));
    EXPECT_FALSE(sealed_problem(sealed));
    EXPECT_EQ(unseal({server}, kScope, sealed)->reveal(), clear);
    for (const SealScope& other :
         {SealScope{"bob", "api", "TOKEN"}, SealScope{"", "api", "TOKEN"},
          SealScope{"alice", "web", "TOKEN"}, SealScope{"alice", "api", "OTHER"},
          SealScope{"alice", "apiT", "OKEN"}}) {
      const auto moved = unseal({server}, other, sealed);
      ASSERT_FALSE(moved);
      EXPECT_EQ(moved.error().code(), ErrorCode::Denied);
      EXPECT_NE(moved.error().message().find("another place"), std::string::npos);
    }
  }
}

TEST(SealTest, NeverSealsTwiceTheSame) {
  const AgeIdentity server = AgeIdentity::generate();
  EXPECT_NE(seal(server.public_bytes(), kScope, "a"), seal(server.public_bytes(), kScope, "a"));
}

TEST(SealTest, OpensWithOldKeysAndNamesTheOneThatIsMissing) {
  const AgeIdentity old_key = AgeIdentity::generate();
  const AgeIdentity new_key = AgeIdentity::generate();
  const std::string sealed = seal(old_key.public_bytes(), kScope, "value");
  EXPECT_EQ(seal_key_of(sealed), seal_key_id(old_key.public_bytes()));
  EXPECT_EQ(unseal({old_key, new_key}, kScope, sealed)->reveal(), "value");
  const auto retired = unseal({new_key}, kScope, sealed);
  ASSERT_FALSE(retired);
  EXPECT_EQ(retired.error().code(), ErrorCode::NotFound);
  EXPECT_NE(retired.error().message().find(seal_key_id(old_key.public_bytes())), std::string::npos);
}

TEST(SealTest, FindsEveryChangedByte) {
  const AgeIdentity server = AgeIdentity::generate();
  const std::string sealed = seal(server.public_bytes(), kScope, "the secret");
  const std::string bytes = from_base64(sealed.substr(kSealed.size())).value();
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    std::string changed = bytes;
    changed[i] = static_cast<char>(changed[i] ^ 1);
    EXPECT_FALSE(unseal({server}, kScope, std::string(kSealed) + to_base64(changed))) << i;
  }
}

TEST(SealTest, WhatIsNoSealedValueIsNeverRepeated) {
  for (const char* text : {"hunter2-in-clear", "sealed:v1:", "sealed:v1:AAAA",
                           "sealed:v1:!!!hunter2-in-clear", "sealed:v2:AAAA"}) {
    const auto problem = sealed_problem(text);
    ASSERT_TRUE(problem) << text;
    EXPECT_EQ(problem->describe().find("hunter2"), std::string::npos);
    const auto opened = unseal({AgeIdentity::generate()}, kScope, text);
    ASSERT_FALSE(opened);
    EXPECT_EQ(opened.error().describe().find("hunter2"), std::string::npos);
  }
}

TEST(SealTest, KeysAreTextsThatAMistypedLetterBreaks) {
  const AgeIdentity server = AgeIdentity::generate();
  const std::string text = seal_key_text(server.public_bytes());
  EXPECT_TRUE(text.starts_with("croft-seal-1"));
  EXPECT_EQ(parse_seal_key(text).value(), server.public_bytes());
  for (std::size_t i = 0; i < text.size(); ++i) {
    std::string mistyped = text;
    mistyped[i] = mistyped[i] == 'q' ? 'p' : 'q';
    EXPECT_FALSE(parse_seal_key(mistyped)) << mistyped;
  }
  EXPECT_FALSE(parse_seal_key(server.recipient()));
}

}  // namespace
}  // namespace croft::secret
