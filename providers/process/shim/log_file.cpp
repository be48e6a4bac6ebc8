#include "providers/process/shim/log_file.hpp"

#include <algorithm>
#include <cstdio>
#include <fcntl.h>
#include <sys/stat.h>

namespace croft::shim {

LogFile::LogFile(std::string directory, long long size, int files)
    : directory_(std::move(directory)), limit_(std::max(size, 4096LL)), files_(std::max(files, 1)) {
  open();
}

void LogFile::open() {
  const std::string path = directory_ + "/current";
  file_ = Descriptor(
      ::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW | O_CLOEXEC, 0600));
  struct stat status{};
  written_ = file_.is_open() && ::fstat(file_.get(), &status) == 0 ? status.st_size : 0;
}

void LogFile::rotate() {
  const auto name = [this](int number) {
    return directory_ + "/" + (number == 0 ? std::string("current") : std::to_string(number));
  };
  for (int number = files_ - 1; number > 0; --number)
    std::rename(name(number - 1).c_str(), name(number).c_str());
  if (files_ == 1) ::unlink(name(0).c_str());
  open();
}

void LogFile::write(std::string_view text) {
  while (!text.empty()) {
    if (written_ >= limit_ && last_ == '\n') rotate();
    // Files part at ends of lines, unless a line alone is as long as a file.
    const std::size_t end = text.find('\n');
    std::size_t length = end == std::string_view::npos ? text.size() : end + 1;
    if (written_ + static_cast<long long>(text.size()) < limit_) length = text.size();
    if (written_ > 2 * limit_) rotate();
    if (file_.is_open()) (void)!::write(file_.get(), text.data(), length);
    written_ += static_cast<long long>(length);
    last_ = text[length - 1];
    text.remove_prefix(length);
  }
}

}  // namespace croft::shim
