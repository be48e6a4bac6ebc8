#include "core/base/signing_keys.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/base/base64.hpp"

namespace croft {
namespace {

using testing::HasSubstr;

std::string blob(const std::string& type) {
  std::string bytes(3, '\0');
  bytes += static_cast<char>(type.size());
  return to_base64(bytes + type + std::string("\0\0\0\x20", 4) + std::string(32, 'k'));
}

std::string key(const std::string& type = "ssh-ed25519") { return type + " " + blob(type); }

std::string line_of(const std::string& text) {
  const auto signer = parse_allowed_signer(text);
  return signer ? signer->line() : signer.error().message();
}

TEST(AllowedSignersTest, TakesBareKeysAndLinesOfTheFile) {
  EXPECT_EQ(line_of(key() + " alice@laptop"), "alice@laptop " + key());
  EXPECT_EQ(line_of(key() + " Alice's Yubikey, *"), "Alice-s " + key());
  EXPECT_EQ(line_of(key()), "key " + key());
  EXPECT_EQ(line_of("a@x,*@y " + key() + " comment"), "a@x,*@y " + key());
  EXPECT_EQ(line_of("\"a b\" cert-authority,namespaces=\"git,file\" " + key()),
            "\"a b\" cert-authority,namespaces=\"git,file\" " + key());
  EXPECT_EQ(line_of("a valid-after=\"20260101\",valid-before=\"20261231235959Z\" " + key()),
            "a valid-after=\"20260101\",valid-before=\"20261231235959Z\" " + key());
  EXPECT_EQ(line_of("a " + key("sk-ssh-ed25519@openssh.com")),
            "a " + key("sk-ssh-ed25519@openssh.com"));
}

TEST(AllowedSignersTest, SaysWhatIsWrong) {
  EXPECT_THAT(line_of("a no-touch-required " + key()), HasSubstr("none of cert-authority"));
  EXPECT_THAT(line_of("a valid-before=20261231 " + key()), HasSubstr("must give valid-before"));
  EXPECT_THAT(line_of("a valid-before=\"tomorrow\" " + key()), HasSubstr("must give valid-before"));
  EXPECT_THAT(line_of("a namespaces=\"file\" " + key()), HasSubstr("\"git\""));
  EXPECT_THAT(line_of("a ssh-dss AAAA"), HasSubstr("DSA"));
  EXPECT_THAT(line_of("a ssh-ed25519-cert-v01@openssh.com AAAA"), HasSubstr("cert-authority"));
  EXPECT_THAT(line_of("-----BEGIN OPENSSH PRIVATE KEY-----"), HasSubstr("private"));
  EXPECT_THAT(line_of(key() + "\n* " + key()), HasSubstr("one line"));
  for (const std::string& text : {std::string(), std::string("alice"), "# " + key(),
                                  "ssh-ed25519 " + blob("ssh-rsa"), std::string("ssh-rsa AAAA")}) {
    EXPECT_THAT(line_of(text), HasSubstr("must be an OpenSSH public key")) << text;
  }
}

std::string armored(const std::string& bytes, const std::string& what = "PUBLIC KEY BLOCK") {
  return "-----BEGIN PGP " + what + "-----\nComment: x\n\n" + to_base64(bytes) +
         "\n=AAAA\n-----END PGP " + what + "-----\n";
}

TEST(ArmoredKeysTest, AreReadOneAfterTheOther) {
  EXPECT_EQ(dearmor_public_keys(armored("\x98one") + "\n" + armored("\xc6two")).value(),
            "\x98one\xc6two");
}

TEST(ArmoredKeysTest, NothingElseIsTaken) {
  const auto refusal = [](const std::string& text) {
    const auto keys = dearmor_public_keys(text);
    return keys ? "" : keys.error().message();
  };
  EXPECT_THAT(refusal(""), HasSubstr("must begin with"));
  EXPECT_THAT(refusal(armored("\x94zzz", "PRIVATE KEY BLOCK")), HasSubstr("private"));
  EXPECT_THAT(refusal(armored("\x94zzz")), HasSubstr("private")) << "however it calls itself";
  EXPECT_THAT(refusal(armored("zzz")), HasSubstr("must hold public keys"));
  EXPECT_THAT(refusal("-----BEGIN PGP PUBLIC KEY BLOCK-----\n\nAAAA\n"), HasSubstr("must end"));
}

}  // namespace
}  // namespace croft
