#include "tests/core/git/background_process.hpp"

#include <array>
#include <fcntl.h>
#include <signal.h>
#include <stdexcept>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/base/files.hpp"

namespace croft {

BackgroundProcess::BackgroundProcess(std::vector<std::string> arguments, bool waits_for_line) {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) throw std::runtime_error("pipe2");
  const UniqueFd read_end(ends[0]);
  UniqueFd write_end(ends[1]);
  std::vector<char*> pointers;
  for (std::string& argument : arguments) pointers.push_back(argument.data());
  pointers.push_back(nullptr);
  pid_ = ::fork();
  if (pid_ == 0) {
    ::setpgid(0, 0);
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    ::dup2(write_end.get(), 1);
    ::execvp(pointers[0], pointers.data());
    ::_exit(127);
  }
  write_end.reset();
  if (!waits_for_line) return;
  char c = 0;
  while (::read(read_end.get(), &c, 1) == 1 && c != '\n') first_line_.push_back(c);
  if (first_line_.empty()) throw std::runtime_error(arguments[0] + " did not start");
}

BackgroundProcess::~BackgroundProcess() {
  if (pid_ <= 0) return;
  ::kill(-pid_, SIGKILL);
  ::waitpid(pid_, nullptr, 0);
}

bool BackgroundProcess::is_running() const { return ::kill(pid_, 0) == 0; }

}  // namespace croft
