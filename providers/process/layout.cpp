#include "providers/process/layout.hpp"

#include <algorithm>

#include "core/base/id.hpp"

namespace croft {

std::string ProcessLayout::mark() const { return sha256_hex(root.string()).substr(0, 4); }

bool is_safe_uid(std::string_view uid) {
  return !uid.empty() && uid.size() <= 64 && std::all_of(uid.begin(), uid.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_';
  });
}

}  // namespace croft
