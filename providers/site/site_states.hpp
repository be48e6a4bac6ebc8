#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "core/base/guarded.hpp"
#include "core/base/result.hpp"
#include "core/base/units.hpp"
#include "core/base/value.hpp"
#include "core/resource/ref.hpp"

namespace croft::site {

/// What is remembered of one site.
struct SiteState {
  std::string uid;
  Ref ref;
  std::string intent;  ///< of the last effect
  std::string spec_digest;
  std::shared_ptr<const Value> spec;  ///< with files.tree
  std::vector<std::string> history;   ///< releases, the one that is shown first
  bool is_running = true;
  bool is_kept = false;  ///< destroyed; its releases wait for a site of the same uid
  Timestamp since;       ///< when the release that is shown became so
};

/// The states of all sites, one file each, replaced atomically; what is in memory is what is on
/// disk. Thread safe; the caller orders what concerns one uid.
class SiteStates {
 public:
  explicit SiteStates(std::filesystem::path directory) : directory_(std::move(directory)) {}

  Result<void> open();
  std::optional<SiteState> find(const std::string& uid) const;
  std::vector<SiteState> all() const;
  Result<void> put(const SiteState& state);
  Result<void> erase(const std::string& uid);
  /// Every release that a site shows or could go back to.
  std::set<std::string> named_releases() const;

 private:
  std::filesystem::path path_of(const std::string& uid) const {
    return directory_ / (uid + ".json");
  }

  std::filesystem::path directory_;
  Guarded<std::map<std::string, SiteState>> states_;
};

}  // namespace croft::site
