#include "tests/support/test_store.hpp"

#include <cstdlib>
#include <set>
#include <string_view>

#include "core/base/id.hpp"
#include "tests/support/postgres_server.hpp"

namespace croft {

std::string test_store_url(const std::filesystem::path& directory) {
  const char* engine = std::getenv("CROFT_TEST_STORE");
  if (engine == nullptr || std::string_view(engine) != "postgres") return {};
  static std::set<std::string> known;
  const std::string name = "d" + sha256_hex(directory.string()).substr(0, 16);
  PostgresServer& server = PostgresServer::shared();
  // A forked child may have made it.
  if (known.insert(name).second &&
      server.sql("postgres", "SELECT 1 FROM pg_database WHERE datname = '" + name + "'").empty()) {
    server.sql("postgres", "CREATE DATABASE " + name);
  }
  return server.url(name);
}

}  // namespace croft
