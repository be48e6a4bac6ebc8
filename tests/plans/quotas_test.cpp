#include "plans/admission/quotas.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>

#include "tests/plans/plans_support.hpp"

namespace croft::plans {

namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

using Footprints = std::vector<Footprint>;

Footprint app(const std::string& name, const std::string& provider = "local") {
  return {.ref = {"alice", Kind::Instance, name},
          .provider = provider,
          .cpu_millis = 250,
          .memory_bytes = 128 << 20,
          .storage_bytes = 1 << 30,
          .hosts = 1};
}

Footprint site(const std::string& name, std::int64_t bytes, std::int64_t largest = 0) {
  return {.ref = {"alice", Kind::Site, name},
          .provider = "site",
          .storage_bytes = bytes,
          .largest_file = largest,
          .largest_path = "video.mp4"};
}

PlanTerms plan(const std::string& name, const std::string& quotas) {
  Result<PlanTerms> terms = make_terms(
      name, std::make_shared<const Value>(parse_json("{\"quotas\":" + quotas + "}").value()),
      no_scripts);
  return terms.value();
}

/// The refusals of a plan with these quotas, one a line.
std::string refused(const std::string& quotas, const Footprints& before, const Footprints& after,
                    const std::vector<const PlanTerms*>& others = {}) {
  std::string text;
  for (const Problem& refusal :
       check_quotas(plan("hobby", quotas), {before}, after, others).refusals)
    text += local_name(refusal.ref) + ": " + refusal.message + "; " + refusal.hint + "\n";
  return text;
}

/// The thresholds that a plan says are newly reached: "memory 80", one a line.
std::string reached(const std::string& spec, const Footprints& before, const Footprints& after) {
  const PlanTerms terms =
      make_terms("hobby", std::make_shared<const Value>(parse_json(spec).value()), no_scripts)
          .value();
  std::string text;
  for (const ThresholdReached& one : check_quotas(terms, {before}, after, {}).reached)
    text += fmt::format("{} {}: {} of {}\n", one.quota, one.percent, one.used, one.limit);
  return text;
}

TEST(QuotasTest, SaysTheHighestThresholdThatIsNewlyReached) {
  const std::string spec =
      R"({"quotas":{"instances":4,"fileSize":10,"sites":0},"usageThresholds":[100,50,75]})";
  const Footprints one{app("a")};
  const Footprints two{app("a"), app("b")};
  const Footprints four{app("a"), app("b"), app("c"), app("d")};
  EXPECT_EQ(reached(spec, {}, one), "");
  EXPECT_EQ(reached(spec, one, two), "instances 50: 2 of 4\n");
  EXPECT_EQ(reached(spec, {}, four), "instances 100: 4 of 4\n");
  EXPECT_EQ(reached(spec, two, two), "");
  EXPECT_EQ(reached(spec, four, two), "") << "it is going down";
  EXPECT_EQ(reached(spec, {}, {site("s", 1, 10)}), "") << "a file's size is not used up";
  EXPECT_EQ(reached(R"({"quotas":{"instances":1},"usageThresholds":[]})", {}, one), "");
  EXPECT_EQ(reached(R"({"quotas":{"instances":1}})", {}, one), "");
}

TEST(QuotasTest, SharesOfHugeLimitsDoNotOverflow) {
  Footprint huge = app("a");
  huge.memory_bytes = INT64_MAX / 2;
  EXPECT_EQ(
      reached(R"({"quotas":{"memory":4611686018427387904},"usageThresholds":[80]})", {}, {huge})
          .substr(0, 11),
      "memory 80: ");
}

TEST(QuotasTest, RefusesWhatRaisesAQuantityBeyondItsLimit) {
  EXPECT_EQ(refused(R"({"instances":1})", {}, {app("a")}), "");
  EXPECT_EQ(refused(R"({"instances":1})", {app("a")}, {app("a"), app("b")}),
            "Instance/b: plan 'hobby' allows 1 instances, this asks for 2 (1 now); no plan allows "
            "that\n");
  EXPECT_THAT(refused(R"({"memory":134217728})", {app("a")}, {app("a"), app("b")}),
              HasSubstr("allows 128MiB of memory, this asks for 256MiB (128MiB now)"));
  EXPECT_THAT(refused(R"({"cpu":250})", {}, {app("a"), app("b")}),
              HasSubstr("allows 250m of cpu, this asks for 500m (0 now)"));
  EXPECT_THAT(refused(R"({"storage":1073741824})", {}, {app("a"), site("s", 1)}),
              HasSubstr("of storage"));
  EXPECT_THAT(refused(R"({"sites":0})", {}, {site("s", 1)}), HasSubstr("Site/s: "));
  EXPECT_THAT(refused(R"({"domains":1})", {}, {app("a"), app("b")}),
              HasSubstr("1 hosts of their own"));
  EXPECT_THAT(refused(R"({"fileSize":100})", {}, {site("s", 150, 101)}),
              HasSubstr("allows 100B a file, this asks for 101B (0B now)"));
}

TEST(QuotasTest, WhatIsUnchangedReducedOrRemovedPassesAfterADowngrade) {
  const std::string quotas = R"({"instances":1,"memory":1,"storage":1,"providers":0})";
  const Footprints three{app("a"), app("b"), app("c")};
  EXPECT_EQ(refused(quotas, three, three), "");
  EXPECT_EQ(refused(quotas, three, {app("a"), app("b")}), "");
  EXPECT_EQ(refused(quotas, three, {}), "");
  // Another in the place of one: nothing is raised.
  EXPECT_EQ(refused(quotas, three, {app("a"), app("b"), app("d")}), "");
  Footprints larger = three;
  larger[1].memory_bytes += 1;
  EXPECT_THAT(refused(quotas, three, larger), HasSubstr("Instance/b: plan 'hobby' allows 1B"));
}

TEST(QuotasTest, TheLargestOfWhatWasGrantedCounts) {
  const PlanTerms one = plan("hobby", R"({"instances":1})");
  const Footprints two{app("a"), app("b")};
  EXPECT_THAT(check_quotas(one, {{}, two}, two, {}).refusals, IsEmpty());
  EXPECT_THAT(check_quotas(one, {two, {}}, two, {}).refusals, IsEmpty());
  EXPECT_THAT(check_quotas(one, {{app("a")}, {}}, two, {}).refusals, SizeIs(1));
}

TEST(QuotasTest, CountsConcurrencyInAllAndPerProvider) {
  const Footprints spread{app("a", "local"), app("b", "local"), app("c", "fly")};
  EXPECT_EQ(refused(R"({"concurrentPerProvider":2,"concurrent":3,"providers":2})", {}, spread), "");
  EXPECT_THAT(refused(R"({"concurrentPerProvider":1})", {}, spread),
              HasSubstr("1 instances at a time on one provider, this asks for 2"));
  EXPECT_THAT(refused(R"({"concurrent":2})", {}, spread), HasSubstr("2 instances at a time"));
  Footprints held = spread;
  held[0].runs = false;
  EXPECT_EQ(refused(R"({"concurrent":2,"concurrentPerProvider":1})", {}, held), "")
      << "what was stopped by hand does not run";
  EXPECT_THAT(refused(R"({"concurrent":2})", held, spread), HasSubstr("asks for 3 (2 now)"));
  // Sites are Croft's own to serve: they use no provider.
  EXPECT_EQ(refused(R"({"providers":1})", {}, {app("a"), site("s", 1)}), "");
  EXPECT_THAT(refused(R"({"providers":1})", {app("a"), app("b")}, {app("a"), app("b", "fly")}),
              HasSubstr("Instance/b: plan 'hobby' allows 1 providers, this asks for 2 (1 now)"));
}

TEST(QuotasTest, NamesThePlanThatWouldAllowIt) {
  const PlanTerms small = plan("small", R"({"instances":1})");
  const PlanTerms studio = plan("studio", R"({"instances":20})");
  const PlanTerms large = plan("large", R"({"instances":200})");
  const PlanTerms endless = plan("endless", "{}");
  const Footprints three{app("a"), app("b"), app("c")};
  EXPECT_THAT(refused(R"({"instances":2})", {}, three, {&endless, &large, &small, &studio}),
              HasSubstr("; plan 'studio' allows 20 instances"));
  EXPECT_THAT(refused(R"({"instances":2})", {}, three, {&endless, &small}),
              HasSubstr("; plan 'endless' does not limit it"));
}

TEST(QuotasTest, SaysHowMuchIsUsedAfterwards) {
  const QuotaVerdict verdict = check_quotas(plan("hobby", R"({"instances":1,"memory":1073741824})"),
                                            {}, {app("a"), app("b")}, {});
  ASSERT_THAT(verdict.uses, SizeIs(2));
  EXPECT_EQ(verdict.uses[0], (QuotaUse{"instances", "2", "1", true}));
  EXPECT_EQ(verdict.uses[1], (QuotaUse{"memory", "256MiB", "1GiB", false}));
}

TEST(FootprintTest, ComesFromTheSpec) {
  const Value instance = parse_json(R"({"resources":{"cpu":500,"memory":1024},
      "volumes":[{"name":"a","size":10},{"name":"b","size":5}],
      "http":{"hosts":["x.example","y.example"]}})")
                             .value();
  const Footprint app = footprint_of({"alice", Kind::Instance, "api"}, "local", instance);
  EXPECT_EQ(app.cpu_millis, 500);
  EXPECT_EQ(app.memory_bytes, 1024);
  EXPECT_EQ(app.storage_bytes, 15);
  EXPECT_EQ(app.hosts, 2);
  const FilesSize files{100, 60, "a/b.png"};
  const Footprint blog =
      footprint_of({"alice", Kind::Site, "blog"}, "site",
                   parse_json(R"({"domains":["blog.example"]})").value(), &files);
  EXPECT_EQ(blog.storage_bytes, 100);
  EXPECT_EQ(blog.largest_path, "a/b.png");
  EXPECT_EQ(blog.hosts, 1);
}

}  // namespace

}  // namespace croft::plans
