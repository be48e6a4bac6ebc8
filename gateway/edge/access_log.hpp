#pragma once

#include <string>
#include <string_view>

#include "core/base/files.hpp"
#include "core/base/result.hpp"
#include "core/base/units.hpp"

namespace croft::edge {

/// One answered request.
struct AccessEntry {
  std::string_view client;
  std::string_view method;
  std::string_view host;
  std::string_view target;  ///< only its path is written: queries carry tokens
  std::string_view ref;
  int status = 0;
  std::uint64_t bytes = 0;
  Duration took{0};
};

/// A thread's lines for the access log, one JSON document each, written in batches to a file shared
/// by all threads (opened for appending, so that lines stay whole and a rotated file can be moved
/// away before a restart).
class AccessLog {
 public:
  AccessLog() = default;
  /// Empty is off, "-" is standard output.
  static Result<AccessLog> open(const std::string& path);
  bool is_on() const { return fd_.is_open(); }
  void add(const AccessEntry& entry);
  void flush();

 private:
  UniqueFd fd_;
  std::string lines_;
};

}  // namespace croft::edge
