#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace croft::manifest::compose {

/// Splits a command as a shell would, without any of its expansions: quotes and backslashes.
/// Nothing if a quote is never closed.
std::optional<std::vector<std::string>> split_command(std::string_view line);

/// "1h30m", "500ms", "1.5s": a number and a unit, repeated; in milliseconds. Nothing if it is none.
std::optional<std::int64_t> parse_time_span(std::string_view text);

/// "1.5G", "256mb", "1024": powers of 1024; in bytes. Nothing if it is none.
std::optional<std::int64_t> parse_byte_count(std::string_view text);

/// "0.5" cores, in thousandths, rounded up. Nothing if it is none.
std::optional<std::int64_t> parse_cores(std::string_view text);

/// A decimal number without sign.
std::optional<std::int64_t> parse_count(std::string_view text);

/// true, yes, y, on, 1, and their contraries, in any case.
std::optional<bool> parse_truth(std::string_view text);

/// "3000-3005" or "80": first and last; both from 0 to 65535.
std::optional<std::pair<int, int>> parse_port_range(std::string_view text);

std::vector<std::string_view> split(std::string_view text, char separator);
std::string lowered(std::string_view text);
/// At most 60 bytes of a text, for messages.
std::string shortened(std::string_view text);

}  // namespace croft::manifest::compose
