#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace croft {

/// The candidate that `word` was probably meant to be ("recources" → "resources"), or nothing if
/// none is near: at most a third of its letters differ. Of equally near ones the first wins.
std::optional<std::string> closest_word(std::string_view word,
                                        std::span<const std::string> candidates);

}  // namespace croft
