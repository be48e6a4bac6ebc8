#pragma once

#include <string>
#include <string_view>

#include "providers/process/shim/descriptor.hpp"

namespace croft::shim {

/// What an app says, in files of bounded size: `current` is being written; when it is full it
/// becomes `1`, `1` becomes `2`, and the last one goes. Never more than files * size bytes and one
/// line.
class LogFile {
 public:
  LogFile(std::string directory, long long size, int files);
  /// Loses text rather than hold up the app when the disk is full.
  void write(std::string_view text);

 private:
  void open();
  void rotate();

  std::string directory_;
  long long limit_;
  int files_;
  long long written_ = 0;
  char last_ = '\n';
  Descriptor file_;
};

}  // namespace croft::shim
