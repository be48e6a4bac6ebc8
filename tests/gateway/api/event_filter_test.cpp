#include "gateway/api/event_filter.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/fake_engine.hpp"
#include "tests/support/run_task.hpp"

namespace croft {

namespace {

using testing::ElementsAre;
using testing::HasSubstr;

const Timestamp kNow{Duration(1'700'000'000'000)};

EventRow event() {
  EventRow row;
  row.time = kNow - Duration(60'000);
  row.tenant = "alice";
  row.subject = "alice/Instance/api";
  row.severity = Severity::Warning;
  row.reason = "CreateFailed";
  row.revision = "8d1c0aa4";
  return row;
}

bool lets_through(const std::string& name, const std::string& text, const EventRow& row) {
  const Result<EventFilter> filter = read_event_filter(Value::map({{name, text}}), kNow);
  return filter.value().matches(row);
}

TEST(EventFilterTest, TakesPatternsOfResourcesWithAndWithoutTheirTenant) {
  for (const std::string pattern : {"Instance/api", "alice/Instance/api", "*/Instance/a*", "*/api",
                                    "instance/*", "Site/*,Instance/ap?"})
    EXPECT_TRUE(lets_through("resource", pattern, event())) << pattern;
  for (const std::string pattern :
       {"Instance/ap", "bob/Instance/api", "*", "*/*/*/api", "api", "Site/*,Site/api"})
    EXPECT_FALSE(lets_through("resource", pattern, event())) << pattern;
  EventRow of_source = event();
  of_source.subject = "alice/main";
  EXPECT_TRUE(lets_through("resource", "alice/main", of_source));
  EXPECT_TRUE(lets_through("resource", "main", of_source));
}

TEST(EventFilterTest, TakesPatternsOfReasons) {
  for (const std::string pattern : {"CreateFailed", "createfailed", "*Failed", "Loaded,Create*"})
    EXPECT_TRUE(lets_through("reason", pattern, event())) << pattern;
  for (const std::string pattern : {"Create", "Failed", "Loaded,Started"})
    EXPECT_FALSE(lets_through("reason", pattern, event())) << pattern;
}

TEST(EventFilterTest, TakesSeverityAndTheBeginningOfARevision) {
  EXPECT_TRUE(lets_through("severity", "Warning", event()));
  EXPECT_FALSE(lets_through("severity", "Normal", event()));
  EXPECT_TRUE(lets_through("revision", "8d1c", event()));
  EXPECT_FALSE(lets_through("revision", "8d1d", event()));
}

TEST(EventFilterTest, TakesTimesAndHowLongAgo) {
  const std::string then = format_time(event().time);
  EXPECT_TRUE(lets_through("since", then, event()));
  EXPECT_FALSE(lets_through("until", then, event()));
  EXPECT_TRUE(lets_through("since", "1m", event()));
  EXPECT_FALSE(lets_through("since", "59s", event()));
  EXPECT_TRUE(lets_through("until", "59s", event()));
  const Result<EventFilter> wrong = read_event_filter(Value::map({{"since", "noon"}}), kNow);
  ASSERT_FALSE(wrong.has_value());
  EXPECT_THAT(wrong.error().describe(), HasSubstr("since: 'noon'"));
}

/// 5,000 events, of which every 700th is a warning.
class FilteredEventsTest : public testing::Test {
 protected:
  FilteredEventsTest() {
    for (int i = 1; i <= 5'000; ++i) {
      engine_.add_event("alice", "alice/Instance/api", "Ping");
      if (i % 700 == 0) engine_.history.back().severity = Severity::Warning;
    }
  }
  std::vector<std::int64_t> sequences(EventQuery query, EventFilter filter) {
    const auto events =
        run_task(io_, filtered_events(engine_, std::move(query), std::move(filter)));
    std::vector<std::int64_t> found;
    for (const EventRow& row : events.value()) found.push_back(row.sequence);
    return found;
  }
  asio::io_context io_;
  FakeEngine engine_;
};

TEST_F(FilteredEventsTest, FindsTheNewestHoweverFarBackTheyAre) {
  const EventFilter warnings{.severity = Severity::Warning};
  EXPECT_THAT(sequences({.limit = 3}, warnings), ElementsAre(3'500, 4'200, 4'900));
  EXPECT_THAT(sequences({.limit = 100}, warnings),
              ElementsAre(700, 1'400, 2'100, 2'800, 3'500, 4'200, 4'900));
}

TEST_F(FilteredEventsTest, PagesForwardWithoutGaps) {
  const EventFilter warnings{.severity = Severity::Warning};
  EXPECT_THAT(sequences({.after = -1, .limit = 2}, warnings), ElementsAre(700, 1'400));
  EXPECT_THAT(sequences({.after = 1'400, .limit = 2}, warnings), ElementsAre(2'100, 2'800));
  EXPECT_THAT(sequences({.after = 4'900, .limit = 2}, warnings), ElementsAre());
}

TEST_F(FilteredEventsTest, LooksNoFurtherBackThanItHasTo) {
  EventFilter recent;
  recent.since = engine_.history[4'997].time;
  const int before = engine_.event_reads;
  EXPECT_THAT(sequences({.limit = 100}, recent), ElementsAre(4'998, 4'999, 5'000));
  EXPECT_EQ(engine_.event_reads - before, 2);
}

}  // namespace

}  // namespace croft
