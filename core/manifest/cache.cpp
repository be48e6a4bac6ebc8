#include "core/manifest/cache.hpp"

#include <cstring>

namespace croft::manifest {

// Ids are hashes already.
std::size_t DocumentCache::IdHash::operator()(const ObjectId& id) const {
  std::size_t hash = 0;
  std::memcpy(&hash, id.data(), sizeof hash);
  return hash;
}

void DocumentCache::begin_load(const DocumentRules& rules) {
  if (rules.scope != rules_.scope || rules.tenant != rules_.tenant) {
    files_.clear();
    directories_.clear();
    rules_ = rules;
  }
  ++load_;
}

void DocumentCache::end_load() {
  std::erase_if(files_, [&](const auto& entry) { return entry.second.load != load_; });
  std::erase_if(directories_, [&](const auto& entry) { return entry.second.load != load_; });
}

}  // namespace croft::manifest
