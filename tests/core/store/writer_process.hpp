#pragma once

#include <array>
#include <fcntl.h>
#include <filesystem>
#include <signal.h>
#include <spawn.h>
#include <string>
#include <sys/wait.h>
#include <unistd.h>
#include <vector>

#include "core/base/files.hpp"

namespace croft {

/// A store_crash_writer at work; killed at the end if not before.
class WriterProcess {
 public:
  WriterProcess(const std::filesystem::path& directory, int first_number) {
    std::array<int, 2> ends{};
    if (::pipe2(ends.data(), O_CLOEXEC) != 0) return;
    output_ = UniqueFd(ends[0]);
    const UniqueFd input(ends[1]);
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, input.get(), STDOUT_FILENO);
    std::string program = CROFT_STORE_CRASH_WRITER;
    std::string place = directory.string();
    std::string number = std::to_string(first_number);
    std::array<char*, 4> arguments{program.data(), place.data(), number.data(), nullptr};
    if (::posix_spawn(&pid_, program.c_str(), &actions, nullptr, arguments.data(), environ) != 0)
      pid_ = -1;
    posix_spawn_file_actions_destroy(&actions);
  }
  ~WriterProcess() { kill(); }
  WriterProcess(const WriterProcess&) = delete;
  WriterProcess& operator=(const WriterProcess&) = delete;

  pid_t pid() const { return pid_; }

  /// Waits until so many more numbers are acknowledged; false if the process ended before.
  bool wait_for(std::size_t more) {
    const std::size_t wanted = numbers_.size() + more;
    while (numbers_.size() < wanted) {
      if (!read_some()) return false;
    }
    return true;
  }

  /// kill -9, then every number that it had acknowledged.
  std::vector<int> kill() {
    if (pid_ > 0) {
      ::kill(pid_, SIGKILL);
      ::waitpid(pid_, nullptr, 0);
      pid_ = -1;
      while (read_some()) {
      }
    }
    return numbers_;
  }

 private:
  bool read_some() {
    std::array<char, 4096> buffer;
    const ssize_t count = ::read(output_.get(), buffer.data(), buffer.size());
    if (count <= 0) return false;
    for (ssize_t i = 0; i < count; ++i) {
      const char c = buffer[static_cast<std::size_t>(i)];
      if (c != '\n') {
        line_ += c;
        continue;
      }
      numbers_.push_back(std::stoi(line_));
      line_.clear();
    }
    return true;
  }

  pid_t pid_ = -1;
  UniqueFd output_;
  std::string line_;
  std::vector<int> numbers_;
};

}  // namespace croft
