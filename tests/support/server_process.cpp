#include "tests/support/server_process.hpp"

#include <csignal>
#include <fcntl.h>
#include <pwd.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

namespace croft {

namespace {

[[noreturn]] void become(const std::vector<std::string>& arguments, const std::string& log,
                         const passwd* user, int death_signal) {
  const int null = ::open("/dev/null", O_RDONLY);
  const int out = ::open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0644);
  ::dup2(null, 0);
  ::dup2(out, 1);
  ::dup2(out, 2);
  if (user != nullptr && (::setgid(user->pw_gid) != 0 || ::setuid(user->pw_uid) != 0)) ::_exit(126);
  ::prctl(PR_SET_PDEATHSIG, death_signal);  // a change of user forgets it: hence after that
  ::setpgid(0, 0);
  std::vector<char*> words;
  for (const std::string& argument : arguments)
    words.push_back(const_cast<char*>(argument.c_str()));
  words.push_back(nullptr);
  ::execv(words[0], words.data());
  ::_exit(127);
}

}  // namespace

ServerProcess::ServerProcess(const std::vector<std::string>& arguments,
                             const std::filesystem::path& log, const std::string& user,
                             int death_signal)
    : death_signal_(death_signal), owner_(::getpid()) {
  const passwd* entry = ::geteuid() == 0 && !user.empty() ? ::getpwnam(user.c_str()) : nullptr;
  pid_ = ::fork();
  if (pid_ == 0) become(arguments, log, entry, death_signal);
}

bool ServerProcess::has_ended() {
  if (pid_ > 0 && ::waitpid(pid_, nullptr, WNOHANG) == pid_) pid_ = -1;
  return pid_ <= 0;
}

void ServerProcess::signal(int number) const {
  if (pid_ <= 0) return;
  ::kill(pid_, number);
  // Its threads stop one after the other.
  if (number == SIGSTOP) ::waitpid(pid_, nullptr, WUNTRACED);
}

void ServerProcess::end(int number) {
  if (pid_ <= 0 || owner_ != ::getpid()) return;  // a forked child leaves it alone
  ::kill(pid_, number);
  ::waitpid(pid_, nullptr, 0);
  pid_ = -1;
}

}  // namespace croft
