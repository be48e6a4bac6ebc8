#include "tests/support/postgres_server.hpp"

#include <algorithm>
#include <csignal>
#include <fcntl.h>
#include <pwd.h>
#include <stdexcept>
#include <sys/prctl.h>
#include <sys/wait.h>
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

[[noreturn]] void become(const std::vector<std::string>& arguments, const fs::path& log,
                         const passwd* user) {
  const int null = ::open("/dev/null", O_RDONLY);
  const int out = ::open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0644);
  ::dup2(null, 0);
  ::dup2(out, 1);
  ::dup2(out, 2);
  if (user != nullptr && (::setgid(user->pw_gid) != 0 || ::setuid(user->pw_uid) != 0)) ::_exit(126);
  ::prctl(PR_SET_PDEATHSIG, SIGQUIT);
  ::setpgid(0, 0);
  std::vector<char*> words;
  for (const std::string& argument : arguments)
    words.push_back(const_cast<char*>(argument.c_str()));
  words.push_back(nullptr);
  ::execv(words[0], words.data());
  ::_exit(127);
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
    : directory_(TemporaryDirectory::make("croft-postgres-").value()),
      port_(free_port()),
      owner_(::getpid()) {
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

PostgresServer::~PostgresServer() { stop(); }

void PostgresServer::start() {
  const fs::path log = directory_.path() / "log";
  const std::vector<std::string> arguments{(binaries() / "postgres").string(), "-D",
                                           (directory_.path() / "data").string()};
  const passwd* user = server_user();
  pid_ = ::fork();
  if (pid_ == 0) become(arguments, log, user);
  const std::vector<std::string> ready{
      (binaries() / "pg_isready").string(), "-q", "-h",
      directory_.path().string(),           "-p", std::to_string(port_)};
  for (int i = 0; i < 600; ++i) {
    const auto asked = run_child({.arguments = ready});
    if (asked && asked->status == 0) return;
    if (::waitpid(pid_, nullptr, WNOHANG) == pid_) break;
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
  throw std::runtime_error("PostgreSQL does not start: " +
                           read_file(log, 1 << 20).value_or("no log"));
}

void PostgresServer::signal(int number) {
  if (pid_ <= 0 || owner_ != ::getpid()) return;  // a forked child leaves it alone
  ::kill(pid_, number);
  ::waitpid(pid_, nullptr, 0);
  pid_ = -1;
}

void PostgresServer::stop() { signal(SIGQUIT); }

void PostgresServer::kill() { signal(SIGKILL); }

void PostgresServer::freeze(bool is_frozen) const {
  ::kill(-pid_, is_frozen ? SIGSTOP : SIGCONT);
  // Each backend leads a group of its own.
  for (const auto& entry : fs::directory_iterator("/proc")) {
    const std::string name = entry.path().filename().string();
    if (name.find_first_not_of("0123456789") != std::string::npos) continue;
    const std::string status = read_file(entry.path() / "status", 1 << 16).value_or("");
    if (status.find(fmt::format("\nPPid:\t{}\n", pid_)) != std::string::npos)
      ::kill(std::stoi(name), is_frozen ? SIGSTOP : SIGCONT);
  }
}

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
