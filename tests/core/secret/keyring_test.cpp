#include "core/secret/keyring.hpp"

#include <sys/stat.h>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "core/base/files.hpp"

namespace croft::secret {
namespace {

const SealScope kScope{"alice", "api", "TOKEN"};

Result<void> agrees(const Keyring&) { return {}; }

class KeyringTest : public testing::Test {
 protected:
  TemporaryDirectory directory_ = TemporaryDirectory::make("croft-keys").value();
  std::filesystem::path given_ = directory_.path() / "given";
  std::filesystem::path own_ = directory_.path() / "own";
  KeyringFiles files_{given_, own_};
};

TEST_F(KeyringTest, IsMadeOnceAndForItsOwnerAlone) {
  EXPECT_EQ(files_.load().error().code(), ErrorCode::NotFound);
  const Keyring made = files_.load_or_make().value();
  const Keyring again = files_.load_or_make().value();
  EXPECT_EQ(made.newest().public_bytes(), again.newest().public_bytes());
  EXPECT_EQ(made.fingerprint(kScope, "value"), again.fingerprint(kScope, "value"));
  for (const std::string_view file : {KeyringFiles::kSealFile, KeyringFiles::kFingerprintFile}) {
    struct stat status{};
    ASSERT_EQ(::stat((own_ / file).c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 0777U, 0600U);
  }
}

TEST_F(KeyringTest, RotatingKeepsOldKeysOpeningAndFingerprintsTheSame) {
  const Keyring before = files_.load_or_make().value();
  const std::string sealed = seal(before.newest().public_bytes(), kScope, "value");
  const Keyring after = files_.rotate().value();
  EXPECT_NE(before.newest().public_bytes(), after.newest().public_bytes());
  EXPECT_EQ(unseal(after.keys(), kScope, sealed)->reveal(), "value");
  EXPECT_EQ(before.fingerprint(kScope, "value"), after.fingerprint(kScope, "value"));
  const std::string old_id = seal_key_id(before.newest().public_bytes());
  const std::string new_id = seal_key_id(after.newest().public_bytes());
  EXPECT_EQ(files_.retire(new_id, agrees).error().code(), ErrorCode::Conflict);
  EXPECT_EQ(files_.retire("00000000", agrees).error().code(), ErrorCode::NotFound);
  const Keyring last = files_.retire(old_id, agrees).value();
  EXPECT_EQ(last.keys().size(), 1U);
  EXPECT_FALSE(unseal(last.keys(), kScope, sealed));
}

TEST_F(KeyringTest, ARetiredKeyIsKeptBesideTheOthers) {
  const Keyring before = files_.load_or_make().value();
  ASSERT_TRUE(files_.rotate());
  const std::string old_id = seal_key_id(before.newest().public_bytes());
  const auto refused = files_.retire(
      old_id, [](const Keyring&) -> Result<void> { return fail(ErrorCode::Conflict, "in use"); });
  EXPECT_EQ(refused.error().code(), ErrorCode::Conflict);
  EXPECT_EQ(files_.load()->keys().size(), 2U);
  ASSERT_TRUE(files_.retire(old_id, agrees));
  const std::filesystem::path kept = own_ / KeyringFiles::kRetiredFile;
  EXPECT_NE(read_file(kept, 1 << 16)->find(before.newest().text().reveal()), std::string::npos);
  struct stat status{};
  ASSERT_EQ(::stat(kept.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777U, 0600U);
}

TEST_F(KeyringTest, RotationsAtOnceLoseNoKey) {
  ASSERT_TRUE(files_.load_or_make());
  constexpr std::size_t kRotations = 16;
  std::vector<std::jthread> threads;
  for (std::size_t i = 0; i < kRotations; ++i)
    threads.emplace_back([this] { EXPECT_TRUE(files_.rotate()); });
  threads.clear();
  EXPECT_EQ(files_.load()->keys().size(), kRotations + 1);
}

TEST_F(KeyringTest, KeysThatWereThereOnceAreNeverMadeAnew) {
  for (const std::string_view file : {KeyringFiles::kSealFile, KeyringFiles::kFingerprintFile}) {
    SCOPED_TRACE(file);
    const std::string fingerprint_key(64, 'a');
    ASSERT_TRUE(make_directory(given_, 0700));
    ASSERT_TRUE(write_file_atomic(given_ / KeyringFiles::kSealFile,
                                  AgeIdentity::generate().text().reveal() + "\n", 0600));
    ASSERT_TRUE(write_file_atomic(given_ / KeyringFiles::kFingerprintFile, fingerprint_key, 0600));
    ASSERT_TRUE(files_.load_or_make());
    std::filesystem::remove(given_ / file);  // as if it were not mounted
    const auto refused = files_.load_or_make();
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code(), ErrorCode::Conflict);
    EXPECT_NE(refused.error().message().find((given_ / file).string()), std::string::npos);
    EXPECT_FALSE(std::filesystem::exists(own_ / file));
  }
}

TEST_F(KeyringTest, ItsStampChangesWithItsFiles) {
  ASSERT_TRUE(files_.load_or_make());
  const std::string before = files_.stamp();
  EXPECT_EQ(before, files_.stamp());
  ASSERT_TRUE(files_.rotate());
  EXPECT_NE(before, files_.stamp());
}

TEST_F(KeyringTest, FingerprintsTellValuesAndPlacesApart) {
  const Keyring keys = files_.load_or_make().value();
  const std::string print = keys.fingerprint(kScope, "value");
  EXPECT_EQ(print.size(), 16U);
  EXPECT_NE(print, keys.fingerprint(kScope, "other"));
  EXPECT_NE(print, keys.fingerprint({"bob", "api", "TOKEN"}, "value"));
  const TemporaryDirectory elsewhere = TemporaryDirectory::make("croft-keys").value();
  const Keyring others = KeyringFiles({}, elsewhere.path()).load_or_make().value();
  EXPECT_NE(print, others.fingerprint(kScope, "value"));
}

TEST_F(KeyringTest, TenantsHaveKeysOfTheirOwn) {
  const Keyring keys = files_.load_or_make().value();
  const auto alice = keys.keys_of("alice");
  EXPECT_EQ(alice.front().public_bytes(), keys.keys_of("alice").front().public_bytes());
  EXPECT_NE(alice.front().public_bytes(), keys.keys_of("bob").front().public_bytes());
  EXPECT_NE(alice.front().public_bytes(), keys.newest().public_bytes());
}

TEST_F(KeyringTest, WhatTheOperatorGivesIsUsedAndNeverWrittenTo) {
  const AgeIdentity given = AgeIdentity::generate();
  ASSERT_TRUE(make_directory(given_, 0700));
  ASSERT_TRUE(write_file_atomic(given_ / KeyringFiles::kSealFile,
                                "# created: now\n" + given.text().reveal() + "\r\n\n", 0600));
  EXPECT_EQ(files_.load_or_make()->newest().public_bytes(), given.public_bytes());
  EXPECT_EQ(files_.rotate().error().code(), ErrorCode::Conflict);
  EXPECT_FALSE(std::filesystem::exists(own_ / KeyringFiles::kSealFile));
}

TEST_F(KeyringTest, RefusesKeysThatOthersCanReadOrThatAreNone) {
  ASSERT_TRUE(files_.load_or_make());
  ASSERT_EQ(::chmod((own_ / KeyringFiles::kSealFile).c_str(), 0640), 0);
  EXPECT_EQ(files_.load().error().code(), ErrorCode::Denied);
  ASSERT_TRUE(write_file_atomic(own_ / KeyringFiles::kSealFile, "hunter2\n", 0600));
  const auto bad = files_.load();
  ASSERT_FALSE(bad);
  EXPECT_NE(bad.error().describe().find("croft-seal.keys:1"), std::string::npos);
  EXPECT_EQ(bad.error().describe().find("hunter2"), std::string::npos);
}

}  // namespace
}  // namespace croft::secret
