#include <gtest/gtest.h>

#include "core/base/base64.hpp"
#include "core/base/hmac.hpp"

namespace croft {
namespace {

TEST(Base64Test, ReadsWhatItWrites) {
  for (std::size_t size = 0; size < 20; ++size) {
    std::string bytes;
    for (std::size_t i = 0; i < size; ++i) bytes += static_cast<char>(i * 37 + 200);
    EXPECT_EQ(from_base64(to_base64(bytes)), bytes);
  }
  EXPECT_EQ(to_base64("hello\n"), "aGVsbG8K");
  EXPECT_EQ(to_base64("a"), "YQ==");
  for (const char* bad : {"a", "ab", "abc", "a===", "====", "ab=c", "aGVs bG8", "aGVsbG8K\n"}) {
    EXPECT_EQ(from_base64(bad), std::nullopt) << bad;
  }
}

// RFC 4231, test cases 1, 2 and 6.
TEST(HmacTest, GivesWhatTheRfcSays) {
  EXPECT_EQ(hmac_sha256_hex(std::string(20, '\x0b'), "Hi There"),
            "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
  EXPECT_EQ(hmac_sha256_hex("Jefe", "what do ya want for nothing?"),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
  EXPECT_EQ(hmac_sha256_hex(std::string(131, '\xaa'),
                            "Test Using Larger Than Block-Size Key - Hash Key First"),
            "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
}

}  // namespace
}  // namespace croft
