#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "core/base/result.hpp"

namespace croft {

// What server and client say to each other once POST /v1/exec/... has left HTTP for kExecProtocol:
// frames of a byte that says the type, four bytes of length (most significant first) and that many
// bytes.
//
//   client: Input        bytes to standard input, at most kExecWindow of them not yet Taken
//           EndOfInput
//           Resize       two bytes each, most significant first: rows, columns
//   server: Output, ErrorOutput
//           Taken        four bytes: so many of Input have reached the command
//           Exit         four bytes: its status; the last frame
//           Failure      the Error as JSON; the last frame
//   both:   Ping         nothing; says that somebody is there
//
// Types that are not known are skipped. The connection is the command's life: once it ends, the
// command is ended.

inline constexpr std::string_view kExecProtocol = "croft-exec";
/// The most that a frame holds; a longer one ends the connection.
inline constexpr std::size_t kExecFrameLimit = 64U << 10U;
inline constexpr std::size_t kExecWindow = 256U << 10U;

enum class ExecFrame : std::uint8_t {
  Input = 0,
  Output = 1,
  ErrorOutput = 2,
  Resize = 3,
  EndOfInput = 4,
  Taken = 5,
  Exit = 6,
  Failure = 7,
  Ping = 8,
};

struct ExecMessage {
  ExecFrame type = ExecFrame::Ping;
  std::string bytes;

  bool operator==(const ExecMessage&) const = default;
};

/// At most kExecFrameLimit bytes; more is a bug.
std::string exec_frame(ExecFrame type, std::string_view bytes = {});
std::string exec_number_frame(ExecFrame type, std::uint32_t number);
std::string exec_resize_frame(int rows, int columns);

/// Of Taken and Exit; nothing if it is not four bytes.
std::optional<std::uint32_t> exec_number(const ExecMessage& message);
struct ExecSize {
  int rows = 0;
  int columns = 0;
};
/// Of Resize; nothing if it is not four bytes or has no rows or columns.
std::optional<ExecSize> exec_size(const ExecMessage& message);

/// Takes what comes apart.
class ExecFrameParser {
 public:
  void feed(std::string_view bytes) { pending_ += bytes; }
  /// The next whole frame, or nothing until more comes. Invalid if one is too long.
  Result<std::optional<ExecMessage>> next();

 private:
  std::string pending_;
  std::size_t at_ = 0;
};

}  // namespace croft
