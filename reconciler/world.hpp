#pragma once

#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "core/resource/resource.hpp"
#include "core/store/rows.hpp"
#include "providers/port/provider.hpp"
#include "reconciler/changeset.hpp"
#include "reconciler/records.hpp"

namespace croft {

/// What one resource shall be: expanded, placed on a provider, normalised by it.
struct Desired {
  Ref ref;
  std::string provider;  ///< name of the Provider; empty for operator kinds, which no provider runs
  std::shared_ptr<const Value> spec;  ///< normalised
  std::string source;                 ///< key of the source that declares it
  std::string
      revision;  ///< commit; no part of the digest: a commit that changes nothing changes nothing
  /// Digest of the provider's part of spec. expand() fills it in, so that it is computed once per
  /// spec and not once per pass; empty is computed where needed.
  std::string spec_digest;
  std::shared_ptr<const Value>
      declared;  ///< what spec was made from; expand() knows it again by it
};

/// Everything a tenant's changeset depends on, as values. Pure code: no I/O, no clock but `now`.
///
/// The rows' conditions are read for words only: `Ready` says since when something is not as it
/// should be, and its reason (Held, TenantSuspended, Suspended) tells a start after that from the
/// repair of drift.
struct World {
  std::string tenant;
  std::string plan;
  std::string terms;          ///< digest of what the plan costs: consent is to a price, too
  bool is_suspended = false;  ///< Tenant.spec.suspended
  bool is_removed = false;    ///< the Tenant itself is gone from the platform
  /// False: computed offline. What was applied is taken for what is there; nothing can have
  /// drifted.
  bool is_observed = true;
  std::map<Ref, Desired> desired;
  Records records_before;  ///< Secrets and Webhooks as accepted, of the sources that change
  Records records;         ///< as they shall be, of the same sources
  std::vector<ResourceRow> inventory;        ///< Retained rows too: their data may return
  std::map<std::string, Observed> observed;  ///< by uid: of this tenant's rows and refs
  std::set<std::string>
      unobserved;  ///< providers that could not be observed: their things are left alone
  /// Of volumes and what has some: the bytes that were last measured to lie there.
  std::map<Ref, std::int64_t> storage_used;
  bool allow_egress = false;  ///< of the plan; what a provider reports otherwise is updated
  /// Pure, of the providers by name: Provider::how_updated(). Empty: nobody tells.
  std::function<std::optional<UpdateManner>(const std::string& provider, const Ref& ref,
                                            const Value& before, const Value& after, bool is_anew)>
      how_updated;
  std::vector<DirectiveRow> directives;  ///< those in force at `now`; others are skipped by `until`
  /// Failed to load. What `desired` still has of them (the last good revision) is kept up as usual;
  /// what it has not is left as it is, but for stop, start and suspension. Nothing of theirs is
  /// destroyed but with the tenant itself.
  std::set<std::string> frozen_sources;
  std::set<std::string> emptied_sources;  ///< loaded well but declare nothing any more
  std::set<std::string> removed_sources;  ///< are gone from the platform
  Duration retention{
      30LL *
      86'400'000};  ///< how long data is kept where deletion.after says nothing; for words only
  Timestamp now;
  /// False: a changeset that changes nothing needs no digest, as nobody is to agree to it. A third
  /// of what a pass over what has not changed costs.
  bool wants_digest = true;
};

/// The one diff: used by `croft diff`, by the check before a push is accepted, and by the daemon.
/// Deterministic, whatever the order of the inputs. After applying its changes, diffing again gives
/// only Keep. Never throws, whatever providers report.
///
/// What decides, first match first:
/// - the tenant is removed: everything is destroyed, its data kept
/// - the provider could not be observed: left alone, with a note
/// - suspended by hand: left alone, unless the tenant is suspended
/// - no longer declared: destroyed (its source frozen: left alone, with a note)
/// - the tenant is suspended, or it is held: what runs is stopped; nothing else is done to it
/// - one of its name runs that the inventory does not know: left alone until it is adopted
/// - declared and not there: created
/// - declared for another provider: replaced. Where volumes would be left behind this loses data
///   and is guarded; it is not refused outright, because the owner may know better and can
///   acknowledge it
/// - its fields differ: updated, or replaced if one of them cannot be changed in place
/// - it must be made anew, or may reach the outside otherwise than its plan says: updated
/// - it is stopped, stopping, or was made and never started: started; so is what a restart was
///   asked for after it started
/// - else it is kept. What fails (CrashLoop) is its provider's to try again
///
/// The digest covers what decides, and nothing that moves by itself: of an observation whether the
/// thing is absent, stopped or up, and the fields that are ours; no times, no revisions, no words.
Changeset diff(const World& world);

/// The difference of two specs of a kind as people read it, secrets masked, without the paths in
/// `ignore`. With no `before`: what the new resource sets that is not a default anyway.
std::vector<FieldChange> diff_fields(Kind kind, const Value* before, const Value* after,
                                     const std::vector<std::string>& ignore);

/// Why this changeset must wait for a person, if it must; design section 6 "Pruning is careful".
/// The first of
/// - TenantRemoved: the tenant is gone, or the platform's changes remove a Tenant
/// - SourceRemoved: something goes because its source is gone, or the platform's changes remove a
///   Source
/// - EmptySource: something goes because its source declares nothing any more, which is more often
///   an accident than a wish
/// - DataLoss: volumes go, shrink or are left behind, or deletion.policy is destroy
/// - TooMany: at least two things go, and they are more than half of what the tenant has
///
/// Not guarded: stopping; replacing what has no volumes; removing one Site of three, or the only
/// Site of a source that declares something else now; cleaning up what was never applied or was
/// removed before.
std::optional<Guard> guard_of(const World& world, const std::vector<Change>& changes);

/// True for what need not wait although the changeset is guarded, because nobody has to think about
/// it: repairing drift, and stopping, starting and restarting what runs. Never anything that
/// destroys or loses data.
bool is_exempt_from_guard(const Change& change);

}  // namespace croft
