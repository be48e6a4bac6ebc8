#include "core/net/sse.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace croft {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

TEST(SseTest, ReadsWhatItWritesWhateverThePieces) {
  const SseEvent first{"7", "event", "one\ntwo\n"};
  const SseEvent second{"8", "", "{\"a\":1}"};
  const std::string text = write_sse(first) + write_sse_comment("still\nhere") + write_sse(second);
  for (const std::size_t size : {1U, 2U, 7U, 1000U}) {
    SseParser parser;
    std::vector<SseEvent> events;
    for (std::size_t i = 0; i < text.size(); i += size) {
      const Result<std::vector<SseEvent>> found =
          parser.feed(std::string_view(text).substr(i, size));
      ASSERT_TRUE(found);
      events.insert(events.end(), found->begin(), found->end());
    }
    EXPECT_THAT(events, ElementsAre(first, second)) << size;
  }
}

TEST(SseTest, DataCannotForgeAnotherEvent) {
  SseParser parser;
  const SseEvent event{"1\nid: 9", "a\r\nevent: b", "x\r\n\r\nevent: forged\rdata: y"};
  const Result<std::vector<SseEvent>> events = parser.feed(write_sse(event));
  ASSERT_TRUE(events);
  ASSERT_EQ(events->size(), 1u);
  EXPECT_EQ(events->front().id, "1id: 9");
  EXPECT_EQ(events->front().data, "x\n\nevent: forged\ndata: y");
}

TEST(SseTest, UnderstandsEveryLineEnd) {
  SseParser parser;
  const Result<std::vector<SseEvent>> events =
      parser.feed("data: a\r\n\r\ndata: b\r\rdata: c\n\n: x\n\ndata\n\n");
  ASSERT_TRUE(events);
  EXPECT_THAT(*events, ElementsAre(SseEvent{"", "", "a"}, SseEvent{"", "", "b"},
                                   SseEvent{"", "", "c"}, SseEvent{"", "", ""}));
}

TEST(SseTest, AnEventWithoutItsBlankLineIsNotYetOne) {
  SseParser parser;
  EXPECT_THAT(*parser.feed("data: a\n"), IsEmpty());
  EXPECT_THAT(*parser.feed("\n"), ElementsAre(SseEvent{"", "", "a"}));
}

TEST(SseTest, RefusesAnEventPastTheLimit) {
  SseParser parser(100);
  EXPECT_FALSE(parser.feed("data: " + std::string(200, 'x')));
  SseParser many(100);
  const std::string line = "data: 0123456789012345678901234567890123456789\n";
  EXPECT_FALSE(many.feed(line + line + line));
}

}  // namespace
}  // namespace croft
