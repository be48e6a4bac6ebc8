#pragma once

#include <cstddef>
#include <map>
#include <ostream>
#include <string>
#include <string_view>

namespace croft::cli {

enum class Colour { Red, Green, Yellow, Cyan, Grey, Bold };

/// Where output goes and what can be shown there. Results go to `out`; progress and errors to
/// `err`.
struct Terminal {
  std::ostream& out;
  std::ostream& err;
  bool is_interactive = false;  ///< a person looks at `out`: progress may redraw its line
  bool has_colour = false;
  std::size_t width = 0;  ///< columns; 0: as wide as the text is

  /// The text in that colour, or as it is where there are none.
  std::string paint(Colour colour, std::string_view text) const;
};

/// The process's own standard streams: colours on a terminal unless NO_COLOR is set or TERM is
/// dumb, width from the terminal or COLUMNS.
Terminal standard_terminal(const std::map<std::string, std::string>& environment);

/// Columns that UTF-8 text takes: wide characters count two, combining ones none, escape sequences
/// none.
std::size_t display_width(std::string_view text);

/// Cuts text to that many columns, its last one "…" if something was cut.
std::string truncate_text(std::string_view text, std::size_t width);

/// The text filled up with spaces to that many columns.
std::string pad_text(std::string_view text, std::size_t width);

/// Breaks text into lines of at most `width` columns at spaces; every line begins with `indent`
/// spaces.
std::string wrap_text(std::string_view text, std::size_t width, std::size_t indent);

/// Text from elsewhere (logs, messages) as it may be shown: control characters other than tab and
/// newline are escaped, so that nobody's app can command a reader's terminal.
std::string printable(std::string_view text);

}  // namespace croft::cli
