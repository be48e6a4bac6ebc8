#include "tests/support/postgres_server.hpp"

#include <algorithm>
#include <csignal>
#include <pwd.h>
#include <stdexcept>
#include <thread>
#include <unistd.h>
#include <vector>

#include <fmt/format.h>

#include "core/base/child.hpp"
#include "tests/support/free_port.hpp"

namespace croft {

namespace {

namespace fs = std::filesystem;

/// The newest of what Debian's packages put in version-named directories.
fs::path binaries() {
  std::vector<fs::path> found;
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator("/usr/lib/postgresql", ignored)) {
    if (fs::exists(entry.path() / "bin/initdb", ignored)) found.push_back(entry.path() / "bin");
  }
  return found.empty() ? fs::path() : std::ranges::max(found);
}

/// PostgreSQL does not run as root.
const passwd* server_user() { return ::geteuid() == 0 ? ::getpwnam("postgres") : nullptr; }

std::string run(std::vector<std::string> arguments, std::string input = {}) {
  auto output = run_child_checked({.arguments = std::move(arguments), .input = std::move(input)});
  if (!output) throw std::runtime_error(output.error().describe());
  return *output;
}

std::vector<std::string> as_server_user(std::vector<std::string> arguments) {
  if (server_user() == nullptr) return arguments;
  std::vector<std::string> all{"setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups"};
  all.insert(all.end(), arguments.begin(), arguments.end());
  return all;
}

}  // namespace

std::string PostgresServer::missing() {
  return binaries().empty() ? "PostgreSQL's server is not installed (Debian: postgresql)" : "";
}

PostgresServer& PostgresServer::shared() {
  static PostgresServer server;
  return server;
}

PostgresServer::PostgresServer(std::string settings)
    : directory_(TemporaryDirectory::make("croft-postgres-").value()), port_(free_port()) {
  const fs::path data = directory_.path() / "data";
  if (const passwd* user = server_user())
    (void)!::chown(directory_.path().c_str(), user->pw_uid, user->pw_gid);
  run(as_server_user({(binaries() / "initdb").string(), "-D", data.string(), "-U", "croft", "-A",
                      "trust", "-N", "-E", "UTF8", "--locale=C.UTF-8"}));
  const std::string lines = fmt::format(
      "listen_addresses = '127.0.0.1'\nport = {}\nunix_socket_directories = '{}'\n"
      "shared_buffers = 32MB\n{}\n",
      port_, directory_.path().string(), settings);
  if (!write_file_atomic(data / "conf.d.conf", lines, 0644))
    throw std::runtime_error("no configuration");
  run(as_server_user(
      {"sh", "-c", fmt::format("cat {0}/conf.d.conf >>{0}/postgresql.conf", data.string())}));
  start();
}

void PostgresServer::start() {
  const fs::path log = directory_.path() / "log";
  const std::vector<std::string> arguments{(binaries() / "postgres").string(), "-D",
                                           (directory_.path() / "data").string()};
  process_ = std::make_unique<ServerProcess>(arguments, log, "postgres", SIGQUIT);
  const std::vector<std::string> ready{
      (binaries() / "pg_isready").string(), "-q", "-h",
      directory_.path().string(),           "-p", std::to_string(port_)};
  for (int i = 0; i < 600; ++i) {
    const auto asked = run_child({.arguments = ready});
    if (asked && asked->status == 0) return;
    // The last backends of one that was killed may still be ending.
    if (process_->has_ended() && i % 10 == 9)
      process_ = std::make_unique<ServerProcess>(arguments, log, "postgres", SIGQUIT);
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
  throw std::runtime_error("PostgreSQL does not start: " +
                           read_file(log, 1 << 20).value_or("no log"));
}

void PostgresServer::stop() { process_->end(SIGQUIT); }

void PostgresServer::kill() { process_->end(SIGKILL); }

void PostgresServer::allow(const std::string& line) const {
  const fs::path file = directory_.path() / "data/pg_hba.conf";
  run(as_server_user({"sh", "-c",
                      R"(printf '%s\n' "$1" | cat - "$2" >"$2.new" && mv "$2.new" "$2")", "sh",
                      line, file.string()}));
  sql("postgres", "SELECT pg_reload_conf()");
}

std::string PostgresServer::make_database() {
  const std::string name = fmt::format("croft{}", ++databases_);
  sql("postgres", "CREATE DATABASE " + name);
  return name;
}

std::string PostgresServer::url(const std::string& database) const {
  return fmt::format("postgres://croft@127.0.0.1:{}/{}", port_, database);
}

std::string PostgresServer::sql(const std::string& database, const std::string& text) const {
  return run({(binaries() / "psql").string(), "-h", directory_.path().string(), "-p",
              std::to_string(port_), "-U", "croft", "-d", database, "-qtAX", "-v",
              "ON_ERROR_STOP=1", "-c", text});
}

}  // namespace croft
