#include "core/base/metrics.hpp"

#include <cctype>
#include <cstdlib>
#include <fstream>
#include <set>
#include <thread>

#include <gmock/gmock.h>

#include "core/base/files.hpp"
#include "core/base/metric_families.hpp"

namespace croft::metrics {
namespace {

using testing::HasSubstr;
using testing::Not;

constexpr std::array kBounds{0.1, 1.0};
constexpr Family kPlain{
    "croft_test_total", Type::Counter, Role::Control, "A\\B\nC \"D\"", {"a", "b"}};
constexpr Family kTimes{
    "croft_test_seconds", Type::Histogram, Role::Control, "Times.", {"a"}, kBounds};

TEST(MetricsTest, TextIsTheExpositionFormatOfPrometheus) {
  Registry registry;
  registry.counter(kPlain, {"z", "1"}).add(3);
  registry.counter(kPlain, {"quote\" back\\ line\n", ""}).add();
  Page page(Role::Hooks);
  registry.collect(page);
  EXPECT_THAT(page.text(), HasSubstr("# HELP croft_test_total A\\\\B\\nC \"D\"\n"
                                     "# TYPE croft_test_total counter\n"
                                     "croft_test_total{a=\"quote\\\" back\\\\ line\\n\"} 1\n"
                                     "croft_test_total{a=\"z\",b=\"1\"} 3\n"));
}

TEST(MetricsTest, BucketsOfAHistogramAreCumulativeAndIncludeTheirBound) {
  Registry registry;
  Histogram& times = registry.histogram(kTimes, {"x"});
  for (const double value : {0.05, 0.1, 0.5, 2.0}) times.observe(value);
  Page page(Role::Hooks);
  registry.collect(page);
  EXPECT_THAT(page.text(), HasSubstr("croft_test_seconds_bucket{a=\"x\",le=\"0.1\"} 2\n"
                                     "croft_test_seconds_bucket{a=\"x\",le=\"1\"} 3\n"
                                     "croft_test_seconds_bucket{a=\"x\",le=\"+Inf\"} 4\n"
                                     "croft_test_seconds_sum{a=\"x\"} 2.65\n"
                                     "croft_test_seconds_count{a=\"x\"} 4\n"));
}

TEST(MetricsTest, WhatIsTooManySeriesCountsAsOther) {
  Registry registry;
  for (std::size_t i = 0; i < kMostSeries + 500; ++i)
    registry.counter(kPlain, {std::to_string(i), "b"}).add();
  Page page(Role::Hooks);
  registry.collect(page);
  const std::string text = page.text();
  EXPECT_THAT(text, HasSubstr("croft_test_total{a=\"other\",b=\"other\"} 501\n"));
  EXPECT_THAT(text, HasSubstr("croft_test_total{a=\"1998\",b=\"b\"} 1\n"));
  EXPECT_THAT(text, Not(HasSubstr("a=\"1999\"")));
}

TEST(MetricsTest, CountsOfManyThreadsAreAllThere) {
  Registry registry;
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&registry] {
      for (int n = 0; n < 10'000; ++n) {
        registry.counter(kPlain, {std::to_string(n % 3), ""}).add();
        registry.histogram(kTimes, {"x"}).observe(1.0);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(registry.counter(kPlain, {"0", ""}).value(), 4 * 3334U);
  EXPECT_EQ(registry.histogram(kTimes, {"x"}).value().count(), 40'000U);
  EXPECT_EQ(registry.histogram(kTimes, {"x"}).value().sum, 40'000.0);
}

TEST(MetricsTest, EveryRoleSaysWhichItIs) {
  const std::string text = own_page(Role::Edge).text();
  EXPECT_THAT(text, HasSubstr("\nprocess_open_fds{role=\"edge\"} "));
  EXPECT_THAT(text, HasSubstr("\nprocess_start_time_seconds{role=\"edge\"} 1"));
  EXPECT_THAT(text, HasSubstr("\nprocess_resident_memory_bytes{role=\"edge\"} "));
  EXPECT_THAT(text, HasSubstr("# TYPE croft_edge_requests_total counter\n"));
  EXPECT_THAT(text, Not(HasSubstr("croft_queue_depth")));
}

TEST(MetricsTest, TheStartOfTheProcessIsInThePast) {
  const std::string text = own_page(Role::Edge).text();
  const std::string name = "\nprocess_start_time_seconds{role=\"edge\"} ";
  const double start = std::strtod(text.c_str() + text.find(name) + name.size(), nullptr);
  const double now =
      std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
  EXPECT_LE(start, now + 1);
  EXPECT_GT(start, now - 3600);
}

TEST(MetricsTest, JoinsThePageOfAnotherRole) {
  Page edge(Role::Edge);
  edge.add(kEdgeRequests, {"site", "2xx"}, 7);
  edge.add(kProcessFds, {}, 12);
  Page control(Role::Control);
  control.add(kProcessFds, {}, 30);
  control.join(Role::Edge, edge.text());
  const std::string text = control.text();
  EXPECT_THAT(text, HasSubstr("# TYPE process_open_fds gauge\n"
                              "process_open_fds{role=\"control\"} 30\n"
                              "process_open_fds{role=\"edge\"} 12\n"));
  EXPECT_THAT(text, HasSubstr("croft_edge_requests_total{class=\"site\",code=\"2xx\"} 7\n"));
}

TEST(MetricsTest, TakesNothingElseFromAnotherRole) {
  Page control(Role::Control);
  control.join(Role::Edge,
               "croft_role_up{role=\"edge\"} 1\n"              // control's to say
               "croft_edge_open_connections{x=\"1\"\n"         // not whole
               "croft_edge_open_connections 1 garbage\n"       //
               "croft_edge_open_connections NaNa\n"            //
               "croft_edge_open_connections{a b=\"1\"} 3\n"    //
               "croft_edge_open_connections{a=\"\x01\"} 3\n"   //
               "croft_edge_open_connections_sum 3\n"           // no histogram
               "evil_total 1\n"                                //
               "# TYPE croft_edge_open_connections counter\n"  //
               "croft_edge_open_connections 5");               // cut off
  EXPECT_EQ(control.text(), Page(Role::Control).text());
}

TEST(MetricsTest, NamesFollowTheConventions) {
  std::set<std::string_view> names;
  for (const Family* family : kFamilies) {
    EXPECT_TRUE(names.insert(family->name).second) << family->name;
    const bool is_total = family->name.ends_with("_total");
    EXPECT_EQ(is_total, family->type == Type::Counter) << family->name;
    if (family->type == Type::Histogram) {
      EXPECT_TRUE(family->name.ends_with("_seconds")) << family->name;
      EXPECT_FALSE(family->bounds.empty()) << family->name;
    }
    EXPECT_TRUE(family->help.ends_with('.') || family->help.ends_with(')')) << family->name;
    EXPECT_EQ(find_family(family->name), family);
  }
}

/// The table of docs/metrics.md.
std::string documented() {
  std::string text;
  for (const Role role : {Role::Every, Role::Control, Role::Hooks, Role::Edge}) {
    std::string title(to_string(role));
    title[0] = static_cast<char>(std::toupper(static_cast<unsigned char>(title[0])));
    text += "### " + title + (role == Role::Every ? " role\n\n" : "\n\n");
    text += "| metric | type | labels | what |\n|---|---|---|---|\n";
    for (const Family* family : kFamilies) {
      if (family->role != role) continue;
      std::string labels = role == Role::Every ? "`role`" : "";
      for (std::size_t i = 0; i < family->label_count(); ++i)
        labels += (labels.empty() ? "`" : ", `") + std::string(family->labels[i]) + "`";
      text += "| `" + std::string(family->name) + "` | " + std::string(to_string(family->type)) +
              " | " + labels + " | " + std::string(family->help) + " |\n";
    }
    text += "\n";
  }
  return text;
}

TEST(MetricsTest, AllOfThemAreInTheDocs) {
  const std::string path = std::string(CROFT_SOURCE_DIR) + "/docs/metrics.md";
  const std::string page = read_file(path, 1U << 20U).value_or("");
  const std::string begin = "<!-- written by base_tests -->\n\n";
  const std::string end = "<!-- end -->\n";
  const std::size_t from = page.find(begin);
  const std::size_t to = page.find(end);
  ASSERT_TRUE(from != std::string::npos && to != std::string::npos) << path;
  const std::size_t table = from + begin.size();
  if (std::getenv("UPDATE_GOLDEN") != nullptr) {
    std::ofstream(path) << page.substr(0, table) << documented() << page.substr(to);
    return;
  }
  EXPECT_EQ(page.substr(table, to - table), documented()) << "rewrite it with UPDATE_GOLDEN=1";
}

}  // namespace
}  // namespace croft::metrics
