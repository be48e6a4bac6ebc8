#include "tests/e2e/support/daemon.hpp"

#include <algorithm>
#include <charconv>
#include <csignal>
#include <cstdlib>
#include <fcntl.h>
#include <stdexcept>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

#include <fmt/format.h>

#include "tests/support/test_store.hpp"

namespace croft::e2e {

namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;
using SteadyClock = std::chrono::steady_clock;

constexpr std::size_t kLargestFile = 64U << 20U;

std::string content_of(const fs::path& file) {
  return read_file(file, kLargestFile).value_or(std::string());
}

std::optional<pid_t> pid_in(const fs::path& file) {
  const std::string text = content_of(file);
  pid_t pid = 0;
  std::from_chars(text.data(), text.data() + text.size(), pid);
  return pid > 1 ? std::optional(pid) : std::nullopt;
}

bool is_alive(pid_t pid) {
  const std::string status = content_of(fmt::format("/proc/{}/stat", pid));
  const std::size_t name_end = status.rfind(") ");
  return name_end != std::string::npos && status[name_end + 2] != 'Z';
}

std::vector<pid_t> all_pids() {
  std::vector<pid_t> pids;
  for (const fs::directory_entry& entry : fs::directory_iterator("/proc")) {
    const std::string name = entry.path().filename();
    pid_t pid = 0;
    const char* end = name.data() + name.size();
    if (std::from_chars(name.data(), end, pid).ptr == end) pids.push_back(pid);
  }
  return pids;
}

/// Ends them, at last by force.
void end_all(std::vector<pid_t> pids) {
  const auto alive = [&] { return std::ranges::any_of(pids, is_alive); };
  for (const pid_t pid : pids) ::kill(pid, SIGTERM);
  if (wait_until([&] { return !alive(); }, 10s)) return;
  for (const pid_t pid : pids) ::kill(pid, SIGKILL);
  wait_until([&] { return !alive(); }, 10s);
}

}  // namespace

bool wait_until(const std::function<bool()>& condition, std::chrono::milliseconds patience) {
  const auto deadline = SteadyClock::now() + patience;
  while (!condition()) {
    if (SteadyClock::now() >= deadline) return false;
    std::this_thread::sleep_for(10ms);
  }
  return true;
}

std::string unique_marker() {
  static std::atomic<int> number{0};
  return fmt::format("e2e-{}-{}.", ::getpid(), ++number);
}

bool is_soak() {
  const char* value = std::getenv("CROFT_SOAK");
  return value != nullptr && std::string_view(value) == "1";
}

Daemon::Daemon()
    : root_(TemporaryDirectory::make("croft-e2e-").value()),
      data_(root_.path() / "data"),
      port_(free_port()) {
  // Without a sandbox, tenants' users walk to their files by themselves.
  ::chmod(root_.path().c_str(), 0755);
}

Daemon::~Daemon() {
  if (pid_ > 0) stop();
  stop_left_overs();
}

std::string Daemon::edge_address() const { return fmt::format("127.0.0.1:{}", port_); }

std::vector<std::string> Daemon::command() const {
  std::vector<std::string> words{CROFT_BINARY,    "serve",        "--data",      data_.string(),
                                 "--edge-listen", edge_address(), "--log-level", "info"};
  const std::string store = test_store_url(data_);
  if (!store.empty()) words.insert(words.end(), {"--store-url", store});
  words.insert(words.end(), flags.begin(), flags.end());
  return words;
}

void Daemon::launch() {
  std::vector<std::string> words = command();
  std::vector<char*> pointers;
  for (std::string& word : words) pointers.push_back(word.data());
  pointers.push_back(nullptr);
  const std::string log = root_.path() / "croft.log";
  pid_ = ::fork();
  if (pid_ != 0) return;
  // A test that is killed takes its daemon with it.
  ::prctl(PR_SET_PDEATHSIG, SIGTERM);
  const int out = ::open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0644);
  ::dup2(::open("/dev/null", O_RDONLY), STDIN_FILENO);
  ::dup2(out, STDOUT_FILENO);
  ::dup2(out, STDERR_FILENO);
  ::execv(pointers[0], pointers.data());
  ::_exit(127);
}

bool Daemon::is_up() {
  bool has_ended = false;
  const auto answers = [&] {
    has_ended = !is_alive(pid_);
    return has_ended || croft({"get", "-A"}).status == 0;
  };
  return wait_until(answers) && !has_ended;
}

