#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <string>

#include "core/base/guarded.hpp"
#include "core/base/result.hpp"
#include "providers/port/release.hpp"

namespace croft::edge {

/// The indexes of releases, read once. Thread safe.
class ReleaseCache {
 public:
  /// Keeps indexes of at most that many files in all; those not asked for longest go first.
  ReleaseCache(std::filesystem::path store, std::size_t max_files);

  /// Reads the index if it is not here; blocks then. NotFound: there is no such release (any more).
  Result<std::shared_ptr<const Release>> load(const std::string& id);
  const std::filesystem::path& store() const { return store_; }

 private:
  struct Entry {
    std::shared_ptr<const Release> release;
    std::uint64_t used = 0;
  };
  struct State {
    std::map<std::string, Entry> entries;
    std::size_t files = 0;
    std::uint64_t uses = 0;
  };
  void keep(State& state, const std::string& id, std::shared_ptr<const Release> release) const;

  std::filesystem::path store_;
  std::size_t max_files_;
  Guarded<State> state_;
};

}  // namespace croft::edge
