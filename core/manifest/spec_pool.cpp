#include "core/manifest/spec_pool.hpp"

#include <functional>
#include <string>

namespace croft::manifest {

namespace {

std::size_t mix(std::size_t seed, std::size_t more) {
  return seed ^ (more + 0x9e3779b97f4a7c15ULL + (seed << 6) + (seed >> 2));
}

std::size_t hash_of(const Value& value) {
  if (value.is_boolean()) return value.as_boolean() ? 1 : 2;
  if (value.is_integer()) return std::hash<std::int64_t>{}(value.as_integer());
  if (value.is_text()) return std::hash<std::string>{}(value.as_text());
  std::size_t hash = value.size();
  if (value.is_list()) {
    for (const Value& item : value.as_list()) hash = mix(hash, hash_of(item));
  } else if (value.is_map()) {
    for (const auto& [key, entry] : value.as_map())
      hash = mix(mix(hash, std::hash<std::string>{}(key)), hash_of(entry));
  }
  return hash;
}

}  // namespace

std::shared_ptr<const Value> SpecPool::share(const Value& value) {
  const std::size_t hash = hash_of(value);
  return shelf_.with([&](Shelf& shelf) -> std::shared_ptr<const Value> {
    auto [it, end] = shelf.equal_range(hash);
    while (it != end) {
      std::shared_ptr<const Value> kept = it->second.lock();
      if (kept != nullptr && *kept == value) return kept;
      it = kept == nullptr ? shelf.erase(it) : std::next(it);
    }
    // A copy, not a move: vectors and texts of a copy have no room to spare.
    std::shared_ptr<const Value> made(new Value(value));
    if (shelf.size() >= shelf.bucket_count()) sweep(shelf);
    shelf.emplace(hash, made);
    return made;
  });
}

// Called when the shelf is about to grow: what nobody uses any more goes first.
void SpecPool::sweep(Shelf& shelf) {
  std::erase_if(shelf, [](const auto& entry) { return entry.second.expired(); });
}

}  // namespace croft::manifest
