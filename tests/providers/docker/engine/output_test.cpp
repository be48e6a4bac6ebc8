#include "providers/docker/engine/output.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

namespace croft::docker {
namespace {

std::string frame(unsigned stream, const std::string& bytes) {
  std::string head{static_cast<char>(stream), 0, 0, 0};
  for (int shift = 24; shift >= 0; shift -= 8)
    head += static_cast<char>((bytes.size() >> static_cast<unsigned>(shift)) & 0xffU);
  return head + bytes;
}

/// What comes out by streams, fed in pieces of a size.
Result<std::pair<std::string, std::string>> parse(std::string_view bytes, std::size_t size) {
  OutputParser parser;
  std::pair<std::string, std::string> all;
  for (std::size_t at = 0; at < bytes.size(); at += size) {
    TRY_ASSIGN(const auto pieces, parser.feed(bytes.substr(at, size)));
    for (const auto& piece : pieces) {
      (piece.stream == OutputStream::Err ? all.second : all.first) += piece.bytes;
    }
  }
  TRY(parser.finish());
  return all;
}

RC_GTEST_PROP(OutputParserTest, GivesWhatWasFramedHoweverItIsCut,
              (const std::vector<std::pair<bool, std::string>>& writes)) {
  std::string framed;
  std::pair<std::string, std::string> expected;
  for (const auto& [is_err, bytes] : writes) {
    framed += frame(is_err ? 2 : 1, bytes);
    (is_err ? expected.second : expected.first) += bytes;
  }
  const auto size = *rc::gen::inRange<std::size_t>(1, 30);
  const auto parsed = parse(framed, size);
  RC_ASSERT(parsed.has_value());
  RC_ASSERT(*parsed == expected);
}

RC_GTEST_PROP(OutputParserTest, GarbageIsAnErrorOrBytesButNeverMoreThanCame,
              (const std::string& garbage)) {
  OutputParser parser;
  const auto pieces = parser.feed(garbage);
  if (!pieces) return;
  std::size_t total = 0;
  for (const auto& piece : *pieces) total += piece.bytes.size();
  RC_ASSERT(total <= garbage.size());
}

TEST(OutputParserTest, NoFrameIsInvalid) {
  OutputParser parser;
  const auto pieces = parser.feed("HTTP/1.1 500");
  ASSERT_FALSE(pieces);
  EXPECT_EQ(pieces.error().code(), ErrorCode::Invalid);
}

TEST(OutputParserTest, AHugeFrameIsPassedOnAsItComes) {
  OutputParser parser;
  const std::string head{1, 0, 0, 0, '\xff', '\xff', '\xff', '\xff'};
  const auto pieces = parser.feed(head + "abc");
  ASSERT_TRUE(pieces);
  ASSERT_EQ(pieces->size(), 1U);
  EXPECT_EQ((*pieces)[0].bytes, "abc");
  EXPECT_FALSE(parser.finish());
}

TEST(OutputParserTest, TheEnginesOwnStreamIsAnError) {
  const auto parsed = parse(frame(1, "before") + frame(3, "the log driver failed"), 5);
  ASSERT_FALSE(parsed);
  EXPECT_THAT(parsed.error().describe(), testing::HasSubstr("the log driver failed"));
}

TEST(OutputParserTest, AHeadThatIsCutShortIsAnError) {
  const auto parsed = parse(frame(1, "all") + std::string("\1\0\0", 3), 100);
  ASSERT_FALSE(parsed);
  EXPECT_EQ(parsed.error().code(), ErrorCode::Unavailable);
}

}  // namespace
}  // namespace croft::docker
