#include "cli/serve/supervisor.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <cstdlib>
#include <fcntl.h>
#include <filesystem>
#include <optional>
#include <poll.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fmt/format.h>

#include "core/base/files.hpp"
#include "core/base/log.hpp"

namespace croft {

namespace {

namespace fs = std::filesystem;
using SteadyClock = std::chrono::steady_clock;

constexpr std::chrono::seconds kStableRun{10};
/// Control drains its API for up to 10 s and ends running passes at their next step.
constexpr std::chrono::seconds kControlGrace{60};
constexpr std::chrono::milliseconds kFirstPause{100};
constexpr std::chrono::milliseconds kLongestPause{5'000};

std::optional<pid_t> read_pid(const fs::path& file) {
  const Result<std::string> text = read_file(file, 64);
  pid_t pid = 0;
  if (!text || std::from_chars(text->data(), text->data() + text->size(), pid).ec != std::errc{} ||
      pid <= 1) {
    return std::nullopt;
  }
  return pid;
}

/// True if that pid is a Croft edge of this data directory, and not something that got its number
/// since.
bool is_our_edge(pid_t pid, const fs::path& data) {
  const Result<std::string> command = read_file(fmt::format("/proc/{}/cmdline", pid), 1 << 20);
  const Result<std::string> environment = read_file(fmt::format("/proc/{}/environ", pid), 1 << 20);
  return command && environment && command->find("edge") != std::string::npos &&
         environment->find(fmt::format("CROFT_ROLE_OF={}", data.string())) != std::string::npos;
}

/// One supervisor a data directory, by whatever name it was called: the lock lasts as long as the
/// descriptor. Conflict names the pid of the other one.
Result<UniqueFd> take_directory(const fs::path& data) {
  const fs::path path = data / "run" / "serve.lock";
  UniqueFd file(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (!file.is_open()) return fail(system_error(errno, "opening " + path.string()));
  if (::flock(file.get(), LOCK_EX | LOCK_NB) == 0) return file;
  if (errno != EWOULDBLOCK) return fail(system_error(errno, "locking " + path.string()));
  const std::optional<pid_t> other = read_pid(data / "run" / "serve.pid");
  return fail(Error(ErrorCode::Conflict,
                    fmt::format("another croft{} serves {} already",
                                other ? fmt::format(" (pid {})", *other) : "", data.string()))
                  .with_hint("stop it first, or give this one another data directory"));
}

/// One role's process.
class Role {
 public:
  Role(std::string name, const Settings& settings, std::vector<std::string> arguments)
      : name_(std::move(name)), data_(settings.data), arguments_(std::move(arguments)) {
    arguments_.push_back("--role");
    arguments_.push_back(name_);
  }

  bool is_running() const { return pid_ > 0; }
  pid_t pid() const { return pid_; }
  const std::string& name() const { return name_; }
  SteadyClock::time_point due() const { return due_; }

  void start() {
    std::vector<char*> pointers;
    for (std::string& argument : arguments_) pointers.push_back(argument.data());
    pointers.push_back(nullptr);
    const pid_t parent = ::getpid();
    const pid_t pid = ::fork();
    if (pid < 0) {
      log_error("serve", "cannot start a role",
                {{"role", name_}, {"error", system_error(errno, "fork").describe()}});
      due_ = SteadyClock::now() + kLongestPause;
      return;
    }
    if (pid == 0) become_role(pointers.data(), parent);
    pid_ = pid;
    started_ = SteadyClock::now();
    const Result<void> noted =
        write_file_atomic(data_ / "run" / (name_ + ".pid"), fmt::format("{}\n", pid), 0644);
    if (!noted)
      log_warning("serve", "pid not written",
                  {{"role", name_}, {"error", noted.error().describe()}});
    log_info("serve", "started", {{"role", name_}, {"pid", std::to_string(pid)}});
  }

  void signal(int number) const {
    if (pid_ > 0) ::kill(pid_, number);
  }

  /// Its process ended: plans the next start.
  void ended(int status, bool expected) {
    pid_ = -1;
    const bool was_stable = SteadyClock::now() - started_ > kStableRun;
    pause_ = was_stable ? kFirstPause : std::min(pause_ * 2, kLongestPause);
    due_ = SteadyClock::now() + pause_;
    if (expected) return;
    const std::string how = WIFSIGNALED(status)
                                ? fmt::format("signal {}", WTERMSIG(status))
                                : fmt::format("exit status {}", WEXITSTATUS(status));
    log_error("serve", "a role ended and is started anew",
              {{"role", name_}, {"how", how}, {"in", fmt::format("{}ms", pause_.count())}});
  }

  /// True for a start that failed at once for a reason that a new try will not mend (settings, port
  /// taken).
  static bool is_final(int status) { return WIFEXITED(status) && WEXITSTATUS(status) == 78; }

 private:
  [[noreturn]] void become_role(char* const* arguments, pid_t parent) const {
    sigset_t none;
    ::sigemptyset(&none);
    ::sigprocmask(SIG_SETMASK, &none, nullptr);
    // Control must not outlive its supervisor: a second one would be refused the store; nor may
    // what holds a socket that a second one wants. The edge may: traffic goes on.
    if (name_ != "edge") {
      ::prctl(PR_SET_PDEATHSIG, SIGTERM);
      if (::getppid() != parent) ::_exit(1);
    }
    ::setenv("CROFT_ROLE_OF", data_.c_str(), 1);
    ::syscall(SYS_close_range, 3U, ~0U, 0U);
    ::execv("/proc/self/exe", arguments);
    ::_exit(78);
  }

  std::string name_;
  fs::path data_;
  std::vector<std::string> arguments_;
  pid_t pid_ = -1;
  SteadyClock::time_point started_;
  SteadyClock::time_point due_ = SteadyClock::now();
  std::chrono::milliseconds pause_ = kFirstPause;
};

/// The supervisor's loop.
class Supervisor {
 public:
  Supervisor(const Settings& settings, const std::vector<std::string>& arguments)
      : data_(settings.data),
        arguments_(arguments),
        edge_("edge", settings, arguments),
        control_("control", settings, arguments) {
    if (receives_hooks(settings)) hooks_.emplace("hooks", settings, arguments);
  }

  int run() {
    const Result<void> made = make_directory(data_ / "run", 0755);
    if (!made) {
      log_error("serve", "cannot start", {{"error", made.error().describe()}});
      return 1;
    }
    const Result<UniqueFd> lock = take_directory(data_);
    if (!lock) {
      log_error("serve", "cannot start", {{"error", lock.error().describe()}});
      return 1;
    }
    (void)write_file_atomic(data_ / "run" / "serve.pid", fmt::format("{}\n", ::getpid()), 0644);
    find_old_edge();
    const UniqueFd signals = take_signals();
    while (!is_over_) {
      start_what_is_due();
      wait(signals.get());
    }
    (void)fs::remove(data_ / "run" / "serve.pid");
    return status_;
  }

 private:
  static UniqueFd take_signals() {
    sigset_t wanted;
    ::sigemptyset(&wanted);
    for (const int number : {SIGTERM, SIGINT, SIGHUP, SIGCHLD}) ::sigaddset(&wanted, number);
    ::sigprocmask(SIG_BLOCK, &wanted, nullptr);
    return UniqueFd(::signalfd(-1, &wanted, SFD_CLOEXEC | SFD_NONBLOCK));
  }

  void find_old_edge() {
    std::optional<pid_t> old = read_pid(data_ / "run" / "edge.pid");
    if (old && is_our_edge(*old, data_)) old_edge_ = *old;
  }

  std::vector<Role*> roles() {
    std::vector<Role*> all{&edge_, &control_};
    if (hooks_) all.push_back(&*hooks_);
    return all;
  }

  bool runs_all() {
    return std::ranges::all_of(roles(), [](const Role* role) { return role->is_running(); });
  }

  void start_what_is_due() {
    if (is_stopping_) return;
    const auto now = SteadyClock::now();
    for (Role* role : roles()) {
      if (!role->is_running() && role->due() <= now) role->start();
    }
    // The old edge goes only once the new one has shown that it can stay.
    if (old_edge_ > 0 && edge_.is_running() && fs::exists(data_ / "run" / "edge.ready") &&
        is_ready_of(edge_.pid())) {
      log_info("serve", "the new edge serves; the old one ends",
               {{"pid", std::to_string(old_edge_)}});
      ::kill(old_edge_, SIGTERM);
      old_edge_ = -1;
    }
  }

  bool is_ready_of(pid_t pid) const { return read_pid(data_ / "run" / "edge.ready") == pid; }

  void wait(int signals) {
    pollfd fd{signals, POLLIN, 0};
    const bool is_waiting = old_edge_ > 0 || (!is_stopping_ && !runs_all());
    ::poll(&fd, 1, is_waiting ? 20 : 5'000);
    signalfd_siginfo info{};
    while (::read(signals, &info, sizeof info) == static_cast<ssize_t>(sizeof info)) {
      switch (info.ssi_signo) {
        case SIGTERM:
        case SIGINT:
          stop(0);
          break;
        case SIGHUP:
          upgrade();
          break;
        default:
          break;
      }
    }
    reap();
  }

  void reap() {
    int status = 0;
    for (pid_t pid = ::waitpid(-1, &status, WNOHANG); pid > 0;
         pid = ::waitpid(-1, &status, WNOHANG)) {
      for (Role* role : roles()) {
        if (pid != role->pid()) continue;
        role->ended(status, is_stopping_);
        if (Role::is_final(status) && !is_stopping_) stop(1);
        break;
      }
    }
    if (!is_stopping_) return;
    // Control has stopped changing routes: now the edge may finish what it has.
    if (!control_.is_running() && edge_.is_running() && !is_edge_told_) {
      edge_.signal(SIGTERM);
      is_edge_told_ = true;
    }
    is_over_ = std::ranges::none_of(roles(), [](const Role* role) { return role->is_running(); });
  }

  void stop(int status) {
    if (is_stopping_) return;
    is_stopping_ = true;
    status_ = status;
    log_info("serve", "stopping; tenants' apps run on");
    control_.signal(SIGTERM);
    if (hooks_) hooks_->signal(SIGTERM);
    if (old_edge_ > 0) ::kill(old_edge_, SIGTERM);
    reap();
  }

  /// Ends a role, by force if it does not end by itself; gives its status.
  static int end(const Role& role) {
    int status = 0;
    if (!role.is_running()) return status;
    role.signal(SIGTERM);
    const auto until = SteadyClock::now() + kControlGrace;
    while (::waitpid(role.pid(), &status, WNOHANG) == 0) {
      if (SteadyClock::now() > until) {
        log_warning("serve", "a role did not end by itself and is killed", {{"role", role.name()}});
        role.signal(SIGKILL);
        ::waitpid(role.pid(), &status, 0);
        break;
      }
      ::poll(nullptr, 0, 10);
    }
    return status;
  }

  /// Executes the program file, which may be a newer one, in this process.
  void upgrade() {
    log_info("serve", "upgrading");
    const int status = end(control_);
    const int hooks_status = hooks_ ? end(*hooks_) : 0;
    // In the middle of another upgrade: the edge that surely serves is the one to take over from.
    if (old_edge_ > 0) {
      edge_.signal(SIGTERM);
      (void)write_file_atomic(data_ / "run" / "edge.pid", fmt::format("{}\n", old_edge_), 0644);
    }
    std::error_code error;
    fs::path program = fs::read_symlink("/proc/self/exe", error);
    std::string name = program.string();
    // A replaced file shows as "PATH (deleted)"; the new one is at PATH.
    if (name.ends_with(" (deleted)")) name.resize(name.size() - 10);
    std::vector<std::string> arguments = arguments_;
    std::vector<char*> pointers;
    for (std::string& argument : arguments) pointers.push_back(argument.data());
    pointers.push_back(nullptr);
    ::execv(name.c_str(), pointers.data());
    log_error("serve", "cannot execute the new program", {{"program", name}});
    control_.ended(status, true);
    if (hooks_) hooks_->ended(hooks_status, true);
  }

  fs::path data_;
  std::vector<std::string> arguments_;
  Role edge_;
  Role control_;
  std::optional<Role> hooks_;  ///< if the settings want it
  pid_t old_edge_ = -1;
  bool is_stopping_ = false;
  bool is_edge_told_ = false;
  bool is_over_ = false;
  int status_ = 0;
};

}  // namespace

int run_supervisor(const Settings& settings, const std::vector<std::string>& arguments) {
  return Supervisor(settings, arguments).run();
}

}  // namespace croft
