#include "providers/process/process_provider.hpp"

#include <map>
#include <set>
#include <sys/inotify.h>
#include <unistd.h>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <fmt/format.h>

#include "core/base/log.hpp"
#include "providers/process/firewall.hpp"
#include "providers/process/launcher.hpp"
#include "providers/process/logs.hpp"
#include "providers/process/sandbox.hpp"
#include "providers/process/secrets.hpp"
#include "providers/process/session.hpp"
#include "providers/process/shim_client.hpp"
#include "providers/process/sight.hpp"
#include "providers/process/storage.hpp"
#include "providers/process/volume_place.hpp"
#include "providers/process/volume_transfer.hpp"

namespace croft {

namespace {

constexpr Duration kQuick{10'000};     ///< a shim answers at once, unless the machine is very busy
constexpr Duration kHeartbeat{5'000};  ///< between two looks whether a follower still listens

/// Time left until an effect must not act any more.
class Deadline {
 public:
  Deadline(const Clock& clock, Duration limit) : clock_(clock), at_(clock.steady() + limit) {}
  Duration left() const { return at_ - clock_.steady(); }
  Result<void> check(std::string_view before) const {
    if (left() > Duration(0)) return {};
    return fail(ErrorCode::Timeout, fmt::format("the time ran out before {}", before));
  }
  Duration left_at_most(Duration limit) const {
    return std::max(Duration(1), std::min(limit, left()));
  }

 private:
  const Clock& clock_;
  Duration at_;
};

// Work for the pool is made in a statement before it is awaited: GCC 12 destroys a lambda's
// captures twice when the lambda is a temporary of the co_await expression.

/// What the provider and its coroutines share. Everything but the launcher is touched on the
/// executor only.
struct Core : std::enable_shared_from_this<Core> {
  Core(ProcessSettings settings, ProcessLayout layout, Machine machine, std::filesystem::path shim,
       asio::any_io_executor executor_, BlockingPool& pool_, Clock& clock_)
      : launcher(std::move(settings), std::move(layout), std::move(machine), std::move(shim)),
        executor(std::move(executor_)),
        pool(pool_),
        clock(clock_),
        upkeep_timer(executor) {}

  using LockPtr = std::shared_ptr<Semaphore>;
  using Descriptor = std::shared_ptr<asio::posix::stream_descriptor>;

  LockPtr lock_of(const std::string& uid) {
    std::weak_ptr<Semaphore>& slot = locks[uid];
    LockPtr lock = slot.lock();
    if (!lock) slot = lock = std::make_shared<Semaphore>(executor, 1);
    return lock;
  }

  void notify(const std::string& uid) const {
    if (!is_closed && listener) listener(uid);
  }

  void close() {
    is_closed = true;
    upkeep_timer.cancel();
    for (auto& [uid, client] : watchers) client.cancel();
    for (const Descriptor& follower : followers) follower->cancel();
  }

  Launcher launcher;
  asio::any_io_executor executor;
  BlockingPool& pool;
  Clock& clock;
  asio::steady_timer upkeep_timer;
  std::map<std::string, std::weak_ptr<Semaphore>> locks;
  std::map<std::string, ShimClient> watchers;
  std::set<std::string> watched;  ///< a coroutine watches it, or is about to
  std::set<Descriptor> followers;
  std::map<std::string, std::string> excess;    ///< by uid: which volume is over its size
  std::map<std::string, std::int64_t> storage;  ///< by uid: what its volumes take
  std::function<void(const std::string&)> listener;
  bool is_closed = false;
};

using CorePtr = std::shared_ptr<Core>;

Task<Result<ShimClient>> connect_shim(CorePtr core, std::string uid, Duration timeout) {
  Result<ShimClient> client =
      co_await ShimClient::connect(core->launcher.layout().control(uid), timeout);
  co_return client;
}

/// Tells of every change of one app until its shim is gone, and of that.
Task<> watch_shim(CorePtr core, std::string uid) {
  Result<ShimClient> client = co_await connect_shim(core, uid, kQuick);
  if (client && !core->is_closed) {
    core->watchers.insert_or_assign(uid, *client);
    Result<shim::Line> line = co_await client->request(shim::Line("subscribe"), kQuick);
    while (line && !core->is_closed) {
      core->notify(uid);
      line = co_await client->next();
    }
    core->watchers.erase(uid);
  }
  core->watched.erase(uid);
  core->notify(uid);
}

void start_watching(const CorePtr& core, const std::string& uid) {
  if (!core->watched.insert(uid).second) return;
  spawn(core->executor, watch_shim(core, uid), "watching " + uid);
}

Task<Result<AppSight>> look(CorePtr core, std::string uid) {
  auto looking = core->pool.run([core, uid] { return core->launcher.look(uid); });
  Result<AppSight> sight = co_await std::move(looking);
  co_return sight;
}

/// Stops what runs and lets the shim end. The grace is cut short rather than the deadline missed.
Task<Result<void>> end_shim(CorePtr core, AppRecord record, const Deadline& deadline) {
  const Duration reserve{2'000};
  const Duration wanted(record.spec->integer_or("grace", 10'000));
  const Duration grace = std::max(Duration(0), std::min(wanted, deadline.left() - reserve));
  shim::Line stop("stop");
  stop.add("grace", grace.count());
  CO_TRY_ASSIGN(ShimClient client,
                co_await connect_shim(core, record.uid, deadline.left_at_most(kQuick)));
  CO_TRY(co_await client.request(std::move(stop), deadline.left_at_most(grace + kQuick)));
  CO_TRY(co_await client.request(shim::Line("quit"), deadline.left_at_most(kQuick)));
  // It is over when its lock is free, a moment after the answer.
  const std::string uid = record.uid;
  for (;;) {
    CO_TRY_ASSIGN(const AppSight sight, co_await look(core, uid));
    if (!sight.is_alive) co_return Result<void>{};
    CO_TRY(deadline.check("the supervisor ended"));
    co_await sleep_for(Duration(2));
  }
}

using SecretsPtr = std::shared_ptr<const SecretValues>;

/// Gives the shim what its launch file only names.
Task<Result<void>> tell_secrets(ShimClient& client, const AppRecord& record, SecretsPtr secrets,
                                const Deadline& deadline) {
  CO_TRY_ASSIGN(std::vector<shim::Line> lines, secret_lines(*record.spec, secrets.get()));
  for (shim::Line& line : lines) {
    CO_TRY(co_await client.request(std::move(line), deadline.left_at_most(kQuick)));
  }
  co_return Result<void>{};
}

/// Makes the recorded app run; no shim of it lives.
Task<Result<void>> launch(CorePtr core, AppRecord record, SecretsPtr secrets,
                          const Deadline& deadline) {
  CO_TRY(deadline.check("the app was started"));
  const Duration left = deadline.left_at_most(Duration(30'000));
  auto spawning =
      core->pool.run([core, record, left] { return core->launcher.spawn(record, left); });
  CO_TRY(co_await std::move(spawning));
  CO_TRY_ASSIGN(ShimClient client,
                co_await connect_shim(core, record.uid, deadline.left_at_most(kQuick)));
  const pid_t pid = client.shim_pid();
  auto connecting =
      core->pool.run([core, record, pid] { return core->launcher.connect(record, pid); });
  CO_TRY(co_await std::move(connecting));
  CO_TRY(deadline.check("the app was started"));
  CO_TRY(co_await tell_secrets(client, record, secrets, deadline));
  CO_TRY(co_await client.request(shim::Line("start"), deadline.left_at_most(kQuick)));
  start_watching(core, record.uid);
  co_return Result<void>{};
}

bool runs_the_same(const AppRecord& now, const AppRecord& wanted) {
  return now.digest == wanted.digest && *now.spec == *wanted.spec && now.tree == wanted.tree &&
         now.allow_egress == wanted.allow_egress && now.tenant.number == wanted.tenant.number &&
         now.port == wanted.port;
}

/// What create, update and start have in common: the record says what should run; make it so.
Task<Result<void>> converge(CorePtr core, AppSight sight, AppRecord wanted, SecretsPtr secrets,
                            const Deadline& deadline) {
  // Nothing that runs is stopped for what could not be started.
  CO_TRY(secret_lines(*wanted.spec, secrets.get()));
  const bool is_same = sight.record && runs_the_same(*sight.record, wanted);
  if (sight.is_alive && !is_same && sight.record) {
    CO_TRY(co_await end_shim(core, *sight.record, deadline));
    sight.is_alive = false;
  }
  auto saving =
      core->pool.run([core, wanted] { return save_record(core->launcher.layout(), wanted); });
  CO_TRY(co_await std::move(saving));
  if (!sight.is_alive) {
    Result<void> launched = co_await launch(core, wanted, secrets, deadline);
    co_return launched;
  }
  // Interrupted between the supervisor and its start, the network may be missing still.
  CO_TRY_ASSIGN(ShimClient client,
                co_await connect_shim(core, wanted.uid, deadline.left_at_most(kQuick)));
  const bool was_started = sight.state && sight.state->text("phase") != "Created";
  const pid_t pid = client.shim_pid();
  if (!was_started) {
    auto connecting =
        core->pool.run([core, wanted, pid] { return core->launcher.connect(wanted, pid); });
    CO_TRY(co_await std::move(connecting));
  }
  CO_TRY(deadline.check("the app was started"));
  CO_TRY(co_await tell_secrets(client, wanted, secrets, deadline));
  CO_TRY(co_await client.request(shim::Line("start"), deadline.left_at_most(kQuick)));
  start_watching(core, wanted.uid);
  co_return Result<void>{};
}

enum class Absent { Make, Refuse };

Task<Result<void>> apply(CorePtr core, Effect effect, Absent absent) {
  const Deadline deadline(core->clock, effect.deadline);
  const Core::LockPtr lock = core->lock_of(effect.uid);
  const Semaphore::Permit permit = co_await lock->acquire();
  const auto shared = std::make_shared<const Effect>(std::move(effect));
  CO_TRY(deadline.check("it was this app's turn"));
  CO_TRY_ASSIGN(const AppSight before, co_await look(core, shared->uid));
  if (!before.record && absent == Absent::Refuse) {
    co_return fail(ErrorCode::NotFound, fmt::format("there is no app {}", to_string(shared->ref)));
  }
  const Checkouts::Pin pin(core->launcher.checkouts(), shared->files ? shared->files->id() : "");
  auto locking = core->pool.run([core, shared] { return core->launcher.lock(shared->uid); });
  CO_TRY_ASSIGN(const UniqueFd held, co_await std::move(locking));
  CO_TRY_ASSIGN(const AppSight sight, co_await look(core, shared->uid));
  auto planning =
      core->pool.run([core, shared, sight] { return core->launcher.plan(*shared, sight.record); });
  CO_TRY_ASSIGN(const AppRecord record, co_await std::move(planning));
  auto checking_out = core->pool.run([core, shared] { return core->launcher.check_out(*shared); });
  CO_TRY(co_await std::move(checking_out));
  CO_TRY(deadline.check("the app was changed"));
  const SecretsPtr secrets = shared->secrets;
  Result<void> done = co_await converge(core, sight, record, secrets, deadline);
  const bool may_leave_files = sight.record && sight.record->tree != record.tree;
  if (may_leave_files) {
    auto sweeping = core->pool.run([core] { return core->launcher.sweep(); });
    co_await std::move(sweeping);
  }
  if (done) core->notify(shared->uid);
  co_return done;
}

/// The recorded app of a start or stop, with the effect's intent; NotFound if there is none.
Result<AppRecord> known_app(const AppSight& sight, const Effect& effect, bool is_wanted) {
  if (!sight.record)
    return fail(ErrorCode::NotFound, fmt::format("there is no app {}", to_string(effect.ref)));
  AppRecord record = *sight.record;
  record.intent = effect.intent;
  record.is_wanted = is_wanted;
  return record;
}

Task<Result<void>> start_again(CorePtr core, Effect effect) {
  const Deadline deadline(core->clock, effect.deadline);
  const Core::LockPtr lock = core->lock_of(effect.uid);
  const Semaphore::Permit permit = co_await lock->acquire();
  CO_TRY(deadline.check("it was this app's turn"));
  CO_TRY_ASSIGN(const AppSight sight, co_await look(core, effect.uid));
  CO_TRY_ASSIGN(const AppRecord record, known_app(sight, effect, true));
  CO_TRY(core->launcher.check_enforceable(record.allow_egress));
  const std::string uid = effect.uid;
  auto locking = core->pool.run([core, uid] { return core->launcher.lock(uid); });
  CO_TRY_ASSIGN(const UniqueFd held, co_await std::move(locking));
  const SecretsPtr secrets = effect.secrets;
  Result<void> done = co_await converge(core, sight, record, secrets, deadline);
  if (done) core->notify(uid);
  co_return done;
}

Task<Result<void>> stop_running(CorePtr core, Effect effect) {
  const Deadline deadline(core->clock, effect.deadline);
  const Core::LockPtr lock = core->lock_of(effect.uid);
  const Semaphore::Permit permit = co_await lock->acquire();
  CO_TRY(deadline.check("it was this app's turn"));
  CO_TRY_ASSIGN(const AppSight sight, co_await look(core, effect.uid));
  CO_TRY_ASSIGN(const AppRecord record, known_app(sight, effect, false));
  const std::string uid = effect.uid;
  auto locking = core->pool.run([core, uid] { return core->launcher.lock(uid); });
  CO_TRY_ASSIGN(const UniqueFd held, co_await std::move(locking));
  auto saving =
      core->pool.run([core, record] { return save_record(core->launcher.layout(), record); });
  CO_TRY(co_await std::move(saving));
  if (sight.is_alive) {
    CO_TRY(co_await end_shim(core, record, deadline));
  }
  auto clearing = core->pool.run([core, uid] { return core->launcher.clear_runtime(uid); });
  CO_TRY(co_await std::move(clearing));
  core->notify(uid);
  co_return Result<void>{};
}

Task<Result<void>> destroy_app(CorePtr core, Effect effect, DataPolicy data) {
  const Deadline deadline(core->clock, effect.deadline);
  if (!is_safe_uid(effect.uid)) co_return Result<void>{};  // never one of ours
  const Core::LockPtr lock = core->lock_of(effect.uid);
  const Semaphore::Permit permit = co_await lock->acquire();
  CO_TRY(deadline.check("it was this app's turn"));
  const std::string uid = effect.uid;
  if (::access(core->launcher.layout().app(uid).c_str(), F_OK) != 0) co_return Result<void>{};
  auto locking = core->pool.run([core, uid] { return core->launcher.lock(uid); });
  CO_TRY_ASSIGN(const UniqueFd held, co_await std::move(locking));
  CO_TRY_ASSIGN(const AppSight sight, co_await look(core, uid));
  if (sight.is_alive && sight.record) {
    CO_TRY(co_await end_shim(core, *sight.record, deadline));
  }
  CO_TRY(deadline.check("the app was removed"));
  auto clearing = core->pool.run([core, uid] { return core->launcher.clear_runtime(uid); });
  CO_TRY(co_await std::move(clearing));
  auto forgetting = core->pool.run([core, uid, data] { return core->launcher.forget(uid, data); });
  CO_TRY(co_await std::move(forgetting));
  auto sweeping = core->pool.run([core] { return core->launcher.sweep(); });
  co_await std::move(sweeping);
  core->excess.erase(uid);
  core->storage.erase(uid);
  core->notify(uid);
  co_return Result<void>{};
}

struct Upkeep {
  std::map<std::string, std::string> excess;
  std::map<std::string, std::int64_t> storage;
  std::vector<std::string> with_egress;
};

Upkeep inspect_apps(const Launcher& launcher) {
  Upkeep upkeep;
  for (const std::string& uid : launcher.list()) {
    const Result<AppSight> sight = launcher.look(uid);
    if (!sight || !sight->record) continue;
    const StorageSight storage = look_at_storage(launcher.layout(), uid, *sight->record->spec);
    if (!storage.excess.empty()) upkeep.excess[uid] = storage.excess;
    // An image that is not mounted cannot be asked; it is as full as it was.
    if (sight->is_alive) upkeep.storage[uid] = storage.bytes;
    if (sight->is_alive && sight->record->allow_egress) upkeep.with_egress.push_back(uid);
  }
  return upkeep;
}

/// Mends the app's connection to the outside, unless an effect is about to make it.
Task<Result<void>> mend_connection(CorePtr core, std::string uid) {
  const Core::LockPtr lock = core->lock_of(uid);
  const Semaphore::Permit permit = co_await lock->acquire();
  CO_TRY_ASSIGN(const AppSight sight, co_await look(core, uid));
  const bool is_connected = sight.is_alive && sight.record && sight.record->allow_egress &&
                            sight.state && sight.state->text("phase") != "Created";
  if (!is_connected) co_return Result<void>{};
  CO_TRY_ASSIGN(const ShimClient client, co_await connect_shim(core, uid, kQuick));
  const AppRecord record = *sight.record;
  const pid_t pid = client.shim_pid();
  auto repairing =
      core->pool.run([core, record, pid] { return core->launcher.repair_connection(record, pid); });
  Result<void> repaired = co_await std::move(repairing);
  co_return repaired;
}

Task<> mend_networks(CorePtr core, std::vector<std::string> uids) {
  if (uids.empty()) co_return;
  auto repairing = core->pool.run([core] { return core->launcher.repair_filter(); });
  const Result<void> filter = co_await std::move(repairing);
  if (!filter)
    log_error("process", "the packet filter of apps cannot be made",
              {{"why", filter.error().describe()}});
  for (const std::string& uid : uids) {
    if (core->is_closed) co_return;
    const Result<void> mended = co_await mend_connection(core, uid);
    if (!mended)
      log_error("process", "an app's network cannot be mended",
                {{"uid", uid}, {"why", mended.error().describe()}});
  }
}

void take_excess(Core& core, std::map<std::string, std::string> excess) {
  std::set<std::string> changed;
  for (const auto& [uid, what] : excess) {
    if (!core.excess.contains(uid)) changed.insert(uid);
  }
  for (const auto& [uid, what] : core.excess) {
    if (!excess.contains(uid)) changed.insert(uid);
  }
  core.excess = std::move(excess);
  for (const std::string& uid : changed) core.notify(uid);
}

/// Now and then: measures volumes, and mends networks that others broke.
Task<> keep_up(CorePtr core) {
  while (!core->is_closed) {
    auto inspecting = core->pool.run([core] { return inspect_apps(core->launcher); });
    Upkeep upkeep = co_await std::move(inspecting);
    for (const auto& [uid, bytes] : upkeep.storage) core->storage[uid] = bytes;
    take_excess(*core, std::move(upkeep.excess));
    co_await mend_networks(core, upkeep.with_egress);
    if (core->is_closed) co_return;
    core->upkeep_timer.expires_after(core->launcher.settings().measure_every);
    co_await core->upkeep_timer.async_wait(asio::as_tuple(asio::use_awaitable));
  }
}

/// False once they are erased. Asked of the files, because the directory stays as long as we read
/// one of them.
bool has_logs(const std::filesystem::path& directory) {
  std::error_code error;
  return !std::filesystem::is_empty(directory, error) && !error;
}

/// A descriptor that is readable when something in the directory changed.
Result<Core::Descriptor> watch_directory(const Core& core, const std::filesystem::path& directory) {
  UniqueFd fd(::inotify_init1(IN_CLOEXEC | IN_NONBLOCK));
  if (!fd.is_open() || ::inotify_add_watch(fd.get(), directory.c_str(),
                                           IN_MODIFY | IN_CREATE | IN_MOVED_TO | IN_DELETE |
                                               IN_DELETE_SELF | IN_ONLYDIR) < 0) {
    return fail(system_error(errno, "watching the log"));
  }
  return std::make_shared<asio::posix::stream_descriptor>(core.executor, fd.release());
}

/// True if something changed, false after the time or when the provider is closed.
Task<> wait_for_change(CorePtr core, Core::Descriptor watch) {
  asio::steady_timer timer(core->executor, kHeartbeat);
  timer.async_wait([watch](const boost::system::error_code& error) {
    if (!error) watch->cancel();
  });
  co_await watch->async_wait(asio::posix::stream_descriptor::wait_read,
                             asio::as_tuple(asio::use_awaitable));
  timer.cancel();
  std::array<char, 4096> events;
  while (::read(watch->native_handle(), events.data(), events.size()) > 0) {
  }
}

Task<Result<void>> stream_logs(CorePtr core, LogRequest request, LogSink sink) {
  if (!is_safe_uid(request.uid)) co_return fail(ErrorCode::NotFound, "there is no such app");
  const std::filesystem::path directory = core->launcher.layout().logs(request.uid);
  CO_TRY_ASSIGN(LogReader opened, LogReader::open(directory));
  const auto reader = std::make_shared<LogReader>(std::move(opened));
  Core::Descriptor watch;
  if (request.follow) {
    CO_TRY_ASSIGN(watch, watch_directory(*core, directory));
    core->followers.insert(watch);
  }
  const int lines = request.last_lines;
  auto reading_tail = core->pool.run([reader, lines] { return reader->last_lines(lines); });
  std::string text = co_await std::move(reading_tail);
  bool goes_on = text.empty() || sink(text);
  while (goes_on && request.follow && !core->is_closed) {
    auto reading = core->pool.run([reader] { return reader->more(); });
    text = co_await std::move(reading);
    if (text.empty()) {
      co_await wait_for_change(core, watch);
      auto rereading = core->pool.run([reader] { return reader->more(); });
      text = co_await std::move(rereading);
    }
    // Also without news, or one who has left a silent app would never be noticed.
    goes_on = !core->is_closed && sink(text) && has_logs(directory);
  }
  if (watch) core->followers.erase(watch);
  co_return Result<void>{};
}

class ProcessProvider final : public Provider {
 public:
  explicit ProcessProvider(CorePtr core) : core_(std::move(core)) {}
  ~ProcessProvider() override { core_->close(); }

  Capabilities capabilities() const override {
    Capabilities can;
    can.workloads = can.volumes = can.logs = can.exec = can.shell = can.volume_archives =
        can.events = true;
    can.use = core_->launcher.can_measure();
    can.missing = core_->launcher.missing();
    return can;
  }

  Result<Value> normalize(const Ref& ref, const Value& spec) const override {
    if (ref.kind != Kind::Instance) {
      return fail(ErrorCode::Invalid,
                  fmt::format("the process provider runs Instances, not {}s", to_string(ref.kind)));
    }
    TRY(core_->launcher.check_enforceable(false));
    return normalize_instance(core_->launcher.settings(), spec);
  }

  Task<Result<std::vector<Observed>>> observe() override {
    const CorePtr core = core_;
    auto observing = core->pool.run([core] { return observe_apps(core->launcher); });
    Result<std::vector<Observed>> seen = co_await std::move(observing);
    if (seen) {
      for (Observed& one : *seen) {
        const auto storage = core->storage.find(one.uid);
        if (storage != core->storage.end()) one.storage_bytes = storage->second;
        const auto excess = core->excess.find(one.uid);
        if (excess == core->excess.end() || !one.reason.empty()) continue;
        one.reason = "StorageExceeded";
        one.message = excess->second;
      }
    }
    co_return seen;
  }

  Task<Result<std::vector<Use>>> use() override {
    const CorePtr core = core_;
    auto measuring = core->pool.run([core] { return core->launcher.use(); });
    std::vector<Use> uses = co_await std::move(measuring);
    for (Use& one : uses) one.at = core->clock.now();
    co_return uses;
  }

  Task<Result<void>> create(Effect effect) override {
    return apply(core_, std::move(effect), Absent::Make);
  }
  Task<Result<void>> update(Effect effect) override {
    return apply(core_, std::move(effect), Absent::Refuse);
  }
  Task<Result<void>> start(Effect effect) override { return start_again(core_, std::move(effect)); }
  Task<Result<void>> stop(Effect effect) override { return stop_running(core_, std::move(effect)); }
  Task<Result<void>> destroy(Effect effect, DataPolicy data) override {
    return destroy_app(core_, std::move(effect), data);
  }

  void on_change(std::function<void(const std::string&)> listener) override {
    core_->listener = std::move(listener);
  }

  Task<Result<void>> logs(LogRequest request, LogSink sink) override {
    return stream_logs(core_, std::move(request), std::move(sink));
  }

  Task<Result<int>> exec(std::string uid, std::vector<std::string> command,
                         Duration deadline) override {
    const CorePtr core = core_;
    if (!is_safe_uid(uid)) co_return fail(ErrorCode::NotFound, "there is no such app");
    CO_TRY_ASSIGN(ShimClient client, co_await connect_shim(core, uid, std::min(deadline, kQuick)));
    shim::Line line("exec");
    for (const std::string& argument : command) line.add("arg", argument);
    line.add("timeout", deadline.count());
    CO_TRY_ASSIGN(const shim::Line answer,
                  co_await client.request(std::move(line), deadline + kQuick));
    co_return static_cast<int>(answer.number("status", -1));
  }

  Task<Result<void>> export_volume(std::string uid, std::string volume, ByteSink sink) override {
    const CorePtr core = core_;
    CO_TRY(check_known(uid));
    Result<void> done = co_await croft::export_volume(
        core->launcher, core->pool, core->lock_of(uid), uid, std::move(volume), std::move(sink));
    co_return done;
  }

  Task<Result<void>> import_volume(std::string uid, std::string volume,
                                   ByteSource source) override {
    const CorePtr core = core_;
    CO_TRY(check_known(uid));
    Result<void> done = co_await croft::import_volume(
        core->launcher, core->pool, core->lock_of(uid), uid, std::move(volume), std::move(source));
    co_return done;
  }

  Task<Result<std::unique_ptr<ExecSession>>> open_exec(ExecRequest request) override {
    const CorePtr core = core_;
    if (!is_safe_uid(request.uid)) co_return fail(ErrorCode::NotFound, "there is no such app");
    CO_TRY_ASSIGN(ShimClient client, co_await connect_shim(core, request.uid, kQuick));
    Result<std::unique_ptr<ExecSession>> session =
        co_await open_session(std::move(client), std::move(request), kQuick);
    co_return session;
  }

 private:
  /// Before a lock is made for it.
  Result<void> check_known(const std::string& uid) const {
    if (is_safe_uid(uid) && ::access(core_->launcher.layout().app(uid).c_str(), F_OK) == 0)
      return {};
    return fail(ErrorCode::NotFound, "there is no such app");
  }

  CorePtr core_;
};

Result<void> check_networks(const ProcessSettings& settings) {
  const auto check = [](const std::string& text, const char* what) -> Result<void> {
    if (is_network(text)) return {};
    return fail(ErrorCode::Invalid, fmt::format("settings.{}: '{}' is no network", what, text));
  };
  TRY(check(settings.ipv4_pool, "ipv4Pool"));
  if (!settings.ipv6_pool.empty()) {
    TRY(check(settings.ipv6_pool, "ipv6Pool"));
  }
  for (const std::string& network : settings.resolvers) {
    TRY(check(network, "resolvers"));
  }
  for (const std::string& network : settings.egress_allow) {
    TRY(check(network, "egressAllow"));
  }
  for (const std::string& network : settings.egress_deny) {
    TRY(check(network, "egressDeny"));
  }
  return {};
}

}  // namespace

Result<std::unique_ptr<Provider>> make_process_provider(ProcessSettings settings,
                                                        asio::any_io_executor executor,
                                                        BlockingPool& pool, Clock& clock) {
  TRY(check_networks(settings));
  TRY_ASSIGN(std::filesystem::path shim, find_shim(settings));
  ProcessLayout layout{settings.data};
  Machine machine = inspect_machine(settings);
  const auto core =
      std::make_shared<Core>(std::move(settings), std::move(layout), std::move(machine),
                             std::move(shim), executor, pool, clock);
  TRY(core->launcher.prepare_root());
  for (const std::string& uid : core->launcher.list_data()) {
    const Result<void> cleared = clear_transfers(core->launcher.layout(), uid);
    if (!cleared)
      log_warning("process", "a volume is still mounted from an export that was cut off",
                  {{"what", cleared.error().describe()}});
  }
  for (const std::string& uid : core->launcher.list()) {
    const Result<AppSight> sight = core->launcher.look(uid);
    if (sight && sight->is_alive) start_watching(core, uid);
  }
  spawn(executor, keep_up(core), "upkeep of process apps");
  return std::make_unique<ProcessProvider>(core);
}

}  // namespace croft
