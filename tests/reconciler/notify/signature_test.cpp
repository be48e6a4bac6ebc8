#include "reconciler/notify/signature.hpp"

#include <sys/stat.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/base/files.hpp"

namespace croft::notify {
namespace {

using testing::StartsWith;

constexpr const char* kText = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

// The vector that the reference implementations are tested with.
TEST(SignatureTest, IsThatOfTheSpecification) {
  const std::vector<SigningKey> keys{parse_signing_key(kText).value()};
  EXPECT_EQ(sign(keys, "msg_p5jXN8AQM9LWM0D4loKWxJek", Timestamp(Duration(1'614'265'330'123)),
                 R"({"test": 2432232314})"),
            "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
}

TEST(SignatureTest, SaysOneForEachKey) {
  const auto keys = parse_signing_keys(
                        "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n\n  "
                        "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA  \n")
                        .value();
  ASSERT_EQ(keys.size(), 2U);
  const std::string both = sign(keys, "id", Timestamp(Duration(0)), "{}");
  EXPECT_EQ(both, sign({keys[0]}, "id", Timestamp(Duration(0)), "{}") + " " +
                      sign({keys[1]}, "id", Timestamp(Duration(0)), "{}"));
}

TEST(SignatureTest, KeysAreOfTheLengthThatTheSpecificationAsksFor) {
  EXPECT_EQ(print_signing_key(parse_signing_key(kText).value()), kText);
  EXPECT_EQ(print_signing_key(parse_signing_key(kText + 6).value()), kText);
  EXPECT_FALSE(parse_signing_key("whsec_c2hvcnQ="));
  EXPECT_FALSE(parse_signing_key("whsec_" + std::string(120, 'A')));
  EXPECT_FALSE(parse_signing_key("whsec_not base64"));
  EXPECT_FALSE(parse_signing_keys("\n"));
  std::string too_many;
  for (int i = 0; i < 5; ++i) too_many.append(kText).append("\n");
  EXPECT_FALSE(parse_signing_keys(too_many));
}

TEST(KeyRingTest, KeepsItsRootToItself) {
  const TemporaryDirectory directory = TemporaryDirectory::make("croft-keys-").value();
  const auto file = directory.path() / "webhooks.key";
  SystemRandom random;
  const KeyRing ring = KeyRing::open(file, random).value();
  struct stat facts{};
  ASSERT_EQ(::stat(file.c_str(), &facts), 0);
  EXPECT_EQ(facts.st_mode & 0777U, 0600U);
  const std::string first = print_signing_key(ring.key("w1", 1));
  EXPECT_THAT(first, StartsWith("whsec_"));
  EXPECT_NE(first, print_signing_key(ring.key("w1", 2)));
  EXPECT_NE(first, print_signing_key(ring.key("w2", 1)));
  EXPECT_TRUE(parse_signing_key(first));
  EXPECT_EQ(first, print_signing_key(KeyRing::open(file, random).value().key("w1", 1)));
  ASSERT_TRUE(write_file_atomic(file, "cut", 0600));
  EXPECT_FALSE(KeyRing::open(file, random));
}

}  // namespace
}  // namespace croft::notify
