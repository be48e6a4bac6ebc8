#pragma once

#include <memory>
#include <string>

#include "core/base/files.hpp"
#include "tests/support/server_process.hpp"

namespace croft {

/// A real PostgreSQL server for tests: on loopback, in a temporary directory, as a child that goes
/// with this process. Blocks; throws what a test cannot mend.
class PostgresServer {
 public:
  /// Makes a cluster and starts it. `settings` are lines of postgresql.conf.
  explicit PostgresServer(std::string settings = {});
  PostgresServer(const PostgresServer&) = delete;
  PostgresServer& operator=(const PostgresServer&) = delete;

  /// One for all tests of this program that leave it running as it was.
  static PostgresServer& shared();
  /// Why this machine has none, or empty.
  static std::string missing();

  /// A new, empty database, by its name.
  std::string make_database();
  /// "postgres://croft@127.0.0.1:PORT/NAME"
  std::string url(const std::string& database) const;
  int port() const { return port_; }

  /// Runs SQL there as superuser, gives what it says: rows by lines, columns by '|'.
  std::string sql(const std::string& database, const std::string& text) const;

  void start();
  /// SIGQUIT to the server: connections are cut, as by a crash; nothing is lost that was committed.
  void stop();
  /// SIGKILL to the server's first process; the others end as they notice.
  void kill();
  /// Adds a line to pg_hba.conf before the others, and has it read.
  void allow(const std::string& line) const;
  const std::filesystem::path& directory() const { return directory_.path(); }

 private:
  TemporaryDirectory directory_;
  int port_;
  std::unique_ptr<ServerProcess> process_;
  int databases_ = 0;
};

}  // namespace croft
