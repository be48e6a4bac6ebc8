#pragma once
// Room providers/port: what a provider is. Every adapter implements Provider; the contract suite in
// tests/contract runs against each of them.
//
//   provider          the verbs and what they promise
//   endpoint          how to reach what runs, and dial()
//   release           what a served static site is

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/async.hpp"
#include "core/base/byte_stream.hpp"
#include "core/base/result.hpp"
#include "core/base/secret.hpp"
#include "core/base/value.hpp"
#include "core/git/tree.hpp"
#include "core/resource/ref.hpp"
#include "core/resource/status.hpp"
#include "providers/port/endpoint.hpp"
#include "providers/port/update_way.hpp"

namespace croft {

/// What a provider can do here and now, and what it cannot enforce on this machine.
struct Capabilities {
  bool workloads = false;  ///< runs Instances
  bool commands = true;    ///< of them, those that are a command of this machine's programs
  bool images = false;     ///< of them, those that run from an image
  bool builds = false;     ///< builds images
  bool stacks = false;     ///< runs what Stacks expand to: Services, Volumes, Networks
  bool sites = false;      ///< serves Sites
  bool volumes = false;
  bool logs = false;
  bool exec = false;
  bool shell = false;            ///< open_exec(): with a terminal, too
  bool volume_archives = false;  ///< export_volume(), import_volume()
  bool events = false;           ///< tells by itself when something changed
  bool use = false;              ///< use() measures what runs
  /// Promises that it cannot keep here: {"memory", "no cgroup controller 'memory' is writable"}. A
  /// workload that needs one is refused unless the operator said `isolation: none`.
  struct Missing {
    std::string what;
    std::string why;
  };
  std::vector<Missing> missing;
};

/// Whose thing it is, as far as a provider needs to know.
struct TenantIdentity {
  std::string uid;
  std::string name;
  std::int64_t number = 0;  ///< never reused; process makes host uids from it
};

/// What the `{secret: TEXT}` of a spec stand for, by TEXT. Never kept anywhere but in memory.
using SecretValues = std::map<std::string, Secret<std::string>>;

/// One ordered side effect. A provider does it at most once per intent, and does nothing after the
/// deadline.
struct Effect {
  std::string intent;  ///< idempotency key; recorded on what is created (label croft.intent)
  std::string uid;     ///< of the resource (label croft.uid)
  Ref ref;             ///< label croft.ref
  TenantIdentity tenant;
  std::shared_ptr<const Value> spec;      ///< normalised; null for start, stop, destroy
  std::string spec_digest;                ///< label croft.spec
  std::shared_ptr<const FileTree> files;  ///< what `files.path` names, or null
  /// The root of the source, which `build.context` and the `files` of a Service are seen from; null
  /// if the spec names none.
  std::shared_ptr<const FileTree> source;
  std::shared_ptr<const SecretValues> secrets;  ///< of the spec; null: it names none
  bool allow_egress = false;                    ///< Plan.spec.network.egress
  Duration deadline{60'000};                    ///< from the call on
};

/// The text that a value of an effect's spec stands for: itself, or what a secret reference means;
/// null if it is neither, or the effect does not have it.
const std::string* clear_text(const Effect& effect, const Value& value);

/// Internal if the spec names a secret whose value the effect does not have.
Result<void> check_secret_values(const Effect& effect);

enum class DataPolicy {
  Keep,   ///< what runs goes, data (volumes, releases, logs) stays for a resource of the same uid
  Erase,  ///< data goes too
};

enum class Health { Unknown, Passing, Failing };

/// What a provider says of one thing that it owns for us.
struct Observed {
  std::string uid;
  Ref ref;
  std::string tenant_uid;   ///< of the tenant it was made for; empty if the provider does not know
  std::string intent;       ///< of the last effect that made or changed it
  std::string spec_digest;  ///< of the spec it really runs with
  Phase phase = Phase::Created;
  std::shared_ptr<const Value> fields;  ///< what it really runs with, shaped as the normalised spec
  Endpoint endpoint;                    ///< empty if it cannot be reached
  /// Of what is reached at several ports: by its own port. Empty for others.
  std::map<std::int64_t, Endpoint> endpoints;
  /// What data it keeps, as far as the provider knows without looking for long.
  std::optional<std::int64_t> storage_bytes;
  std::string
      reason;  ///< CamelCase, e.g. "CrashLoop", "OutOfMemory", "StorageExceeded"; may be empty
  std::string message;                  ///< for people: "exit status 1, next try in 40s"
  Health health = Health::Unknown;      ///< if the provider checks by itself
  std::optional<Timestamp> started_at;  ///< of the present run
  int restarts = 0;
  /// What an interrupted effect left beside it: "the container before it". Any effect of the
  /// resource ends and removes it. Empty: nothing.
  std::string left_behind;
  /// Why it must be made anew although its fields are as they should be: "it shares the network of
  /// a container that is gone". Any update does that. Empty: it need not.
  std::string outdated;
  /// Whether it may reach the outside, of a provider that knows.
  std::optional<bool> allows_egress;
};

/// All endpoints of it as one text, for the journal: "tcp:127.0.0.1:32768", or by its own ports
/// "80=tcp:127.0.0.1:32768 9000=tcp:127.0.0.1:32769".
std::string endpoints_text(const Observed& observed);
/// The endpoint of one of its ports in such a text; of one that has only one, that. None if it is
/// not there.
Endpoint endpoint_for(std::string_view text, std::int64_t port);

/// What one thing uses of its machine.
struct Use {
  std::string uid;
  Timestamp at;                        ///< when it was measured
  std::optional<double> cpu_seconds;   ///< processor time used in all; less than before: a new run
  std::optional<std::int64_t> memory;  ///< bytes, without what the kernel could drop at once
  std::optional<std::int64_t> memory_limit;  ///< bytes
  std::optional<std::int64_t> processes;
};

struct LogRequest {
  std::string uid;
  int last_lines = 100;  ///< lines of the past to begin with
  bool follow = false;
};

/// Receives log text, whole lines; returning false ends the stream. Called on the executor.
using LogSink = std::function<bool(std::string_view)>;

/// Something that a provider has to tell of one thing while it works on it: an image being pulled,
/// a line of a build. Becomes an event.
struct ProviderNews {
  std::string uid;
  std::string reason;  ///< CamelCase: "Pulling", "BuildOutput"
  std::string message;
  Severity severity = Severity::Normal;
};

struct ExecRequest {
  std::string uid;
  std::vector<std::string> command;  ///< empty: a shell, whichever is there
  std::map<std::string, std::string> env;
  std::string working_dir;  ///< empty: where the app itself runs
  bool terminal = false;    ///< a pseudo-terminal: one stream, lines edited by whoever types
  int rows = 24;            ///< of the terminal
  int columns = 80;
};

/// A command that runs inside what runs. One reader and one writer at a time; destroying it hangs
/// up, and the command is ended.
class ExecSession {
 public:
  enum class Stream { Out, Err };
  struct Output {
    Stream stream = Stream::Out;
    std::string bytes;  ///< empty: it has ended, ask exit_status()
  };

