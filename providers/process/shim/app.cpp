#include "providers/process/shim/app.hpp"

#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "providers/process/shim/child.hpp"
#include "providers/process/shim/filter.hpp"
#include "providers/process/shim/loop.hpp"
#include "providers/process/shim/stage.hpp"

namespace croft::shim {

namespace {

constexpr int kInfoFd = 3;
constexpr int kOptionsFd = 4;

/// Gives a descriptor the number that bubblewrap is told, and lets it pass exec.
bool place(int fd, int number) {
  if (fd == number) return ::fcntl(fd, F_SETFD, 0) == 0;
  return ::dup2(fd, number) == number;
}

/// bubblewrap's options travel through a file in memory: on its command line, every user of the
/// host could read the app's environment. They never reach bubblewrap's own environment either: an
/// LD_PRELOAD of the app's would then run outside of the sandbox.
Descriptor options_file(const Launch& launch) {
  std::string content;
  const auto add = [&content](std::string_view option) { (content += option) += '\0'; };
  for (std::size_t i = 1; i < launch.sandbox.size(); ++i) add(launch.sandbox[i]);
  for (const std::string& entry : launch.environment) {
    const std::size_t equals = entry.find('=');
    add("--setenv");
    add(std::string_view(entry).substr(0, equals));
    add(std::string_view(entry).substr(equals + 1));
  }
  Descriptor file(::memfd_create("options", MFD_CLOEXEC));
  if (::write(file.get(), content.data(), content.size()) != static_cast<ssize_t>(content.size()))
    return {};
  ::lseek(file.get(), 0, SEEK_SET);
  return file;
}

struct ChildEnds {
  int output;
  int info;
  int report;
};

[[noreturn]] void exec_sandboxed(const Launch& launch, const ChildEnds& ends) {
  const std::string problem = build_stage(launch);
  if (!problem.empty()) give_up(ends.report, problem);
  Descriptor options = options_file(launch);
  if (!options.is_open()) give_up(ends.report, "writing the sandbox's options");
  if (launch.drops_user && !drop_user(launch.uid, launch.gid))
    give_up(ends.report, "becoming the tenant's user");
  if (!install_filter()) give_up(ends.report, "installing the system call filter");
  // Lifted out of the way first, so that placing one does not close the other.
  const int info = ::fcntl(ends.info, F_DUPFD_CLOEXEC, 10);
  const int arguments = ::fcntl(options.get(), F_DUPFD_CLOEXEC, 10);
  const int report = ::fcntl(ends.report, F_DUPFD_CLOEXEC, 10);
  ::syscall(SYS_close_range, 3, 9, 0);
  if (!place(info, kInfoFd) || !place(arguments, kOptionsFd))
    give_up(report, "passing descriptors");
  std::vector<std::string> command{launch.sandbox.front(),     "--info-fd",
                                   std::to_string(kInfoFd),    "--args",
                                   std::to_string(kOptionsFd), "--"};
  command.insert(command.end(), launch.arguments.begin(), launch.arguments.end());
  std::vector<std::string> environment{std::string("PATH=") + kDefaultPath};
  ::execve(command.front().c_str(), pointers(command).data(), pointers(environment).data());
  give_up(report, "starting " + command.front() + ": " + std::strerror(errno));
}

[[noreturn]] void become_app(const Launch& launch, const ChildEnds& ends) {
  ::setsid();
  if (!join_cgroups(launch))
    give_up(ends.report, "joining the cgroups: " + std::string(std::strerror(errno)));
  reset_process();
  const Descriptor null(::open("/dev/null", O_RDWR | O_CLOEXEC));
  if (::dup2(null.get(), 0) < 0 || ::dup2(ends.output, 1) < 0 || ::dup2(ends.output, 2) < 0) {
    give_up(ends.report, "passing descriptors");
  }
  ::syscall(SYS_close_range, 3, ~0U, 4U /* CLOSE_RANGE_CLOEXEC */);
  if (!launch.sandbox.empty()) exec_sandboxed(launch, ends);
  if (launch.drops_user && !drop_user(launch.uid, launch.gid))
    give_up(ends.report, "becoming the tenant's user");
  if (::chdir(launch.directory.c_str()) != 0) {
    give_up(ends.report, "entering " + launch.directory + ": " + std::strerror(errno));
  }
  exec_plainly(launch.arguments, launch.environment, ends.report);
}

/// Everything until the other side closes, or the time is up.
std::string read_to_end(int fd, int milliseconds) {
  std::string text;
  const std::int64_t until = steady_now() + milliseconds;
  for (;;) {
    pollfd ready{fd, POLLIN, 0};
    const auto left = static_cast<int>(until - steady_now());
    if (left <= 0 || ::poll(&ready, 1, left) <= 0) return text;
    std::array<char, 1024> buffer;
    const ssize_t count = ::read(fd, buffer.data(), buffer.size());
    if (count <= 0) return text;
    text.append(buffer.data(), static_cast<std::size_t>(count));
  }
}

pid_t number_after(std::string_view text, std::string_view key) {
  const std::size_t found = text.find(key);
  if (found == std::string_view::npos) return -1;
  text.remove_prefix(found + key.size());
  while (!text.empty() && (text.front() < '0' || text.front() > '9')) text.remove_prefix(1);
  pid_t number = -1;
  std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

std::vector<pid_t> read_pids(const std::string& path) {
  std::vector<pid_t> pids;
  const Descriptor fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd.is_open()) return pids;
  const std::string text = read_to_end(fd.get(), 1000);
  const char* end = text.data() + text.size();
  for (const char* at = text.data(); at < end; ++at) {
    pid_t pid = -1;
    at = std::from_chars(at, end, pid).ptr;
    if (pid > 0) pids.push_back(pid);
  }
  return pids;
}

void add_descendants(pid_t pid, std::vector<pid_t>& pids) {
  for (const pid_t child : children_of(pid)) {
    pids.push_back(child);
    add_descendants(child, pids);
  }
}

}  // namespace

std::vector<pid_t> children_of(pid_t pid) {
  const std::string text = std::to_string(pid);
  return read_pids("/proc/" + text + "/task/" + text + "/children");
}

std::vector<pid_t> processes_of(const Launch& launch) {
  if (!launch.cgroups.empty()) return read_pids(launch.cgroups.front() + "/cgroup.procs");
  std::vector<pid_t> pids;
  add_descendants(::getpid(), pids);
  return pids;
}

Spawned spawn_app(const Launch& launch) {
  Spawned spawned;
  int output[2];
  int info[2];
  int report[2];
  if (::pipe2(output, O_CLOEXEC) != 0 || ::pipe2(info, O_CLOEXEC) != 0 ||
      ::pipe2(report, O_CLOEXEC) != 0) {
    spawned.problem = "making pipes";
    return spawned;
  }
  spawned.app.output = Descriptor(output[0]);
  const Descriptor output_end(output[1]), info_start(info[0]), report_start(report[0]);
  Descriptor info_end(info[1]), report_end(report[1]);
  const pid_t pid = ::fork();
  if (pid == 0) become_app(launch, ChildEnds{output_end.get(), info_end.get(), report_end.get()});
  info_end.reset();
  report_end.reset();
  if (pid < 0) {
    spawned.problem = std::string("forking: ") + std::strerror(errno);
    return spawned;
  }
  spawned.problem = read_to_end(report_start.get(), 10'000);
  if (spawned.problem.ends_with('\n')) spawned.problem.pop_back();
  if (!spawned.problem.empty()) {
    ::kill(pid, SIGKILL);
    ::waitpid(pid, nullptr, 0);
    return spawned;
  }
  spawned.app.pid = pid;
  if (!launch.sandbox.empty())
    spawned.app.init = number_after(read_to_end(info_start.get(), 5000), "\"child-pid\"");
  ::fcntl(spawned.app.output.get(), F_SETFL, O_NONBLOCK);
  return spawned;
}

bool is_ready(const Launch& launch, const App& app) {
  if (app.pid < 0) return false;
  if (launch.sandbox.empty()) return true;
  if (app.init < 0) return false;
  // bubblewrap's process 1 forks the command as the last thing of all.
  return !children_of(app.init).empty();
}

bool signal_app(const Launch& launch, const App& app, int signal) {
  if (!is_ready(launch, app)) return false;
  for (const pid_t pid : processes_of(launch)) {
    const bool is_bubblewrap = !launch.sandbox.empty() && (pid == app.pid || pid == app.init);
    if (!is_bubblewrap) ::kill(pid, signal);
  }
  return true;
}

void kill_app(const Launch& launch, const App& app) {
  if (app.init > 0) ::kill(app.init, SIGKILL);  // takes its whole pid namespace with it
  for (const pid_t pid : processes_of(launch)) ::kill(pid, SIGKILL);
  if (app.pid > 0) ::kill(app.pid, SIGKILL);
}

bool has_processes(const Launch& launch) { return !processes_of(launch).empty(); }

long long read_oom_kills(const Launch& launch) {
  if (launch.oom_counter.empty()) return 0;
  const Descriptor fd(::open(launch.oom_counter.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd.is_open()) return 0;
  const std::string text = "\n" + read_to_end(fd.get(), 1000);
  const pid_t kills = number_after(text, "\noom_kill ");
  return kills < 0 ? 0 : kills;
}

}  // namespace croft::shim
