#include "core/secret/age.hpp"

#include <cstdlib>
#include <string>

#include <gtest/gtest.h>

#include "core/base/child.hpp"
#include "core/base/files.hpp"
#include "core/secret/age_armor.hpp"
#include "core/secret/bech32.hpp"

namespace croft::secret {
namespace {

bool is_there(const std::string& program) {
  const ChildCommand command{.arguments = {program, "--version"}, .deadline = Duration(10'000)};
  return run_child_checked(command).has_value();
}

std::string run(std::vector<std::string> arguments) {
  const ChildCommand command{.arguments = std::move(arguments), .deadline = Duration(30'000)};
  auto done = run_child_checked(command);
  EXPECT_TRUE(done) << (done ? "" : done.error().describe());
  return done.value_or("");
}

TEST(Bech32Test, ReadsWhatBip173SaysIsGoodAndNothingElse) {
  for (const char* good : {"A12UEL5L", "a12uel5l",
                           "an83characterlonghumanreadablepartthatcontainsthenumber1andtheexcludedc"
                           "haractersbio1tt5tgs",
                           "abcdef1qpzry9x8gf2tvdw0s3jn54khce6mua7lmqqqxw", "?1ezyfcl"}) {
    EXPECT_TRUE(from_bech32(good)) << good;
  }
  for (const char* bad : {"A12uEL5L", "pzry9x0s0muk", "1pzry9x0s0muk", "x1b4n0q5v", "li1dgmt3",
                          "A1G7SGD8", "10a06t8", "1qzzfhee", "", "1"}) {
    EXPECT_FALSE(from_bech32(bad)) << bad;
  }
}

TEST(Bech32Test, GivesBackWhatItWasMadeOf) {
  for (std::size_t size : {0U, 1U, 4U, 5U, 20U, 32U}) {
    const std::string bytes = random_bytes(size);
    const auto read = from_bech32(to_bech32("croft-seal-", bytes));
    ASSERT_TRUE(read);
    EXPECT_EQ(read->prefix, "croft-seal-");
    EXPECT_EQ(read->bytes, bytes);
  }
}

TEST(AgeTest, OpensWhatItEncryptedForEveryRecipient) {
  const AgeIdentity one = AgeIdentity::generate();
  const AgeIdentity two = AgeIdentity::generate();
  const AgeIdentity other = AgeIdentity::generate();
  for (const std::size_t size : {0UL, 1UL, 65'535UL, 65'536UL, 65'537UL, 200'000UL}) {
    const std::string clear = random_bytes(size);
    const std::string file = encrypt_age(clear, {one.public_bytes(), two.public_bytes()});
    EXPECT_EQ(decrypt_age(file, {one})->reveal(), clear);
    EXPECT_EQ(decrypt_age(file, {other, two})->reveal(), clear);
    EXPECT_EQ(decrypt_age(file, {other}).error().code(), ErrorCode::NotFound);
  }
}

TEST(AgeTest, FindsEveryChangedByteOfAFile) {
  const AgeIdentity mine = AgeIdentity::generate();
  const std::string file = read_armor(encrypt_age("the secret", {mine.public_bytes()})).value();
  ASSERT_EQ(decrypt_age(file, {mine})->reveal(), "the secret");
  for (std::size_t i = 0; i < file.size(); ++i) {
    std::string changed = file;
    changed[i] = static_cast<char>(changed[i] ^ 1);
    EXPECT_FALSE(decrypt_age(changed, {mine})) << i;
    EXPECT_FALSE(decrypt_age(std::string_view(file).substr(0, i), {mine})) << i;
  }
}

TEST(AgeTest, KeysAreReadAsAgeWritesThemAndNeverRepeated) {
  const std::string text =
      "AGE-SECRET-KEY-1EGTZVFFV20835NWYV6270LXYVK2VKNX2MMDKWYKLMGR48UAWX40Q2P2LM0";
  const AgeIdentity key = AgeIdentity::parse(text).value();
  EXPECT_EQ(key.text().reveal(), text);
  EXPECT_EQ(parse_age_recipient(key.recipient()).value(), key.public_bytes());
  const auto bad = AgeIdentity::parse("AGE-SECRET-KEY-1EGTZVFFV20835NWYV6270LXYVK2VKNX2MMDKWYK");
  ASSERT_FALSE(bad);
  EXPECT_EQ(bad.error().describe().find("EGTZVFFV"), std::string::npos);
  EXPECT_FALSE(parse_age_recipient(text));
}

TEST(AgeTest, TheAgeProgramOpensOurFilesAndWeOpenIts) {
  if (!is_there("age")) GTEST_SKIP() << "age is not installed";
  const auto directory = TemporaryDirectory::make("croft-age").value();
  const AgeIdentity mine = AgeIdentity::generate();
  const std::string keys = directory.path() / "keys.txt";
  const std::string ours = directory.path() / "ours.age";
  const std::string clear = directory.path() / "clear";
  const std::string theirs = directory.path() / "theirs.age";
  const std::string content = random_bytes(100'000);
  ASSERT_TRUE(write_file_atomic(keys, mine.text().reveal() + "\n", 0600));
  ASSERT_TRUE(write_file_atomic(ours, encrypt_age(content, {mine.public_bytes()}), 0600));
  run({"age", "--decrypt", "--identity", keys, "--output", clear, ours});
  EXPECT_EQ(read_file(clear, 1 << 20).value(), content);
  for (const bool is_armored : {false, true}) {
    std::vector<std::string> command{"age", "--recipient", mine.recipient(), "--output", theirs};
    if (is_armored) command.emplace_back("--armor");
    command.push_back(clear);
    run(std::move(command));
    EXPECT_EQ(decrypt_age(read_file(theirs, 1 << 20).value(), {mine})->reveal(), content);
  }
  const std::string made = run({"age-keygen"});
  const std::size_t start = made.find("AGE-SECRET-KEY-1");
  ASSERT_NE(start, std::string::npos) << made;
  const AgeIdentity generated =
      AgeIdentity::parse(made.substr(start, made.find('\n', start) - start)).value();
  EXPECT_NE(made.find(generated.recipient()), std::string::npos);
}

}  // namespace
}  // namespace croft::secret
