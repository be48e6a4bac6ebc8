// A push as a trace, and log lines that say what they are about.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/base/log.hpp"
#include "core/base/work.hpp"
#include "tests/reconciler/engine/daemon.hpp"
#include "tests/support/kept_spans.hpp"

namespace croft {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

/// The spans of the trace that a commit made, as paths, each once.
std::vector<std::string> trace_of(const KeptSpans& kept, const std::string& commit) {
  for (const SpanRecord& push : kept.spans) {
    const auto is_of = [&](const auto& fact) {
      return fact.first == "croft.revision" && fact.second == commit;
    };
    if (push.name != "push" || std::ranges::none_of(push.attributes, is_of)) continue;
    std::vector<SpanRecord> part;
    std::ranges::copy_if(kept.spans, std::back_inserter(part), [&](const SpanRecord& span) {
      return span.context.trace == push.context.trace;
    });
    std::vector<std::string> paths = span_tree(part);
    paths.erase(std::ranges::unique(paths).begin(), paths.end());
    return paths;
  }
  return {};
}

// Not among them, because the fake provider is ready at once: "becoming ready".
const std::vector<std::string> kWhole{"push",
                                      "push/fetch",
                                      "push/load",
                                      "push/pass",
                                      "push/pass/apply",
                                      "push/pass/apply/create",
                                      "push/pass/apply/create/provider create",
                                      "push/pass/diff",
                                      "push/pass/observe",
                                      "push/pass/prepare"};

TEST(TracesTest, APushIsOneTraceFromTheLookToReady) {
  KeptSpans kept;
  TestBed bed;
  const std::string commit =
      bed.push_alice({{"a.yaml", instance_yaml("web")}, {"b.yaml", instance_yaml("worker")}});
  Daemon daemon(bed);
  ASSERT_TRUE(daemon.settle());
  ASSERT_TRUE(daemon.run_until([&] { return !trace_of(kept, commit).empty(); }));
  EXPECT_EQ(trace_of(kept, commit), kWhole);
  EXPECT_EQ(std::ranges::count(kept.spans, "provider create", &SpanRecord::name), 2);
  const SpanRecord& create = kept.named("create");
  EXPECT_THAT(create.attributes,
              Contains(std::pair<std::string, std::string>("croft.tenant", "alice")));
  EXPECT_THAT(create.attributes,
              Contains(std::pair<std::string, std::string>("croft.revision", commit.substr(0, 7))));
}

TEST(TracesTest, APushGoesOnUntilWhatItDeclaresIsReady) {
  KeptSpans kept;
  TestBed bed;
  bed.world->observes_until_running = 3;
  const std::string commit = bed.push_alice({{"a.yaml", instance_yaml("web")}});
  Daemon daemon(bed);
  for (int i = 0; i < 10 && trace_of(kept, commit).empty(); ++i)
    (void)daemon.run(daemon.engine().reconcile({"alice", std::nullopt}));
  EXPECT_THAT(trace_of(kept, commit), Contains("push/becoming ready"));
  const SpanRecord& waiting = kept.named("becoming ready");
  EXPECT_GT(waiting.ended, waiting.begun + 10) << "passes were made meanwhile";
}

TEST(TracesTest, ACommitThatIsWrongEndsItsTraceWithTheReason) {
  KeptSpans kept;
  TestBed bed;
  const std::string commit =
      bed.push_alice({{"a.yaml", "apiVersion: croft/v1\nkind: Instance\nnonsense: 1\n"}});
  Daemon daemon(bed);
  ASSERT_TRUE(daemon.run_until([&] { return !trace_of(kept, commit).empty(); }));
  EXPECT_THAT(trace_of(kept, commit), ElementsAre("push !", "push/fetch", "push/load !"));
}

TEST(TracesTest, WhoToldOfAPushIsPartOfItsTrace) {
  KeptSpans kept;
  TestBed bed;
  bed.push_alice({{"a.yaml", instance_yaml("web")}});
  Daemon daemon(bed);
  ASSERT_TRUE(daemon.settle());
  kept.spans.clear();
  const std::string header = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
  auto work = std::make_shared<Work>();
  work->span = *parse_traceparent(header);
  const std::string commit =
      bed.push_alice({{"a.yaml", instance_yaml("web")}, {"b.yaml", instance_yaml("two")}});
  {
    const WorkScope scope(work);
    ASSERT_TRUE(daemon.engine().look_at("alice/alice").has_value());
  }
  ASSERT_TRUE(daemon.run_until([&] { return !trace_of(kept, commit).empty(); }));
  const SpanRecord& push = kept.named("push");
  EXPECT_EQ(to_traceparent({push.context.trace, push.parent, true}), header);
}

TEST(TracesTest, PassesOfNoPushMakeNoSpans) {
  KeptSpans kept;
  TestBed bed;
  bed.push_alice({{"a.yaml", instance_yaml("web")}});
  Daemon daemon(bed);
  ASSERT_TRUE(daemon.settle());
  kept.spans.clear();
  ASSERT_TRUE(daemon.run(daemon.engine().reconcile({"alice", std::nullopt})).has_value());
  EXPECT_THAT(kept.spans, IsEmpty());
}

/// A provider that logs as the real ones do: knowing the resource and nothing else.
TEST(TracesTest, LogLinesOfAProviderSayOfWhichRevisionTheyAre) {
  TestBed bed;
  const std::string commit = bed.push_alice({{"a.yaml", instance_yaml("web")}});
  bed.world->on_effect = [](const FakeCall&) { log_info("harbour", "a ship comes in"); };
  testing::internal::CaptureStderr();
  {
    Daemon daemon(bed);
    ASSERT_TRUE(daemon.settle());
  }
  EXPECT_THAT(testing::internal::GetCapturedStderr(),
              HasSubstr("harbour: a ship comes in tenant=alice revision=" + commit.substr(0, 7) +
                        " ref=alice/Instance/web"));
}

}  // namespace
}  // namespace croft
