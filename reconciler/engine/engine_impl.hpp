#pragma once

#include <list>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "core/base/guarded.hpp"
#include "core/base/work.hpp"
#include "reconciler/admission.hpp"
#include "reconciler/engine.hpp"
#include "reconciler/engine/apply.hpp"
#include "reconciler/engine/catalog.hpp"
#include "reconciler/engine/health.hpp"
#include "reconciler/engine/journal.hpp"
#include "reconciler/engine/news.hpp"
#include "reconciler/engine/observer.hpp"
#include "reconciler/engine/occupancy.hpp"
#include "reconciler/engine/push.hpp"
#include "reconciler/engine/queue.hpp"
#include "reconciler/engine/readiness.hpp"
#include "reconciler/engine/source_keeper.hpp"
#include "reconciler/engine/usage.hpp"
#include "reconciler/expand.hpp"
#include "reconciler/pricing.hpp"
#include "reconciler/world.hpp"

namespace croft {

/// A source under watch: what it held when it was last good, and what its newest commit says.
struct SourceState {
  std::shared_ptr<SourceKeeper> keeper;
  std::shared_ptr<const SourceLoad> accepted;   ///< what is applied, or null before the first
  std::shared_ptr<const SourceLoad> candidate;  ///< newer, loaded well, not judged by a pass yet
  bool was_tried = false;                       ///< fetched at least once since start
  std::string passed_revision;                  ///< what was accepted when a pass last ended
  std::string broken;  ///< which Secrets of `accepted` cannot be opened, and why; empty if all can
  SpanContext asked_by;      ///< who told of a push that no look has found yet
  std::optional<Push> push;  ///< on its way, and traced
};

/// What came of opening Secrets, and of what: the same again gives the same.
struct OpenedSecrets {
  std::vector<std::shared_ptr<const SourceLoad>> loads;
  std::string stamp;  ///< of the files of the keys
  std::shared_ptr<const SecretTable> table;
  std::vector<Problem> problems;
};

/// A configured provider as the engine uses it.
struct ProviderState {
  ProviderDeclaration declaration;
  AdapterScript script;  ///< what it was made of; empty for C++
  ProviderLane lane;     ///< no provider if it could not be made
  std::shared_ptr<Observer> observer;
  std::string error;  ///< why it could not be made
  /// Why what is declared now could not be made: what was made of an earlier declaration runs on.
  std::string kept_because;
  std::string observe_error;  ///< why the last observation failed; empty if it did not
};

/// What the passes of one tenant leave behind.
struct TenantState {
  explicit TenantState(asio::any_io_executor executor)
      : turn(std::make_unique<Semaphore>(std::move(executor), 1)) {}
  std::unique_ptr<Semaphore> turn;  ///< one pass at a time
  std::map<Ref, Desired> desired;   ///< of the last pass that could be expanded
  /// What was accepted before, while `desired` waits for an acknowledgement.
  std::optional<std::map<Ref, Desired>> accepted;
  std::uint64_t providers_version = 0;                   ///< with which it was
  std::shared_ptr<const std::vector<HostClaim>> claims;  ///< those of `desired`
  std::vector<std::string> hosts;              ///< the domains that they were checked against
  std::shared_ptr<const SecretTable> secrets;  ///< of the last pass
  std::shared_ptr<const OpenedSecrets> opened;
  std::optional<Changeset> guarded;
  bool was_passed = false;  ///< a pass ended since start
};

/// Everything a pass has worked out before anything is done.
struct Prepared {
  World world;
  std::shared_ptr<const std::vector<HostClaim>> claims;
  std::vector<std::string> hosts;              ///< the domains that they were checked against
  std::shared_ptr<const SecretTable> secrets;  ///< what `loads` declare
  std::vector<Problem> problems;
  std::vector<Problem> broken;    ///< Secrets that do not open and are as they were accepted
  bool is_judged = false;         ///< it holds more than what was accepted
  std::vector<Problem> refusals;  ///< of what a candidate asks for, by plan and policy
  std::vector<plans::ThresholdReached> reached;  ///< of quotas, by what a candidate asks for
  std::uint64_t providers_version = 0;           ///< what `world.desired` was expanded with
  std::map<std::string, std::shared_ptr<const SourceLoad>>
      loads;  ///< by source key: what it was made from
};

/// Notes with each provider which value its credentials are, where a Secret says so.
void name_credentials(Catalog& catalog, const SecretTable& secrets);
/// Those of the problems that are about what a source declares.
std::vector<Problem> declared_in(const SourceLoad& load, const std::vector<Problem>& problems);

/// Stands in for a source's own content: the tree of `croft diff`.
struct SourceOverride {
  std::string key;
  std::shared_ptr<const SourceLoad> load;
  bool is_strangers = false;  ///< of a merge request: it may come from anybody
};

class EngineImpl final : public Engine {
 public:
  EngineImpl(EngineSettings settings, asio::any_io_executor executor, Store& store,
             std::map<std::string, ProviderFactory> adapters, Clock& clock, RandomSource& random);

