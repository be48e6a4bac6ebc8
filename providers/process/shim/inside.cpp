#include "providers/process/shim/inside.hpp"

#include <array>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "providers/process/shim/child.hpp"
#include "providers/process/shim/filter.hpp"

namespace croft::shim {

namespace {

/// What a child takes as its standard streams; -1: nothing.
struct Standard {
  int in = -1;
  int out = -1;
  int err = -1;
};

/// On the standard error of the command, where whoever asked for it looks.
[[noreturn]] void fail_inside(const std::string& what) {
  const std::string text = what + ": " + std::strerror(errno) + "\n";
  (void)!::write(STDERR_FILENO, text.data(), text.size());
  ::_exit(126);
}

bool enter_namespaces(const App& app) {
  const std::string base = "/proc/" + std::to_string(app.init) + "/ns/";
  // The user namespace last: entering the others takes powers that only the host's root has over
  // them.
  constexpr std::array kNames = {"ipc", "uts", "cgroup", "pid", "mnt", "user"};
  std::vector<Descriptor> namespaces;
  for (const char* name : kNames)
    namespaces.emplace_back(::open((base + name).c_str(), O_RDONLY | O_CLOEXEC));
  for (const Descriptor& one : namespaces) {
    if (!one.is_open() || ::setns(one.get(), 0) != 0) return false;
  }
  return true;
}

void take_streams(const Standard& streams) {
  const Descriptor null(::open("/dev/null", O_RDWR | O_CLOEXEC));
  const std::array wanted{streams.in, streams.out, streams.err};
  for (int standard = 0; standard < 3; ++standard) {
    const int fd = wanted[static_cast<std::size_t>(standard)];
    ::dup2(fd < 0 ? null.get() : fd, standard);
  }
  ::syscall(SYS_close_range, 3, ~0U, 4U /* CLOSE_RANGE_CLOEXEC */);
}

[[noreturn]] void watch_over(pid_t inside) {
  // Its own copies would keep the streams open that the command closed.
  ::syscall(SYS_close_range, 0, ~0U, 0);
  int status = 0;
  while (::waitpid(inside, &status, 0) < 0 && errno == EINTR) {
  }
  ::_exit(WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status));
}

/// A child's way to where the app is and what it may. Returns in a grandchild, the only one that is
/// in the app's pid namespace; the child watches over it.
void enter(const Launch& launch, const App& app, const Standard& streams) {
  take_streams(streams);
  if (!join_cgroups(launch)) fail_inside("joining the app's cgroups");
  reset_process();
  const bool is_sandboxed = !launch.sandbox.empty();
  if (::geteuid() == 0 && ::setgroups(0, nullptr) != 0) fail_inside("dropping groups");
  if (is_sandboxed && !enter_namespaces(app)) fail_inside("entering the app's namespaces");
  // Seen from inside of the pid namespace, its parent is nobody.
  const pid_t parent = is_sandboxed ? 0 : ::getpid();
  const pid_t inside = ::fork();
  if (inside < 0) fail_inside("forking");
  if (inside > 0) watch_over(inside);
  const unsigned uid = is_sandboxed ? launch.inner_uid : launch.uid;
  const unsigned gid = is_sandboxed ? launch.inner_gid : launch.gid;
  if ((is_sandboxed || launch.drops_user) &&
      (::setresgid(gid, gid, gid) != 0 || ::setresuid(uid, uid, uid) != 0)) {
    fail_inside("becoming the app's user");
  }
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);       // after the change of user, which clears it
  if (::getppid() != parent) ::_exit(126);  // it ended before that
}

[[noreturn]] void become_command(const Launch& launch, const SessionRequest& request) {
  if (!launch.sandbox.empty() && !install_filter())
    fail_inside("installing the system call filter");
  const std::string& directory = request.directory.empty() ? launch.directory : request.directory;
  if (::chdir(directory.c_str()) != 0) fail_inside("entering " + directory);
  std::vector<std::string> environment = launch.environment;
  for (const std::string& entry : request.environment) {
    const std::string name = entry.substr(0, entry.find('=') + 1);
    std::erase_if(environment, [&](const std::string& one) { return one.starts_with(name); });
    environment.push_back(entry);
  }
  exec_plainly(request.command, std::move(environment), STDERR_FILENO);
}

bool send_setup(int setup, const std::string& text, int passed) {
  iovec part{const_cast<char*>(text.data()), text.size()};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> control{};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  if (passed >= 0) {
    message.msg_control = control.data();
    message.msg_controllen = control.size();
    cmsghdr* header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof(int));
    std::memcpy(CMSG_DATA(header), &passed, sizeof passed);
  }
  return ::sendmsg(setup, &message, MSG_NOSIGNAL) == static_cast<ssize_t>(text.size());
}

