#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/result.hpp"
#include "core/base/value.hpp"

namespace croft::docker {

/// One thing that a pull, push or build tells.
struct Progress {
  std::string id;            ///< of the layer; may be empty
  std::string status;        ///< "Pulling fs layer"; empty for a build's output
  std::string text;          ///< a build's output, as it writes it: lines with their ends, or parts
  std::int64_t current = 0;  ///< bytes, as far as known
  std::int64_t total = 0;
  std::string error;  ///< the last thing it tells, if it failed
  Value aux;          ///< {"ID": "sha256:..."} at a build's end
};

/// Called on the executor.
using ProgressSink = std::function<void(const Progress& progress)>;

/// Takes a stream of JSON messages apart. Invalid for what is none and for one past the limit.
class ProgressParser {
 public:
  explicit ProgressParser(std::size_t message_limit = 1U << 20U) : limit_(message_limit) {}
  /// The messages that this piece completes.
  Result<std::vector<Progress>> feed(std::string_view piece);
  /// At the stream's end: Unavailable if a message is left half.
  Result<std::vector<Progress>> finish();

 private:
  std::size_t limit_;
  std::string line_;
};

}  // namespace croft::docker
