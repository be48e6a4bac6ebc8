#include "providers/docker/engine/output.hpp"

#include <algorithm>

#include "providers/docker/engine/engine_error.hpp"

namespace croft::docker {

namespace {

constexpr unsigned kErrorStream = 3;
constexpr std::size_t kLongestFailure = 4096;

}  // namespace

Result<std::vector<OutputParser::Piece>> OutputParser::feed(std::string_view bytes) {
  std::vector<Piece> pieces;
  while (!bytes.empty()) {
    if (left_ == 0) {
      const std::size_t count = std::min(kHead - head_size_, bytes.size());
      std::copy_n(bytes.data(), count, head_.data() + head_size_);
      head_size_ += count;
      bytes.remove_prefix(count);
      if (head_size_ < kHead) break;
      TRY(begin_frame());
      continue;
    }
    const std::size_t count = std::min<std::size_t>(left_, bytes.size());
    const std::string_view part = bytes.substr(0, count);
    bytes.remove_prefix(count);
    left_ -= static_cast<std::uint32_t>(count);
    if (stream_ == kErrorStream) {
      failure_ += part.substr(0, kLongestFailure - std::min(kLongestFailure, failure_.size()));
      if (left_ == 0) return fail(stream_error(failure_, "reading what a container writes"));
      continue;
    }
    const OutputStream stream = stream_ == 2 ? OutputStream::Err : OutputStream::Out;
    pieces.push_back({stream, std::string(part)});
  }
  return pieces;
}

Result<void> OutputParser::begin_frame() {
  head_size_ = 0;
  if (head_[0] > kErrorStream || head_[1] != 0 || head_[2] != 0 || head_[3] != 0) {
    return fail(ErrorCode::Invalid, "the engine's output is not multiplexed as it should be");
  }
  stream_ = head_[0];
  left_ = 0;
  for (std::size_t i = 4; i < kHead; ++i) left_ = (left_ << 8U) | head_[i];
  return {};
}

Result<void> OutputParser::finish() const {
  if (left_ == 0 && head_size_ == 0) return {};
  return fail(ErrorCode::Unavailable, "the engine's output broke off in the middle");
}

}  // namespace croft::docker
