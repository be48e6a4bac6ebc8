#pragma once

#include <string>

#include "core/base/error.hpp"
#include "core/resource/ref.hpp"

namespace croft {

/// Something wrong with a resource that was found after loading (a host that is taken, a provider
/// that is not there). It names a field path instead of a position; manifest::locate finds the line
/// when it is shown.
struct Problem {
  Ref ref;
  std::string path;  ///< "spec.http.hosts[0]"
  std::string message;
  std::string hint;        ///< what to try, or empty
  std::string place = {};  ///< "compose.yaml:7:5", once it was looked for; or empty

  bool operator==(const Problem&) const = default;
};

}  // namespace croft