  Task<Result<void>> start() override;
  Task<> stop() override;
  Task<Result<Changeset>> diff(DiffRequest request) override;
  Task<Result<RefDiff>> diff_ref(std::string source, std::string ref) override;
  Task<Result<PriceList>> price(PriceRequest request) override;
  Task<Result<std::vector<Changeset>>> reconcile(ReconcileRequest request) override;
  Result<void> look_at(const std::string& source) override;
  bool is_settled(const std::string& tenant) const override;
  std::vector<ResourceStatus> status(const std::string& tenant) const override;
  std::vector<SourceStatus> sources(const std::string& tenant) const override;
  std::vector<std::string> tenants() const override;
  std::vector<ProviderStatus> providers() const override;
  Task<Result<void>> direct(DirectiveRow directive) override;
  Task<Result<void>> withdraw(Ref ref, DirectiveVerb verb, std::string by) override;
  Task<Result<std::vector<ResourceUse>>> use(std::string tenant) override;
  EngineVitals vitals() const override;
  std::vector<Changeset> guarded(const std::string& tenant) const override;
  Task<Result<void>> acknowledge(std::string tenant, std::string digest, std::string by) override;
  Task<Result<std::vector<Ref>>> adopt(std::string tenant, std::string by) override;
  Task<Result<std::vector<EventRow>>> events(EventQuery query) override;
  Task<Result<void>> logs(Ref ref, LogRequest request, LogSink sink) override;
  Task<Result<std::unique_ptr<ExecSession>>> open_exec(Ref ref, ExecRequest request,
                                                       std::string by) override;
  std::vector<VolumeStatus> volumes(const std::string& tenant) const override;
  Task<Result<void>> export_volume(TransferRequest request, ByteSink sink) override;
  Task<Result<void>> import_volume(TransferRequest request, ByteSource source) override;
  Task<Result<void>> erase_volumes(Ref ref, std::string by) override;
  Task<Result<std::vector<SealingKey>>> sealing_keys(std::string tenant) override;
  Task<Result<void>> rotate_sealing_key(std::string by) override;
  Task<Result<void>> retire_sealing_key(std::string id, std::string by) override;
  Task<Result<std::string>> reseal(SealedValue value) override;
  std::vector<HostRoute> routes() const override;
  notify::Webhooks& webhooks() override { return dispatcher_; }
  std::shared_ptr<void> on_change(std::function<void()> listener) override;

 private:
  // engine.cpp: start, stop, the queue, listeners, the facade
  struct Round;
  Task<std::vector<Changeset>> reconcile_all(std::vector<std::string> tenants);
  Task<> reconcile_some(std::shared_ptr<Round> round);
  Task<Result<Changeset>> reconcile_one(std::string tenant, std::optional<std::string> expect);
  void notify() const;
  Task<> heartbeat();
  Task<> follow_foreign_orders();
  std::string tenant_of_uid(const std::string& uid) const;
  void want_tenant(const std::string& tenant);

  // engine_sources.cpp: fetching and loading, the platform's catalog
  Task<Outcome> source_pass(std::string key);
  /// Makes providers anew where what they sign in with changed.
  Task<> look_at_credentials();
  /// What tenants pushed and was refused may be right with the providers that there are now.
  void judge_again();
  Task<Result<bool>> fetch_and_load(std::string key);
  Task<Result<void>> load_applied(std::string key);
  /// Whether the commit may be loaded; what is wrong with its signatures is noted.
  Task<Result<void>> check_trust(std::string key, std::string commit);
  /// `reason` is the conditions' if there is an error; empty: what the error's code tells.
  Task<> note_source(std::string key, std::string attempted, std::optional<Error> error,
                     std::string reason = "");
  /// `facts` become true with it, and are written with it.
  Task<Result<void>> accept(std::string key, std::shared_ptr<const SourceLoad> load,
                            Transaction facts);
  Task<Result<void>> take_catalog(const SourceLoad& load);
  /// What the inventory forbids: removing a Provider in use, taking a removed tenant's name.
  void check_against_the_past(Catalog& catalog) const;
  void sync_sources();
  std::string root_source() const;
  bool is_solo() const { return !settings_.solo_url.empty(); }
  SourceDeclaration root_declaration() const;

