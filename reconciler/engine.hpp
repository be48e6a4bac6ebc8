#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/base/async.hpp"
#include "core/base/clock.hpp"
#include "core/base/id.hpp"
#include "core/base/signing_keys.hpp"
#include "core/git/tree.hpp"
#include "core/secret/operator_secrets.hpp"
#include "core/store/store.hpp"
#include "providers/port/provider.hpp"
#include "reconciler/changeset.hpp"
#include "reconciler/engine/queue.hpp"
#include "reconciler/notify/dispatcher.hpp"
#include "reconciler/notify/mail.hpp"
#include "reconciler/pricing.hpp"

namespace croft {

class GithubApps;

/// What a Source says in `receiver`.
struct ReceiverDeclaration {
  std::string type;    ///< "github", ..., "token"
  std::string secret;  ///< its name: see operator_secrets

  bool operator==(const ReceiverDeclaration&) const = default;
};

/// What a Source says in `credentials.githubApp`.
struct GithubAppDeclaration {
  std::int64_t app = 0;
  std::int64_t installation = 0;
  std::string secret;  ///< of its private key, as operator kinds name secrets
  std::string url;     ///< of the API: "https://api.github.com"

  bool operator==(const GithubAppDeclaration&) const = default;
};

/// What a Source says in `verify`.
struct VerifyDeclaration {
  bool is_for_every = false;  ///< all commits since the last applied, not the newest alone
  SigningKeys keys;

  bool operator==(const VerifyDeclaration&) const = default;
};

/// What a Source says in `commitStatus`.
struct CommitStatusDeclaration {
  std::string type;    ///< "github", ..., "bitbucket"
  std::string secret;  ///< name of the token: see operator_secrets; empty: the app's
  std::optional<GithubAppDeclaration> app;
  std::string url;         ///< of the API; empty: that of the repository's host
  std::string repository;  ///< "alice/hosting"; empty: the path of the source's url
  std::string context = "croft";
  std::string link;
  bool has_resources = false;
  bool has_merge_requests = true;

