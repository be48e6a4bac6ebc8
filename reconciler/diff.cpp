#include <algorithm>
#include <set>
#include <span>
#include <tuple>

#include <fmt/format.h>

#include "reconciler/decision.hpp"
#include "reconciler/digest.hpp"
#include "reconciler/order.hpp"
#include "reconciler/words.hpp"
#include "reconciler/world.hpp"

namespace croft {

namespace {

/// Brings the parts of the world together, ref by ref.
class Differ {
 public:
  explicit Differ(const World& world) : world_(world) {
    index_inventory();
    index_directives();
    index_strangers();
  }

  Changeset run() {
    Changeset changeset;
    changeset.tenant = world_.tenant;
    changeset.plan = world_.plan;
    changeset.observed = world_.is_observed;
    auto desired = world_.desired.begin();
    auto row = rows_.begin();
    while (desired != world_.desired.end() || row != rows_.end()) {
      const bool is_declared =
          desired != world_.desired.end() && (row == rows_.end() || desired->first <= (*row)->ref);
      const Ref& ref = is_declared ? desired->first : (*row)->ref;
      const auto last = std::find_if(row, rows_.end(),
                                     [&](const ResourceRow* other) { return other->ref != ref; });
      decide(ref, is_declared ? &desired->second : nullptr, std::span(row, last),
             changeset.changes);
      row = last;
      if (is_declared) ++desired;
    }
    order_changes(changeset.changes);
    changeset.records = diff_records(world_.records_before, world_.records);
    changeset.notes = notes_on(changeset.changes);
    changeset.guard = guard_of(world_, changeset.changes);
    if (world_.wants_digest || changeset.guard || has_changes(changeset))
      changeset.digest = digest_of(world_);
    return changeset;
  }

 private:
  void index_inventory() {
    rows_.reserve(world_.inventory.size());
    for (const ResourceRow& row : world_.inventory) rows_.push_back(&row);
    std::ranges::sort(rows_, [](const ResourceRow* a, const ResourceRow* b) {
      return std::tie(a->ref, a->uid) < std::tie(b->ref, b->uid);
    });
  }

  void index_strangers() {
    if (world_.observed.empty()) return;
    std::vector<std::string_view> known;
    known.reserve(rows_.size());
    for (const ResourceRow* row : rows_) known.push_back(row->uid);
    std::ranges::sort(known);
    for (const auto& [uid, observed] : world_.observed) {
      const bool is_strange = observed.phase != Phase::Destroyed &&
                              observed.ref.tenant == world_.tenant &&
                              !std::ranges::binary_search(known, std::string_view(uid));
      if (is_strange) strangers_.emplace(observed.ref, &observed);
    }
  }

  void index_directives() {
    for (const DirectiveRow& directive : world_.directives) {
      if (!directive.until || *directive.until > world_.now) directives_.push_back(&directive);
    }
    std::ranges::sort(directives_, [](const DirectiveRow* a, const DirectiveRow* b) {
      return std::tie(a->ref, a->verb, a->created_at, a->by) <
             std::tie(b->ref, b->verb, b->created_at, b->by);
    });
  }

  std::span<const DirectiveRow* const> orders_of(const Ref& ref) const {
    const auto [first, last] = std::ranges::equal_range(directives_, ref, {}, &DirectiveRow::ref);
    return {first, last};
  }

  /// Of a part of a Stack those for the Stack as well; `of_part` holds them then.
  std::span<const DirectiveRow* const> orders_for(const Ref& ref,
                                                  std::vector<const DirectiveRow*>& of_part) const {
    const auto stack = stack_of(ref);
    if (!stack || directives_.empty()) return orders_of(ref);
    for (const Ref& one : {ref, *stack}) {
      for (const DirectiveRow* directive : orders_of(one)) of_part.push_back(directive);
    }
    std::ranges::sort(of_part, {}, [](const DirectiveRow* directive) {
      return std::tie(directive->verb, directive->created_at);
    });
    return of_part;
  }

  const Observed* observed_of(const ResourceRow& row) const {
    const auto found = world_.observed.find(row.uid);
    if (found == world_.observed.end() || found->second.phase == Phase::Destroyed) return nullptr;
    return &found->second;
  }

