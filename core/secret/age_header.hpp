#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/base/result.hpp"

namespace croft::secret {

/// One recipient's part of a header: "-> TYPE ARG ..." and a body.
struct AgeStanza {
  std::string type;
  std::vector<std::string> arguments;
  std::string body;
};

struct AgeHeader {
  std::vector<AgeStanza> stanzas;
  std::string mac;
  std::string_view authenticated;  ///< what the MAC is over; of the text that was parsed
  std::string_view payload;        ///< what follows the header, likewise
};

/// Invalid if it deviates in anything from the specification.
Result<AgeHeader> read_age_header(std::string_view file);
/// The text of a header up to and including "---".
std::string write_age_header(const std::vector<AgeStanza>& stanzas);

}  // namespace croft::secret