  // engine_traces.cpp: pushes as traces, and what log lines say of a pass
  WorkPtr work_on_source(const std::string& key) const;
  WorkPtr work_on_tenant(const std::string& tenant) const;
  /// A look found a commit; times as span_time() gives them.
  void begin_push(const std::string& key, const std::string& commit, std::int64_t looked_at,
                  std::int64_t fetched_at);
  void end_push(const std::string& key, const std::optional<std::string>& error);
  /// A pass that began before the push which it is about now: its span, and what it does from here
  /// on is part of it. Empty if it belongs to one already, or to none.
  Span join_push(const Prepared& prepared, std::int64_t begun) const;
  /// Ends those of which everything is ready now.
  void follow_pushes(const std::string& tenant);

  // engine_webhooks.cpp: what sources declare of them, and how they fare
  notify::DispatchParts dispatch_parts();
  std::optional<notify::Mailing> mailing();  ///< unset: no mail is sent
  Result<void> may_write_to(const Ref& webhook, const std::string& address) const;
  void sync_webhooks();
  /// What `{secret: NAME}` is for what `user` declares. Unavailable until its tenant's first pass.
  Result<Secret<std::string>> secret_of(const Ref& user, const std::string& name) const;
  void add_webhooks(const std::string& tenant, std::vector<ResourceStatus>& all) const;

  // engine_secrets.cpp
  Condition readiness_of_secret(const Ref& secret,
                                const std::shared_ptr<const SourceLoad>& load) const;
  /// Tenants' accepted ones, and whether they open.
  void add_secrets(const std::string& tenant, std::vector<ResourceStatus>& all) const;

  // engine_adapters.cpp: providers, and the scripts that they are made of
  /// Whether every adapter that a commit of the platform names is there and works.
  Result<void> check_adapters(const SourceLoad& load) const;
  /// The script of an adapter, or null if it is in C++ or unknown.
  const AdapterScript* script_of(const std::map<std::string, AdapterScript>& own,
                                 const std::string& adapter) const;
  Error unknown_adapter(const std::map<std::string, AdapterScript>& own,
                        const std::string& adapter) const;
  ProviderState make_provider(const ProviderDeclaration& declaration);
  /// Makes anew those whose declaration or script is another than the one they were made of.
  void sync_providers();
  void sync_provider(const ProviderDeclaration& declaration);
  /// What is wrong with the providers that are declared, for the operator; empty if nothing is.
  std::string provider_problems() const;