  bool has_returnable_data(const ResourceRow& row, const Desired* desired) const {
    return row.state == InventoryState::Retained && desired != nullptr &&
           desired->provider == row.provider &&
           (!row.retained_until || *row.retained_until > world_.now);
  }

  // The row that stands for the ref now: the owned one (the newest, should there ever be two), else
  // the one whose data returns.
  const ResourceRow* current_row(std::span<const ResourceRow* const> rows,
                                 const Desired* desired) const {
    const ResourceRow* current = nullptr;
    const auto key = [](const ResourceRow& row) {
      return std::tuple(row.state == InventoryState::Owned, row.created_at, row.uid);
    };
    for (const ResourceRow* row : rows) {
      if (row->state != InventoryState::Owned && !has_returnable_data(*row, desired)) continue;
      if (current == nullptr || key(*row) > key(*current)) current = row;
    }
    return current;
  }

  void decide(const Ref& ref, const Desired* desired, std::span<const ResourceRow* const> rows,
              std::vector<Change>& changes) const {
    std::vector<const DirectiveRow*> of_part;
    const std::span<const DirectiveRow* const> orders = orders_for(ref, of_part);
    const ResourceRow* current = current_row(rows, desired);
    if (desired != nullptr || current != nullptr) {
      const auto stranger = strangers_.find(ref);
      const Subject subject{.ref = ref,
                            .desired = desired,
                            .row = current,
                            .observed = current == nullptr ? nullptr : observed_of(*current),
                            .stranger = stranger == strangers_.end() ? nullptr : stranger->second,
                            .directives = orders};
      changes.push_back(croft::decide(world_, subject));
    }
    for (const ResourceRow* row : rows) {
      // Retained data needs no change; only what runs although it should be gone.
      const bool is_leftover =
          world_.is_observed && row != current &&
          (row->state == InventoryState::Owned || observed_of(*row) != nullptr);
      if (!is_leftover) continue;
      const Subject subject{.ref = ref, .row = row, .observed = observed_of(*row)};
      Change change = croft::decide(world_, subject);
      if (change.action != Action::Keep) changes.push_back(std::move(change));
    }
  }

  std::vector<std::string> notes_on(const std::vector<Change>& changes) const {
    std::map<std::string, std::size_t> frozen;
    std::map<std::string, std::size_t> silent;
    for (const std::string& source : world_.frozen_sources) frozen[source] = 0;
    for (const ResourceRow* row : rows_) {
      const auto found = frozen.find(row->source);
      if (found != frozen.end() && row->state == InventoryState::Owned) ++found->second;
    }
    for (const Change& change : changes) {
      if (change.reason == "ProviderUnobserved") ++silent[change.provider];
    }
    std::vector<std::string> notes;
    for (const auto& [source, count] : frozen) {
      notes.push_back(fmt::format("source {} failed to load: its {} left as {}", source, are(count),
                                  count == 1 ? "it is" : "they are"));
    }
    for (const auto& [provider, count] : silent) {
      notes.push_back(
          fmt::format("provider {} does not answer: {} left alone", provider, are(count)));
    }
    add_strangers(changes, notes);
    return notes;
  }

  static std::string are(std::size_t count) {
    return counted(count, "resource") + (count == 1 ? " is" : " are");
  }

  // Things that carry our labels and this tenant's name, but that we do not know: they may be of an
  // earlier tenant of that name, so they are neither adopted nor destroyed by themselves.
  void add_strangers(const std::vector<Change>& changes, std::vector<std::string>& notes) const {
    if (strangers_.empty()) return;
    std::set<Ref> named;
    for (const Change& change : changes) {
      if (change.reason == "NotInInventory") named.insert(change.ref);
    }
    for (const auto& [ref, stranger] : strangers_) {
      if (named.contains(ref)) continue;
      notes.push_back(fmt::format("{} with uid {} runs, but is not in the inventory: left alone",
                                  to_string(ref), stranger->uid));
    }
  }

  const World& world_;
  std::vector<const ResourceRow*> rows_;         // by ref, then uid
  std::vector<const DirectiveRow*> directives_;  // by ref, in force
  std::map<Ref, const Observed*> strangers_;
};

}  // namespace

Changeset diff(const World& world) { return Differ(world).run(); }

}  // namespace croft
