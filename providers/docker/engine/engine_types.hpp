#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/base/async.hpp"
#include "core/base/byte_stream.hpp"
#include "core/base/result.hpp"
#include "core/base/value.hpp"

namespace croft::docker {

class Transport;

/// When a call has to have ended, if that is sooner than what EngineSettings allow it.
using Deadline = std::chrono::steady_clock::time_point;
constexpr Deadline kNoDeadline = Deadline::max();

/// The Engine's filters: {"label", {"croft.tenant=..."}}; several values of one key are
/// alternatives, but for labels, which must all be there.
using Filters = std::map<std::string, std::vector<std::string>>;

/// Which of its outputs a container wrote to; Out if it has a terminal.
enum class OutputStream { Out, Err };

/// Receives output as it comes, in pieces of no meaning; false ends the stream.
using OutputSink = std::function<bool(OutputStream stream, std::string_view bytes)>;

/// A container's or an exec's streams, in the caller's hands. One reader and one writer at a time;
/// destroying it hangs up, which ends nothing at the engine.
class AttachedStream {
 public:
  struct Piece {
    OutputStream stream = OutputStream::Out;
    std::string bytes;  ///< empty: the end
  };
  virtual ~AttachedStream() = default;
  virtual Task<Result<Piece>> read() = 0;
  virtual Task<Result<void>> write(std::string bytes) = 0;
  /// The end of its standard input.
  virtual Task<Result<void>> close_input() = 0;
  /// Ends a read or write that is awaited.
  virtual void cancel() = 0;
};

/// True if the engine said that a disk is full, whatever the call was.
bool is_out_of_space(const Error& error);

}  // namespace croft::docker
