// Properties of the pure middle over random worlds: whatever was declared, applied, observed and
// ordered by hand.

#include <algorithm>
#include <random>

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include "tests/reconciler/worlds.hpp"

namespace croft {
namespace {

template <typename T>
T one_of(std::vector<T> values) {
  return *rc::gen::elementOf(std::move(values));
}
// Of the full range at any size, unlike RapidCheck's own numbers, which begin small; shrinks
// towards false.
bool chance(int percent) {
  return *rc::gen::resize(rc::kNominalSize, rc::gen::inRange(0, 100)) >= 100 - percent;
}

Value random_env() {
  Value env = Value::map();
  for (const char* name : {"A", "B", "C"}) {
    if (chance(50)) env.set(name, one_of<std::string>({"x", "y", "no"}));
  }
  if (chance(10)) env.set("TOKEN", Value::map({{"secret", "token"}}));
  return env;
}

Value random_volumes() {
  Value volumes = Value::list();
  for (const char* name : {"data", "logs"}) {
    if (!chance(50)) continue;
    volumes.push_back(
        Value::map({{"name", name}, {"path", "/v"}, {"size", one_of<int>({1 << 20, 1 << 21})}}));
  }
  return volumes;
}

Value random_app(const std::vector<std::string>& names) {
  Value app = Value::map();
  app.set("command", Value(Value::List{"run", one_of<std::string>({"1", "2"})}));
  if (chance(70)) app.set("env", random_env());
  if (chance(50)) app.set("volumes", random_volumes());
  if (chance(50)) app.set("resources", Value::map({{"memory", one_of<int>({1 << 27, 1 << 28})}}));
  if (chance(30))
    app.set("http",
            Value::map({{"port", 80},
                        {"hosts", Value(Value::List{one_of<std::string>({"a.b", "c.d"})})}}));
  if (chance(30))
    app.set("deletion", Value::map({{"policy", one_of<std::string>({"retain", "destroy"})}}));
  if (chance(40)) app.set("dependsOn", Value(Value::List{"Instance/" + one_of(names)}));
  if (chance(30)) {
    app.set(
        "ignore",
        Value(Value::List{one_of<std::string>({"env.A", "env", "volumes[data].size", "volumes.size",
                                               "resources", "http", "command"})}));
  }
  return app;
}

// What the provider reports: as applied, or drifted, with things of its own beside.
Value random_report(const Value& basis) {
  Value fields = provider_part(Kind::Instance, basis);
  if (chance(40)) fields.set("zone", "a");
  if (chance(30) && fields.find("env") != nullptr) fields.find("env")->set("OWN", "theirs");
  if (chance(20)) fields.set("env", random_env());
  if (chance(10)) fields.set("volumes", random_volumes());
  if (chance(10)) fields.erase("resources");
  if (chance(5)) fields.set("command", Value(7));
  if (chance(5)) fields = Value("garbage");
  return fields;
}

Phase random_phase() {
  return one_of<Phase>({Phase::Created, Phase::Starting, Phase::Running, Phase::Running,
                        Phase::Asleep, Phase::Stopping, Phase::Stopped, Phase::Completed,
                        Phase::Failed, Phase::Destroyed});
}

void observe(World& world, const ResourceRow& row, const Value& basis) {
  Observed observed;
  observed.uid = row.uid;
  observed.ref = row.ref;
  observed.phase = random_phase();
  if (!chance(10)) observed.fields = spec(random_report(basis));
  observed.spec_digest = chance(80) ? spec_digest(provider_part(Kind::Instance, basis)) : "other";
  if (chance(80)) observed.started_at = at(*rc::gen::inRange(-100, 0));
  world.observed[row.uid] = std::move(observed);
}

void populate(World& world, const std::string& name, const std::vector<std::string>& names) {
  const Ref ref = instance(name);
  Value value = random_app(names);
  if (chance(75)) {
    Desired& desired = declare(world, ref, value);
    desired.provider = one_of<std::string>({"local", "local", "docker"});
    desired.source = one_of<std::string>({"alice/main", "alice/main", "alice/other"});
  }
  if (chance(75)) {
    const Value before = chance(50) ? value : random_app(names);
    ResourceRow& row = own(world, ref, before);
    row.source = one_of<std::string>({"alice/main", "alice/main", "alice/other"});
    row.provider = one_of<std::string>({"local", "local", "docker"});
    if (chance(10)) row.applied = nullptr;
    if (chance(20)) row.state = InventoryState::Retained;
    if (chance(20)) row.retained_until = at(one_of<int>({-10, 10}));
    if (chance(row.state == InventoryState::Owned ? 80 : 10))
      observe(world, row, chance(70) ? before : value);
  }
  for (const DirectiveVerb verb : {DirectiveVerb::Stop, DirectiveVerb::Start,
                                   DirectiveVerb::Restart, DirectiveVerb::Suspend}) {
    if (!chance(10)) continue;
    direct(world, ref, verb, *rc::gen::inRange(-100, 0));
    if (chance(20)) world.directives.back().until = at(one_of<int>({-1, 1}));
  }
}

World random_world() {
  const std::vector<std::string> all{"a", "b", "c", "d", "e", "f"};
  World world = empty_world();
  for (std::size_t i = 0; i < static_cast<std::size_t>(*rc::gen::inRange(1, 7)); ++i)
    populate(world, all[i], all);
  world.is_suspended = chance(10);
  world.is_removed = chance(5);
  world.is_observed = !chance(10);
  if (chance(10)) world.unobserved.insert("docker");
  if (chance(15)) world.frozen_sources.insert("alice/other");
  return world;
}

std::string describe(const Changeset& changeset) {
  std::string text;
  for (const Change& change : changeset.changes) {
    text += std::string(to_string(change.action)) + " " + to_string(change.ref) + " " +
            change.reason + ": " + change.why + "\n";
    for (const FieldChange& field : change.fields) {
      text += "    " + field.path + " " + field.before.value_or("-") + " -> " +
              field.after.value_or("-") + "\n";
    }
  }
  return text;
}

std::string shape_of(const Changeset& changeset) {
  std::string text =
      describe(changeset) + changeset.digest + (changeset.guard ? changeset.guard->message : "");
  for (const std::string& note : changeset.notes) text += "\n" + note;
  return text;
}

World shuffled(World world, unsigned seed) {
  std::mt19937 random(seed);
  std::ranges::shuffle(world.inventory, random);
  std::ranges::shuffle(world.directives, random);
  return world;
}

void check(const std::function<void()>& property) {
  const auto result = rc::detail::checkTestable(property);
  if (result.template is<rc::detail::SuccessResult>()) return;
  std::ostringstream text;
  rc::detail::printResultMessage(result, text);
  FAIL() << text.str();
}

TEST(ConvergenceTest, AfterOneApplyTheSecondDiffIsEmpty) {
  check([] {
    const World before = random_world();
    const Changeset first = diff(before);
    const Changeset second = diff(applied(before, first));
    if (has_changes(second)) RC_FAIL("first:\n" + describe(first) + "second:\n" + describe(second));
  });
}

TEST(ConvergenceTest, TheOrderOfInputsDoesNotMatter) {
  check([] {
    const World world = random_world();
    const World other = shuffled(world, static_cast<unsigned>(*rc::gen::inRange(0, 1000)));
    RC_ASSERT(shape_of(diff(world)) == shape_of(diff(other)));
  });
}

TEST(ConvergenceTest, FieldsThatAreNotOursAreUntouched) {
  check([] {
    const World before = random_world();
    const Changeset changeset = diff(before);
    for (const Change& change : changeset.changes) {
      for (const FieldChange& field : change.fields) {
        RC_ASSERT(field.path != "zone");
        RC_ASSERT(field.path != "env.OWN");
      }
      const bool is_remade = change.action == Action::Create || change.action == Action::Replace;
      const auto observed = before.observed.find(change.uid);
      if (is_remade || observed == before.observed.end() || change.action == Action::Destroy)
        continue;
      if (!observed->second.fields) continue;
      const World after = applied(before, changeset);
      const Value& then = *after.observed.at(change.uid).fields;
      RC_ASSERT(observed->second.fields->text_or("zone", "-") == then.text_or("zone", "-"));
      RC_ASSERT(observed->second.fields->text_or("env.OWN", "-") == then.text_or("env.OWN", "-"));
    }
  });
}

TEST(ConvergenceTest, EveryResourceHasOneChangeAndAtMostALeftoverBeside) {
  check([] {
    const World world = random_world();
    const Changeset changeset = diff(world);
    std::set<Ref> places;
    std::set<Ref> seen;
    for (const Change& change : changeset.changes) {
      places.insert(change.ref);
      if (change.reason != "Leftover" && !seen.insert(change.ref).second)
        RC_FAIL(describe(changeset));
    }
    for (const auto& [ref, desired] : world.desired) RC_ASSERT(places.contains(ref));
    for (const ResourceRow& row : world.inventory)
      RC_ASSERT(row.state != InventoryState::Owned || places.contains(row.ref));
  });
}

TEST(ConvergenceTest, NothingIsDestroyedThatIsDeclaredOrFrozenOrUnobserved) {
  check([] {
    const World world = random_world();
    for (const Change& change : diff(world).changes) {
      if (change.action != Action::Destroy || world.is_removed) continue;
      RC_ASSERT(!world.desired.contains(change.ref) || change.uid != "");
      const auto row = std::ranges::find(world.inventory, change.uid, &ResourceRow::uid);
      RC_ASSERT(row != world.inventory.end());
      RC_ASSERT(!world.desired.contains(change.ref) || row->state == InventoryState::Retained);
      RC_ASSERT(!world.frozen_sources.contains(row->source));
      RC_ASSERT(!world.is_observed || !world.unobserved.contains(row->provider));
    }
  });
}

TEST(ConvergenceTest, WhateverLosesDataIsGuarded) {
  check([] {
    const Changeset changeset = diff(random_world());
    const bool loses = std::ranges::any_of(changeset.changes, &Change::loses_data);
    RC_ASSERT(!loses || changeset.guard.has_value());
  });
}

// Each edit changes one input that decides; none may leave the digest as it was.
using Edit = std::pair<std::string, std::function<void(World&)>>;

std::vector<Edit> edits() {
  const Ref ref = instance("a");
  return {
      {"desired spec", [=](World& w) { declare(w, ref, app("other")); }},
      {"desired provider", [=](World& w) { w.desired.at(ref).provider = "docker"; }},
      {"desired source", [=](World& w) { w.desired.at(ref).source = "alice/x"; }},
      {"desired dependency",
       [=](World& w) {
         Value value = *w.desired.at(ref).spec;
         value.set("dependsOn", Value(Value::List{"Instance/zzz"}));
         declare(w, ref, value);
       }},
      {"desired is gone", [=](World& w) { w.desired.erase(ref); }},
      {"applied spec", [=](World& w) { row_of(w, ref).applied = spec(app("other")); }},
      {"applied is unknown", [=](World& w) { row_of(w, ref).applied = nullptr; }},
      {"row provider", [=](World& w) { row_of(w, ref).provider = "x"; }},
      {"row source", [=](World& w) { row_of(w, ref).source = "x"; }},
      {"row state", [=](World& w) { row_of(w, ref).state = InventoryState::Retained; }},
      {"row is gone", [=](World& w) { w.inventory.clear(); }},
      {"observed is gone", [=](World& w) { w.observed.clear(); }},
      {"observed stopped", [=](World& w) { w.observed.at("uid-a").phase = Phase::Stopped; }},
      {"observed field of ours",
       [=](World& w) { w.observed.at("uid-a").fields = spec(app("drift")); }},
      {"observed label", [=](World& w) { w.observed.at("uid-a").spec_digest = "x"; }},
      {"directive", [=](World& w) { direct(w, ref, DirectiveVerb::Stop, -5); }},
      {"restart", [=](World& w) { direct(w, ref, DirectiveVerb::Restart, -5); }},
      {"suspension", [](World& w) { w.is_suspended = true; }},
      {"removal", [](World& w) { w.is_removed = true; }},
      {"unobserved", [](World& w) { w.unobserved.insert("x"); }},
      {"frozen", [](World& w) { w.frozen_sources.insert("x"); }},
      {"emptied", [](World& w) { w.emptied_sources.insert("x"); }},
      {"removed source", [](World& w) { w.removed_sources.insert("x"); }},
      {"tenant", [](World& w) { w.tenant = "bob"; }},
      {"plan", [](World& w) { w.plan = "x"; }},
      {"offline", [](World& w) { w.is_observed = false; }},
  };
}

World small_world() {
  World world = empty_world();
  settle(world, instance("a"), app());
  return world;
}

TEST(DigestTest, ChangesWithEveryInputThatDecides) {
  std::map<std::string, std::string> seen{{diff(small_world()).digest, "nothing"}};
  for (const auto& [what, edit] : edits()) {
    World world = small_world();
    edit(world);
    const auto [before, is_new] = seen.emplace(diff(world).digest, what);
    EXPECT_TRUE(is_new) << what << " gives the digest of " << before->second;
  }
}

TEST(DigestTest, DoesNotChangeWithWhatMovesByItself) {
  const std::string digest = diff(small_world()).digest;
  const std::vector<Edit> moves{
      {"time", [](World& w) { w.now = at(100'000); }},
      {"revision", [](World& w) { w.desired.at(instance("a")).revision = "beef"; }},
      {"a field of the provider's",
       [](World& w) {
         Value fields = *w.observed.at("uid-a").fields;
         fields.set("uptime", 3);
         w.observed.at("uid-a").fields = spec(fields);
       }},
      {"phase", [](World& w) { w.observed.at("uid-a").phase = Phase::Starting; }},
      {"crash",
       [](World& w) {
         w.observed.at("uid-a").phase = Phase::Failed;
         w.observed.at("uid-a").restarts = 7;
         w.observed.at("uid-a").message = "exit status 1";
       }},
      {"row's words",
       [](World& w) {
         w.inventory[0].message = "x";
         w.inventory[0].observed_at = at(5);
         w.inventory[0].conditions.push_back({.type = "Ready"});
       }},
      {"a digest not at hand", [](World& w) { w.desired.at(instance("a")).spec_digest.clear(); }},
  };
  for (const auto& [what, move] : moves) {
    World world = small_world();
    move(world);
    EXPECT_EQ(diff(world).digest, digest) << what;
  }
}

}  // namespace
}  // namespace croft
