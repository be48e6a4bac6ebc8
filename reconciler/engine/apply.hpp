#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/base/async.hpp"
#include "core/base/clock.hpp"
#include "core/base/id.hpp"
#include "core/base/work.hpp"
#include "core/resource/resource.hpp"
#include "providers/port/provider.hpp"
#include "reconciler/changeset.hpp"
#include "reconciler/engine/effect_permits.hpp"
#include "reconciler/engine/journal.hpp"
#include "reconciler/world.hpp"

namespace croft {

/// A provider as applying uses it.
struct ProviderLane {
  std::shared_ptr<Provider> provider;
  std::shared_ptr<EffectPermits> permits;  ///< bounds what runs at the provider at a time
};

/// What applying one tenant's changeset needs to know beside the changeset.
struct ApplyOrder {
  TenantIdentity tenant;
  Changeset changeset;
  std::map<Ref, Desired> desired;
  bool allow_egress = false;
  Duration retention{0};  ///< how long data of destroyed resources is kept
  std::function<const ProviderLane*(const std::string& name)> lane;
  /// A directory of the source of a desired resource, at its revision: "public", ".".
  std::function<Task<Result<std::shared_ptr<const FileTree>>>(Desired desired, std::string path)>
      files;
  /// The clear values that a desired resource's spec names.
  std::function<Result<SecretValues>(const Desired& desired, const Value& spec)> secrets;
  /// Whether a dependency is what its dependent needs it to be.
  std::function<bool(const Ref&, DependencyState)> is_ready;
  std::function<bool()> is_superseded;  ///< a newer revision waits: start nothing more
};

struct ApplyReport {
  std::map<Ref, Error> failed;               ///< tried now, or not tried again yet
  std::map<Ref, std::vector<Ref>> deferred;  ///< waits for these to become ready
  int applied = 0;
  bool was_superseded = false;
};

/// Carries out changesets: an intent row first, then the provider, then the result, in dependency
/// order, everything that does not depend on one another at the same time. A change that failed is
/// not tried again before its time, however often a pass asks. On the control executor.
class Applier {
 public:
  Applier(asio::any_io_executor executor, Journal& journal, const Clock& clock,
          RandomSource& random)
      : executor_(std::move(executor)), journal_(journal), clock_(clock), random_(random) {}

  Task<ApplyReport> apply(ApplyOrder order);

  /// One effect by itself, with its intent: stop for a restart by hand, erase at the end of
  /// retention.
  Task<Result<void>> apply_one(const ApplyOrder& order, Change change);

  /// How long until the first of a tenant's failed changes may be tried again; nothing if none
  /// failed.
  std::optional<Duration> next_try(const std::string& tenant) const;
  /// Lets a tenant's failed changes be tried at once: somebody asked by hand.
  void forget_failures(const std::string& tenant);

 private:
  using SteadyTime = std::chrono::steady_clock::time_point;
  /// A change that failed, and when it may be tried again.
  struct Failure {
    bool was_removal = false;
    std::string spec_digest;
    Error error;
    int count = 0;
    SteadyTime not_before;

    /// The same wish: what failed as a create and is a start now, half made, is no new one.
    bool is_of(const Change& change) const;
  };
  /// The failure that keeps the change from being tried now, or null.
  const Failure* held_back(const Change& change) const;
  void note_failure(const Change& change, const Error& error);
  void forget_what_needs_no_change(const ApplyOrder& order);

  struct Run;
  /// What carrying out that change is about.
  static WorkPtr work_on(const Run& run, std::size_t index);
  Task<> run_change(std::shared_ptr<Run> run, std::size_t index);
  void start_what_can(const std::shared_ptr<Run>& run);

  Task<Result<void>> create(const ApplyOrder& order, Change change);
  Task<Result<void>> start(const ApplyOrder& order, Change change);
  Task<Result<void>> change_in_place(const ApplyOrder& order, Change change);
  Task<Result<void>> replace(const ApplyOrder& order, Change change);
  Task<Result<void>> destroy(const ApplyOrder& order, Change change);
  Task<Result<void>> adopt(const ApplyOrder& order, Change change);

  Task<Result<Effect>> effect_for(const ApplyOrder& order, const Change& change,
                                  const IntentRow& intent);
  IntentRow intent_for(const ApplyOrder& order, const Change& change, std::string_view action,
                       const std::string& provider);
  Task<Result<void>> close_intent(IntentRow intent, Result<void> outcome,
                                  std::vector<Write> on_success, const ApplyOrder& order,
                                  const Change& change);

  asio::any_io_executor executor_;
  Journal& journal_;
  const Clock& clock_;
  RandomSource& random_;
  std::map<Ref, Failure> failures_;
};

/// The line of history for a change that was carried out or failed.
EventRow event_for(const std::string& tenant, const Change& change, const std::string& revision,
                   const Error* error, Timestamp now);

}  // namespace croft
