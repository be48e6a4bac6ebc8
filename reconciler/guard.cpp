#include <algorithm>

#include <fmt/format.h>

#include "reconciler/words.hpp"
#include "reconciler/world.hpp"

namespace croft {

namespace {

constexpr std::size_t kFewestThatAreMany = 2;
constexpr std::size_t kNamesShown = 5;

using Changes = std::vector<const Change*>;

std::string names_of(const Changes& changes) {
  std::string text;
  for (std::size_t i = 0; i < changes.size() && i < kNamesShown; ++i) {
    if (i > 0) text += ", ";
    text += local_name(changes[i]->ref);
  }
  if (changes.size() > kNamesShown)
    text += fmt::format(" and {} more", changes.size() - kNamesShown);
  return text;
}

/// Things that exist for somebody and would go; not the cleaning up of what was removed before.
class Pruning {
 public:
  Pruning(const World& world, const std::vector<Change>& changes) : world_(world) {
    for (const ResourceRow& row : world.inventory) rows_.emplace(row.uid, &row);
    for (const Change& change : changes) {
      if (change.action == Action::Destroy && is_in_use(change)) destroyed_.push_back(&change);
      if (change.loses_data) losing_.push_back(&change);
    }
  }

  std::optional<Guard> tenant_removed() const {
    if (world_.is_removed && !destroyed_.empty()) {
      return Guard{
          "TenantRemoved",
          fmt::format("tenant {} is gone from the platform: its {} would be stopped and "
                      "destroyed, their data kept: {}",
                      world_.tenant, counted(destroyed_.size(), "resource"), names_of(destroyed_))};
    }
    return of_kind(Kind::Tenant, "TenantRemoved", "would lose everything that they run");
  }

  std::optional<Guard> source_removed() const {
    if (auto guard =
            of_kind(Kind::Source, "SourceRemoved", "would take what they declare with them"))
      return guard;
    return from(world_.removed_sources, "SourceRemoved", "is gone from the platform");
  }

  std::optional<Guard> source_emptied() const {
    return from(world_.emptied_sources, "EmptySource", "declares nothing any more");
  }

  std::optional<Guard> data_lost() const {
    if (losing_.empty()) return std::nullopt;
    std::string message = "data would be lost: ";
    for (std::size_t i = 0; i < losing_.size() && i < kNamesShown; ++i) {
      if (i > 0) message += "; ";
      message += fmt::format("{} ({})", local_name(losing_[i]->ref), losing_[i]->why);
    }
    if (losing_.size() > kNamesShown)
      message += fmt::format("; and {} more", losing_.size() - kNamesShown);
    return Guard{"DataLoss", std::move(message)};
  }

  std::optional<Guard> too_many() const {
    const auto owned = static_cast<std::size_t>(
        std::ranges::count_if(world_.inventory, [](const ResourceRow& row) {
          return row.state == InventoryState::Owned && row.applied != nullptr;
        }));
    if (destroyed_.size() < kFewestThatAreMany || destroyed_.size() * 2 <= owned)
      return std::nullopt;
    return Guard{"TooMany", fmt::format("{} of {} would be destroyed: {}", destroyed_.size(),
                                        counted(owned, "resource"), names_of(destroyed_))};
  }

 private:
  const ResourceRow* row_of(const Change& change) const {
    const auto found = rows_.find(change.uid);
    return found == rows_.end() ? nullptr : found->second;
  }

  bool is_in_use(const Change& change) const {
    const ResourceRow* row = row_of(change);
    return row != nullptr && row->state == InventoryState::Owned && row->applied != nullptr;
  }

  std::optional<Guard> of_kind(Kind kind, std::string reason, std::string_view consequence) const {
    Changes found;
    for (const Change* change : destroyed_) {
      if (change->ref.kind == kind) found.push_back(change);
    }
    if (found.empty()) return std::nullopt;
    return Guard{std::move(reason), fmt::format("{} removed from the platform: {} {}",
                                                counted(found.size(), to_string(kind)) +
                                                    (found.size() == 1 ? " is" : " are"),
                                                names_of(found), consequence)};
  }

  std::optional<Guard> from(const std::set<std::string>& sources, std::string reason,
                            std::string_view state) const {
    for (const std::string& source : sources) {
      Changes found;
      for (const Change* change : destroyed_) {
        if (row_of(*change)->source == source) found.push_back(change);
      }
      if (found.empty()) continue;
      return Guard{std::move(reason),
                   fmt::format("source {} {}: {} would be destroyed: {}", source, state,
                               counted(found.size(), "resource"), names_of(found))};
    }
    return std::nullopt;
  }

  const World& world_;
  std::map<std::string_view, const ResourceRow*> rows_;  // by uid
  Changes destroyed_;
  Changes losing_;
};

}  // namespace

std::optional<Guard> guard_of(const World& world, const std::vector<Change>& changes) {
  const bool takes_away = std::ranges::any_of(changes, [](const Change& change) {
    return change.action == Action::Destroy || change.loses_data;
  });
  if (!takes_away) return std::nullopt;
  const Pruning pruning(world, changes);
  if (auto guard = pruning.tenant_removed()) return guard;
  if (auto guard = pruning.source_removed()) return guard;
  if (auto guard = pruning.source_emptied()) return guard;
  if (auto guard = pruning.data_lost()) return guard;
  return pruning.too_many();
}

bool is_exempt_from_guard(const Change& change) {
  if (change.loses_data || change.action == Action::Destroy || change.action == Action::Replace)
    return false;
  return change.is_drift || change.action == Action::Start || change.action == Action::Stop;
}

}  // namespace croft
