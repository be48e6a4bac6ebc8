#include "core/net/http.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/net/client.hpp"

namespace croft {
namespace {

using testing::ElementsAre;
using testing::Pair;

TEST(HttpTargetTest, TakesPathAndQueryApart) {
  const Result<RequestTarget> target =
      parse_target("/v1/logs/alice/Site/a%20b/?lines=5&x=a+b%26&&flag");
  ASSERT_TRUE(target);
  EXPECT_THAT(target->segments, ElementsAre("v1", "logs", "alice", "Site", "a b"));
  EXPECT_THAT(target->query, ElementsAre(Pair("lines", "5"), Pair("x", "a b&"), Pair("flag", "")));
  EXPECT_EQ(*target->parameter("lines"), "5");
  EXPECT_EQ(target->parameter("nothing"), nullptr);
}

TEST(HttpTargetTest, KeepsAnEscapedSlashInsideItsSegment) {
  const Result<RequestTarget> target = parse_target("/v1/a%2Fb");
  ASSERT_TRUE(target);
  EXPECT_THAT(target->segments, ElementsAre("v1", "a/b"));
}

TEST(HttpTargetTest, RefusesTricks) {
  for (const std::string_view bad :
       {"", "*", "http://x/", "v1", "/a/../b", "/a/%2e%2E/b", "/./a", "//a", "/a//b", "/a%", "/a%4",
        "/a%zz", "/a%00b", "/a%0d%0aX: y", "/a?b=%ff", "/%c0%af", "/%ed%a0%80", "/a?%00=1"}) {
    EXPECT_FALSE(parse_target(bad)) << bad;
  }
}

TEST(HttpTargetTest, EncodingReadsBackAsItWas) {
  const std::string text = "a b/c?d&e=f%ü\"~";
  const Result<RequestTarget> target = parse_target("/" + percent_encode(text));
  ASSERT_TRUE(target);
  EXPECT_THAT(target->segments, ElementsAre(text));
}

TEST(HttpHeadersTest, FindsWithoutCaseAndReplaces) {
  HttpHeaders headers{{"Content-Type", "a"}, {"content-type", "b"}, {"X", "c"}};
  EXPECT_EQ(*headers.find("CONTENT-TYPE"), "a");
  headers.set("Content-type", "d");
  EXPECT_EQ(headers.fields().size(), 2u);
  EXPECT_EQ(headers.value_or("content-type", ""), "d");
  EXPECT_EQ(headers.value_or("absent", "e"), "e");
}

TEST(Utf8Test, KnowsWellFormedFromMalformed) {
  for (const std::string_view good :
       {"", "a", "\xc3\xbc", "\xe2\x82\xac", "\xf0\x9f\x98\x80", "\xf4\x8f\xbf\xbf"}) {
    EXPECT_TRUE(is_utf8(good)) << good;
  }
  for (const std::string_view bad : {"\x80", "\xc3", "\xc0\xaf", "\xe0\x80\xaf", "\xed\xa0\x80",
                                     "\xf4\x90\x80\x80", "\xff", "\xf0\x9f\x98", "a\xc3("}) {
    EXPECT_FALSE(is_utf8(bad));
  }
}

TEST(ServerAddressTest, ReadsWhatItPrints) {
  for (const std::string_view text : {"unix:/run/croft/api.sock", "http://127.0.0.1:8080",
                                      "https://croft.example.com:443", "http://[::1]:8080"}) {
    const Result<ServerAddress> address = parse_server_address(text);
    ASSERT_TRUE(address) << text;
    EXPECT_EQ(to_string(*address), text);
  }
  EXPECT_EQ(parse_server_address("/run/x")->path, "/run/x");
  EXPECT_EQ(parse_server_address("https://x/")->port, "443");
  EXPECT_EQ(parse_server_address("http://[::1]:80")->host, "::1");
}

TEST(ServerAddressTest, RefusesWhatIsNone) {
  for (const std::string_view bad : {"", "croft", "ftp://x", "http://", "http://x:port",
                                     "http://x/y:1", "http://u@x", "http://x:123456"}) {
    const Result<ServerAddress> address = parse_server_address(bad);
    ASSERT_FALSE(address) << bad;
    EXPECT_EQ(address.error().code(), ErrorCode::Invalid);
  }
}

}  // namespace
}  // namespace croft
