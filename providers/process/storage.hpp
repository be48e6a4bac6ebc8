#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "core/base/result.hpp"
#include "core/base/value.hpp"
#include "providers/process/layout.hpp"

namespace croft {

/// What an app's volumes take.
struct StorageSight {
  std::int64_t bytes = 0;
  std::string excess;  ///< what is over its declared size, or full, for people; empty: nothing is
};
StorageSight look_at_storage(const ProcessLayout& layout, const std::string& uid,
                             const Value& spec);

}  // namespace croft
