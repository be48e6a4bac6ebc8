#pragma once

#include <span>
#include <string_view>

namespace croft {

/// A file that is part of the program (cmake/CroftEmbed.cmake).
struct EmbeddedText {
  std::string_view name;  ///< of the file, without directory and extension
  std::string_view text;
};

}  // namespace croft
