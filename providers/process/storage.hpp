#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "core/base/result.hpp"
#include "core/base/value.hpp"
#include "providers/process/layout.hpp"

namespace croft {

/// What is over its declared size, or full, among an app's volumes, for people; empty if nothing
/// is.
std::string describe_excess(const ProcessLayout& layout, const std::string& uid, const Value& spec);

}  // namespace croft
