#pragma once

#include <string_view>

#include "core/base/value.hpp"

namespace croft {

/// parse_json(), but whole numbers past a signed 64-bit integer are texts of their digits, where
/// parse_json() rounds them to a real.
Result<Value> parse_json_digits(std::string_view text);

}  // namespace croft
