#include <deque>

#include <gtest/gtest.h>

#include "core/base/files.hpp"
#include "core/store/sql/migrations.hpp"
#include "core/store/sql/statements.hpp"
#include "core/store/sqlite/connection.hpp"

namespace croft {

namespace {

using namespace sql;

class QueryPlanTest : public testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(migrate(*connection_, migrations()).has_value()); }

  std::string plan_of(std::string_view statement) {
    texts_.push_back("EXPLAIN QUERY PLAN " + std::string(statement));
    std::string plan;
    const auto read = [&plan](const Row& row) -> Result<void> {
      plan += std::string(row.text(3)) + "\n";
      return {};
    };
    const Result<void> asked = connection_->query(texts_.back(), {}, read);
    EXPECT_TRUE(asked.has_value()) << asked.error().describe();
    return plan;
  }

  void expect_no_scan(std::string_view statement) {
    const std::string plan = plan_of(statement);
    EXPECT_EQ(plan.find("SCAN"), std::string::npos) << statement << "\n" << plan;
    EXPECT_EQ(plan.find("TEMP B-TREE"), std::string::npos) << statement << "\n" << plan;
  }

  TemporaryDirectory directory_ = TemporaryDirectory::make("croft-store-").value();
  std::unique_ptr<sqlite::Connection> connection_ =
      sqlite::Connection::open(directory_.path() / "croft.db", sqlite::Connection::Role::Writer)
          .value();
  std::deque<std::string> texts_;  // a connection keeps what it prepared by its text
};

TEST_F(QueryPlanTest, FindsRowsByIndex) {
  for (const std::string_view statement : {kEraseTenant,         kEraseSource,
                                           kResourcesOfTenant,   kEraseResource,
                                           kEraseDirective,      kUsageWithin,
                                           kEraseToken,          kEraseAcknowledgement,
                                           kPruneEvents,         kNextEvent,
                                           kLockTenantNumbers,   kGiveTenantNumber,
                                           kNotifications,       kNotificationsOfTenant,
                                           kNewestNotifications, kNewestNotificationsOfTenant,
                                           kEraseWebhook,        kEraseDeliveries,
                                           kPendingDeliveries,   kPendingDeliveriesOfSubject,
                                           kNewestDeliveries,    kDelivery}) {
    expect_no_scan(statement);
  }
}

TEST_F(QueryPlanTest, FindsEventsByIndexWhateverIsAskedFor) {
  for (unsigned i = 0; i < 8; ++i)
    expect_no_scan(events_statement((i & 1U) != 0, (i & 2U) != 0, (i & 4U) != 0));
}

TEST_F(QueryPlanTest, ReadsWhatIsOpenFromAnIndexOfNothingElse) {
  EXPECT_EQ(plan_of(kOpenIntents), "SCAN intents USING INDEX intents_open\n");
  EXPECT_EQ(plan_of(kOpenUsage), "SCAN usage_facts USING INDEX usage_open\n");
  EXPECT_NE(plan_of(kPruneIntents).find("SCAN intents USING INDEX intents_finished"),
            std::string::npos)
      << plan_of(kPruneIntents);
}

TEST_F(QueryPlanTest, PrunesTheOutboxByIndexes) {
  EXPECT_EQ(plan_of(kPruneNotifications).find("SCAN notifications"), std::string::npos)
      << plan_of(kPruneNotifications);
  EXPECT_NE(plan_of(kPruneDeliveries).find("SCAN deliveries USING INDEX deliveries_ended"),
            std::string::npos)
      << plan_of(kPruneDeliveries);
}

TEST_F(QueryPlanTest, ReadsAllResourcesWithoutSorting) {
  EXPECT_EQ(plan_of(kAllResources), "SCAN resources USING INDEX resources_by_ref\n");
}

}  // namespace

}  // namespace croft
