#include "reconciler/decision.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "reconciler/digest.hpp"
#include "reconciler/fields.hpp"
#include "reconciler/order.hpp"
#include "reconciler/words.hpp"

namespace croft {

namespace {

bool is_stopped(Phase phase) {
  return phase == Phase::Stopped || phase == Phase::Stopping || phase == Phase::Created;
}

const DirectiveRow* newest(const Subject& subject, std::initializer_list<DirectiveVerb> verbs) {
  const DirectiveRow* found = nullptr;
  for (const DirectiveRow* directive : subject.directives) {
    if (std::ranges::find(verbs, directive->verb) == verbs.end()) continue;
    // Of two at the same time stopping wins: it is the first verb, and directives are sorted by
    // verb.
    if (found == nullptr || directive->created_at > found->created_at) found = directive;
  }
  return found;
}

std::vector<std::string> volumes_of(const Value* spec) {
  std::vector<std::string> names;
  const Value* volumes = spec == nullptr ? nullptr : spec->find("volumes");
  if (volumes == nullptr || !volumes->is_list()) return names;
  for (const Value& volume : volumes->as_list()) names.push_back(volume.text_or("name", "?"));
  return names;
}

/// Whether something that is destroyed takes data out of reach.
bool has_data(Kind kind, const Value* spec) {
  return kind == Kind::Volume || !volumes_of(spec).empty();
}

const Value* volume_named(const Value* spec, std::string_view name) {
  const Value* volumes = spec == nullptr ? nullptr : spec->find("volumes");
  if (volumes == nullptr || !volumes->is_list()) return nullptr;
  for (const Value& volume : volumes->as_list()) {
    if (volume.text_or("name", "?") == name) return &volume;
  }
  return nullptr;
}

// What an update would do to data: "volume data shrinks", or empty.
std::string volume_loss(const Value* before, const Value* after) {
  for (const std::string& name : volumes_of(before)) {
    const Value* kept = volume_named(after, name);
    if (kept == nullptr) return fmt::format("volume '{}' is no longer declared", name);
    if (kept->integer_or("size", 0) < volume_named(before, name)->integer_or("size", 0)) {
      return fmt::format("volume '{}' shrinks", name);
    }
  }
  return {};
}

/// Decides on one resource. Each rule of diff() in world.hpp is one function; the first that
/// applies fills the change.
class Decision {
 public:
  Decision(const World& world, const Subject& subject) : world_(world), it_(subject) {
    change_.ref = subject.ref;
    if (subject.row != nullptr) {
      change_.uid = subject.row->uid;
      change_.before = subject.row->applied;
    }
    const bool is_declared = subject.desired != nullptr;
    change_.provider = is_declared ? subject.desired->provider : subject.row->provider;
    change_.source = is_declared ? subject.desired->source : subject.row->source;
    if (subject.desired != nullptr) set_after(subject.desired->spec, subject.desired->spec_digest);
  }

  Change decide() && {
    const bool is_decided = tenant_is_removed() || is_unobserved() || is_frozen() ||
                            is_suspended_by_hand() || is_not_declared() || is_held_back() ||
                            is_taken() || is_missing() || is_moving() || differs_in_fields() ||
                            is_not_running() || is_to_restart();
    if (!is_decided) keep_as_it_is();
    say_manner();
    const Value* spec = change_.after ? change_.after.get() : change_.before.get();
    if (spec != nullptr) change_.depends_on = all_of(dependencies_of(change_.ref, *spec));
    return std::move(change_);
  }

 private:
  /// Depending on a Stack is depending on each of its Services.
  std::vector<Ref> all_of(std::vector<Ref> refs) const {
    std::vector<Ref> all;
    for (Ref& ref : refs) {
      if (ref.kind == Kind::Stack) {
        for (const auto& [part, desired] : world_.desired) {
          if (part.kind == Kind::Service && concerns(ref, part)) all.push_back(part);
        }
      } else {
        all.push_back(std::move(ref));
      }
    }
    return all;
  }

  // What is known

