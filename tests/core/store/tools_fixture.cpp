#include "tests/core/store/tools_fixture.hpp"

#include "core/store/postgres/session.hpp"
#include "core/store/sqlite/connection.hpp"

namespace croft::store_tools {

std::unique_ptr<sql::Session> ToolsHome::open_to_edit(const Place& where) {
  if (where.is_postgres()) {
    return postgres::BlockingSession::open(postgres::parse_target(where.url).value()).value();
  }
  return sqlite::Connection::open(where.file(), sqlite::Connection::Role::Writer).value();
}

}  // namespace croft::store_tools
