#include "core/store/tools/check.hpp"

#include "core/store/sql/migrations.hpp"
#include "core/store/sqlite/connection.hpp"
#include "core/store/tools/access.hpp"

namespace croft::store_tools {

namespace {

constexpr std::size_t kProblemsKept = 100;

Result<void> examine_file(sql::Session& session, const ProblemTaker& taker) {
  auto* connection = dynamic_cast<sqlite::Connection*>(&session);
  if (connection == nullptr) return {};
  const Result<std::vector<std::string>> damage = connection->find_damage();
  // A file may be too broken for that very check.
  if (!damage && damage.error().code() != ErrorCode::Internal) return fail(damage.error());
  if (!damage) taker({{}, {}, damage.error().message()});
  if (damage) {
    for (const std::string& what : *damage) taker({{}, {}, what});
  }
  return {};
}

}  // namespace

Result<CheckReport> check_store(const Place& place) {
  TRY_ASSIGN(const auto session, open_to_read(place));
  CheckReport report;
  const auto take = [&report](Problem problem) {
    ++report.problem_count;
    if (report.problems.size() < kProblemsKept) report.problems.push_back(std::move(problem));
  };
  TRY(examine_file(*session, take));
  TRY(begin_snapshot(*session));
  const Result<std::int64_t> version = sql::find_schema_version(*session);
  if (!version) {
    if (report.problem_count == 0) return fail(version.error());
    return report;
  }
  TRY(check_rows_known(*version, place));
  TRY_ASSIGN(report.tables, examine_rows(*session, take));
  return report;
}

}  // namespace croft::store_tools