/// The app may have put anything in the place of its /dev/ptmx.
bool is_terminal_master(int fd) {
  unsigned number = 0;
  return ::ioctl(fd, TIOCGPTN, &number) == 0;
}

/// A pseudo-terminal of the app's own, so that what runs there finds it by its name. Gives its
/// other side away, and becomes who is typed to.
void take_terminal(int setup, const SessionRequest& request) {
  const auto give_up_terminal = [setup](const char* what) {
    send_setup(setup, std::string(what) + ": " + std::strerror(errno), -1);
    ::_exit(126);
  };
  const Descriptor master(::open("/dev/ptmx", O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC));
  if (!is_terminal_master(master.get())) give_up_terminal("making a terminal");
  int lock = 0;
  const winsize size{request.rows, request.columns, 0, 0};
  ::ioctl(master.get(), TIOCSWINSZ, &size);
  if (::ioctl(master.get(), TIOCSPTLCK, &lock) != 0) give_up_terminal("unlocking the terminal");
  const Descriptor mine(::ioctl(master.get(), TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC));
  if (!mine.is_open()) give_up_terminal("opening the terminal");
  if (::ioctl(mine.get(), TIOCSCTTY, 0) != 0) give_up_terminal("taking the terminal");
  for (const int standard : {0, 1, 2}) ::dup2(mine.get(), standard);
  if (!send_setup(setup, "terminal", master.get())) ::_exit(126);
}

[[noreturn]] void run_session(const Launch& launch, const App& app, const SessionRequest& request,
                              const Standard& streams, int setup) {
  enter(launch, app, streams);
  ::setsid();
  if (request.has_terminal) take_terminal(setup, request);
  become_command(launch, request);
}

struct Pipe {
  Descriptor read;
  Descriptor write;
};

/// The app's user owns it, so that what runs may open /dev/stdout again.
bool make_pipe(const Launch& launch, Pipe& made) {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return false;
  made.read = Descriptor(ends[0]);
  made.write = Descriptor(ends[1]);
  return !launch.drops_user || ::fchown(ends[0], launch.uid, launch.gid) == 0;
}

}  // namespace

pid_t spawn_inside(const Launch& launch, const App& app, const std::vector<std::string>& command) {
  if (command.empty() || !is_ready(launch, app)) return -1;
  const pid_t pid = ::fork();
  if (pid == 0) {
    ::setsid();
    enter(launch, app, {});
    SessionRequest request;
    request.command = command;
    become_command(launch, request);
  }
  return pid;
}

SpawnedSession spawn_session(const Launch& launch, const App& app, const SessionRequest& request) {
  SpawnedSession spawned;
  Pipe in, out, err;
  std::array<int, 2> setup{-1, -1};
  const bool has_ends =
      request.has_terminal
          ? ::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, setup.data()) == 0
          : make_pipe(launch, in) && make_pipe(launch, out) && make_pipe(launch, err);
  spawned.setup = Descriptor(setup[0]);
  const Descriptor childs_setup(setup[1]);
  if (!has_ends) {
    spawned.problem = std::string("making pipes: ") + std::strerror(errno);
    return spawned;
  }
  spawned.pid = ::fork();
  if (spawned.pid == 0) {
    ::setsid();
    const Standard streams{in.read.get(), out.write.get(), err.write.get()};
    run_session(launch, app, request, streams, childs_setup.get());
  }
  if (spawned.pid < 0) {
    spawned.problem = std::string("forking: ") + std::strerror(errno);
  } else if (!request.has_terminal) {
    for (Descriptor* end : {&in.write, &out.read, &err.read})
      spawned.streams.push_back(std::move(*end));
  }
  return spawned;
}

Descriptor receive_terminal(int setup, std::string& problem) {
  std::array<char, 512> text;
  iovec part{text.data(), text.size()};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> control{};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control.data();
  message.msg_controllen = control.size();
  const ssize_t count = ::recvmsg(setup, &message, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
  const cmsghdr* header = count > 0 ? CMSG_FIRSTHDR(&message) : nullptr;
  if (header != nullptr && header->cmsg_type == SCM_RIGHTS) {
    int fd = -1;
    std::memcpy(&fd, CMSG_DATA(header), sizeof fd);
    Descriptor master(fd);
    if (is_terminal_master(master.get())) return master;
  }
  problem = count > 0 ? std::string(text.data(), static_cast<std::size_t>(count))
                      : "the command ended before it had a terminal";
  return {};
}

pid_t leader_of(pid_t child) {
  const std::vector<pid_t> children = children_of(child);
  return children.empty() ? -1 : children.front();
}

bool signal_session(const Launch& launch, pid_t leader, int signal) {
  bool found = false;
  for (const pid_t pid : processes_of(launch)) {
    if (pid != leader && ::getsid(pid) != leader) continue;
    found = ::kill(pid, signal) == 0 || found;
  }
  return found;
}

}  // namespace croft::shim
