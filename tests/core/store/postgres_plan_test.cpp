#include <gtest/gtest.h>

#include "core/store/postgres/session.hpp"
#include "core/store/sql/migrations.hpp"
#include "core/store/sql/statements.hpp"
#include "tests/support/postgres_server.hpp"

namespace croft {

namespace {

using namespace sql;

/// Asks PostgreSQL's planner how it finds rows, with sequential scans and sorts made so expensive
/// that only those which cannot be avoided stay.
class PostgresPlanTest : public testing::Test {
 protected:
  void SetUp() override {
    PostgresServer& server = PostgresServer::shared();
    const postgres::Target target =
        postgres::parse_target(server.url(server.make_database())).value();
    session_ = std::move(postgres::BlockingSession::open(target).value());
    ASSERT_TRUE(migrate(*session_, migrations()).has_value());
    ASSERT_TRUE(session_
                    ->run_script("SET enable_seqscan = off; SET enable_sort = off; "
                                 "SET plan_cache_mode = force_generic_plan")
                    .has_value());
  }

  /// The plan for any parameters.
  std::string plan_of(std::string_view statement) {
    const std::string name = "s" + std::to_string(++statements_);
    const Result<void> prepared =
        session_->run_script("PREPARE " + name + " AS " + std::string(statement));
    EXPECT_TRUE(prepared.has_value()) << prepared.error().describe();
    std::string arguments;
    for (int i = 1; statement.find("$" + std::to_string(i)) != std::string_view::npos; ++i)
      arguments += arguments.empty() ? "NULL" : ", NULL";
    if (!arguments.empty()) arguments = "(" + arguments + ")";
    std::string plan;
    const auto read = [&plan](const Row& row) -> Result<void> {
      plan += std::string(row.text(0)) + "\n";
      return {};
    };
    const Result<void> asked =
        session_->query("EXPLAIN (COSTS OFF) EXECUTE " + name + arguments, {}, read);
    EXPECT_TRUE(asked.has_value()) << asked.error().describe();
    return plan;
  }

  void expect_by_index(std::string_view statement) {
    const std::string plan = plan_of(statement);
    EXPECT_EQ(plan.find("Seq Scan"), std::string::npos) << statement << "\n" << plan;
    EXPECT_EQ(plan.find("Sort"), std::string::npos) << statement << "\n" << plan;
  }

  std::unique_ptr<postgres::BlockingSession> session_;
  int statements_ = 0;
};

TEST_F(PostgresPlanTest, FindsRowsByIndex) {
  for (const std::string_view statement : {kEraseTenant,
                                           kEraseSource,
                                           kResourcesOfTenant,
                                           kAllResources,
                                           kEraseResource,
                                           kEraseDirective,
                                           kUsageWithin,
                                           kOpenUsage,
                                           kOpenIntents,
                                           kEraseToken,
                                           kEraseAcknowledgement,
                                           kPruneEvents,
                                           kNextEvent,
                                           kLockTenantNumbers,
                                           kGiveTenantNumber,
                                           kPutTenant,
                                           kAppendEvent,
                                           kBeginBatch,
                                           kFindBatch,
                                           kNextEvents,
                                           kNotifications,
                                           kNotificationsOfTenant,
                                           kNewestNotifications,
                                           kNewestNotificationsOfTenant,
                                           kAppendNotification,
                                           kPruneNotifications,
                                           kEraseWebhook,
                                           kEraseDeliveries,
                                           kPendingDeliveries,
                                           kPendingDeliveriesOfSubject,
                                           kNewestDeliveries,
                                           kDelivery}) {
    expect_by_index(statement);
  }
}

TEST_F(PostgresPlanTest, WritesManyRowsWithoutLookingForAny) {
  for (const RowsAtOnce& form : rows_at_once()) expect_by_index(form.many);
}

TEST_F(PostgresPlanTest, FindsEventsByIndexWhateverIsAskedFor) {
  for (unsigned i = 0; i < 8; ++i)
    expect_by_index(events_statement((i & 1U) != 0, (i & 2U) != 0, (i & 4U) != 0));
}

TEST_F(PostgresPlanTest, ReadsWhatIsOpenFromAnIndexOfNothingElse) {
  EXPECT_NE(plan_of(kOpenIntents).find("intents_open"), std::string::npos);
  EXPECT_NE(plan_of(kOpenUsage).find("usage_open"), std::string::npos);
  EXPECT_NE(plan_of(kPruneIntents).find("intents_finished"), std::string::npos);
}

}  // namespace

}  // namespace croft
