#pragma once

#include <cstdint>
#include <string_view>

namespace croft::edge {

/// RFC 9110, 13.1.2: whether an If-None-Match value names this entity tag (weak comparison; lists
/// and "*" included). The tag is given with its quotes.
bool matches_any(std::string_view if_none_match, std::string_view etag);

/// RFC 9110, 13.1.5: whether a range may be served for this If-Range value: only for exactly this
/// strong tag.
bool permits_range(std::string_view if_range, std::string_view etag);

struct ByteRange {
  enum class Kind {
    Whole,         ///< no range, one that is not understood, or several: the whole content with 200
    Part,          ///< 206
    Unsatisfiable  ///< 416
  };
  Kind kind = Kind::Whole;
  std::uint64_t first = 0;
  std::uint64_t length = 0;
};

/// RFC 9110, 14.2. Several ranges are answered with the whole content, which the RFC allows and
/// which takes the ground from under many-small-ranges attacks.
ByteRange parse_range(std::string_view value, std::uint64_t size);

}  // namespace croft::edge
