#include "core/store/tools/migrate.hpp"

#include "core/store/sql/migrations.hpp"
#include "core/store/tools/access.hpp"

namespace croft::store_tools {

Result<MigrationReport> plan_migration(const Place& place) {
  TRY_ASSIGN(const auto session, open_to_read(place));
  TRY_ASSIGN(const std::int64_t version, sql::find_schema_version(*session));
  TRY(sql::check_not_newer(version, sql::migrations()));
  return MigrationReport{version, known_version()};
}

Result<MigrationReport> migrate_store(const Place& place) {
  TRY_ASSIGN(const MigrationReport report, plan_migration(place));
  if (report.from == report.to) return report;
  TRY_ASSIGN(const auto held, Held::take(place));
  TRY(sql::migrate(held->session(), sql::migrations()));
  return report;
}

}  // namespace croft::store_tools
