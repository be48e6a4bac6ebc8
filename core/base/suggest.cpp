#include "core/base/suggest.hpp"

#include <algorithm>
#include <vector>

namespace croft {

namespace {

/// Edits (insert, delete, replace, swap of neighbours) between two words.
std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> before_last(b.size() + 1);
  std::vector<std::size_t> last(b.size() + 1);
  std::vector<std::size_t> row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) last[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t replaced = last[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
      row[j] = std::min({last[j] + 1, row[j - 1] + 1, replaced});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
        row[j] = std::min(row[j], before_last[j - 2] + 1);
      }
    }
    before_last.swap(last);
    last.swap(row);
  }
  return last[b.size()];
}

}  // namespace

std::optional<std::string> closest_word(std::string_view word,
                                        std::span<const std::string> candidates) {
  const std::size_t allowed = std::max<std::size_t>(1, std::min<std::size_t>(word.size(), 64) / 3);
  std::size_t best = allowed + 1;
  std::optional<std::string> found;
  if (word.empty() || word.size() > 64) return found;
  for (const std::string& candidate : candidates) {
    // A word that only begins like the candidate ("rec" for "reconcile") is a guess worth making,
    // but the last one.
    const bool is_prefix = word.size() >= 3 && candidate.starts_with(word);
    const std::size_t distance = is_prefix ? std::min(allowed, edit_distance(word, candidate))
                                           : edit_distance(word, candidate);
    if (distance < best && distance < std::max(word.size(), candidate.size())) {
      best = distance;
      found = candidate;
    }
  }
  return found;
}

}  // namespace croft
