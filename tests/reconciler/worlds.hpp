#pragma once

#include <memory>
#include <string>

#include "reconciler/fields.hpp"
#include "reconciler/world.hpp"

namespace croft {

// What tests of the pure middle build their worlds from.

inline std::shared_ptr<const Value> spec(Value value) {
  return std::make_shared<const Value>(std::move(value));
}

inline Ref instance(const std::string& name) { return {"alice", Kind::Instance, name}; }
inline Ref site(const std::string& name) { return {"alice", Kind::Site, name}; }

inline Timestamp at(std::int64_t seconds) {
  return Timestamp(Duration(1'700'000'000'000 + seconds * 1000));
}

/// An app as expansion leaves it.
Value app(const std::string& greeting = "hello");
Value with_volume(Value app_spec, const std::string& name, std::int64_t size);

/// A world of alice at which nothing is declared, owned or observed, at `at(0)`.
World empty_world();
/// Declares it on "local", from "alice/main".
Desired& declare(World& world, const Ref& ref, Value value);
/// Adds a row of the uid "uid-NAME" that owns it on "local", as applied.
ResourceRow& own(World& world, const Ref& ref, Value applied);
/// The provider reports it, running as applied (the provider's part of it).
Observed& run(World& world, const Ref& ref, const Value& fields);
/// Declared, owned and running alike.
void settle(World& world, const Ref& ref, const Value& value);
/// The row of a ref, which must be there.
ResourceRow& row_of(World& world, const Ref& ref);

void direct(World& world, const Ref& ref, DirectiveVerb verb, std::int64_t at_seconds);

/// The change of a ref, which must be there exactly once.
const Change& change_of(const Changeset& changeset, const Ref& ref);

/// What the engine and the providers make of a world when the changeset is applied without any
/// failure: what a test of convergence diffs again. Guards are taken for acknowledged.
World applied(World world, const Changeset& changeset);

}  // namespace croft
