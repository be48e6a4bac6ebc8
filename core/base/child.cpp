#include "core/base/child.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fmt/format.h>

#include "core/base/files.hpp"

namespace croft {

namespace {

using SteadyClock = std::chrono::steady_clock;

struct Pipe {
  UniqueFd read;
  UniqueFd write;
};

Result<Pipe> make_pipe() {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return fail(system_error(errno, "making a pipe"));
  return Pipe{UniqueFd(ends[0]), UniqueFd(ends[1])};
}

std::vector<std::string> full_environment(const ChildCommand& command) {
  const char* path = std::getenv("PATH");
  const char* home = std::getenv("HOME");
  std::vector<std::string> environment = command.environment;
  const auto add_default = [&](std::string_view name, std::string_view value) {
    const bool present =
        std::any_of(environment.begin(), environment.end(), [&](const std::string& entry) {
          return entry.starts_with(name) && entry.size() > name.size() && entry[name.size()] == '=';
        });
    if (!present) environment.push_back(fmt::format("{}={}", name, value));
  };
  add_default("PATH", path != nullptr
                          ? path
                          : "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
  add_default("HOME", home != nullptr ? home : "/");
  add_default("LANG", "C.UTF-8");
  return environment;
}

std::vector<char*> as_pointers(std::vector<std::string>& strings) {
  std::vector<char*> pointers;
  pointers.reserve(strings.size() + 1);
  for (std::string& text : strings) pointers.push_back(text.data());
  pointers.push_back(nullptr);
  return pointers;
}

/// Our handlers must not run in a child that has our memory.
void take_default_actions() {
  struct sigaction action{};
  for (int number = 1; number < NSIG; ++number) {
    if (::sigaction(number, nullptr, &action) != 0) continue;
    if (action.sa_handler == SIG_DFL || action.sa_handler == SIG_IGN) continue;
    action = {};
    action.sa_handler = SIG_DFL;
    ::sigaction(number, &action, nullptr);
  }
}

/// Runs in the child between vfork and exec, in the memory of the parent, whose thread waits
/// meanwhile, and with all signals blocked: async-signal-safe calls only.
[[noreturn]] void become_child(char* const* arguments, char* const* environment,
                               const char* directory, int in, int out, int err, int failure,
                               pid_t parent) {
  const auto give_up = [failure](int error_number) {
    (void)!::write(failure, &error_number, sizeof error_number);
    ::_exit(127);
  };
  ::setpgid(0, 0);
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != parent) ::_exit(127);
  if (::dup2(in, 0) < 0 || ::dup2(out, 1) < 0 || ::dup2(err, 2) < 0) give_up(errno);
  ::syscall(SYS_close_range, 3, ~0U, 4U /* CLOSE_RANGE_CLOEXEC */);
  take_default_actions();
  ::signal(SIGPIPE, SIG_DFL);
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  if (*directory != '\0' && ::chdir(directory) != 0) give_up(errno);
  ::execvpe(arguments[0], arguments, environment);
  give_up(errno);
  ::_exit(127);
}

/// A started child with its ends of the pipes; kills and reaps what is left of it.
class RunningChild {
 public:
  RunningChild(pid_t pid, UniqueFd in, UniqueFd out, UniqueFd err)
      : pid_(pid), in_(std::move(in)), out_(std::move(out)), err_(std::move(err)) {}
  RunningChild(const RunningChild&) = delete;
  RunningChild& operator=(const RunningChild&) = delete;
  ~RunningChild() {
    if (pid_ > 0) {
      kill_group();
      (void)wait();
    }
  }

  void kill_group() const { ::kill(-pid_, SIGKILL); }

  int wait() {
    int status = 0;
    while (::waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
    }
    pid_ = -1;
    return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
  }

