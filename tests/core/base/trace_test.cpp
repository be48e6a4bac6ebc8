#include "core/base/trace.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/base/error.hpp"
#include "core/base/result.hpp"
#include "core/base/work.hpp"
#include "tests/support/kept_spans.hpp"
#include "tests/support/run_task.hpp"

namespace croft {

namespace {

using testing::ElementsAre;
using testing::IsEmpty;

constexpr const char* kHeader = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

TEST(TraceTest, ReadsAndWritesTheHeaderOfTheStandard) {
  const auto context = parse_traceparent(kHeader);
  ASSERT_TRUE(context.has_value());
  EXPECT_TRUE(context->is_sampled);
  EXPECT_EQ(to_traceparent(*context), kHeader);
  EXPECT_EQ(to_traceparent(SpanContext{}), "");
  EXPECT_FALSE(parse_traceparent(to_traceparent(unsampled_context()))->is_sampled);
  EXPECT_TRUE(parse_traceparent(std::string("cc") + (kHeader + 2) + "-what-comes").has_value());
}

TEST(TraceTest, RefusesWhatIsNoHeader) {
  for (const std::string wrong :
       {"", "00", "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
        "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more",
        "00-4bf92f3577b34da6a3ce929d0e0e473-00f067aa0ba902b7-001",
        "00_4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        "0g-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"})
    EXPECT_FALSE(parse_traceparent(wrong).has_value()) << wrong;
}

TEST(TraceTest, WithoutATracerThereAreNoSpans) {
  EXPECT_FALSE(Span::root("push"));
  EXPECT_FALSE(Span::part_of(*parse_traceparent(kHeader), "pass"));
  EXPECT_EQ(span_time(), 0);
}

Task<Result<int>> compute(bool works) {
  co_await sleep_for(Duration(1));
  if (!works) co_return fail(ErrorCode::Unavailable, "nobody is there");
  co_return 42;
}

Task<Result<int>> two_steps() {
  CO_TRY(co_await traced("first", compute(true)));
  co_return co_await traced("second", compute(false));
}

TEST(TraceTest, MakesATreeOfWhatIsDone) {
  KeptSpans kept;
  asio::io_context io;
  auto work = std::make_shared<Work>();
  {
    Span root = Span::root("push", *parse_traceparent(kHeader), SpanRecord::Kind::Server);
    root.set("croft.source", "alice/main");
    work->span = root.context();
    EXPECT_FALSE(run_task(io, doing(work, traced("pass", two_steps()))).has_value());
  }
  ASSERT_THAT(kept.tree(),
              ElementsAre("push", "push/pass !", "push/pass/first", "push/pass/second !"));
  const SpanRecord& root = kept.named("push");
  EXPECT_EQ(to_traceparent({root.context.trace, root.parent, true}), kHeader);
  EXPECT_EQ(root.kind, SpanRecord::Kind::Server);
  EXPECT_EQ(kept.named("second").error, "nobody is there");
  EXPECT_LE(root.begun, kept.named("first").begun);
  EXPECT_LE(kept.named("first").ended, kept.named("second").begun);
}

TEST(TraceTest, LeavesOutWhatIsNotSampled) {
  KeptSpans kept;
  kept.samples_all = false;
  EXPECT_FALSE(Span::root("push"));
  EXPECT_FALSE(Span::root("push", unsampled_context()));
  EXPECT_TRUE(Span::root("push", *parse_traceparent(kHeader))) << "who began it has decided";
  Span::root("push", *parse_traceparent(kHeader)).discard();
  EXPECT_EQ(kept.spans.size(), 1U);
}

}  // namespace

}  // namespace croft