  bool is_owned() const { return it_.row != nullptr && it_.row->state == InventoryState::Owned; }
  const Value* applied() const { return it_.row == nullptr ? nullptr : it_.row->applied.get(); }
  /// Nobody reports on it: an operator kind, or a diff made offline. What was applied is taken for
  /// what is there.
  bool is_taken_on_trust() const {
    return !world_.is_observed ||
           (change_.provider.empty() && (it_.row == nullptr || it_.row->provider.empty()));
  }
  bool is_there() const {
    if (is_taken_on_trust()) return is_owned() && applied() != nullptr;
    return it_.observed != nullptr;
  }
  Phase phase() const {
    return it_.observed != nullptr && !is_taken_on_trust() ? it_.observed->phase : Phase::Running;
  }
  bool reports_fields() const {
    return !is_taken_on_trust() && it_.observed != nullptr && it_.observed->fields != nullptr;
  }
  const Value* actual() const { return reports_fields() ? it_.observed->fields.get() : applied(); }

  std::string since() const {
    const Condition* ready =
        it_.row == nullptr ? nullptr : find_condition(it_.row->conditions, "Ready");
    if (ready == nullptr || ready->status == ConditionStatus::True || ready->since > world_.now)
      return {};
    return " since " + spoken(world_.now - ready->since);
  }
  /// Why it was not running until now, if that was somebody's will.
  std::string released_from() const {
    const Condition* ready =
        it_.row == nullptr ? nullptr : find_condition(it_.row->conditions, "Ready");
    if (ready == nullptr) return {};
    if (ready->reason == "Held") return "no longer held";
    if (ready->reason == "TenantSuspended")
      return fmt::format("tenant {} is no longer suspended", world_.tenant);
    if (ready->reason == "Suspended") return "no longer suspended";
    return {};
  }

  // What is decided

  bool say(Action action, std::string reason, std::string why) {
    change_.action = action;
    change_.reason = std::move(reason);
    change_.why = std::move(why);
    return true;
  }

  /// Like say(), for what is not brought to what is declared: it stays as it was applied.
  bool leave(Action action, std::string reason, std::string why) {
    if (change_.after != change_.before) set_after(change_.before, {});
    if (it_.row != nullptr) change_.provider = it_.row->provider;
    return say(action, std::move(reason), std::move(why));
  }

  void set_after(std::shared_ptr<const Value> spec, std::string digest) {
    change_.after = std::move(spec);
    change_.spec_digest.clear();
    if (digest.empty() && change_.after) {
      digest = croft::spec_digest(provider_part(change_.ref.kind, *change_.after));
    }
    change_.spec_digest = std::move(digest);
  }

  bool destroy(std::string reason, std::string why) {
    change_.after = nullptr;
    change_.spec_digest.clear();
    change_.provider = it_.row->provider;
    const Kind kind = change_.ref.kind;
    const bool had_data = has_data(kind, applied()) || has_data(kind, actual());
    change_.loses_data = is_owned() && (had_data || change_.erases_data);
    return say(Action::Destroy, std::move(reason), std::move(why));
  }

  bool destroy_leftover() {
    return destroy("Leftover", "was removed before, yet it is there again; its data is kept");
  }

  bool tenant_is_removed() {
    if (!world_.is_removed || is_unobserved_at(it_.row)) return false;
    const std::string why = fmt::format("tenant {} is removed; its data is kept", world_.tenant);
    const bool is_gone = it_.row == nullptr || (!is_owned() && it_.observed == nullptr);
    if (is_gone) return leave(Action::Keep, "TenantRemoved", why);
    if (!is_owned()) return destroy_leftover();
    return destroy("TenantRemoved", why);
  }

  bool is_unobserved_at(const ResourceRow* row) const {
    return world_.is_observed && row != nullptr && world_.unobserved.contains(row->provider);
  }

  bool is_unobserved() {
    const bool is_target = world_.is_observed && world_.unobserved.contains(change_.provider);
    if (!is_target && !is_unobserved_at(it_.row)) return false;
    const std::string silent = is_target ? change_.provider : it_.row->provider;
    const std::string why = fmt::format("provider {} does not answer; left alone", silent);
    leave(Action::Keep, "ProviderUnobserved", why);
    change_.provider = silent;
    return true;
  }

