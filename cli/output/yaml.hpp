#pragma once

#include <string>

#include "core/base/value.hpp"

namespace croft::cli {

/// A document as YAML 1.2 in block style, two spaces a level; texts that YAML would read as
/// something else are quoted.
std::string to_yaml(const Value& value);

/// Prints a result as `-o json` or `-o yaml` says.
std::string to_machine_text(const Value& value, const std::string& format);

}  // namespace croft::cli
