#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "core/base/value.hpp"
#include "core/resource/field.hpp"
#include "core/resource/kind.hpp"
#include "reconciler/changeset.hpp"

namespace croft {

/// The specs of one resource that a three-way comparison looks at. Null: there is none. Borrowed.
struct SpecTriple {
  Kind kind = Kind::Instance;
  const Value* desired = nullptr;
  const Value* applied = nullptr;
  const Value* actual =
      nullptr;  ///< what the provider reports; the same as `applied` if it reports nothing
  std::span<const std::string>
      ignore;  ///< field paths; "volumes[data].size", or "volumes.size" for every volume
};

/// A field that is not as desired.
struct FieldDifference {
  FieldChange change;  ///< before is what really is there
  bool is_declared =
      false;  ///< the declaration changed since it was applied; otherwise the world moved
  bool is_for_croft = false;  ///< no provider needs to act on it
  ChangeEffect effect = ChangeEffect::InPlace;
};

/// Field by field, after the kind's description: a field is ours if desired or applied names it;
/// what only the provider reports is left out. Entries of maps and of lists whose elements have a
/// `name` are fields of their own; other lists are compared whole. Absent, null and empty are the
/// same. Where a secret is referred to, what the provider reports in its place is neither compared
/// nor shown. Never throws, whatever the values look like.
std::vector<FieldDifference> compare_specs(const SpecTriple& specs);

/// Desired with what stands at the ignored paths taken from actual, so that applying it leaves
/// those as they are.
std::shared_ptr<const Value> keep_ignored(const SpecTriple& specs,
                                          std::shared_ptr<const Value> desired);

/// The part of `actual` that compare_specs() looks at: what desired or applied names.
Value owned_part(const SpecTriple& specs);

/// A spec without the fields that are Croft's own (Field::is_for_croft: `dependsOn`, `deletion`,
/// `ignore`, `provider`, hosts): what a provider normalises, and what the label croft.spec is the
/// digest of.
Value provider_part(Kind kind, const Value& spec);
/// The rest: only the fields that are Croft's own.
Value croft_part(Kind kind, const Value& spec);

/// Both parts in one again: maps are joined, elsewhere `over` wins.
Value joined(Value base, const Value& over);

/// What creating a resource of that spec would set, without what is a default anyway.
std::vector<FieldChange> fields_of_new(Kind kind, const Value& spec);

/// The texts of a list such as `ignore`; what is no text is left out.
std::vector<std::string> texts_at(const Value* spec, std::string_view name);

}  // namespace croft
