#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "core/yaml/tree.hpp"

namespace croft::manifest {

inline constexpr std::size_t kLargestFile = 1 << 20;   ///< of a manifest, in bytes
inline constexpr std::size_t kMostDocuments = 10'000;  ///< of a source

/// The text without a UTF-8 byte order mark.
std::string_view without_byte_order_mark(std::string_view text);

/// What makes a text unfit to be read as YAML: its size, bytes that are no UTF-8, control
/// characters. The first such thing, or nothing. The document of the problem is 0.
std::optional<yaml::Problem> check_source_text(std::string_view text);

/// Bytes of the UTF-8 character at i, or 0 if there is none (RFC 3629: no surrogates, nothing
/// overlong).
std::size_t character_length(std::string_view text, std::size_t i);

bool is_utf8(std::string_view text);

/// Whether a file might be Croft's, judged quickly and without parsing. Never says No to a file
/// with a document that has `apiVersion: croft/...`, as long as it is written without escapes.
enum class Likeness {
  No,         ///< cannot be a manifest
  Forgotten,  ///< names one of our kinds but no Croft version: perhaps a forgotten or mistyped
              ///< apiVersion
  Manifest,   ///< speaks of an apiVersion and of Croft
};
Likeness likeness_of(std::string_view text);

}  // namespace croft::manifest
