#include "tests/support/pgbouncer.hpp"

#include <chrono>
#include <csignal>
#include <stdexcept>
#include <thread>

#include <fmt/format.h>

#include "core/base/child.hpp"
#include "tests/support/free_port.hpp"

namespace croft {

PgBouncer& PgBouncer::shared() {
  static PgBouncer bouncer(PostgresServer::shared());
  return bouncer;
}

PgBouncer::PgBouncer(const PostgresServer& server)
    : directory_(TemporaryDirectory::make("croft-pgbouncer-").value()), port_(free_port()) {
  const std::filesystem::path file = directory_.path() / "pgbouncer.ini";
  const std::string text = fmt::format(
      "[databases]\n* = host=127.0.0.1 port={} user=croft\n[pgbouncer]\nlisten_addr = 127.0.0.1\n"
      "listen_port = {}\nunix_socket_dir =\nauth_type = any\npool_mode = transaction\n"
      "default_pool_size = 2\nmax_client_conn = 200\n",
      server.port(), port_);
  const std::filesystem::path log = directory_.path() / "log";
  if (!write_file_atomic(file, text, 0644) || !write_file_atomic(log, "", 0666))
    throw std::runtime_error("pgbouncer cannot be set up");
  std::filesystem::permissions(directory_.path(), std::filesystem::perms(0755));
  process_ = std::make_unique<ServerProcess>(
      std::vector<std::string>{"/usr/sbin/pgbouncer", file.string()}, log, "postgres", SIGKILL);
  for (int i = 0; i < 200; ++i) {
    const auto asked =
        run_child({.arguments = {"psql", "-qtAX", "-c", "SELECT 1", url("postgres")}});
    if (asked && asked->status == 0) return;
    if (process_->has_ended()) break;
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
  throw std::runtime_error("pgbouncer does not start: " +
                           read_file(log, 1 << 20).value_or("no log"));
}

std::string PgBouncer::url(const std::string& database) const {
  return fmt::format("postgres://croft@127.0.0.1:{}/{}", port_, database);
}

}  // namespace croft