  bool is_frozen() {
    if (it_.row == nullptr || !world_.frozen_sources.contains(it_.row->source)) return false;
    if (it_.desired != nullptr && it_.desired->source == it_.row->source) return false;
    // Its power is still ours to decide: `croft stop` must work while a manifest is broken.
    leave(Action::Keep, "SourceFrozen", "");
    change_.source = it_.row->source;
    if (is_owned() && is_there()) {
      if (is_suspended_by_hand() || is_held_back() || is_not_running() || is_to_restart())
        return true;
    }
    return say(Action::Keep, "SourceFrozen",
               fmt::format("source {} failed to load; left alone", it_.row->source));
  }

  bool is_suspended_by_hand() {
    if (world_.is_suspended) return false;
    const DirectiveRow* directive = newest(it_, {DirectiveVerb::Suspend});
    if (directive == nullptr) return false;
    return leave(Action::Keep, "Suspended", spoken(*directive, world_.now) + ", left alone");
  }

  bool is_not_declared() {
    if (it_.desired != nullptr) return false;
    if (!is_owned()) {
      return destroy_leftover();
    }
    change_.erases_data =
        applied() != nullptr && applied()->text_or("deletion.policy", "retain") == "destroy";
    return destroy("Removed", "removed from " +
                                  (it_.row->source.empty() ? "the source" : it_.row->source) +
                                  fate_of_data());
  }

  std::string fate_of_data() const {
    const bool keeps_data = has_data(change_.ref.kind, applied());
    if (!keeps_data && change_.ref.kind != Kind::Site) return {};
    const std::string_view what = keeps_data ? "data" : "releases";
    if (change_.erases_data) return fmt::format("; {} erased with it", what);
    const std::int64_t after =
        applied() == nullptr ? world_.retention.count()
                             : applied()->integer_or("deletion.after", world_.retention.count());
    return fmt::format("; {} kept for {}", what, spoken(Duration(after)));
  }

  bool is_held_back() {
    if (is_passive(change_.ref.kind)) {
      return world_.is_suspended &&
             leave(Action::Keep, "TenantSuspended",
                   fmt::format("tenant {} is suspended, left alone", world_.tenant));
    }
    const DirectiveRow* power =
        newest(it_, {DirectiveVerb::Stop, DirectiveVerb::Start, DirectiveVerb::Restart});
    const bool is_held = power != nullptr && power->verb == DirectiveVerb::Stop;
    if (!world_.is_suspended && !is_held) return false;
    const std::string reason = world_.is_suspended ? "TenantSuspended" : "Held";
    const std::string why = world_.is_suspended
                                ? fmt::format("tenant {} is suspended", world_.tenant)
                                : spoken(*power, world_.now);
    const bool runs = !is_taken_on_trust() && it_.observed != nullptr && !is_stopped(phase()) &&
                      phase() != Phase::Completed;
    return runs ? leave(Action::Stop, reason, why)
                : leave(Action::Keep, reason, why + ", left alone");
  }

  /// The store may have been lost: making it a second time would double it.
  bool is_taken() {
    if (it_.stranger == nullptr || it_.row != nullptr) return false;
    return leave(Action::Keep, "NotInInventory",
                 fmt::format("one with uid {} runs already, and is not in the inventory: `croft "
                             "adopt -t {}` takes it over",
                             it_.stranger->uid, world_.tenant));
  }

  bool is_missing() {
    if (is_there()) return false;
    const bool is_back = it_.row != nullptr && it_.row->state == InventoryState::Retained;
    if (is_owned() && it_.row->provider != change_.provider) return false;
    if (is_back || applied() == nullptr) {
      if (change_.after) change_.fields = fields_of_new(change_.ref.kind, *change_.after);
      if (is_back) {
        std::string why = "declared again within retention: its data returns";
        note_loss_of_volumes(why);
        return say(Action::Create, "DataReturned", std::move(why));
      }
      return say(Action::Create, "Declared", "new in " + it_.desired->source);
    }
    keep_what_is_ignored();
    std::string why = fmt::format("drifted: it is gone from {}{}", change_.provider, since());
    change_.is_drift = collect_fields().empty();
    if (!change_.is_drift) why += "; spec changed too";
    note_loss_of_volumes(why);
    return say(Action::Create, "Drifted", std::move(why));
  }