  bool operator==(const CommitStatusDeclaration&) const = default;
};

struct EngineSettings {
  std::filesystem::path data;  ///< mirrors live in `data`/mirrors
  std::string platform_url;    ///< exactly one of this and solo_url
  std::string platform_ref = "main";
  std::string platform_path = ".";
  Duration platform_interval{60'000};
  std::optional<ReceiverDeclaration> platform_receiver;
  std::optional<VerifyDeclaration> platform_verify;  ///< of that repository, or solo's
  std::string solo_url;                              ///< one repository, the implicit tenant `home`
  std::string domain = "localhost";                  ///< own hosts are TENANT-NAME.DOMAIN
  std::string url_suffix;  ///< ":8080" if the edge does not listen on 80, for the URLs shown
  std::filesystem::path secrets_dir;
  /// What operator kinds' `{secret: NAME}` means, shared with the adapters; unset: the files of
  /// `secrets_dir`.
  std::shared_ptr<secret::OperatorSecrets> operator_secrets;
  std::shared_ptr<GithubApps> github_apps;  ///< shared with who reports; unset: made
  Duration resync{60'000};                  ///< drift is noticed within this
  Duration retention{30LL * 86'400'000};
  notify::SenderSettings webhooks;  ///< how their endpoints are reached
  notify::MailSettings mail;        ///< how those that send mail do
  /// Adapters that are scripts: how to make providers of them (null: there are none), and those
  /// that this program brings along. The platform repository's `adapters/NAME/adapter.lua` come
  /// before these, and what is in C++ before both.
  std::shared_ptr<ScriptedAdapters> scripted;
  std::vector<AdapterScript> shipped_scripts;
};

/// One resource as `croft get` and `croft describe` show it.
/// A Stack's is made of its parts': it has no uid, and no spec.
struct ResourceStatus {
  Ref ref;
  std::string uid;
  std::string provider;
  std::string source;
  Phase phase = Phase::Created;
  std::vector<Condition> conditions;  ///< Ready first
  std::string attempted_revision;
  std::string applied_revision;
  std::string url;      ///< where it is reached, or empty
  std::string message;  ///< the provider's word
  int restarts = 0;
  Timestamp created_at;
  std::optional<Timestamp> observed_at;
  std::shared_ptr<const Value> spec;  ///< last applied, else desired; secrets are references only
  std::vector<DirectiveRow> directives;
};

struct SourceStatus {
  std::string key;
  std::string tenant;  ///< empty for the platform
  std::string url;
  std::string ref;
  std::string attempted_revision;
  std::string applied_revision;
  std::vector<Condition> conditions;  ///< Ready; Stalled with the rendered diagnostics as message
  std::optional<Timestamp> fetched_at;
  std::string candidate_revision;  ///< newer than all of these, and not judged yet; or empty
  std::string passed_revision;  ///< of which a pass has ended, since the daemon's start; or empty
  std::optional<ReceiverDeclaration> receiver;
  std::optional<CommitStatusDeclaration> commit_status;
  std::string hook;  ///< the URL (or its path) of its receiver, as the API gives it; or empty
};

/// A provider that the platform declares, and how it fares.
struct ProviderStatus {
  std::string name;
  std::string adapter;
  bool is_ready = false;
  std::string message;                         ///< why it is not, or what is not as declared
  std::vector<Capabilities::Missing> missing;  ///< what it cannot promise on this machine
};

struct DiffRequest {
  std::string tenant;                    ///< empty: the platform
  std::shared_ptr<const FileTree> tree;  ///< what would be pushed; null: what the source holds now
  std::string source;  ///< which source the tree stands for; empty: the tenant's only one
  std::string label = "working tree";  ///< for the header
};

/// What Engine::diff_ref() gives.
struct RefDiff {
  std::string revision;  ///< the commit that the ref names
  Changeset changeset;
  std::string problems;  ///< if what is there cannot be: all that is wrong with it, rendered
};

struct PriceRequest {
  DiffRequest what;
  bool all_plans = false;  ///< every plan of the platform, not only the tenant's
  SupposedUsage supposed;
};

struct ReconcileRequest {
  std::string tenant;  ///< empty: every source
  std::optional<std::string>
      expect;  ///< a changeset digest (or a prefix of 4 digits and more): Conflict if it moved
};

/// One of the server's keys, as everybody may know it.
struct SealingKey {
  std::string id;          ///< 8 hexadecimal digits, which sealed values and messages name
  std::string key;         ///< "croft-seal-1..."
  std::string recipient;   ///< "age1...": what SOPS files of that tenant are encrypted to
  bool is_newest = false;  ///< the one that seals
};

/// A sealed value, and the only place where it opens.
struct SealedValue {
  std::string tenant;  ///< empty: the operator's
  std::string name;    ///< of the Secret
  std::string key;
  std::string sealed;
};

/// One volume as `croft volume ls` shows it.
struct VolumeStatus {
  Ref ref;             ///< whose it is: an Instance, or a Volume
  std::string volume;  ///< its name among an Instance's; empty for a Volume, which is one
  std::string uid;     ///< of the resource
  std::string provider;
  std::int64_t size = 0;             ///< declared, in bytes
  std::optional<std::int64_t> used;  ///< bytes, of all that the resource keeps; if it is known
  std::vector<Ref> users;            ///< who runs and may be using it now
  std::optional<Timestamp>
      kept_until;  ///< set: it is declared no more, and its data kept until then

  bool operator==(const VolumeStatus&) const = default;
};

/// A volume to be exported or imported.
struct TransferRequest {
  Ref ref;               ///< an Instance, or a Volume
  std::string volume;    ///< of an Instance; may be left out if it has one only
  bool quiesce = false;  ///< stops what uses it for the time
  std::string by;
};

/// What a resource uses of its machine now.
struct ResourceUse {
  Ref ref;
  std::string provider;
  Phase phase = Phase::Created;
  int restarts = 0;
  std::optional<Use> use;  ///< none if its provider does not measure it, or it does not run
};

/// How the engine itself fares, for those who watch over it.
struct EngineVitals {
  struct ProviderVitals {
    std::string name;
    std::string adapter;
    bool is_usable = true;  ///< it could be made, and its last observation worked
  };
  std::vector<QueueVitals> queues;
  std::vector<ProviderVitals> providers;
  /// Why it does not know yet what is declared; empty once it does.
  std::string waits_for;
};

/// What the daemon's heart offers to the API and to tests. On the control executor; not thread
/// safe.
class Engine {
 public:
  virtual ~Engine() = default;

  /// Loads what is stored, resolves open intents, starts watching. Returns once the first round is
  /// under way.
  virtual Task<Result<void>> start() = 0;
  /// Lets running effects end (bounded by their deadlines), then stops.
  virtual Task<> stop() = 0;

  virtual Task<Result<Changeset>> diff(DiffRequest request) = 0;
  /// What another ref of a tenant's source would change if it were the one that is followed: a
  /// merge request's. It is fetched and read only. NotFound, too, for the platform's own source.
  virtual Task<Result<RefDiff>> diff_ref(std::string source, std::string ref) = 0;
  /// What would be paid a month.
  virtual Task<Result<PriceList>> price(PriceRequest request) = 0;
  /// Fetches and makes a pass now; returns when the pass ended. What is not ready yet shows in
  /// status().
  virtual Task<Result<std::vector<Changeset>>> reconcile(ReconcileRequest request) = 0;
  /// Looks at a source now, as its poll interval would later; a pass follows if it moved. NotFound
  /// if it is not watched.
  virtual Result<void> look_at(const std::string& source) = 0;
  /// True once a tenant ("" for all) has nothing left to do: every resource Ready or Stalled.
  virtual bool is_settled(const std::string& tenant) const = 0;

  /// "" for all. Stacks are among them, and each of their parts.
  virtual std::vector<ResourceStatus> status(const std::string& tenant) const = 0;
  virtual std::vector<SourceStatus> sources(const std::string& tenant) const = 0;  ///< "" for all
  virtual std::vector<std::string> tenants() const = 0;
  virtual std::vector<ProviderStatus> providers() const = 0;

  virtual Task<Result<void>> direct(DirectiveRow directive) = 0;
  virtual Task<Result<void>> withdraw(Ref ref, DirectiveVerb verb, std::string by) = 0;

  /// What runs, and what it uses; asks each provider once. "" for all.
  virtual Task<Result<std::vector<ResourceUse>>> use(std::string tenant) = 0;
  virtual EngineVitals vitals() const = 0;

  /// Changesets that wait for a person.
  virtual std::vector<Changeset> guarded(const std::string& tenant) const = 0;
  virtual Task<Result<void>> acknowledge(std::string tenant, std::string digest,
                                         std::string by) = 0;

  /// Takes what providers run under a tenant's name and the inventory does not know into it, as it
  /// runs: after the store was lost. Gives what was taken. NotFound if there is nothing; Conflict
  /// if it was made for another tenant of that name, and this one has things of its own already.
  virtual Task<Result<std::vector<Ref>>> adopt(std::string tenant, std::string by) = 0;

  virtual Task<Result<std::vector<EventRow>>> events(EventQuery query) = 0;
  virtual Task<Result<void>> logs(Ref ref, LogRequest request, LogSink sink) = 0;

  /// Runs a command inside what runs, for as long as the session lives. Its begin and end become
  /// events. Unavailable if there are too many already.
  virtual Task<Result<std::unique_ptr<ExecSession>>> open_exec(Ref ref, ExecRequest request,
                                                               std::string by) = 0;

  /// Those whose data is only kept, too.
  virtual std::vector<VolumeStatus> volumes(const std::string& tenant) const = 0;  ///< "" for all
  /// The content as a tar archive. With `quiesce`, what uses it is held stopped until it is done,
  /// or failed, or some minutes after this daemon ended amid it.
  virtual Task<Result<void>> export_volume(TransferRequest request, ByteSink sink) = 0;
  /// Unpacks a tar archive over what is there. Conflict if something uses it and is not to be
  /// quiesced.
  virtual Task<Result<void>> import_volume(TransferRequest request, ByteSource source) = 0;
  /// Erases what is kept of a resource that is declared no more, all of its volumes. Conflict if it
  /// is declared.
  virtual Task<Result<void>> erase_volumes(Ref ref, std::string by) = 0;

  /// The newest first; "" for the operator's own.
  virtual Task<Result<std::vector<SealingKey>>> sealing_keys(std::string tenant) = 0;
  /// A new newest key. What was sealed before opens as ever.
  virtual Task<Result<void>> rotate_sealing_key(std::string by) = 0;
  /// Forgets an old key. Conflict if something that is applied is sealed to it.
  virtual Task<Result<void>> retire_sealing_key(std::string id, std::string by) = 0;
  /// The same value for the same place, sealed to the newest key. Nobody sees it in between.
  virtual Task<Result<std::string>> reseal(SealedValue value) = 0;

  /// Who answers at which host, for the edge's route snapshot.
  struct HostRoute {
    std::string host;
    std::string ref;
    Endpoint endpoint;
    std::string state;
    std::string message;
    bool operator==(const HostRoute&) const = default;
  };
  virtual std::vector<HostRoute> routes() const = 0;

  /// Who is told what happens.
  virtual notify::Webhooks& webhooks() = 0;

  /// Called after anything that status(), routes() or events() show has changed; several listeners.
  /// The result removes the listener when it is destroyed.
  virtual std::shared_ptr<void> on_change(std::function<void()> listener) = 0;
};

std::unique_ptr<Engine> make_engine(EngineSettings settings, asio::any_io_executor executor,
                                    Store& store, std::map<std::string, ProviderFactory> adapters,
                                    Clock& clock, RandomSource& random);

}  // namespace croft
