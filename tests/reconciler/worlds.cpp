#include "tests/reconciler/worlds.hpp"

#include <algorithm>

#include <gtest/gtest.h>

#include "core/resource/resource.hpp"

namespace croft {

Value app(const std::string& greeting) {
  return Value::map(
      {{"command", Value::List{"python3", "app.py"}},
       {"env", Value::map({{"GREETING", greeting}})},
       {"resources", Value::map({{"cpu", 250}, {"memory", 128 << 20}, {"pids", 128}})},
       {"deletion", Value::map({{"policy", "retain"}, {"after", std::int64_t{30LL * 86'400'000}}})},
       {"provider", "local"}});
}

Value with_volume(Value app_spec, const std::string& name, std::int64_t size) {
  Value volume = Value::map({{"name", name}, {"path", "/" + name}, {"size", size}});
  if (app_spec.find("volumes") == nullptr) app_spec.set("volumes", Value::list());
  app_spec.find("volumes")->push_back(std::move(volume));
  return app_spec;
}

World empty_world() {
  World world;
  world.tenant = "alice";
  world.plan = "hobby";
  world.now = at(0);
  return world;
}

Desired& declare(World& world, const Ref& ref, Value value) {
  Desired desired{.ref = ref,
                  .provider = "local",
                  .spec = spec(std::move(value)),
                  .source = "alice/main",
                  .revision = "c0ffee"};
  desired.spec_digest = spec_digest(provider_part(ref.kind, *desired.spec));
  return world.desired.insert_or_assign(ref, std::move(desired)).first->second;
}

ResourceRow& own(World& world, const Ref& ref, Value applied) {
  ResourceRow row;
  row.uid = "uid-" + ref.name;
  row.ref = ref;
  row.source = "alice/main";
  row.provider = "local";
  row.applied = spec(std::move(applied));
  row.created_at = at(-1000);
  world.inventory.push_back(std::move(row));
  return world.inventory.back();
}

Observed& run(World& world, const Ref& ref, const Value& fields) {
  Observed observed;
  observed.uid = row_of(world, ref).uid;
  observed.ref = ref;
  observed.phase = Phase::Running;
  observed.fields = spec(provider_part(ref.kind, fields));
  observed.spec_digest = spec_digest(*observed.fields);
  observed.started_at = at(-500);
  return world.observed.insert_or_assign(observed.uid, std::move(observed)).first->second;
}

void settle(World& world, const Ref& ref, const Value& value) {
  declare(world, ref, value);
  own(world, ref, value);
  run(world, ref, value);
}

ResourceRow& row_of(World& world, const Ref& ref) {
  const auto found = std::ranges::find(world.inventory, ref, &ResourceRow::ref);
  if (found == world.inventory.end()) throw std::logic_error("no row of " + to_string(ref));
  return *found;
}

void direct(World& world, const Ref& ref, DirectiveVerb verb, std::int64_t at_seconds) {
  world.directives.push_back(
      {.ref = ref, .verb = verb, .by = "alice", .created_at = at(at_seconds)});
}

const Change& change_of(const Changeset& changeset, const Ref& ref) {
  const auto count = std::ranges::count(changeset.changes, ref, &Change::ref);
  EXPECT_EQ(count, 1) << to_string(ref);
  const auto found = std::ranges::find(changeset.changes, ref, &Change::ref);
  if (found == changeset.changes.end()) throw std::logic_error("no change of " + to_string(ref));
  return *found;
}

namespace {

// How a provider brings what it runs from one spec to the next: what neither names stays.
Value retargeted(Value fields, const Value* before, const Value& after) {
  if (!fields.is_map() || !after.is_map()) return after;
  if (before != nullptr && before->is_map()) {
    for (const auto& entry : before->as_map()) {
      Value* there = after.find(entry.key) == nullptr ? fields.find(entry.key) : nullptr;
      if (there == nullptr) continue;
      *there = entry.value.is_map() ? retargeted(std::move(*there), &entry.value, Value::map())
                                    : Value();
      if (there->size() == 0) fields.erase(entry.key);
    }
  }
  for (const auto& entry : after.as_map()) {
    const Value* old = before == nullptr ? nullptr : before->find(entry.key);
    Value* there = fields.find(entry.key);
    Value value = there == nullptr ? entry.value : retargeted(std::move(*there), old, entry.value);
    fields.set(entry.key, std::move(value));
  }
  return fields;
}

class Simulation {
 public:
  explicit Simulation(World& world) : world_(world) {}

  void apply(const Change& change) {
    if (change.action == Action::Keep) return;
    if (change.action == Action::Destroy) return destroy(change);
    ResourceRow& row = row_for(change);
    const auto before = row.applied;
    const bool is_operators = change.provider.empty();
    if (!is_operators && !change.is_record_only) act(change, row, before.get());
    row.provider = change.provider;
    row.applied = change.after;
    row.state = InventoryState::Owned;
    row.retained_until.reset();
    row.source = change.source;
  }

 private:
  void destroy(const Change& change) {
    world_.observed.erase(change.uid);
    const auto row = std::ranges::find(world_.inventory, change.uid, &ResourceRow::uid);
    if (row == world_.inventory.end()) return;
    if (change.erases_data || row->applied == nullptr) {
      world_.inventory.erase(row);
      return;
    }
    row->state = InventoryState::Retained;
    row->retained_until = world_.now + world_.retention;
  }

  ResourceRow& row_for(const Change& change) {
    const auto row = std::ranges::find(world_.inventory, change.uid, &ResourceRow::uid);
    if (!change.uid.empty() && row != world_.inventory.end()) return *row;
    ResourceRow fresh;
    fresh.uid = "new-" + std::string(to_string(change.ref.kind)) + "-" + change.ref.name;
    fresh.ref = change.ref;
    fresh.created_at = world_.now;
    world_.inventory.push_back(std::move(fresh));
    return world_.inventory.back();
  }

  void act(const Change& change, const ResourceRow& row, const Value* before) {
    if (change.action == Action::Create || change.action == Action::Replace)
      world_.observed.erase(row.uid);
    Observed& observed = world_.observed[row.uid];
    observed.uid = row.uid;
    observed.ref = change.ref;
    switch (change.action) {
      case Action::Create:
      case Action::Replace:
      case Action::Update: {
        const Value wanted = provider_part(change.ref.kind, *change.after);
        const Value old = before == nullptr ? Value() : provider_part(change.ref.kind, *before);
        const Value fields = observed.fields ? *observed.fields : Value::map();
        observed.fields = spec(retargeted(fields, &old, wanted));
        observed.spec_digest = change.spec_digest;
        observed.outdated.clear();
        if (observed.allows_egress) observed.allows_egress = world_.allow_egress;
        observed.phase = Phase::Running;
        observed.started_at = world_.now;
        break;
      }
      case Action::Start:
        observed.phase = Phase::Running;
        observed.started_at = world_.now;
        break;
      case Action::Stop:
        observed.phase = Phase::Stopped;
        observed.started_at.reset();
        break;
      default:
        break;
    }
  }

  World& world_;
};

}  // namespace

World applied(World world, const Changeset& changeset) {
  Simulation simulation(world);
  for (const Change& change : changeset.changes) simulation.apply(change);
  return world;
}

}  // namespace croft
