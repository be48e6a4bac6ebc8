// What scripts consist of, and which of their lines ran.

#include "lua/testing/listing.hpp"

#include <gmock/gmock.h>

#include "lua/engine/coverage.hpp"
#include "tests/lua/adapter_harness.hpp"

namespace croft::lua {
namespace {

using testing::ElementsAre;

constexpr const char* kScript = R"(local function double(x)
  if x then
    return x * 2
  end
  return nil
end

return {
  f = function(x)
    local response = http.get("/a")
    total = url.encode(double(x))
    return response
  end,
}
)";

TEST(ListingTest, HasTheLinesOfEveryFunction) {
  const Result<Listing> listing = list_script("a.lua", kScript);
  ASSERT_TRUE(listing) << listing.error().describe();
  ASSERT_EQ(listing->functions.size(), 3U);
  EXPECT_EQ(listing->functions[0].first, 0);
  const auto named = std::ranges::find(listing->functions, 1, &ListedFunction::first);
  ASSERT_NE(named, listing->functions.end());
  EXPECT_EQ(named->last, 6);
  EXPECT_THAT(named->lines, ElementsAre(2, 3, 5));
}

TEST(ListingTest, HasTheGlobalsWithTheirFields) {
  const Result<Listing> listing = list_script("a.lua", kScript);
  ASSERT_TRUE(listing);
  std::vector<std::string> uses;
  for (const GlobalUse& use : listing->globals) {
    uses.push_back(std::to_string(use.line) + (use.is_set ? " sets " : " reads ") + use.name +
                   (use.field.empty() ? "" : "." + use.field));
  }
  EXPECT_THAT(uses, testing::UnorderedElementsAre("10 reads http.get", "11 reads url.encode",
                                                  "11 sets total"));
}

TEST(ListingTest, WhatIsNoLuaIsRefusedWithItsLine) {
  const Result<Listing> listing = list_script("a.lua", "return {\n  x = = 1}");
  ASSERT_FALSE(listing);
  EXPECT_EQ(listing.error().code(), ErrorCode::Invalid);
  EXPECT_TRUE(listing.error().message().starts_with("a.lua:2:")) << listing.error().message();
  EXPECT_FALSE(list_script("a.lua", "\x1bLJ"));
}

TEST(ListingTest, NothingOfTheScriptIsRun) {
  EXPECT_TRUE(list_script("a.lua", "while true do end"));
}

class CoverageTest : public AdapterTest {};

TEST_F(CoverageTest, HasTheLinesThatRan) {
  const auto coverage = std::make_shared<Coverage>();
  HostServices services;
  services.http = http;
  services.clock = &clock;
  services.sleep = sleep;
  services.coverage = coverage;
  host = AdapterHost::make(io.get_executor(), Script::compile("a.lua", kScript).value(),
                           std::move(services))
             .value();
  EXPECT_EQ(host->place_of("f").line, 9);
  EXPECT_EQ(host->place_of("g").line, 0);
  EXPECT_FALSE(coverage->lines_of("a.lua").contains(10));
  ASSERT_FALSE(call("f"));  // url.encode refuses nil
  EXPECT_TRUE(coverage->lines_of("a.lua").contains(10));
  EXPECT_TRUE(coverage->lines_of("a.lua").contains(5));
  EXPECT_FALSE(coverage->lines_of("a.lua").contains(3));
  EXPECT_FALSE(coverage->lines_of("a.lua").contains(12));
  EXPECT_EQ(http->last.asked_at, "a.lua:10");
  EXPECT_TRUE(coverage->lines_of("b.lua").empty());
}

TEST_F(CoverageTest, ChangesNothingOfTheBudget) {
  HostServices services;
  services.http = http;
  services.clock = &clock;
  services.coverage = std::make_shared<Coverage>();
  host =
      AdapterHost::make(
          io.get_executor(),
          Script::compile("a.lua", "return {f = function() while pcall(error) or true do end end}")
              .value(),
          std::move(services), {.instructions = 100'000})
          .value();
  const Result<Value> ended = call("f");
  ASSERT_FALSE(ended);
  EXPECT_NE(ended.error().message().find("steps without waiting"), std::string::npos);
}

}  // namespace
}  // namespace croft::lua
