#pragma once

#include <memory>
#include <string>

#include "tests/support/postgres_server.hpp"
#include "tests/support/server_process.hpp"

namespace croft {

/// A pool of transactions before a server: each transaction of a client may meet another of two
/// server connections.
class PgBouncer {
 public:
  explicit PgBouncer(const PostgresServer& server);
  static PgBouncer& shared();
  std::string url(const std::string& database) const;

 private:
  TemporaryDirectory directory_;
  int port_;
  std::unique_ptr<ServerProcess> process_;
};

}  // namespace croft
