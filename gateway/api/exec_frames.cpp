#include "gateway/api/exec_frames.hpp"

#include <algorithm>

namespace croft {

namespace {

constexpr std::size_t kHead = 5;

void put(std::string& into, std::uint32_t number, int bytes) {
  for (int i = bytes - 1; i >= 0; --i) into += static_cast<char>(number >> (8 * i) & 0xffU);
}

std::uint32_t number_at(std::string_view text, std::size_t at, std::size_t bytes) {
  std::uint32_t number = 0;
  for (std::size_t i = 0; i < bytes; ++i)
    number = number << 8U | static_cast<unsigned char>(text[at + i]);
  return number;
}

}  // namespace

std::string exec_frame(ExecFrame type, std::string_view bytes) {
  std::string frame(1, static_cast<char>(type));
  frame.reserve(kHead + bytes.size());
  put(frame, static_cast<std::uint32_t>(bytes.size()), 4);
  return frame.append(bytes);
}

std::string exec_number_frame(ExecFrame type, std::uint32_t number) {
  std::string bytes;
  put(bytes, number, 4);
  return exec_frame(type, bytes);
}

std::string exec_resize_frame(int rows, int columns) {
  std::string bytes;
  put(bytes, static_cast<std::uint32_t>(std::clamp(rows, 1, 9999)), 2);
  put(bytes, static_cast<std::uint32_t>(std::clamp(columns, 1, 9999)), 2);
  return exec_frame(ExecFrame::Resize, bytes);
}

std::optional<std::uint32_t> exec_number(const ExecMessage& message) {
  if (message.bytes.size() != 4) return std::nullopt;
  return number_at(message.bytes, 0, 4);
}

std::optional<ExecSize> exec_size(const ExecMessage& message) {
  if (message.bytes.size() != 4) return std::nullopt;
  const ExecSize size{static_cast<int>(number_at(message.bytes, 0, 2)),
                      static_cast<int>(number_at(message.bytes, 2, 2))};
  const bool is_possible =
      size.rows > 0 && size.columns > 0 && size.rows < 10'000 && size.columns < 10'000;
  return is_possible ? std::optional(size) : std::nullopt;
}

Result<std::optional<ExecMessage>> ExecFrameParser::next() {
  const std::string_view rest = std::string_view(pending_).substr(at_);
  const std::size_t length = rest.size() < kHead ? 0 : number_at(rest, 1, 4);
  if (length > kExecFrameLimit)
    return fail(ErrorCode::Invalid, "a frame is longer than the protocol allows");
  if (rest.size() < kHead || rest.size() < kHead + length) {
    // Moved to the front once for what came at once, not for each frame of it.
    pending_.erase(0, std::exchange(at_, 0));
    return std::optional<ExecMessage>();
  }
  ExecMessage message;
  message.type = static_cast<ExecFrame>(rest[0]);
  message.bytes = std::string(rest.substr(kHead, length));
  at_ += kHead + length;
  return std::optional(std::move(message));
}

}  // namespace croft