  bool is_moving() {
    if (!is_owned() || it_.row->provider == change_.provider) return false;
    change_.provider_before = it_.row->provider;
    keep_what_is_ignored();
    collect_fields();
    std::string why = fmt::format("moves from {} to {}", change_.provider_before, change_.provider);
    std::vector<std::string> volumes = volumes_of(applied() != nullptr ? applied() : actual());
    if (change_.ref.kind == Kind::Volume) volumes = {name_in_stack(change_.ref)};
    if (!volumes.empty()) {
      change_.loses_data = true;
      why += fmt::format("; volume{} {} stay{} behind", volumes.size() == 1 ? "" : "s",
                         fmt::join(volumes, ", "), volumes.size() == 1 ? "s" : "");
    }
    return say(Action::Replace, "ProviderChanged", std::move(why));
  }

  // Fields

  SpecTriple triple(const Value* actual_spec) const {
    return {change_.ref.kind, change_.after.get(), applied(), actual_spec, ignore_};
  }

  void keep_what_is_ignored() {
    ignore_ = texts_at(it_.desired->spec.get(), "ignore");
    if (ignore_.empty() || actual() == nullptr) return;
    auto kept = keep_ignored(triple(actual()), it_.desired->spec);
    if (kept != change_.after) set_after(std::move(kept), {});
  }

  std::vector<FieldDifference> collect_fields() {
    std::vector<FieldDifference> differences = compare_specs(triple(actual()));
    for (const FieldDifference& difference : differences)
      change_.fields.push_back(difference.change);
    return differences;
  }

  bool differs_in_fields() {
    keep_what_is_ignored();
    const auto differences = collect_fields();
    if (applied() == nullptr) return takes_over(differences);
    if (differences.empty())
      return differs_in_records() || runs_something_else() || has_left_something_behind() ||
             is_outdated() || is_of_another_plan();
    const bool replaces = std::ranges::any_of(differences, [](const FieldDifference& difference) {
      return difference.effect == ChangeEffect::Replace && !difference.is_for_croft;
    });
    const bool is_declared = std::ranges::any_of(differences, &FieldDifference::is_declared);
    change_.is_drift = !is_declared;
    change_.is_record_only = !replaces && !is_of_another_label() &&
                             std::ranges::all_of(differences, &FieldDifference::is_for_croft);
    std::string why = is_declared ? "spec changed" : "drifted: changed outside of Git";
    if (replaces) why += "; cannot be changed in place";
    note_loss_of_volumes(why);
    say(replaces ? Action::Replace : Action::Update, is_declared ? "SpecChanged" : "Drifted",
        std::move(why));
    return with_power();
  }

  void note_loss_of_volumes(std::string& why) {
    std::string loss = volume_loss(actual(), change_.after.get());
    if (loss.empty()) loss = volume_loss(applied(), change_.after.get());
    if (loss.empty()) return;
    change_.loses_data = true;
    why += "; " + loss;
  }

  // It is there, and nothing says that we ever applied anything: an effect whose end was not
  // written down.
  bool takes_over(const std::vector<FieldDifference>& differences) {
    const bool is_as_declared = std::ranges::all_of(differences, &FieldDifference::is_for_croft);
    if (is_as_declared && !reports_fields() && it_.observed != nullptr &&
        it_.observed->spec_digest != change_.spec_digest) {
      return say(Action::Update, "Declared", "found half made; finished");
    }
    if (!is_as_declared) {
      std::string why = "found, but not as declared";
      note_loss_of_volumes(why);
      return say(Action::Update, "Declared", std::move(why));
    }
    if (is_stopped(phase())) return say(Action::Start, "Declared", "found made, but not started");
    return is_to_restart() || say(Action::Adopt, "Declared", "runs as declared already");
  }

  // The provider has nothing to change, but what we remember as applied is not what is declared.
  bool differs_in_records() {
    if (it_.row->applied == change_.after || *applied() == *change_.after) return false;
    const auto differences = compare_specs(triple(applied()));
    if (differences.empty()) return false;
    for (const FieldDifference& difference : differences)
      change_.fields.push_back(difference.change);
    // Where the label is another one, the provider is told, so that label and record agree.
    change_.is_record_only =
        is_taken_on_trust() || it_.observed->spec_digest == change_.spec_digest;
    say(Action::Update, "SpecChanged", "spec changed; it is like that already");
    return with_power();
  }

