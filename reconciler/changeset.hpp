#pragma once
// Room reconciler: makes the world match what Git declares.
//
//   changeset         what would be done and why: what `croft diff` shows and the daemon applies
//   world, diff       the pure middle: (desired, directives, last applied, observed) → changeset
//   records           the same of Secrets and Webhooks, which nothing runs
//   fields            the field-by-field comparison that diff() stands on
//   order             what is applied before what
//   expand            declared resources → what each provider shall run
//   guard             which changesets wait for a person
//   engine            the daemon's side: sources, passes, health, applying; what the API talks to

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/value.hpp"
#include "core/manifest/problem.hpp"
#include "core/resource/ref.hpp"
#include "plans/admission/quotas.hpp"
#include "plans/pricing/price.hpp"
#include "providers/port/update_way.hpp"

namespace croft {

enum class Action {
  Create,
  Update,
  Replace,
  Start,
  Stop,
  Destroy,
  Adopt,  ///< it runs as declared already and becomes ours
  Keep,   ///< nothing to do
};
std::string_view to_string(Action action);

/// One field that differs. Texts are as people write them, secrets masked; absent means there is no
/// such field.
struct FieldChange {
  std::string path;  ///< "resources.memory"
  std::optional<std::string> before;
  std::optional<std::string> after;
  bool operator==(const FieldChange&) const = default;
};

/// One difference with its action and its reason.
///
/// Reasons (CamelCase, stable):
/// - Declared: new in the source; create, adopt or finish what was begun
/// - DataReturned: declared again within retention: created with the uid and the data it had
/// - SpecChanged: its declaration changed
/// - ProviderChanged: it moves to another provider
/// - PlanChanged: its declaration is the same; whether its plan lets it reach the outside is not
/// - Drifted: nobody changed the declaration; the world moved and is put right
/// - Removed: no longer declared
/// - TenantRemoved: its tenant is gone from the platform
/// - Leftover: removed before, yet it is there again
/// - Started, Released, Restart: it runs (again) because a person said so, or no longer forbids it
/// - Held: stopped by hand (croft stop); left alone but for that
/// - Suspended: reconciling is paused by hand (croft suspend); left alone altogether
/// - TenantSuspended: its tenant is suspended; stopped, data kept
/// - SourceFrozen: its source failed to load; declaration left as it is
/// - ProviderUnobserved: its provider did not answer; left alone
/// - NotInInventory: one that nobody knows runs under its name; left alone until it is adopted
/// - Failed: as declared, and failing; its provider tries again
/// - Unchanged
struct Change {
  Ref ref;
  std::string uid;  ///< empty for what was never accepted yet
  Action action = Action::Keep;
  std::string
      provider;  ///< where it shall be; of Destroy and Stop: where it is. Empty for operator kinds
  /// Of a Replace that moves it: where it is now, to be destroyed there (data kept). Else empty.
  std::string provider_before;
  std::string source;  ///< key of the source that answers for it, for the row; Keep may change it
  std::string reason;
  std::string
      why;  ///< for people: "drifted: its process is gone since 12 min"; may be empty for Keep
  std::vector<FieldChange> fields;
  std::shared_ptr<const Value> before;  ///< last applied, or null
  /// What holds once it is applied, to be remembered as applied whatever the action: desired, but
  /// for ignored fields; the same as `before` where it is left alone or only stopped. Null if it
  /// goes or is not made.
  std::shared_ptr<const Value> after;
  /// Digest of the provider's part of after (reconciler/fields.hpp): the label croft.spec.
  std::string spec_digest;
  bool is_drift = false;  ///< nobody changed the declaration; the world moved
  /// Data is out of reach afterwards: the volumes of what is destroyed (kept for retention unless
  /// erases_data), a volume that shrinks or is no longer declared, volumes left behind on another
  /// provider. Always guarded.
  bool loses_data = false;
  bool erases_data = false;  ///< deletion.policy destroy: the data goes with it (DataPolicy::Erase)
  /// Only what Croft remembers changes (applied spec): the provider need not be called. Of Update;
  /// always of Adopt.
  bool is_record_only = false;
  bool stops_first = false;  ///< of Start: it runs, and is stopped before (croft restart)
  /// Of an Update of what runs: what it does to that, if its provider tells.
  std::optional<UpdateManner> manner;
  std::vector<Ref> depends_on;  ///< of this tenant; applied in that order, destroys in reverse
  std::optional<plans::ChangePrice> price;  ///< a month, if the changeset is priced
};

/// What becomes of a Secret or a Webhook, which nothing runs: it holds once its revision is
/// accepted, and needs no applying.
struct RecordChange {
  Ref ref;
  Action action = Action::Create;  ///< or Update, Destroy
  std::vector<FieldChange> fields;
  bool operator==(const RecordChange&) const = default;
};

/// Why a changeset waits for a person.
struct Guard {
  std::string reason;  ///< "EmptySource", "TenantRemoved", "SourceRemoved", "DataLoss", "TooMany"
  std::string message;
  bool operator==(const Guard&) const = default;
};

/// What a changeset costs a month. The prices of its changes and `shared` add up to `delta`.
struct ChangesetPrice {
  std::string rule;  ///< the pricing rule that computed it: "hourly"
  Money before;
  Money after;
  Money delta;
  Money shared;  ///< what allowances that resources share absorb; see plans::SetPrice
  std::vector<plans::QuoteLine> lines;  ///< of what is paid after
  std::string basis;  ///< the usage assumed: "always-on (730 h)"; empty if there is nothing to run
  std::vector<std::string> notices;   ///< what the rule says beside
  std::vector<std::string> unpriced;  ///< what is not in it, and why

  bool operator==(const ChangesetPrice&) const = default;
};

/// The ordered set of changes of one tenant ("" is the platform), with a digest over everything it
/// was computed from.
struct Changeset {
  std::string tenant;
  std::string plan;      ///< name of the tenant's Plan, or empty
  std::string before;    ///< what it starts from, for the header: "3f2a9c1"
  std::string after;     ///< what it leads to: "8d1c0aa", "working tree"
  bool observed = true;  ///< false: computed offline, against nothing or another revision
  /// In the order in which they are applied: create, update, replace, start and adopt with
  /// dependencies first; then stop, then destroy, dependents first; Keep last, by ref. Everything
  /// declared or owned has one. What was removed before and is there again (Leftover) has one of
  /// its own beside.
  std::vector<Change> changes;
  std::vector<RecordChange> records;  ///< by ref; those that differ
  std::vector<std::string>
      notes;  ///< for people: "source alice/old failed to load: its 3 resources are left alone"
  std::optional<Guard> guard;  ///< set: nothing is applied until acknowledged
  /// What plan and policy do not allow. Any: nothing is applied.
  std::vector<Problem> refusals;
  std::vector<plans::QuotaUse> quotas;  ///< of the plan, afterwards
  std::optional<ChangesetPrice> price;  ///< nothing: see `unpriced`
  /// Why it has no price: "plan 'trial' has no price". Empty if it has one, and where there is no
  /// plan at all (solo mode, the platform).
  std::string unpriced;
  std::string digest;  ///< 64 hexadecimal digits
};

/// True if accepting and applying it would do anything.
bool has_changes(const Changeset& changeset);
/// Of changes and records.
std::size_t count_of(const Changeset& changeset, Action action);

}  // namespace croft