void Daemon::start() {
  launch();
  if (!is_up()) throw std::runtime_error("croft serve did not come up:\n" + log());
}

int Daemon::stop() {
  if (pid_ <= 0) return 0;
  signal(SIGTERM);
  if (const std::optional<int> status = ended(40s)) return *status;
  kill();
  return 128 + SIGKILL;
}

// Of one that does not run the pid is -1, which to the kernel means everybody.
void Daemon::signal(int number) const {
  if (pid_ > 0) ::kill(pid_, number);
}

void Daemon::kill() {
  if (pid_ <= 0) return;
  ::kill(pid_, SIGKILL);
  ::waitpid(pid_, nullptr, 0);
  pid_ = -1;
}

std::optional<int> Daemon::ended(std::chrono::milliseconds patience) {
  int status = 0;
  if (!wait_until([&] { return ::waitpid(pid_, &status, WNOHANG) == pid_; }, patience))
    return std::nullopt;
  pid_ = -1;
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

std::optional<pid_t> Daemon::role(const std::string& name) const {
  const std::optional<pid_t> pid = pid_in(data_ / "run" / (name + ".pid"));
  return pid && is_alive(*pid) ? pid : std::nullopt;
}

std::vector<pid_t> Daemon::processes_of(const std::string& role) const {
  std::vector<pid_t> found;
  const std::string mine = "CROFT_ROLE_OF=" + data_.string() + '\0';
  const std::string words = std::string("--role") + '\0' + role + '\0';
  for (const pid_t pid : all_pids()) {
    const std::string environment = content_of(fmt::format("/proc/{}/environ", pid)) + '\0';
    const bool is_one = environment.find(mine) != std::string::npos &&
                        content_of(fmt::format("/proc/{}/cmdline", pid)).ends_with(words);
    if (is_one) found.push_back(pid);
  }
  return found;
}

ChildOutput Daemon::croft(const std::vector<std::string>& arguments,
                          const std::vector<std::string>& environment) const {
  ChildCommand command;
  command.arguments = {CROFT_BINARY};
  command.arguments.insert(command.arguments.end(), arguments.begin(), arguments.end());
  command.environment = {"CROFT_SERVER=" + (data_ / "api.sock").string(), "NO_COLOR=1"};
  command.environment.insert(command.environment.end(), environment.begin(), environment.end());
  command.deadline = Duration(120'000);
  return run_child(command).value();
}

std::string Daemon::log() const { return content_of(root_.path() / "croft.log"); }

std::vector<pid_t> Daemon::apps(const std::string& marker) const {
  std::vector<pid_t> found;
  for (const pid_t pid : all_pids()) {
    const std::string line = content_of(fmt::format("/proc/{}/cmdline", pid));
    if (!line.starts_with("python3") || !is_alive(pid)) continue;
    const std::string environment = content_of(fmt::format("/proc/{}/environ", pid));
    if (environment.find("E2E_MARKER=" + marker) != std::string::npos) found.push_back(pid);
  }
  return found;
}

void Daemon::stop_left_overs() const {
  // Roles carry the data directory in their environment; apps' supervisors, which outlive Croft on
  // purpose, on their command line.
  const std::string role = "CROFT_ROLE_OF=" + data_.string() + '\0';
  const std::string app = "croft-shim" + std::string(1, '\0') + data_.string() + "/process/";
  std::vector<pid_t> roles;
  std::vector<pid_t> shims;
  for (const pid_t pid : all_pids()) {
    const std::string environment = content_of(fmt::format("/proc/{}/environ", pid)) + '\0';
    const std::string line = content_of(fmt::format("/proc/{}/cmdline", pid));
    if (line.find(app) != std::string::npos) {
      shims.push_back(pid);
    } else if (environment.find(role) != std::string::npos && line.starts_with(CROFT_BINARY)) {
      roles.push_back(pid);
    }
  }
  end_all(std::move(roles));
  if (!std::filesystem::exists(data_ / "run")) return;
  (void)croft({"down", "--data", data_.string()});
  end_all(std::move(shims));
}

long resident_kib(pid_t pid) {
  const std::string status = content_of(fmt::format("/proc/{}/status", pid));
  const std::size_t at = status.find("VmRSS:");
  return at == std::string::npos ? 0 : std::strtol(status.c_str() + at + 6, nullptr, 10);
}

}  // namespace croft::e2e
