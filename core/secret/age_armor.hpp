#pragma once

#include <string>
#include <string_view>

#include "core/base/result.hpp"

namespace croft::secret {

/// True if the file is meant to be armored: it begins with white space or dashes.
bool looks_armored(std::string_view file);
/// The bytes inside; Invalid if it deviates in anything from the strict form.
Result<std::string> read_armor(std::string_view file);
std::string write_armor(std::string_view bytes);

}  // namespace croft::secret
