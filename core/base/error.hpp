#pragma once
// Room core/base: what every other room stands on and nothing of ours stands below.
//
//   error, result     what can go wrong, and how functions say so
//   units, money      bytes, cpu, durations, exact money
//   value             the document tree that specs, JSON bodies and settings are made of
//   clock, id         time and names, injected so that tests own them
//   secret            values that cannot be printed, and the redactor of everything that can
//   async             coroutines over Asio, pools for blocking libraries
//   files, child      the file system and child processes, with clear errors
//   settings, log     what the operator sets, what the operator reads

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace croft {

/// What kind of failure it is; decides exit codes, HTTP statuses and whether to try again.
enum class ErrorCode {
  NotFound,     ///< the thing named does not exist
  Invalid,      ///< the input is wrong and stays wrong until somebody edits it
  Denied,       ///< not allowed
  Conflict,     ///< the world is not in the state this needs (taken, moved on, in use)
  Unavailable,  ///< a thing that should answer does not; later it may
  Timeout,      ///< it did not end in time
  Cancelled,    ///< somebody called it off
  Internal,     ///< a bug, or a corrupt store
};

std::string_view to_string(ErrorCode code);
/// The code with that name, as to_string gives it.
std::optional<ErrorCode> error_code_from(std::string_view name);

/// A place in a text file; line and column count from 1, column in bytes.
struct SourcePosition {
  std::string file;
  int line = 0;
  int column = 0;

  bool operator==(const SourcePosition&) const = default;
};

/// A failure that a correct program can meet. A value type; never holds a secret.
class Error {
 public:
  Error() = default;
  Error(ErrorCode code, std::string message) : code_(code), message_(std::move(message)) {}

  ErrorCode code() const { return code_; }
  /// What happened, without context: "connection refused".
  const std::string& message() const { return message_; }
  /// What to try, or empty.
  const std::string& hint() const { return hint_; }
  const std::optional<SourcePosition>& position() const { return position_; }
  /// What was being done, innermost first.
  const std::vector<std::string>& context() const { return context_; }

  Error with_hint(std::string hint) &&;
  Error at(SourcePosition position) &&;
  /// Adds what was being done when this came up, for example "starting alice/Instance/api".
  Error while_doing(std::string what) &&;

  /// Context, message and hint in one line for people.
  std::string describe() const;

  /// True if the same call may succeed later without anybody editing anything.
  bool is_retryable() const;

 private:
  ErrorCode code_ = ErrorCode::Internal;
  std::string message_;
  std::string hint_;
  std::optional<SourcePosition> position_;
  std::vector<std::string> context_;
};

}  // namespace croft