  virtual ~ExecSession() = default;
  virtual Task<Result<Output>> read() = 0;
  virtual Task<Result<void>> write(std::string bytes) = 0;
  /// Nothing more is typed: the command reads the end of its input.
  virtual Task<Result<void>> close_input() = 0;
  virtual Task<Result<void>> resize(int rows, int columns) = 0;
  /// After the last read(): 0 to 255; 128 and the signal's number if one ended it.
  virtual Task<Result<int>> exit_status() = 0;
};

/// A configured hosting target: one adapter with one account. On the control executor; every
/// coroutine may be awaited alongside others, and an adapter orders what must not overlap for one
/// uid. All verbs are idempotent.
class Provider {
 public:
  virtual ~Provider() = default;

  /// Another takes its place: what is under way may be called off and end with Cancelled.
  virtual void retire() {}

  virtual Capabilities capabilities() const = 0;
  /// Pure: the spec with this provider's defaults filled in. A field that it cannot honour is
  /// Invalid, never dropped.
  virtual Result<Value> normalize(const Ref& ref, const Value& spec) const = 0;
  /// Pure: how update() brings what runs with `before` to `after`, both normalised. `is_anew`: it
  /// is to be made anew whatever they say. Nothing: this provider does not tell.
  virtual std::optional<UpdateManner> how_updated(const Ref& ref, const Value& before,
                                                  const Value& after, bool is_anew) const {
    (void)ref, (void)before, (void)after, (void)is_anew;
    return std::nullopt;
  }
  /// Everything we own there, in one go. Never changes anything.
  virtual Task<Result<std::vector<Observed>>> observe() = 0;

