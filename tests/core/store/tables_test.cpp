#include "core/store/sql/tables.hpp"

#include <map>
#include <set>

#include "core/store/sql/migrations.hpp"
#include "tests/core/store/tools_fixture.hpp"

namespace croft::store_tools {

namespace {

/// "uid TEXT key", "removed_at BIGINT null": the columns of each table, in their order.
using Schema = std::map<std::string, std::vector<std::string>>;

std::string words(std::string_view name, bool is_integer, bool may_be_null, bool is_key) {
  return fmt::format("{} {}{}{}", name, is_integer ? "BIGINT" : "TEXT", may_be_null ? " null" : "",
                     is_key ? " key" : "");
}

Schema listed(std::size_t version) {
  Schema schema;
  for (const sql::Table& table : sql::tables()) {
    if (table.since > static_cast<std::int64_t>(version)) continue;
    for (const sql::Column& column : table.columns) {
      schema[table.name].push_back(
          words(column.name, column.is_integer, column.may_be_null, column.is_key));
    }
  }
  return schema;
}

// What belongs to one database and not to the content of a store.
const std::set<std::string> kNotContent = {"schema_migrations", "writer"};

constexpr std::string_view kSqliteColumns = R"(
  SELECT m.name, c.name, c.type = 'BIGINT', c."notnull" = 0, c.pk > 0
  FROM sqlite_master m JOIN pragma_table_info(m.name) c WHERE m.type = 'table' ORDER BY m.name, c.cid)";
constexpr std::string_view kPostgresColumns = R"(
  SELECT t.table_name, c.column_name, CAST(c.data_type = 'bigint' AS INT), CAST(c.is_nullable = 'YES' AS INT),
    (SELECT COUNT(*) FROM information_schema.table_constraints k
     JOIN information_schema.key_column_usage u ON u.constraint_name = k.constraint_name AND u.table_name = k.table_name
     WHERE k.constraint_type = 'PRIMARY KEY' AND k.table_name = t.table_name AND u.column_name = c.column_name)
  FROM information_schema.tables t JOIN information_schema.columns c ON c.table_name = t.table_name
  WHERE t.table_schema = 'public' ORDER BY t.table_name, c.ordinal_position)";

Schema real(sql::Session& session) {
  Schema schema;
  const auto read = [&schema](const sql::Row& row) -> Result<void> {
    const std::string table(row.text(0));
    if (kNotContent.contains(table)) return {};
    schema[table].push_back(
        words(row.text(1), row.integer(2) != 0, row.integer(3) != 0, row.integer(4) != 0));
    return {};
  };
  const bool is_sqlite = session.dialect() == sql::Dialect::Sqlite;
  const Result<void> done = session.query(is_sqlite ? kSqliteColumns : kPostgresColumns, {}, read);
  EXPECT_TRUE(done.has_value()) << (done ? "" : done.error().describe());
  return schema;
}

class TablesTest : public testing::TestWithParam<Engine> {
 protected:
  ToolsHome home_;
};

TEST_P(TablesTest, ListTheRealSchemaOfEveryVersionThatIsTaken) {
  const auto steps = sql::migrations();
  for (std::size_t version = sql::kTablesSince; version <= steps.size(); ++version) {
    SCOPED_TRACE(version);
    const auto session = home_.open_to_edit(home_.place(GetParam()));
    ASSERT_TRUE(sql::migrate(*session, steps.first(version)).has_value());
    EXPECT_EQ(real(*session), listed(version))
        << "a migration changed a table: change sql/tables.cpp too, and kTablesSince";
  }
}

TEST_P(TablesTest, ReadRowsInTheOrderOfTheirKeysAsBytes) {
  const Place place = home_.place(GetParam());
  {
    const auto store = home_.open(place).value();
    Transaction tokens;
    for (const char* id : {"b", "B", "a", "ä", "_", "aa", "a b"})
      tokens.add(PutToken{store_rows::token(id)});
    home_.commit(*store, std::move(tokens));
  }
  const auto session = open_to_read(place).value();
  std::vector<std::string> ids;
  const auto take = [&ids](const TableRow& row) -> Result<void> {
    if (row.table.name == "tokens") ids.push_back(std::get<std::string>(row.cells.front()));
    return {};
  };
  ASSERT_TRUE(read_rows(*session, take).has_value());
  EXPECT_EQ(ids, (std::vector<std::string>{"B", "_", "a", "a b", "aa", "b", "ä"}));
}

INSTANTIATE_TEST_SUITE_P(Engines, TablesTest, testing::Values(Engine::Sqlite, Engine::Postgres),
                         name_of_param);

}  // namespace

}  // namespace croft::store_tools
