// What an operator sees of a running daemon: the trace of a push, its log lines, events, the
// doctor.

#include <algorithm>
#include <chrono>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/base/value.hpp"
#include "tests/e2e/support/platform.hpp"
#include "tests/support/test_store.hpp"
#include "tests/support/trace_collector.hpp"

namespace croft::e2e {

namespace {

using testing::HasSubstr;
using testing::IsEmpty;

/// The paths of the trace whose push is of that commit, each once; empty until it has ended.
std::vector<std::string> trace_of(const TraceCollector& traces, const std::string& commit) {
  const auto push = std::ranges::find_if(traces.spans, [&](const TraceCollector::Span& span) {
    const auto revision = span.attributes.find("croft.revision");
    return span.name == "push" && revision != span.attributes.end() && revision->second == commit;
  });
  if (push == traces.spans.end()) return {};
  std::vector<TraceCollector::Span> part;
  std::ranges::copy_if(traces.spans, std::back_inserter(part),
                       [&](const TraceCollector::Span& span) { return span.trace == push->trace; });
  std::vector<std::string> paths = trace_paths(part);
  paths.erase(std::ranges::unique(paths).begin(), paths.end());
  return paths;
}

double seconds_until_shown(Platform& platform, const std::string& text) {
  const auto begun = std::chrono::steady_clock::now();
  platform.push("alice", site_files("blog", text));
  EXPECT_TRUE(platform.shows("alice-blog.localhost", text)) << platform.daemon.log();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begun).count();
}

TEST(SeeingTest, OnePushIsOneTrace) {
  ServedTraceCollector collector;
  Platform platform({"alice"});
  platform.daemon.flags.insert(platform.daemon.flags.end(),
                               {"--traces-endpoint", collector.address()});
  platform.daemon.start();
  const std::string commit = platform.push("alice", site_files("blog", "seen"));
  ASSERT_TRUE(platform.shows("alice-blog.localhost", "seen")) << platform.daemon.log();
  std::vector<std::string> paths;
  ASSERT_TRUE(wait_until([&] {
    paths = collector.with([&](const TraceCollector& traces) { return trace_of(traces, commit); });
    // The root may come in another request than its parts.
    return std::ranges::count(paths, "push/pass/apply/create/provider create") == 1 &&
           std::ranges::count(paths, "push") == 1;
  })) << platform.daemon.log();
  for (const std::string path :
       {"push/fetch", "push/load", "push/pass", "push/pass/prepare", "push/pass/observe",
        "push/pass/diff", "push/pass/apply", "push/pass/apply/create"})
    EXPECT_EQ(std::ranges::count(paths, path), 1) << path;
  EXPECT_THAT(collector.with([](const TraceCollector& traces) { return traces.problems; }),
              IsEmpty());
}

TEST(SeeingTest, ACollectorThatIsDeadOrSlowDelaysNobody) {
  ServedTraceCollector slow;
  slow.with([](TraceCollector& traces) {
    traces.slowness = Duration(60'000);
    return true;
  });
  for (const std::string& endpoint : {slow.address(), std::string("http://127.0.0.1:1")}) {
    Platform platform({"alice"});
    platform.daemon.flags.insert(platform.daemon.flags.end(), {"--traces-endpoint", endpoint});
    platform.daemon.start();
    platform.push("alice", site_files("blog", "first"));
    ASSERT_TRUE(platform.shows("alice-blog.localhost", "first")) << platform.daemon.log();
    for (int i = 0; i < 5; ++i)
      EXPECT_LT(seconds_until_shown(platform, fmt::format("change {}", i)), 10) << endpoint;
    EXPECT_EQ(platform.daemon.stop(), 0) << platform.daemon.log();
  }
}

TEST(SeeingTest, TheLogTheEventsAndTheDoctorTell) {
  Platform platform({"alice"});
  platform.daemon.flags.insert(platform.daemon.flags.end(), {"--log-format", "json"});
  platform.daemon.start();
  const std::string commit = platform.push("alice", site_files("blog", "seen"));
  ASSERT_TRUE(platform.shows("alice-blog.localhost", "seen")) << platform.daemon.log();

  const ChildOutput created = platform.daemon.croft(
      {"events", "-t", "alice", "-r", "Site/*", "--revision", commit.substr(0, 7), "-o", "json"});
  ASSERT_EQ(created.status, 0) << created.error;
  EXPECT_THAT(created.output, HasSubstr("\"Created\""));
  EXPECT_THAT(created.output, testing::Not(HasSubstr("\"subject\":\"alice/alice\"")));

  const std::string data = platform.daemon.data().string();
  std::vector<std::string> words{
      "doctor", "--data", data, "--edge-listen", platform.daemon.edge_address(), "-o", "json"};
  const std::string store = test_store_url(data);
  if (!store.empty()) words.insert(words.end(), {"--store-url", store});
  const ChildOutput doctor = platform.daemon.croft(words);
  const Result<Value> said = parse_json(doctor.output);
  ASSERT_TRUE(said.has_value()) << doctor.error << doctor.output;
  std::string lines;
  for (const Value& one : said->find("findings")->as_list())
    lines += one.text_or("level", "") + " " + one.text_or("area", "") + " " +
             one.text_or("what", "") + "\n";
  EXPECT_THAT(lines, HasSubstr("OK daemon version"));
  EXPECT_THAT(lines, HasSubstr("OK roles edge listens"));
  EXPECT_THAT(lines, HasSubstr("OK sources source alice/alice"));
  EXPECT_THAT(lines, HasSubstr("OK providers provider"));
  EXPECT_THAT(lines, HasSubstr("OK store"));
}

}  // namespace

}  // namespace croft::e2e
