#include "reconciler/digest.hpp"

#include <algorithm>
#include <tuple>

#include "core/base/id.hpp"
#include "reconciler/fields.hpp"

namespace croft {

namespace {

/// Lines of fields. Texts are length-prefixed, so that no two worlds have one form.
class Canonical {
 public:
  Canonical& line(std::string_view what) {
    text_ += '\n';
    return add(what);
  }
  Canonical& add(std::string_view text) {
    text_ += std::to_string(text.size());
    text_ += ':';
    text_ += text;
    return *this;
  }
  Canonical& add(const Ref& ref) { return add(ref.tenant).add(to_string(ref.kind)).add(ref.name); }
  Canonical& add(bool value) {
    return add(value ? std::string_view("yes") : std::string_view("no"));
  }
  Canonical& add(std::int64_t value) { return add(std::string_view(std::to_string(value))); }
  std::string digest() const { return sha256_hex(text_); }
  void reserve(std::size_t bytes) { text_.reserve(bytes); }

 private:
  std::string text_;
};

// A spec as its provider sees it and what is Croft's own beside it: the first part's digest is at
// hand mostly.
void add_spec(Canonical& form, Kind kind, const Value* spec, const std::string& provider_digest) {
  if (spec == nullptr) {
    form.add("none");
    return;
  }
  form.add(provider_digest.empty() ? spec_digest(provider_part(kind, *spec)) : provider_digest);
  form.add(to_json(croft_part(kind, *spec)));
}

void add_desired(Canonical& form, const World& world) {
  for (const auto& [ref, desired] : world.desired) {
    form.line("desired").add(ref).add(desired.provider).add(desired.source);
    add_spec(form, ref.kind, desired.spec.get(), desired.spec_digest);
  }
}

// What a phase means to diff(); Starting and Running, or a crash loop's Failed and Starting, follow
// each other unasked.
std::string_view class_of(Phase phase) {
  switch (phase) {
    case Phase::Created:
    case Phase::Stopping:
    case Phase::Stopped:
      return "stopped";
    case Phase::Completed:
      return "completed";
    case Phase::Destroyed:
      return "absent";
    default:
      return "up";
  }
}

bool is_restart_due(const World& world, const Observed& observed, const Ref& ref) {
  return std::ranges::any_of(world.directives, [&](const DirectiveRow& directive) {
    return directive.verb == DirectiveVerb::Restart && concerns(directive.ref, ref) &&
           observed.started_at && *observed.started_at < directive.created_at;
  });
}

void add_observed(Canonical& form, const World& world, const ResourceRow& row,
                  const Desired* desired) {
  const auto found = world.observed.find(row.uid);
  if (found == world.observed.end() || found->second.phase == Phase::Destroyed) {
    form.add("absent");
    return;
  }
  const Observed& observed = found->second;
  form.add(class_of(observed.phase))
      .add(observed.spec_digest)
      .add(is_restart_due(world, observed, row.ref))
      .add(!observed.outdated.empty());
  form.add(observed.allows_egress.value_or(world.allow_egress));
  const Value* wanted = desired == nullptr ? nullptr : desired->spec.get();
  if (!observed.fields) {
    form.add("unreported");
    return;
  }
  const SpecTriple specs{row.ref.kind, wanted, row.applied.get(), observed.fields.get(), {}};
  // Saying "as desired" instead of spelling it out is what keeps a pass over what has not changed
  // cheap.
  if (wanted != nullptr && compare_specs(specs).empty()) {
    form.add("as desired");
  } else {
    form.add(to_json(owned_part(specs)));
  }
}

void add_inventory(Canonical& form, const World& world) {
  std::vector<const ResourceRow*> rows;
  rows.reserve(world.inventory.size());
  for (const ResourceRow& row : world.inventory) rows.push_back(&row);
  std::ranges::sort(rows, {}, [](const ResourceRow* row) { return std::tie(row->uid, row->ref); });
  for (const ResourceRow* row : rows) {
    const auto desired = world.desired.find(row->ref);
    const Desired* wanted = desired == world.desired.end() ? nullptr : &desired->second;
    const bool is_owned = row->state == InventoryState::Owned;
    const bool is_kept = !row->retained_until || *row->retained_until > world.now;
    form.line("row").add(row->uid).add(row->ref).add(row->source).add(row->provider).add(is_owned);
    form.add(is_owned || is_kept);
    const bool is_as_desired = wanted != nullptr && wanted->spec && row->applied &&
                               (wanted->spec == row->applied || *wanted->spec == *row->applied);
    if (is_as_desired) {
      form.add("as desired");
    } else {
      add_spec(form, row->ref.kind, row->applied.get(), {});
    }
    add_observed(form, world, *row, wanted);
  }
}

void add_directives(Canonical& form, const World& world) {
  std::vector<const DirectiveRow*> directives;
  for (const DirectiveRow& directive : world.directives) {
    if (!directive.until || *directive.until > world.now) directives.push_back(&directive);
  }
  const auto key = [](const DirectiveRow* row) {
    return std::tuple(row->ref, row->verb, row->created_at, row->by, row->until);
  };
  std::ranges::sort(directives, {}, key);
  for (const DirectiveRow* directive : directives) {
    form.line("directive")
        .add(directive->ref)
        .add(static_cast<std::int64_t>(directive->verb))
        .add(directive->by);
    form.add(directive->created_at.time_since_epoch().count());
    form.add(directive->until ? directive->until->time_since_epoch().count() : std::int64_t{-1});
  }
}

/// Nothing where nothing of it changes: what is the same in both takes no part.
void add_records(Canonical& form, const World& world) {
  for (const RecordChange& change : diff_records(world.records_before, world.records)) {
    form.line("record").add(change.ref).add(static_cast<std::int64_t>(change.action));
    const auto after = world.records.find(change.ref);
    if (after != world.records.end()) add_spec(form, change.ref.kind, after->second.get(), {});
  }
}

void add_names(Canonical& form, std::string_view what, const std::set<std::string>& names) {
  form.line(what);
  for (const std::string& name : names) form.add(name);
}

}  // namespace

std::string digest_of(const World& world) {
  Canonical form;
  form.reserve(512 * (world.desired.size() + world.inventory.size()) + 256);
  form.add("croft changeset 3").add(world.tenant).add(world.plan).add(world.terms);
  form.add(world.is_suspended).add(world.is_removed).add(world.is_observed).add(world.allow_egress);
  add_names(form, "unobserved", world.unobserved);
  add_names(form, "frozen", world.frozen_sources);
  add_names(form, "emptied", world.emptied_sources);
  add_names(form, "removed", world.removed_sources);
  add_desired(form, world);
  add_inventory(form, world);
  add_directives(form, world);
  add_records(form, world);
  return form.digest();
}

}  // namespace croft
