#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace croft {

/// How many single edits (insert, drop, change, swap of neighbours) lead from one text to the
/// other.
std::size_t edit_distance(std::string_view a, std::string_view b);

/// The candidate that `word` was probably meant to be ("recources" → "resources"), or nothing if
/// none is near: at most a third of its letters differ, capitals aside, or it begins like one. Of
/// equally near ones the first wins.
std::optional<std::string> closest_word(std::string_view word,
                                        std::span<const std::string_view> candidates);
std::optional<std::string> closest_word(std::string_view word,
                                        std::span<const std::string> candidates);

/// "did you mean 'resources'?", or empty if none is near.
std::string did_you_mean(std::string_view word, std::span<const std::string_view> candidates);

}  // namespace croft
