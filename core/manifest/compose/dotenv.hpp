#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/manifest/compose/variables.hpp"

namespace croft::manifest::compose {

/// What a file of environment variables (`.env`, `env_file`) says.
struct EnvironmentFile {
  struct Line {
    std::string name;
    std::optional<std::string> value;  ///< nothing: the name stands alone
    std::uint32_t line = 0;            ///< from 1
  };
  struct Problem {
    std::uint32_t line = 0;
    std::string message;
    std::string hint;
    bool is_warning = false;
  };
  std::vector<Line> lines;  ///< in the order of the file; a later one of a name wins
  std::vector<Problem> problems;
  std::size_t bytes = 0;  ///< of names and values
};

/// Reads lines NAME=VALUE: `export` before them, comments, quotes ('literal', "with \n and $NAME",
/// over several lines), variables of `known` and of earlier lines. What is put into a value is not
/// looked at again. The variables that it sets are set in `known`, for the next file. Values are
/// bounded in their sum, and problems in their number: it ends there.
EnvironmentFile read_environment(std::string_view text, Variables& known);
/// The same of `format: raw`: everything behind '=' is the value, as it stands.
EnvironmentFile read_raw_environment(std::string_view text, Variables& known);

}  // namespace croft::manifest::compose
