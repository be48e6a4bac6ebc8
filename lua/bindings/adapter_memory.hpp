#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "core/base/value.hpp"

namespace croft::lua {

/// What the calls of one adapter leave for later ones: documents by name. It is a cache and no
/// state: bounded, and gone with the object, so that a script must do without at any time. On one
/// executor.
class AdapterMemory {
 public:
  explicit AdapterMemory(std::size_t limit = 8U << 20U) : limit_(limit) {}

  /// Null if there is none of that name.
  const Value* get(const std::string& name) const;
  /// Null forgets. What was set longest ago goes if it is too much; false if it alone is.
  bool set(const std::string& name, Value value);
  /// Bytes of the documents as JSON.
  std::size_t size() const { return size_; }

 private:
  struct Entry {
    Value value;
    std::size_t size = 0;
    std::uint64_t set_at = 0;
  };
  void forget(const std::string& name);

  std::size_t limit_;
  std::size_t size_ = 0;
  std::uint64_t sets_ = 0;
  std::map<std::string, Entry> entries_;
};

}  // namespace croft::lua
