#include "core/net/trace_exporter.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/base/secret.hpp"
#include "tests/support/run_task.hpp"
#include "tests/support/trace_collector.hpp"

namespace croft {

namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

HttpResponse status_of(int status) {
  HttpResponse response;
  response.status = status;
  return response;
}

class TraceExporterTest : public testing::Test {
 protected:
  TraceExporterSettings settings() const {
    TraceExporterSettings settings;
    settings.collector = parse_server_address(collector.address()).value();
    settings.resource = {{"service.name", "croft"}, {"croft.role", "control"}};
    settings.gathered = Duration(5);
    settings.first_pause = Duration(5);
    settings.longest_pause = Duration(20);
    return settings;
  }
  TraceExporter& exporter(TraceExporterSettings given) {
    exporter_ = std::make_unique<TraceExporter>(io.get_executor(), random, std::move(given));
    exporter_->start();
    return *exporter_;
  }
  bool eventually(const std::function<bool()>& holds) {
    const auto wait = [&]() -> Task<bool> {
      for (int i = 0; i < 2'000 && !holds(); ++i) co_await sleep_for(Duration(5));
      co_return holds();
    };
    return run_task(io, wait());
  }
  void stop() {
    const auto stopped = [this]() -> Task<bool> {
      co_await exporter_->stop();
      co_return true;
    };
    EXPECT_TRUE(run_task(io, stopped()));
  }
  static void make(int spans) {
    for (int i = 0; i < spans; ++i) Span::root("push " + std::to_string(i));
  }

  asio::io_context io;
  SystemRandom random;
  TraceCollector collector{io.get_executor()};

 private:
  std::unique_ptr<TraceExporter> exporter_;
};

TEST_F(TraceExporterTest, SendsWhatOpenTelemetryReads) {
  TraceExporterSettings with = settings();
  with.headers.set("Authorization", "Bearer key");
  exporter(std::move(with));
  remember_secret(Secret<std::string>("hunter2-hunter2"));
  {
    Span push = Span::root("push", {}, SpanRecord::Kind::Server);
    push.set("croft.source", "alice/main");
    Span fetch = Span::part_of(push.context(), "fetch");
    fetch.fail("no access with hunter2-hunter2");
  }
  ASSERT_TRUE(eventually([&] { return collector.spans.size() == 2; }));
  EXPECT_THAT(collector.problems, IsEmpty());
  EXPECT_THAT(collector.paths(), ElementsAre("push", "push/fetch"));
  const auto* push = collector.find("push");
  EXPECT_EQ(push->kind, 2);
  EXPECT_EQ(push->role, "control");
  EXPECT_EQ(push->attributes.at("croft.source"), "alice/main");
  EXPECT_EQ(collector.find("fetch")->trace, push->trace);
  EXPECT_EQ(collector.find("fetch")->error.find("hunter2"), std::string::npos);
  EXPECT_EQ(collector.requests.at(0).value_or("Authorization", ""), "Bearer key");
}

TEST_F(TraceExporterTest, SendsManyInFewRequestsAndTheRestWhenItStops) {
  TraceExporter& sent = exporter(settings());
  make(600);
  stop();
  EXPECT_THAT(collector.spans, SizeIs(600));
  EXPECT_THAT(collector.requests, SizeIs(3));
  EXPECT_EQ(sent.counts().sent, 600U);
  make(1);
  EXPECT_EQ(tracer(), nullptr);
}

TEST_F(TraceExporterTest, RepeatsWhatMayBeRepeated) {
  int refusals = 0;
  const std::vector<int> statuses{429, 502, 503, 504};
  collector.refuse = [&]() -> std::optional<HttpResponse> {
    if (refusals == 4) return std::nullopt;
    return status_of(statuses[static_cast<std::size_t>(refusals++)]);
  };
  const TraceExporter& sent = exporter(settings());
  make(1);
  ASSERT_TRUE(eventually([&] { return collector.spans.size() == 1; }));
  EXPECT_EQ(sent.counts().dropped, 0U);
}

TEST_F(TraceExporterTest, WaitsAsLongAsTheCollectorAsks) {
  std::vector<std::chrono::steady_clock::time_point> times;
  collector.refuse = [&]() -> std::optional<HttpResponse> {
    times.push_back(std::chrono::steady_clock::now());
    if (times.size() > 1) return std::nullopt;
    HttpResponse response = status_of(503);
    response.headers.set("Retry-After", "1");
    return response;
  };
  exporter(settings());
  make(1);
  ASSERT_TRUE(eventually([&] { return collector.spans.size() == 1; }));
  EXPECT_GE(times.at(1) - times.at(0), std::chrono::seconds(1));
}

TEST_F(TraceExporterTest, DropsAndCountsWhatIsRefusedForGood) {
  collector.refuse = [] { return status_of(400); };
  const TraceExporter& sent = exporter(settings());
  make(3);
  ASSERT_TRUE(eventually([&] { return sent.counts().dropped == 3; }));
  EXPECT_THAT(collector.requests, SizeIs(1));
}

TEST_F(TraceExporterTest, DropsWhatIsBeyondItsBoundWhileTheCollectorIsSlow) {
  collector.slowness = Duration(50);
  TraceExporterSettings with = settings();
  with.queue_limit = 100;
  with.batch_limit = 10;
  TraceExporter& sent = exporter(std::move(with));
  const auto begun = std::chrono::steady_clock::now();
  make(1'000);
  EXPECT_LT(std::chrono::steady_clock::now() - begun, std::chrono::milliseconds(500));
  EXPECT_EQ(sent.counts().dropped, 900U);
  ASSERT_TRUE(eventually([&] { return sent.counts().sent == 100; }));
}

TEST_F(TraceExporterTest, GivesUpOnACollectorThatIsNotThere) {
  TraceExporterSettings with = settings();
  with.collector = parse_server_address("http://127.0.0.1:1").value();
  with.tries = 2;
  const TraceExporter& sent = exporter(std::move(with));
  make(5);
  ASSERT_TRUE(eventually([&] { return sent.counts().dropped == 5; }));
}

TEST_F(TraceExporterTest, StopsInTimeWhateverTheCollectorDoes) {
  collector.slowness = Duration(60'000);
  TraceExporterSettings with = settings();
  with.stop_grace = Duration(100);
  exporter(std::move(with));
  make(5);
  ASSERT_TRUE(eventually([&] { return collector.requests.size() == 1; }));
  const auto begun = std::chrono::steady_clock::now();
  stop();
  EXPECT_LT(std::chrono::steady_clock::now() - begun, std::chrono::seconds(5));
}

TEST_F(TraceExporterTest, KeepsTheShareThatWasAskedFor) {
  TraceExporterSettings with = settings();
  with.sample = 0.25;
  with.queue_limit = 10'000;
  TraceExporter& sent = exporter(std::move(with));
  int kept = 0;
  for (int i = 0; i < 4'000; ++i) kept += sent.samples() ? 1 : 0;
  EXPECT_NEAR(kept, 1'000, 200);
}

}  // namespace

}  // namespace croft