  // What only changes our records does not start what should run; then starting it is the change.
  bool with_power() {
    if (!change_.is_record_only) return true;
    const std::string why = change_.why;
    if (!is_not_running() && !is_to_restart()) return true;
    change_.is_record_only = false;
    change_.why += "; " + why;
    return true;
  }

  // A provider that reports no fields still says by the label what it runs with.
  bool is_of_another_label() const {
    if (is_taken_on_trust() || reports_fields()) return false;
    return !it_.observed->spec_digest.empty() && it_.observed->spec_digest != change_.spec_digest;
  }

  bool runs_something_else() {
    if (!is_of_another_label()) return false;
    change_.is_drift = true;
    return say(Action::Update, "Drifted", "drifted: it does not run what was applied last");
  }

  bool has_left_something_behind() {
    if (is_taken_on_trust() || it_.observed->left_behind.empty()) return false;
    change_.is_drift = true;
    return say(Action::Update, "Drifted",
               "drifted: an interrupted change left " + it_.observed->left_behind);
  }

  bool is_outdated() {
    if (is_taken_on_trust() || it_.observed->outdated.empty() || phase() == Phase::Completed)
      return false;
    change_.is_drift = true;
    return say(Action::Update, "Drifted", "drifted: " + it_.observed->outdated);
  }

  /// It reaches the outside as its plan said when it was made.
  bool has_another_egress() const {
    return !is_taken_on_trust() && it_.observed != nullptr && it_.observed->allows_egress &&
           *it_.observed->allows_egress != world_.allow_egress;
  }

  bool is_of_another_plan() {
    // What has done its work does not do it again for that.
    if (!has_another_egress() || phase() == Phase::Completed) return false;
    return say(Action::Update, "PlanChanged",
               world_.allow_egress ? "its plan lets it reach the outside"
                                   : "its plan does not let it reach the outside any more");
  }

  void say_manner() {
    const bool is_asked = change_.action == Action::Update && !change_.is_record_only &&
                          !is_passive(change_.ref.kind) && world_.how_updated &&
                          actual() != nullptr && change_.after != nullptr && !is_stopped(phase());
    if (!is_asked) return;
    const bool is_anew =
        has_another_egress() || (it_.observed != nullptr && !it_.observed->outdated.empty());
    change_.manner =
        world_.how_updated(change_.provider, change_.ref, *actual(), *change_.after, is_anew);
  }

  // Power

  bool is_not_running() {
    if (!is_stopped(phase()) || is_passive(change_.ref.kind)) return false;
    if (const DirectiveRow* start = newest(it_, {DirectiveVerb::Start, DirectiveVerb::Restart})) {
      return say(Action::Start, "Started", spoken(*start, world_.now));
    }
    if (std::string released = released_from(); !released.empty()) {
      return say(Action::Start, "Released", std::move(released));
    }
    change_.is_drift = true;
    const std::string& word = it_.observed->message;
    const std::string_view state =
        phase() == Phase::Created ? "it was never started" : "it is stopped";
    return say(
        Action::Start, "Drifted",
        fmt::format("drifted: {}{}", word.empty() ? state : std::string_view(word), since()));
  }

  bool is_to_restart() {
    const DirectiveRow* restart = newest(it_, {DirectiveVerb::Restart});
    if (restart == nullptr || is_passive(change_.ref.kind) || is_taken_on_trust() ||
        !it_.observed->started_at)
      return false;
    if (*it_.observed->started_at >= restart->created_at) return false;
    change_.stops_first = true;
    return say(Action::Start, "Restart", spoken(*restart, world_.now));
  }

  void keep_as_it_is() {
    if (phase() != Phase::Failed) {
      say(Action::Keep, "Unchanged", "");
      return;
    }
    std::string why = it_.observed->reason.empty() ? "it fails" : it_.observed->reason;
    if (!it_.observed->message.empty()) why += ": " + it_.observed->message;
    say(Action::Keep, "Failed", std::move(why));
  }

  const World& world_;
  const Subject& it_;
  std::vector<std::string> ignore_;
  Change change_;
};

}  // namespace

Change decide(const World& world, const Subject& subject) {
  return Decision(world, subject).decide();
}

}  // namespace croft
