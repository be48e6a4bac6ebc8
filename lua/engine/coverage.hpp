#pragma once

#include <map>
#include <set>
#include <string>
#include <string_view>

namespace croft::lua {

/// Which lines of scripts ran, over all the calls of the VMs that tell it. For test runs only: a
/// hook at each line costs more than most lines do. One thread at a time.
class Coverage {
 public:
  /// `chunk` as the VM names it: "@NAME" for a script, else it is the library's own and not
  /// counted.
  void saw(std::string_view chunk, int line);

  /// The lines of a script that ran.
  const std::set<int>& lines_of(std::string_view script) const;

 private:
  std::map<std::string, std::set<int>, std::less<>> lines_;
};

}  // namespace croft::lua
