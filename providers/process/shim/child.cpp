#include "providers/process/shim/child.hpp"

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "providers/process/shim/descriptor.hpp"

namespace croft::shim {

namespace {

void write_text(const std::string& path, const char* text) {
  const Descriptor fd(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
  if (fd.is_open()) (void)!::write(fd.get(), text, std::strlen(text));
}

const char* search_path(const std::vector<std::string>& environment) {
  const char* path = kDefaultPath;
  for (const std::string& entry : environment) {
    if (entry.starts_with("PATH=")) path = entry.c_str() + 5;
  }
  return path;
}

}  // namespace

void give_up(int report, const std::string& what) {
  (void)!::write(report, what.data(), what.size());
  ::_exit(127);
}

bool join_cgroups(const Launch& launch) {
  for (const std::string& directory : launch.cgroups) {
    const Descriptor fd(::open((directory + "/cgroup.procs").c_str(), O_WRONLY | O_CLOEXEC));
    if (!fd.is_open() || ::write(fd.get(), "0", 1) != 1) return false;
  }
  return true;
}

void reset_process() {
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  ::signal(SIGPIPE, SIG_DFL);
  const rlimit no_core{0, 0};
  ::setrlimit(RLIMIT_CORE, &no_core);
  write_text("/proc/self/oom_score_adj", "0");
  ::umask(022);
}

bool drop_user(unsigned uid, unsigned gid) {
  return ::setgroups(0, nullptr) == 0 && ::setresgid(gid, gid, gid) == 0 &&
         ::setresuid(uid, uid, uid) == 0;
}

std::vector<char*> pointers(std::vector<std::string>& texts) {
  std::vector<char*> result;
  for (std::string& text : texts) result.push_back(text.data());
  result.push_back(nullptr);
  return result;
}

void exec_plainly(std::vector<std::string> arguments, std::vector<std::string> environment,
                  int report) {
  ::setenv("PATH", search_path(environment), 1);  // execvpe looks there
  ::execvpe(arguments.front().c_str(), pointers(arguments).data(), pointers(environment).data());
  const int problem = errno;
  const std::string what = "starting " + arguments.front() + ": " + std::strerror(problem) + "\n";
  if (problem == ENOENT) give_up(report, what);
  (void)!::write(report, what.data(), what.size());
  ::_exit(126);
}

}  // namespace croft::shim
