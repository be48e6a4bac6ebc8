#pragma once

#include <functional>
#include <string>

#include "core/base/async.hpp"
#include "core/base/result.hpp"

namespace croft {

/// Pieces of a byte stream, in order; an empty one is its end. On the executor.
using ByteSource = std::function<Task<Result<std::string>>()>;
using ByteSink = std::function<Task<Result<void>>(std::string)>;

/// Bytes in both directions, each with an end of its own. One reader and one writer at a time, on
/// one executor; destroying it hangs up. Must not be destroyed while a read or write is awaited.
class ByteStream {
 public:
  virtual ~ByteStream() = default;
  /// The next bytes; empty at the other side's end. Unavailable if the connection broke.
  virtual Task<Result<std::string>> read() = 0;
  /// Waits until the connection took them. Timeout if the other side does not read.
  virtual Task<Result<void>> write(std::string bytes) = 0;
  /// Nothing more is written; the other side reads its end and may go on writing.
  virtual Task<Result<void>> close_write() = 0;
  /// Ends a read or write that is awaited, with Cancelled or Unavailable, and all later ones.
  virtual void cancel() = 0;
};

}  // namespace croft
