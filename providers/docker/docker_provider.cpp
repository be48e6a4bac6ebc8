#include "providers/docker/docker_provider.hpp"

#include <algorithm>
#include <set>

#include <fmt/format.h>

#include "core/base/files.hpp"
#include "core/base/log.hpp"
#include "core/base/units.hpp"
#include "providers/docker/archives.hpp"
#include "providers/docker/containers.hpp"
#include "providers/docker/core.hpp"
#include "providers/docker/events.hpp"
#include "providers/docker/exec_session.hpp"
#include "providers/docker/logs.hpp"
#include "providers/docker/measures.hpp"
#include "providers/docker/objects.hpp"
#include "providers/docker/spec.hpp"

namespace croft::docker {

namespace {

constexpr Duration kObserveWithin{30'000};
constexpr std::size_t kLargestPem = 1 << 20;

// Observing

using Sizes = std::map<std::string, std::int64_t>;

/// Volumes that a resource's container has for itself: what they hold, and which holds too much.
struct Storage {
  std::optional<std::int64_t> bytes;
  std::string excess;
};

Storage storage_of(const Core& core, const std::string& uid, const Value& spec) {
  Storage storage;
  for (const Value& volume : elements_at(spec, "volumes")) {
    const std::string name = volume.text_or("name", "");
    const auto size = core.volume_sizes.find(own_object_name(uid, name));
    if (size == core.volume_sizes.end()) continue;
    storage.bytes = storage.bytes.value_or(0) + size->second;
    const std::int64_t most = volume.integer_or("size", 0);
    if (most > 0 && size->second > most)
      storage.excess = fmt::format("volume '{}' holds {} MiB of {}", name, size->second >> 20,
                                   format_bytes(Bytes{most}));
  }
  return storage;
}

void judge_storage(const Core& core, Observed& seen) {
  if (!seen.fields) return;
  const Storage storage = storage_of(core, seen.uid, *seen.fields);
  seen.storage_bytes = storage.bytes;
  if (storage.excess.empty() || !seen.reason.empty()) return;
  seen.reason = "StorageExceeded";
  seen.message = storage.excess;
}

/// A restart is forgotten after a while, without anybody telling.
Task<> look_again(CorePtr core, std::string uid) {
  co_await sleep_for(kStableAfter);
  core->notify(uid);
}

bool has_completed(const Core& core, const Record* record, const std::string& id) {
  const bool is_recorded = record != nullptr && record->object == id && record->has_completed;
  // Podman does not tell how a container ended.
  const bool is_told = !core.identity || core.identity->kind == EngineKind::Docker;
  return is_recorded || core.completed.contains(id) || !is_told;
}

/// `standing`: the containers that stand for their resources now.
Task<Result<Observed>> observe_container(CorePtr core, ContainerSummary container,
                                         const std::set<std::string>& standing, Limit limit) {
  CO_TRY_ASSIGN(const std::shared_ptr<const ContainerDetails> details,
                co_await details_of(core, container, limit));
  // The engine tells of an end before its list knows of it, and does not tell again; an inspection
  // waits until that is written down.
  const bool has_ended = details->state == "exited" || details->state == "restarting";
  if (container.is_running() && has_ended) container.state = details->state;
  const std::string uid = container.uid();
  const std::shared_ptr<const Record> record = core->records.find(uid);
  const auto moved = core->moved_images.find(uid);
  // Of the container before, perhaps.
  const bool has_moved = moved != core->moved_images.end() &&
                         moved->second == label_or_empty(container.labels, label::kImage);
  const Circumstances known{.record = record.get(),
                            .is_local = core->settings.is_local(),
                            .was_killed = core->killed.contains(container.id),
                            .has_completed = has_completed(*core, record.get(), container.id),
                            .now = core->clock.now(),
                            .storage_bytes = std::nullopt,
                            .moved_image = has_moved ? moved->second : std::string()};
  Observed seen = describe_container(container, *details, known);
  judge_storage(*core, seen);
  seen.outdated = outdated_by_joins(*details, standing);
  if (seen.phase == Phase::Starting && seen.reason == "CrashLoop")
    spawn(core->executor, look_again(core, uid), "looking again after a restart");
  co_return seen;
}

Task<Result<void>> observe_containers(CorePtr core, std::vector<Observed>& out, Limit limit) {
  CO_TRY_ASSIGN(const std::vector<ContainerSummary> all, co_await list_containers(core, "", limit));
  std::map<std::string, std::vector<const ContainerSummary*>> by_uid;
  for (const ContainerSummary& one : all) by_uid[one.uid()].push_back(&one);
  std::set<std::string> standing;
  for (const auto& [uid, those] : by_uid) standing.insert(choose_current(those)->id);
  for (const auto& [uid, those] : by_uid) {
    const ContainerSummary current = *choose_current(those);
    Result<Observed> seen = co_await observe_container(core, current, standing, limit);
    // Gone between the list and the look: the event of that brings the next pass.
    if (!seen && seen.error().code() == ErrorCode::NotFound) continue;
    if (!seen) co_return std::unexpected(std::move(seen.error()));
    // One that is stopped is tidied up when it starts, or goes.
    if (current.is_running()) seen->left_behind = left_beside(current, those);
    out.push_back(std::move(*seen));
  }
  co_return Result<void>{};
}

void add_objects(const Core& core, const std::vector<ObjectSummary>& objects,
                 std::vector<Observed>& out) {
  for (const ObjectSummary& object : objects) {
    const std::shared_ptr<const Record> record = core.records.find(object.uid());
    std::optional<Observed> seen = describe_object(object, record.get());
    if (!seen) continue;
    const auto size = core.volume_sizes.find(object.name);
    if (size != core.volume_sizes.end()) seen->storage_bytes = size->second;
    const std::int64_t most = seen->fields->integer_or("size", 0);
    if (most > 0 && seen->storage_bytes.value_or(0) > most) {
      seen->reason = "StorageExceeded";
      seen->message = fmt::format("it holds {} MiB of {}", *seen->storage_bytes >> 20,
                                  format_bytes(Bytes{most}));
    }
    out.push_back(std::move(*seen));
  }
}

Task<Result<std::vector<Observed>>> observe_all(CorePtr core) {
  const Limit limit{std::chrono::steady_clock::now() + kObserveWithin};
  std::vector<Observed> all;
  CO_TRY(co_await observe_containers(core, all, limit));
  CO_TRY_ASSIGN(const std::vector<ObjectSummary> networks, co_await list_networks(core, "", limit));
  CO_TRY_ASSIGN(const std::vector<ObjectSummary> volumes, co_await list_volumes(core, "", limit));
  add_objects(*core, networks, all);
  add_objects(*core, volumes, all);
  co_return all;
}

// Volumes and Networks of Stacks

std::string engine_name(const Effect& effect) {
  return stack_object_name(effect.tenant.uid, stack_of(effect.ref).value_or(effect.ref),
                           name_in_stack(effect.ref));
}

Task<Result<std::optional<ObjectSummary>>> find_object(CorePtr core, EffectPtr effect,
                                                       Limit limit) {
  std::vector<ObjectSummary> all;
  if (effect->ref.kind == Kind::Network) {
    CO_TRY_ASSIGN(all, co_await list_networks(core, effect->uid, limit));
  } else {
    CO_TRY_ASSIGN(all, co_await list_volumes(core, effect->uid, limit));
  }
  const auto found = std::ranges::find_if(all, &ObjectSummary::is_resource_itself);
  if (found == all.end()) co_return std::optional<ObjectSummary>{};
  co_return std::optional<ObjectSummary>(*found);
}

Task<Result<void>> record_object(CorePtr core, EffectPtr effect, Limit limit) {
  CO_TRY_ASSIGN(const std::optional<ObjectSummary> made, co_await find_object(core, effect, limit));
  if (!made) co_return fail(ErrorCode::NotFound, "it is gone again");
  const auto record = std::make_shared<Record>(Record{.object = made->id,
                                                      .intent = effect->intent,
                                                      .spec_digest = effect->spec_digest,
                                                      .fields = effect->spec});
  auto saving =
      core->pool.run([core, effect, record] { return core->records.put(effect->uid, *record); });
  Result<void> saved = co_await std::move(saving);
  co_return saved;
}

Task<Result<void>> apply_object(CorePtr core, EffectPtr effect, Absent absent, Limit limit) {
  if (!effect->spec) co_return fail(ErrorCode::Invalid, "there is no spec");
  CO_TRY(limit.check("it was looked for"));
  if (absent == Absent::Refuse) {
    CO_TRY_ASSIGN(const std::optional<ObjectSummary> found,
                  co_await find_object(core, effect, limit));
    if (!found)
      co_return fail(ErrorCode::NotFound, fmt::format("there is no {}", to_string(effect->ref)));
  }
  const std::string name = engine_name(*effect);
  if (effect->ref.kind == Kind::Network) {
    const bool is_internal = effect->spec->boolean_or("internal", false) || !effect->allow_egress;
    CO_TRY(co_await ensure_network(core, effect, name, "", is_internal, limit));
  } else {
    CO_TRY(co_await ensure_volume(core, effect, name, "", limit));
  }
  Result<void> recorded = co_await record_object(core, effect, limit);
  co_return recorded;
}

Task<Result<void>> keep_volume(CorePtr core, EffectPtr effect, Limit limit) {
  CO_TRY_ASSIGN(const std::optional<ObjectSummary> found,
                co_await find_object(core, effect, limit));
  if (!found) co_return Result<void>{};
  const std::shared_ptr<const Record> before = core->records.find(effect->uid);
  const auto record = std::make_shared<Record>(
      before && before->object == found->id ? *before : Record{.object = found->id});
  record->is_kept = true;
  auto saving =
      core->pool.run([core, effect, record] { return core->records.put(effect->uid, *record); });
  Result<void> saved = co_await std::move(saving);
  co_return saved;
}

Task<Result<void>> destroy_object(CorePtr core, EffectPtr effect, DataPolicy data, Limit limit) {
  if (effect->ref.kind == Kind::Volume && data == DataPolicy::Keep) {
    Result<void> kept = co_await keep_volume(core, effect, limit);
    co_return kept;
  }
  CO_TRY_ASSIGN(const std::optional<ObjectSummary> found,
                co_await find_object(core, effect, limit));
  if (found) {
    CO_TRY(limit.check("it was removed"));
    if (effect->ref.kind == Kind::Network) {
      CO_TRY(co_await remove_network(core, found->name, limit));
    } else {
      CO_TRY(co_await remove_volume(core, found->name, limit));
    }
  }
  auto forgetting = core->pool.run([core, effect] {
    core->records.remove(effect->uid);
    return 0;
  });
  co_await std::move(forgetting);
  co_return Result<void>{};
}

/// Started and stopped with what uses it; only that it is there is to be seen.
Task<Result<void>> power_object(CorePtr core, EffectPtr effect, Limit limit) {
  CO_TRY_ASSIGN(const std::optional<ObjectSummary> found,
                co_await find_object(core, effect, limit));
  if (found) co_return Result<void>{};
  co_return fail(ErrorCode::NotFound, fmt::format("there is no {}", to_string(effect->ref)));
}

// The verbs

bool is_object(const Effect& effect) {
  return effect.ref.kind == Kind::Volume || effect.ref.kind == Kind::Network;
}

enum class Verb { Create, Update, Start, Stop, Keep, Erase };

Task<Result<void>> act(CorePtr core, EffectPtr effect, Verb verb, Limit limit) {
  Result<void> done = Result<void>{};
  const Absent absent = verb == Verb::Create ? Absent::Make : Absent::Refuse;
  const DataPolicy data = verb == Verb::Erase ? DataPolicy::Erase : DataPolicy::Keep;
  switch (verb) {
    case Verb::Create:
    case Verb::Update:
      if (is_object(*effect)) done = co_await apply_object(core, effect, absent, limit);
      if (!is_object(*effect)) done = co_await apply_container(core, effect, absent, limit);
      break;
    case Verb::Start:
      if (is_object(*effect)) done = co_await power_object(core, effect, limit);
      if (!is_object(*effect)) done = co_await start_container(core, effect, limit);
      break;
    case Verb::Stop:
      if (is_object(*effect)) done = co_await power_object(core, effect, limit);
      if (!is_object(*effect)) done = co_await stop_container(core, effect, limit);
      break;
    case Verb::Keep:
    case Verb::Erase:
      if (is_object(*effect)) done = co_await destroy_object(core, effect, data, limit);
      if (!is_object(*effect)) done = co_await destroy_container(core, effect, data, limit);
      break;
  }
  co_return done;
}

Task<Result<void>> in_turn(CorePtr core, Effect effect, Verb verb) {
  const Limit limit = limit_of(effect);
  const Core::LockPtr lock = core->lock_of(effect.uid);
  const Semaphore::Permit permit = co_await lock->acquire();
  CO_TRY(limit.check("it was this one's turn"));
  const auto shared = std::make_shared<const Effect>(std::move(effect));
  if (!core->identity) {
    CO_TRY_ASSIGN(core->identity, co_await core->engine.system().identity(limit.at));
    core->walls.set_dns_on_host(core->identity->kind == EngineKind::Podman);
  }
  Result<void> done = co_await act(core, shared, verb, limit);
  core->notify(shared->uid);
  co_return done;
}

class DockerProvider final : public Provider {
 public:
  explicit DockerProvider(CorePtr core) : core_(std::move(core)) {}
  ~DockerProvider() override { core_->close(); }

  Capabilities capabilities() const override {
    Capabilities can;
    can.workloads = can.images = can.stacks = can.volumes = true;
    can.commands = false;
    can.builds = core_->settings.can_build;
    can.logs = can.exec = can.shell = can.volume_archives = can.events = can.use = true;
    if (!core_->walls.why_not().empty()) can.missing.push_back({"network", core_->walls.why_not()});
    can.missing.push_back({"storage",
                           "volumes of an engine hold what the disk holds; they are "
                           "measured"});
    return can;
  }

  Result<Value> normalize(const Ref& ref, const Value& spec) const override {
    TRY(core_->check_enforceable());
    return normalize_spec(core_->settings, ref, spec);
  }
  std::optional<UpdateManner> how_updated(const Ref& ref, const Value& before, const Value& after,
                                          bool is_anew) const override {
    const bool is_podman = core_->identity && core_->identity->kind == EngineKind::Podman;
    return manner_of_update(ref, before, after, is_anew || is_podman);
  }

  Task<Result<std::vector<Observed>>> observe() override { return observe_all(core_); }
  Task<Result<std::vector<Use>>> use() override { return use_of_all(core_); }
  Task<Result<void>> create(Effect effect) override {
    return in_turn(core_, std::move(effect), Verb::Create);
  }
  Task<Result<void>> update(Effect effect) override {
    return in_turn(core_, std::move(effect), Verb::Update);
  }
  Task<Result<void>> start(Effect effect) override {
    return in_turn(core_, std::move(effect), Verb::Start);
  }
  Task<Result<void>> stop(Effect effect) override {
    return in_turn(core_, std::move(effect), Verb::Stop);
  }
  Task<Result<void>> destroy(Effect effect, DataPolicy data) override {
    return in_turn(core_, std::move(effect), data == DataPolicy::Erase ? Verb::Erase : Verb::Keep);
  }

  void on_change(std::function<void(const std::string&)> listener) override {
    core_->listener = std::move(listener);
  }
  void on_news(std::function<void(ProviderNews)> listener) override {
    core_->news = std::move(listener);
  }
  Task<Result<void>> logs(LogRequest request, LogSink sink) override {
    return stream_logs(core_, std::move(request), std::move(sink));
  }
  Task<Result<int>> exec(std::string uid, std::vector<std::string> command,
                         Duration deadline) override {
    const Limit limit{std::chrono::steady_clock::now() + deadline};
    return run_command(core_, std::move(uid), std::move(command), limit);
  }
  Task<Result<std::unique_ptr<ExecSession>>> open_exec(ExecRequest request) override {
    return open_session(core_, std::move(request));
  }
  Task<Result<void>> export_volume(std::string uid, std::string volume, ByteSink sink) override {
    return export_archive(core_, std::move(uid), std::move(volume), std::move(sink));
  }
  Task<Result<void>> import_volume(std::string uid, std::string volume,
                                   ByteSource source) override {
    return import_archive(core_, std::move(uid), std::move(volume), std::move(source));
  }

 private:
  CorePtr core_;
};

Result<std::string> read_pem(const std::string& file, const char* setting) {
  if (file.empty()) return std::string();
  return while_doing(read_file(file, kLargestPem), fmt::format("reading settings.{}", setting));
}

Result<CorePtr> make_core(ProviderSettings settings, asio::any_io_executor executor,
                          BlockingPool& pool, Clock& clock) {
  EngineSettings engine;
  engine.host = settings.host;
  TRY_ASSIGN(engine.certificate_authority, read_pem(settings.ca_file, "caFile"));
  TRY_ASSIGN(engine.certificate, read_pem(settings.cert_file, "certFile"));
  TRY_ASSIGN(engine.key, read_pem(settings.key_file, "keyFile"));
  TRY_ASSIGN(EngineClient client, EngineClient::make(std::move(engine)));
  TRY(make_directory(settings.data, 0711));
  TRY(make_directory(settings.data / "files", 0711));
  const auto core = std::make_shared<Core>(std::move(settings), std::move(client),
                                           std::move(executor), pool, clock);
  TRY(core->records.load());
  TRY(remember_settings(core->settings));
  return core;
}

Task<Result<int>> end_all(CorePtr core) {
  constexpr Duration kEach{60'000};
  CO_TRY_ASSIGN(const std::vector<Observed> all, co_await observe_all(core));
  // Networks go after what is on them.
  for (const bool networks : {false, true}) {
    for (const Observed& one : all) {
      if ((one.ref.kind == Kind::Network) != networks) continue;
      Effect effect;
      effect.intent = "down-" + one.uid;
      effect.uid = one.uid;
      effect.ref = one.ref;
      effect.deadline = kEach;
      Result<void> ended = co_await in_turn(core, std::move(effect), Verb::Keep);
      if (!ended)
        co_return std::unexpected(
            std::move(ended.error()).while_doing("ending " + to_string(one.ref)));
    }
  }
  core->walls.remove();
  co_return static_cast<int>(all.size());
}

}  // namespace

Result<std::unique_ptr<Provider>> make_provider(ProviderSettings settings,
                                                asio::any_io_executor executor, BlockingPool& pool,
                                                Clock& clock) {
  TRY_ASSIGN(const CorePtr core, make_core(std::move(settings), executor, pool, clock));
  spawn(executor, listen(core), "listening to the engine");
  spawn(executor, keep_up(core), "upkeep of containers");
  spawn(executor, remove_leftovers(core), "removing leftovers");
  return std::make_unique<DockerProvider>(core);
}

Result<int> clear(ProviderSettings settings) {
  SystemClock clock;
  asio::io_context io{1};
  BlockingPool pool(2);
  TRY_ASSIGN(const CorePtr core, make_core(std::move(settings), io.get_executor(), pool, clock));
  std::optional<Result<int>> ended;
  asio::co_spawn(io, end_all(core), [&](const std::exception_ptr&, Result<int> count) {
    ended.emplace(std::move(count));
    io.stop();
  });
  io.run();
  pool.stop();
  return ended ? std::move(*ended) : fail(ErrorCode::Internal, "ending containers was cut short");
}

}  // namespace croft::docker
