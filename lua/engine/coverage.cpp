#include "lua/engine/coverage.hpp"

namespace croft::lua {

void Coverage::saw(std::string_view chunk, int line) {
  if (!chunk.starts_with('@')) return;
  chunk.remove_prefix(1);
  auto known = lines_.find(chunk);
  if (known == lines_.end()) known = lines_.emplace(std::string(chunk), std::set<int>()).first;
  known->second.insert(line);
}

const std::set<int>& Coverage::lines_of(std::string_view script) const {
  static const std::set<int> kNone;
  const auto known = lines_.find(script);
  return known == lines_.end() ? kNone : known->second;
}

}  // namespace croft::lua