  // engine_pass.cpp: one tenant's pass
  Task<Outcome> tenant_pass(std::string tenant);
  enum class Asked { ByItself, ByHand };
  Task<Result<Changeset>> pass(std::string tenant, std::optional<std::string> expect, Asked asked);
  Task<Result<Changeset>> told_pass(std::string tenant, std::optional<std::string> expect,
                                    Asked asked);
  Task<Result<Changeset>> pass_now(std::string tenant, std::optional<std::string> expect,
                                   Asked asked);
  /// What a request for a diff or a price is about; Invalid with everything that is wrong with it.
  Task<Result<Prepared>> prepare_for(DiffRequest request);
  /// The problems, with the places in what they were declared in.
  Task<std::vector<Problem>> placed(std::vector<Problem> problems,
                                    std::shared_ptr<const Prepared> prepared);
  Task<Result<Prepared>> prepare(std::string tenant, std::optional<SourceOverride> instead,
                                 bool use_candidates);
  /// What the tenant's sources declare, and which of them could not be read or are empty.
  void add_sources(ExpandInput& input, Prepared& prepared, const TenantDeclaration& declaration,
                   const std::optional<SourceOverride>& instead, bool use_candidates) const;
  std::vector<ProviderOffer> offers() const;
  /// What plan and policy say to it.
  /// As it was last observed: what quotas and prices count.
  void note_storage_used(World& world) const;
  Admission admission_of(const Prepared& prepared) const;
  std::shared_ptr<const plans::PlanTerms> terms_of(const std::string& tenant) const;
  FilesSizes sizes_of(const Prepared& prepared) const;
  /// Whether the plan allows what was stopped by hand to run again.
  Result<void> check_start(const Ref& ref, const std::vector<DirectiveRow>& waiting = {}) const;
  /// Stops what has run for as long as the plan allows at a stretch.
  Task<Result<void>> govern(World& world);
  /// What a stop held back until now runs again if the plan has room for it; else the plan stops it
  /// until somebody starts it.
  Task<Result<void>> end_stops(const World& world, Timestamp now);
  /// When govern() has something to do next, if anything runs that it governs.
  std::optional<Duration> next_governed(const std::string& tenant) const;
  /// The plan's `governors.maxRuntime`, if it has one.
  std::optional<Duration> longest_run(const std::string& tenant) const;
  bool has_candidate(const Prepared& prepared) const;
  struct PricingJob;
  Task<Result<std::shared_ptr<const PricingJob>>> pricing_job(
      std::shared_ptr<const Prepared> prepared);
  /// Runs it on the reading pool, one at a time.
  Task<Result<void>> with_pricer(std::function<void(plans::Pricer&)> work);
  /// Adds what it costs.
  Task<Changeset> priced(Changeset changeset, std::shared_ptr<const Prepared> prepared);
  Task<Result<void>> observe_into(World& world, SteadyTime not_before);
  Task<Result<TenantIdentity>> identify(std::string tenant);
  /// Fills in what the changeset leads from and to, for its header.
  void name_revisions(Changeset& changeset, const Prepared& prepared) const;
  /// Leaves a candidate aside until a newer commit comes, and says why at its source.
  Task<> reject(std::string key, std::shared_ptr<const SourceLoad> load,
                std::vector<Problem> problems, ErrorCode code);
  Task<Result<void>> judge_candidates(std::string tenant, Prepared& prepared);
  Task<Result<void>> resolve_intents(std::string tenant, World& world);
  Task<Result<std::shared_ptr<const FileTree>>> files_of(Desired desired, std::string path);
  Task<Result<void>> retire_tenant(std::string tenant);
  Task<> forget_removed_tenants();
  /// A pass over exactly these loads has ended, and its outcome is written.
  void note_passed(const Prepared& prepared);
  Task<bool> is_cleared(std::string tenant, Changeset changeset,
                        std::map<std::string, std::shared_ptr<const SourceLoad>> loads);
  ApplyOrder order_for(const TenantIdentity& identity, Changeset changeset,
                       const Prepared& prepared);
  Task<Result<void>> end_restarts(std::string tenant, ApplyReport report);
  Task<Result<void>> expire_retained(std::string tenant, TenantIdentity identity);
  /// Facts that become true once `commit` is accepted.
  Transaction thresholds_reached(const std::string& tenant, const Prepared& prepared,
                                 const std::string& commit) const;
  Task<Result<void>> accept_candidates(std::string tenant, Prepared prepared);

  /// Erases what is kept of a row, whatever the reason.
  Task<Result<void>> erase_retained(TenantIdentity identity, ResourceRow row, std::string reason,
                                    std::string why);

  // engine_secrets.cpp: Secrets, and the keys that open them
  secret::KeyringFiles key_files() const;
  Task<> make_keys();
  /// Opens what a tenant's sources declare, unless that was done already; adds what is wrong to
  /// `prepared.problems`, or to `prepared.broken` where it is no news of a commit.
  Task<> open_secrets_of(std::string tenant, std::optional<SourceOverride> instead,
                         Prepared& prepared);
  Task<Result<std::shared_ptr<const OpenedSecrets>>> opened_secrets(
      std::string tenant, std::optional<SourceOverride> instead,
      std::vector<std::shared_ptr<const SourceLoad>> loads);
  SealedTexts texts_known_of(const std::vector<std::shared_ptr<const SourceLoad>>& loads,
                             const SourceOverride& instead) const;
  bool is_as_accepted(const Prepared& prepared, const Ref& secret) const;
  /// Says at its source which Secrets of what is applied do not open.
  Task<> note_broken_secrets(const Prepared& prepared);
  /// What is applied, by tenant; Conflict if some of it is not known.
  Result<std::map<std::string, std::vector<std::shared_ptr<const SourceLoad>>>> applied_loads()
      const;
  /// The Secrets of the platform itself, or in solo mode of its tenant.
  Task<Result<SecretTable>> open_operator_secrets(const SourceLoad& load,
                                                  std::vector<Problem>& problems);
  Task<Result<void>> note_keys(std::string reason, std::string message);