  virtual Task<Result<void>> create(
      Effect effect) = 0;  ///< makes and starts it; data of the same uid is taken up again
  virtual Task<Result<void>> update(Effect effect) = 0;  ///< makes it run with the new spec
  virtual Task<Result<void>> start(Effect effect) = 0;
  virtual Task<Result<void>> stop(Effect effect) = 0;  ///< keeps everything, runs nothing
  virtual Task<Result<void>> destroy(Effect effect,
                                     DataPolicy data) = 0;  ///< of the absent succeeds

  /// What everything that runs there uses now. What cannot be measured is left out.
  virtual Task<Result<std::vector<Use>>> use() { co_return std::vector<Use>(); }

  /// Calls back with a uid when something about it may have changed; at most one listener.
  virtual void on_change(std::function<void(const std::string& uid)> listener) { (void)listener; }
  /// Calls back with what there is to tell; at most one listener.
  virtual void on_news(std::function<void(ProviderNews)> listener) { (void)listener; }
  virtual Task<Result<void>> logs(LogRequest request, LogSink sink) {
    (void)request, (void)sink;
    co_return fail(ErrorCode::Invalid, "this provider keeps no logs");
  }
  /// Runs a command inside what runs and gives its exit status.
  virtual Task<Result<int>> exec(std::string uid, std::vector<std::string> command,
                                 Duration deadline) {
    (void)uid, (void)command, (void)deadline;
    co_return fail(ErrorCode::Invalid, "this provider cannot run commands inside");
  }
  /// The same, with its streams in the caller's hands.
  virtual Task<Result<std::unique_ptr<ExecSession>>> open_exec(ExecRequest request) {
    (void)request;
    co_return fail(ErrorCode::Invalid, "this provider gives no shell");
  }
  /// The content of a volume as a tar archive (POSIX pax), while what uses it runs or not. `volume`
  /// names one of an Instance's volumes; empty where the uid is a Volume's own.
  virtual Task<Result<void>> export_volume(std::string uid, std::string volume, ByteSink sink) {
    (void)uid, (void)volume, (void)sink;
    co_return fail(ErrorCode::Invalid, "this provider cannot export volumes");
  }
  /// Unpacks a tar archive into it, over what is there. Paths that lead outside are Invalid and end
  /// it. Nothing that uses the volume should run.
  virtual Task<Result<void>> import_volume(std::string uid, std::string volume, ByteSource source) {
    (void)uid, (void)volume, (void)source;
    co_return fail(ErrorCode::Invalid, "this provider cannot import volumes");
  }
};

/// The script of an adapter.
struct AdapterScript {
  std::string name;    ///< "fly"
  std::string path;    ///< for errors: "adapters/fly/adapter.lua"
  std::string source;  ///< Lua
  /// What it may `require`: the other Lua files of its folder, "machines" for machines.lua.
  std::map<std::string, std::string> files = {};

  bool operator==(const AdapterScript&) const = default;
};

/// Makes a provider for a Provider resource of one adapter; Invalid settings are an error that
/// names them.
using ProviderFactory = std::function<Result<std::shared_ptr<Provider>>(
    const std::string& name, const Value& provider_spec)>;

/// Makes providers of adapters that are scripts.
class ScriptedAdapters {
 public:
  virtual ~ScriptedAdapters() = default;
  virtual Result<std::shared_ptr<Provider>> make(const AdapterScript& script,
                                                 const std::string& name,
                                                 const Value& provider_spec) = 0;
  /// Whether it is an adapter at all. Invalid with "FILE:LINE: ...".
  virtual Result<void> check(const AdapterScript& script) const = 0;
  /// Whether make() would take the settings too. Credentials are not looked at.
  virtual Result<void> check(const AdapterScript& script, const std::string& name,
                             const Value& provider_spec) const = 0;
};

}  // namespace croft
