#include "providers/docker/engine/progress.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

namespace croft::docker {
namespace {

Result<std::vector<Progress>> parse(std::string_view text, std::size_t size) {
  ProgressParser parser(4096);
  std::vector<Progress> all;
  for (std::size_t at = 0; at < text.size(); at += size) {
    TRY_ASSIGN(const auto some, parser.feed(text.substr(at, size)));
    all.insert(all.end(), some.begin(), some.end());
  }
  TRY_ASSIGN(const auto rest, parser.finish());
  all.insert(all.end(), rest.begin(), rest.end());
  return all;
}

constexpr std::string_view kPull =
    "{\"status\":\"Downloading\",\"progressDetail\":{\"current\":5,\"total\":10},\"id\":\"a1\"}\r\n"
    "{\"stream\":\"Step 1/2\\n\"}\r\n"
    "{\"aux\":{\"ID\":\"sha256:abc\"}}\r\n"
    "{\"errorDetail\":{\"code\":1,\"message\":\"long\"},\"error\":\"short\"}\r\n";

TEST(ProgressParserTest, ReadsWhatEnginesTellHoweverItIsCut) {
  for (std::size_t size = 1; size < kPull.size(); ++size) {
    const auto all = parse(kPull, size);
    ASSERT_TRUE(all) << size;
    ASSERT_EQ(all->size(), 4U) << size;
    EXPECT_EQ((*all)[0].id, "a1");
    EXPECT_EQ((*all)[0].current, 5);
    EXPECT_EQ((*all)[0].total, 10);
    EXPECT_EQ((*all)[1].text, "Step 1/2\n");
    EXPECT_EQ((*all)[2].aux.text_or("ID", ""), "sha256:abc");
    EXPECT_EQ((*all)[3].error, "long");
  }
}

TEST(ProgressParserTest, TheLastMessageNeedsNoLineEnd) {
  const auto all = parse("{\"error\":\"no\"}", 100);
  ASSERT_TRUE(all);
  ASSERT_EQ(all->size(), 1U);
  EXPECT_EQ((*all)[0].error, "no");
}

TEST(ProgressParserTest, HalfAMessageAtTheEndIsAnError) {
  EXPECT_EQ(parse("{\"status\":", 100).error().code(), ErrorCode::Unavailable);
}

TEST(ProgressParserTest, OutputThatIsNoUtf8IsRepaired) {
  const auto all = parse("{\"stream\":\"a\xff\"}\n", 100);
  ASSERT_TRUE(all);
  EXPECT_EQ((*all)[0].text, "a\xef\xbf\xbd");
}

TEST(ProgressParserTest, AMessageWithoutEndIsInvalid) {
  EXPECT_EQ(parse("{\"stream\":\"" + std::string(5000, 'x'), 100).error().code(),
            ErrorCode::Invalid);
}

RC_GTEST_PROP(ProgressParserTest, GarbageIsAnErrorAndNoCrash, (const std::string& garbage)) {
  const auto all = parse(garbage + "\n", 7);
  if (!all) RC_ASSERT(!all.error().describe().empty());
}

}  // namespace
}  // namespace croft::docker
