#include <fmt/format.h>
#include <gtest/gtest.h>

#include "core/base/child.hpp"
#include "tests/vendors/vendor.hpp"

// The judges judge: what breaks a vendor's specification is refused, so that an adapter's test
// fails.

namespace croft {
namespace {

class VendorsTest : public testing::Test {
 protected:
  void SetUp() override {
    if (const std::string why = FakeVendor::missing(); !why.empty()) GTEST_SKIP() << why;
  }

  /// The status of a POST.
  static std::string post(const FakeVendor& vendor, const std::string& path,
                          const std::string& body) {
    auto status = run_child_checked(
        {.arguments = {"curl", "-s", "-o", "/dev/null", "-w", "%{http_code}", "-H",
                       "Authorization: Bearer " + vendor.token(), "-H",
                       "Content-Type: application/json", "-d", body, vendor.url() + path}});
    return status ? *status : status.error().describe();
  }
};

TEST_F(VendorsTest, ARequestThatFlysSpecificationDoesNotKnowIsRefused) {
  FakeVendor& fly = FakeVendor::fly();
  fly.reset();
  EXPECT_EQ(post(fly, "/apps", R"({"name":"demo","org_slug":"my-org"})"), "201");
  EXPECT_TRUE(fly.violations().empty());
  EXPECT_EQ(post(fly, "/apps", R"({"nmae":"demo","org_slug":"my-org"})"), "422");
  EXPECT_FALSE(fly.violations().empty());
}

TEST_F(VendorsTest, ADocumentThatRailwaysSchemaDoesNotKnowIsRefused) {
  FakeVendor& railway = FakeVendor::railway();
  railway.reset();
  EXPECT_EQ(post(railway, "", R"({"query":"query Ids { projects { edges { node { id } } } }"})"),
            "200");
  EXPECT_TRUE(railway.violations().empty());
  EXPECT_EQ(post(railway, "", R"({"query":"query Ids { projects { edges { node { idd } } } }"})"),
            "400");
  EXPECT_EQ(railway.violations().size(), 1u);
}

TEST_F(VendorsTest, FlyCountsRequestsForEachActionAndMachine) {
  FakeVendor& fly = FakeVendor::fly();
  fly.reset(0);
  for (const char* name : {"a", "b", "c"})
    EXPECT_EQ(post(fly, "/apps", fmt::format(R"({{"name":"{}","org_slug":"my-org"}})", name)),
              "201");
  EXPECT_EQ(post(fly, "/apps", R"({"name":"d","org_slug":"my-org"})"), "429");
  fly.advance(Duration(1000));
  EXPECT_EQ(post(fly, "/apps", R"({"name":"d","org_slug":"my-org"})"), "201");
}

TEST_F(VendorsTest, RailwayAnswersAHundredRequestsAnHour) {
  FakeVendor& railway = FakeVendor::railway();
  railway.reset(0);
  const std::string query = R"({"query":"query Ids { projects { edges { node { id } } } }"})";
  for (int i = 0; i < 100; ++i) ASSERT_EQ(post(railway, "", query), "200") << i;
  EXPECT_EQ(post(railway, "", query), "429");
  railway.advance(Duration(3'600'000));
  EXPECT_EQ(post(railway, "", query), "200");
}

}  // namespace
}  // namespace croft
