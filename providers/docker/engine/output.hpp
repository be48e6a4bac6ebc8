#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/result.hpp"
#include "providers/docker/engine/engine_types.hpp"

namespace croft::docker {

/// Takes apart what an engine multiplexes onto one connection: frames of an 8-byte head (stream,
/// three zeros, length) and their bytes. Keeps nothing but a head that is not whole, however long
/// frames are. Source: https://docs.docker.com/engine/api/v1.41/#operation/ContainerAttach
class OutputParser {
 public:
  using Piece = AttachedStream::Piece;
  /// The bytes that this piece has, by their streams. Invalid for what is no frame. A frame of the
  /// engine's own stream (3) is an error: what it says, as Unavailable.
  Result<std::vector<Piece>> feed(std::string_view bytes);
  /// At the connection's end: Unavailable if it is in the middle of a frame.
  Result<void> finish() const;

 private:
  static constexpr std::size_t kHead = 8;
  Result<void> begin_frame();

  std::array<unsigned char, kHead> head_{};
  std::size_t head_size_ = 0;
  std::uint32_t left_ = 0;  // bytes of the present frame
  unsigned stream_ = 1;
  std::string failure_;  // what the engine's own stream says
};

}  // namespace croft::docker
