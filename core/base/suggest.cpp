#include "core/base/suggest.hpp"

#include <algorithm>
#include <numeric>
#include <vector>

#include <fmt/format.h>

namespace croft {

namespace {

// Nobody mistypes longer words than this; comparing them would only cost time.
constexpr std::size_t kLongestWord = 100;

std::string lower(std::string_view text) {
  std::string copy(text);
  std::ranges::transform(copy, copy.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
  });
  return copy;
}

}  // namespace

// Optimal string alignment: Levenshtein's table, three rows of it, with swaps.
std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> before_last(b.size() + 1);
  std::vector<std::size_t> last(b.size() + 1);
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(last.begin(), last.end(), std::size_t{0});
  for (std::size_t i = 1; i <= a.size(); ++i) {
    row[0] = i;
    for (std::size_t k = 1; k <= b.size(); ++k) {
      const std::size_t change = last[k - 1] + (a[i - 1] == b[k - 1] ? 0 : 1);
      row[k] = std::min({last[k] + 1, row[k - 1] + 1, change});
      const bool is_swap = i > 1 && k > 1 && a[i - 1] == b[k - 2] && a[i - 2] == b[k - 1];
      if (is_swap) row[k] = std::min(row[k], before_last[k - 2] + 1);
    }
    std::swap(before_last, last);
    std::swap(last, row);
  }
  return last[b.size()];
}

std::optional<std::string> closest_word(std::string_view word,
                                        std::span<const std::string_view> candidates) {
  std::optional<std::string> found;
  if (word.empty() || word.size() > kLongestWord) return found;
  const std::string wanted = lower(word);
  const std::size_t allowed = std::max<std::size_t>(1, word.size() / 3);
  std::size_t best = allowed + 1;
  for (const std::string_view candidate : candidates) {
    if (candidate.size() > kLongestWord) continue;
    const std::string known = lower(candidate);
    // A word that only begins like the candidate ("rec" for "reconcile") is a guess worth making,
    // but the last one.
    const bool is_prefix = wanted.size() >= 3 && known.starts_with(wanted);
    const std::size_t edits = edit_distance(wanted, known);
    const std::size_t distance = is_prefix ? std::min(allowed, edits) : edits;
    if (distance < best && distance < std::max(wanted.size(), known.size())) {
      best = distance;
      found = candidate;
    }
  }
  return found;
}

std::optional<std::string> closest_word(std::string_view word,
                                        std::span<const std::string> candidates) {
  const std::vector<std::string_view> views(candidates.begin(), candidates.end());
  return closest_word(word, std::span<const std::string_view>(views));
}

std::string did_you_mean(std::string_view word, std::span<const std::string_view> candidates) {
  const auto meant = closest_word(word, candidates);
  return meant ? fmt::format("did you mean '{}'?", *meant) : std::string();
}

}  // namespace croft
