#pragma once

#include <sstream>
#include <string>

#include "cli/output/terminal.hpp"

namespace croft::cli {

/// A terminal whose output a test reads.
struct CapturedTerminal {
  std::ostringstream out;
  std::ostringstream err;
  Terminal terminal{.out = out, .err = err};
};

}  // namespace croft::cli