  /// Feeds input and collects output until both outputs are closed.
  Result<void> communicate(const ChildCommand& command, ChildOutput& output, int stop_fd) {
    const auto until = SteadyClock::now() + command.deadline;
    std::string_view input = command.input;
    if (input.empty()) in_.reset();
    while (out_.is_open() || err_.is_open()) {
      std::array<pollfd, 4> fds{{{out_.get(), POLLIN, 0},
                                 {err_.get(), POLLIN, 0},
                                 {in_.get(), POLLOUT, 0},
                                 {stop_fd, POLLIN, 0}}};
      const auto left = std::chrono::duration_cast<Duration>(until - SteadyClock::now()).count();
      if (left <= 0) {
        return fail(ErrorCode::Timeout,
                    fmt::format("'{}' did not end within {}", command.arguments[0],
                                format_duration(command.deadline)));
      }
      const int ready =
          ::poll(fds.data(), fds.size(), static_cast<int>(std::min<std::int64_t>(left, 60'000)));
      if (ready < 0 && errno != EINTR) return fail(system_error(errno, "waiting for a child"));
      if (ready <= 0) continue;
      if (fds[3].revents != 0)
        return fail(ErrorCode::Cancelled, command.arguments[0] + " was called off");
      if (fds[0].revents != 0) collect(out_, output.output, command.output_limit);
      if (fds[1].revents != 0) collect(err_, output.error, command.output_limit);
      if (in_.is_open() && fds[2].revents != 0) feed(input);
    }
    return {};
  }

 private:
  static void collect(UniqueFd& fd, std::string& into, std::size_t limit) {
    std::array<char, 65536> buffer;
    const ssize_t count = ::read(fd.get(), buffer.data(), buffer.size());
    if (count < 0 && errno == EINTR) return;
    if (count <= 0) {
      fd.reset();
      return;
    }
    into.append(buffer.data(),
                std::min(static_cast<std::size_t>(count), limit - std::min(limit, into.size())));
  }

  void feed(std::string_view& input) {
    const ssize_t count =
        ::write(in_.get(), input.data(), std::min<std::size_t>(input.size(), 4096));
    if (count < 0 && errno == EINTR) return;
    if (count > 0) input.remove_prefix(static_cast<std::size_t>(count));
    // A child that closes its input early has read all it wants.
    if (count < 0 || input.empty()) in_.reset();
  }

  pid_t pid_;
  UniqueFd in_;
  UniqueFd out_;
  UniqueFd err_;
};

/// Of what a program said, the line that says why: one that calls itself an error, else the last.
std::string_view telling_line(std::string_view said) {
  std::string_view last;
  while (!said.empty()) {
    const std::size_t end = said.find('\n');
    const std::string_view line = said.substr(0, end);
    said.remove_prefix(end == std::string_view::npos ? said.size() : end + 1);
    for (const std::string_view word : {"error:", "Error:", "fatal:"}) {
      if (line.find(word) != std::string_view::npos) return line;
    }
    if (!line.empty()) last = line;
  }
  return last;
}

}  // namespace

Result<ChildOutput> run_child(const ChildCommand& command, std::stop_token stop) {
  TRY_ASSIGN(Pipe in, make_pipe());
  TRY_ASSIGN(Pipe out, make_pipe());
  TRY_ASSIGN(Pipe err, make_pipe());
  TRY_ASSIGN(Pipe failure, make_pipe());
  TRY_ASSIGN(Pipe stopped, make_pipe());
  std::vector<std::string> arguments = command.arguments;
  std::vector<std::string> environment = full_environment(command);
  const std::vector<char*> argument_pointers = as_pointers(arguments);
  const std::vector<char*> environment_pointers = as_pointers(environment);
  const pid_t parent = ::getpid();

  sigset_t all;
  sigset_t before;
  ::sigfillset(&all);
  ::pthread_sigmask(SIG_SETMASK, &all, &before);
  // Not fork(): copying the page tables of a daemon, and both sides' page faults afterwards, cost
  // more than most of its children. NOLINTNEXTLINE(clang-analyzer-security.insecureAPI.vfork)
  const pid_t pid = ::vfork();
  if (pid == 0) {
    become_child(argument_pointers.data(), environment_pointers.data(), command.directory.c_str(),
                 in.read.get(), out.write.get(), err.write.get(), failure.write.get(), parent);
  }
  const int problem = errno;
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  if (pid < 0) return fail(system_error(problem, "starting " + arguments[0]));
  ::setpgid(pid, pid);
  RunningChild child(pid, std::move(in.write), std::move(out.read), std::move(err.read));
  in.read.reset();
  out.write.reset();
  err.write.reset();
  failure.write.reset();
  int error_number = 0;
  if (::read(failure.read.get(), &error_number, sizeof error_number) > 0) {
    return fail(system_error(error_number, "starting " + arguments[0]));
  }

  const std::stop_callback wake(stop, [&] { (void)!::write(stopped.write.get(), "x", 1); });
  ChildOutput output;
  TRY(child.communicate(command, output, stopped.read.get()));
  output.status = child.wait();
  return output;
}

Result<std::string> run_child_checked(const ChildCommand& command, std::stop_token stop) {
  TRY_ASSIGN(ChildOutput done, run_child(command, std::move(stop)));
  if (done.status == 0) return std::move(done.output);
  std::string_view said =
      done.error.empty() ? std::string_view(done.output) : std::string_view(done.error);
  return fail(ErrorCode::Unavailable,
              fmt::format("'{}' ended with status {}: {}", command.arguments[0], done.status,
                          telling_line(said)));
}

}  // namespace croft