  // engine_exec.cpp: commands inside what runs
  Task<> note_exec(Ref ref, std::string reason, std::string message);

  // engine_volumes.cpp: volumes as archives
  struct Hold;
  struct Transfer;
  Result<Transfer> transfer_of(const TransferRequest& request);
  /// Whoever may use its volumes once it runs, and who of them runs.
  std::vector<Ref> possible_users_of(const ResourceRow& row) const;
  std::vector<Ref> users_of(const ResourceRow& row) const;
  bool is_held(const Ref& ref) const;
  /// Asks their providers anew: what was last seen may be of before a start or a stop.
  Task<> look_again(std::vector<Ref> refs);
  bool may_use_volumes(const Ref& ref) const;
  Task<Result<void>> hold(std::shared_ptr<Hold> held);
  Task<Result<void>> put_hold(std::shared_ptr<Hold> held, bool is_first);
  Task<> keep_holding(std::shared_ptr<Hold> held);
  Task<> release(std::shared_ptr<Hold> held);
  Task<Result<void>> export_held(TransferRequest request, ByteSink sink);
  Task<Result<void>> import_held(TransferRequest request, ByteSource source);
  /// Does it to its end even if who waits for it is called off.
  Task<Result<void>> to_the_end(Task<Result<void>> work);
  Task<Result<void>> note_transfer(TransferRequest request, std::string reason,
                                   std::string message);

  // engine_status.cpp: what is reported
  Task<Result<void>> note_status(std::string tenant, ApplyReport report,
                                 std::optional<Guard> guard);
  void note_one(ResourceRow& row, const Observed* observed, const ApplyReport& report,
                const std::optional<Guard>& guard, Timestamp now) const;
  /// The conditions that are there only while they are true.
  void note_circumstances(ResourceRow& row, const Observed* observed,
                          const std::optional<Guard>& guard, Timestamp now) const;
  void add_ready_event(Transaction& transaction, const ResourceRow& before,
                       const ResourceRow& after, Timestamp now) const;
  ReadinessInput readiness_input(const ResourceRow& row) const;
  const Observed* observed_of(const ResourceRow& row) const;
  void watch_health(const ResourceRow& row, const Observed* observed);
  std::string url_of(const ResourceRow& row) const;
  // engine_adopt.cpp
  /// The tenant is the one of that uid from now on. Conflict if it owns something already.
  Result<void> become(const std::string& tenant, const std::string& uid,
                      Transaction& transaction) const;
  Task<Result<void>> forget_acknowledgements(std::string tenant);
  void add_strangers(const ProviderSnapshot& snapshot, World& world) const;
  /// Whether something of that ref is in the inventory: of a Stack any of its parts.
  bool owns(const Ref& ref) const;
  bool is_ready(const Ref& ref, DependencyState needed) const;

  EngineSettings settings_;
  asio::any_io_executor executor_;
  std::shared_ptr<manifest::SpecPool> specs_ = std::make_shared<manifest::SpecPool>();
  Journal journal_;
  std::map<std::string, ProviderFactory> adapters_;
  Clock& clock_;
  RandomSource& random_;
  BlockingPool fetching_;
  BlockingPool reading_;
  std::shared_ptr<Guarded<std::optional<plans::Pricer>>> pricer_ =
      std::make_shared<Guarded<std::optional<plans::Pricer>>>();
  Queue source_queue_;
  Queue tenant_queue_;
  notify::Dispatcher dispatcher_;
  Applier applier_;
  NewsDesk news_;
  HealthMonitor health_;
  UsageRecorder usage_;
  Catalog catalog_;
  bool has_catalog_ = false;
  std::map<std::string, SourceState> sources_;      ///< by key
  std::map<std::string, ProviderState> providers_;  ///< by name
  std::uint64_t providers_version_ = 0;             ///< rises when one of them is made anew
  std::map<std::string, TenantState> tenant_states_;
  ClaimIndex claims_;
  std::list<std::function<void()>> listeners_;
  std::shared_ptr<bool> is_alive_ = std::make_shared<bool>(true);
  std::shared_ptr<Occupancy> exec_sessions_;
  std::shared_ptr<Occupancy> transfers_;
  bool is_stopping_ = false;
};

}  // namespace croft
