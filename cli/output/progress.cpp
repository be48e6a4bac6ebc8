#include "cli/output/progress.hpp"

#include <array>
#include <string_view>

namespace croft::cli {

void Progress::show(const std::string& text) {
  constexpr std::array<std::string_view, 4> kTurns{"|", "/", "-", "\\"};
  if (!terminal_.is_interactive) {
    if (text != shown_) terminal_.err << text << '\n' << std::flush;
    shown_ = text;
    return;
  }
  const std::string line = std::string(kTurns[turn_++ % kTurns.size()]) + " " + text;
  terminal_.err << "\r\x1b[K"
                << (terminal_.width == 0 ? line : truncate_text(line, terminal_.width - 1))
                << std::flush;
  shown_ = text;
}

void Progress::clear() {
  if (terminal_.is_interactive && !shown_.empty()) terminal_.err << "\r\x1b[K" << std::flush;
  shown_.clear();
}

}  // namespace croft::cli
