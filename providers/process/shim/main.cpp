// croft-shim DIRECTORY: the supervisor of one app. Reads DIRECTORY/launch, makes the app's network
// namespace, listens on DIRECTORY/control.sock, and waits to be told to start. It outlives the
// Croft that started it: it is a session of its own, and ends only when told to, or with the
// machine. Small on purpose: one thread, no library but the standard one.
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "providers/process/shim/server.hpp"

namespace croft::shim {
namespace {

std::string read_all(const std::string& path) {
  std::string text;
  const Descriptor fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  std::array<char, 4096> buffer;
  for (ssize_t count = 1; fd.is_open() && count > 0;) {
    count = ::read(fd.get(), buffer.data(), buffer.size());
    if (count > 0) text.append(buffer.data(), static_cast<std::size_t>(count));
  }
  return text;
}

void write_all(const char* path, const char* text) {
  const Descriptor fd(::open(path, O_WRONLY | O_CLOEXEC));
  if (fd.is_open()) (void)!::write(fd.get(), text, std::strlen(text));
}

/// The lock is an open file description lock: it says "alive" as long as this process lives,
/// without anybody asking it.
Descriptor take_lock(const std::string& path) {
  Descriptor fd(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  struct flock lock{};
  lock.l_type = F_WRLCK;
  lock.l_whence = SEEK_SET;
  if (fd.is_open() && ::fcntl(fd.get(), F_OFD_SETLK, &lock) != 0) fd.reset();
  return fd;
}

/// An own network, with nothing but its loopback. Croft may put a cable in later.
bool make_network() {
  if (::unshare(CLONE_NEWNET) != 0) return false;
  const Descriptor fd(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  ifreq request{};
  std::strcpy(request.ifr_name, "lo");
  request.ifr_flags = IFF_UP | IFF_RUNNING;
  if (::ioctl(fd.get(), SIOCSIFFLAGS, &request) != 0) return false;
  // It is alone there, so that no port is anybody else's.
  write_all("/proc/sys/net/ipv4/ip_unprivileged_port_start", "0");
  return true;
}

/// Tells the waiting Croft how it went: an empty text is well.
void report(int fd, const std::string& problem) {
  const std::string text = problem.empty() ? "ready\n" : problem + "\n";
  (void)!::write(fd, text.data(), text.size());
}

void leave_everything(int keep) {
  ::setsid();
  ::umask(077);
  (void)!::chdir("/");
  const Descriptor null(::open("/dev/null", O_RDWR));
  for (const int standard : {0, 1, 2}) ::dup2(null.get(), standard);
  ::dup2(keep, 3);
  ::fcntl(3, F_SETFD, FD_CLOEXEC);
  ::syscall(SYS_close_range, 4, ~0U, 0);
  ::prctl(PR_SET_NAME, "croft-shim");
  ::prctl(PR_SET_CHILD_SUBREAPER, 1);
  // It holds the app's secrets: nothing of its memory may come to a disk or another process.
  ::prctl(PR_SET_DUMPABLE, 0);
  const rlimit no_core{0, 0};
  ::setrlimit(RLIMIT_CORE, &no_core);
  write_all("/proc/self/oom_score_adj",
            "-900");  // refused without CAP_SYS_RESOURCE, which is as well
}

Descriptor watch_signals() {
  sigset_t set;
  ::sigemptyset(&set);
  for (const int signal : {SIGCHLD, SIGTERM, SIGINT, SIGHUP}) ::sigaddset(&set, signal);
  ::sigprocmask(SIG_BLOCK, &set, nullptr);
  ::signal(SIGPIPE, SIG_IGN);
  return Descriptor(::signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
}

void handle_signals(int fd, Loop& loop, Supervisor& supervisor) {
  signalfd_siginfo info{};
  while (::read(fd, &info, sizeof info) == sizeof info) {
    if (info.ssi_signo == SIGCHLD) supervisor.reap();
    if (info.ssi_signo == SIGTERM) {  // the machine goes down
      supervisor.stop(supervisor.launch().grace, [&loop](const std::string&) { loop.end(); });
    }
  }
}

int run(const std::string& directory, int waiting) {
  const Descriptor lock = take_lock(directory + "/shim.lock");
  if (!lock.is_open()) return report(waiting, "another shim runs this app"), 1;
  std::optional<Launch> launch = parse_launch(read_all(directory + "/launch"));
  if (!launch) return report(waiting, "the launch file cannot be read"), 1;
  if (launch->own_network && !make_network()) {
    return report(waiting, std::string("making a network namespace: ") + std::strerror(errno)), 1;
  }
  const Descriptor signals = watch_signals();
  Loop loop;
  Supervisor supervisor(loop, std::move(*launch), directory + "/state");
  Server server(loop, supervisor);
  if (!server.listen(directory + "/control.sock")) {
    return report(waiting, std::string("listening: ") + std::strerror(errno)), 1;
  }
  loop.watch(signals.get(), EPOLLIN,
             [&](std::uint32_t) { handle_signals(signals.get(), loop, supervisor); });
  report(waiting, {});
  ::close(waiting);
  loop.run();
  server.close();
  return 0;
}

}  // namespace
}  // namespace croft::shim

int main(int argc, char** argv) {
  using namespace croft::shim;
  if (argc == 2 && std::strcmp(argv[1], "--version") == 0) {
    std::printf("croft-shim protocol %d\n", kProtocolVersion);
    return 0;
  }
  if (argc != 2 || argv[1][0] != '/') {
    std::fputs("usage: croft-shim DIRECTORY   (started by Croft, one for each app)\n", stderr);
    return 2;
  }
  std::array<int, 2> ready{};
  if (::pipe2(ready.data(), O_CLOEXEC) != 0) return 1;
  const pid_t pid = ::fork();
  if (pid < 0) return 1;
  if (pid == 0) {
    leave_everything(ready[1]);
    return run(argv[1], 3);
  }
  ::close(ready[1]);
  std::string said;
  std::array<char, 512> buffer;
  for (ssize_t count = 1; count > 0;) {
    count = ::read(ready[0], buffer.data(), buffer.size());
    if (count > 0) said.append(buffer.data(), static_cast<std::size_t>(count));
  }
  if (said == "ready\n") return 0;
  std::fputs(said.empty() ? "the shim ended at once\n" : said.c_str(), stderr);
  return 1;
}
