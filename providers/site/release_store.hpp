#pragma once

#include <chrono>
#include <filesystem>
#include <functional>
#include <map>
#include <set>
#include <shared_mutex>
#include <string>
#include <vector>

#include "core/base/result.hpp"
#include "core/git/tree.hpp"
#include "providers/port/release.hpp"
#include "providers/site/site_files.hpp"

namespace croft::site {

/// Releases and blobs on disk. A release is there once its index is, and that is written last;
/// blobs are shared between releases and never change. Thread safe; blocks.
class ReleaseStore {
 public:
  explicit ReleaseStore(std::filesystem::path directory) : directory_(std::move(directory)) {}

  Result<void> open();
  bool has(const std::string& id) const;

  /// Makes the release of these files: writes what is missing of it, durably. `may_go_on` is asked
  /// between files; its error ends the work, of which nothing is visible then. Doing it twice does
  /// nothing more.
  Result<void> publish(const Release& release, const FileTree& tree,
                       const std::function<Result<void>()>& may_go_on);

  /// Removes releases that are not among `live()` since at least `grace` (as this object saw it),
  /// and blobs that no release names. `live` is asked while nothing is being published or switched.
  /// Gives how many releases are waiting.
  Result<std::size_t> sweep(const std::function<std::set<std::string>()>& live,
                            std::chrono::milliseconds now, std::chrono::milliseconds grace);

  /// Held while a release is published and then named by a site, so that no sweep comes between.
  std::shared_lock<std::shared_mutex> publishing() { return std::shared_lock(sweeping_); }

 private:
  Result<bool> write_blob(const ServedFile& file, const FileTree& tree);
  Result<std::set<std::string>> remove_unnamed_releases(const std::set<std::string>& live,
                                                        std::chrono::milliseconds now,
                                                        std::chrono::milliseconds grace);
  Result<std::set<std::string>> named_blobs(const std::set<std::string>& releases) const;
  Result<void> remove_unnamed_blobs(const std::set<std::string>& named) const;

  std::filesystem::path directory_;
  std::shared_mutex sweeping_;
  std::map<std::string, std::chrono::milliseconds> unnamed_since_;  // under sweeping_, exclusively
};

}  // namespace croft::site
