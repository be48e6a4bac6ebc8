#include "providers/docker/containers.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "core/base/log.hpp"
#include "providers/docker/container_plan.hpp"
#include "providers/docker/files.hpp"
#include "providers/docker/images.hpp"
#include "providers/docker/objects.hpp"
#include "providers/docker/spec.hpp"
#include "providers/local/machine_facts.hpp"
#include "providers/port/endpoint.hpp"

namespace croft::docker {

namespace {

using Summaries = std::vector<ContainerSummary>;

constexpr Duration kStopReserve{2'000};  ///< of an effect's time, for what comes after a stop
constexpr Duration kLookEvery{100};
constexpr Duration kWellWithin{60'000};  ///< a new container beside the old one
constexpr Duration kSteadyFor{500};      ///< one that has no port and no check

Error no_container(const Effect& effect) {
  return Error(ErrorCode::NotFound,
               fmt::format("there is no container of {}", to_string(effect.ref)));
}

const ContainerSummary* current_of(const Summaries& all) {
  std::vector<const ContainerSummary*> pointers;
  for (const ContainerSummary& one : all) pointers.push_back(&one);
  return choose_current(pointers);
}

std::shared_ptr<const Record> record_for(const Core& core, const std::string& uid,
                                         const ContainerSummary& container) {
  std::shared_ptr<const Record> record = core.records.find(uid);
  return record && record->object == container.id ? record : nullptr;
}

/// The spec that a container runs with, as it was asked for.
Value fields_of(const Core& core, const std::string& uid, const ContainerSummary& container) {
  const std::shared_ptr<const Record> record = record_for(core, uid, container);
  if (record && record->fields) return *record->fields;
  const Result<Value> labelled = parse_json(label_or_empty(container.labels, label::kFields));
  return labelled ? *labelled : Value::map();
}

Task<Result<void>> save_record(CorePtr core, std::string uid, Record record) {
  const auto shared = std::make_shared<Record>(std::move(record));
  auto saving = core->pool.run([core, uid, shared] { return core->records.put(uid, *shared); });
  Result<void> saved = co_await std::move(saving);
  co_return saved;
}

/// Stops it, within the grace or the time left, and removes it.
Task<Result<void>> end(CorePtr core, ContainerSummary container, Duration grace, bool removes,
                       Limit limit) {
  const Ending ending(core, container.id);
  const bool is_active = container.is_running() || container.state == "restarting" ||
                         container.state == "paused" || container.state == "stopping";
  if (is_active) {
    CO_TRY(limit.check("the container was stopped"));
    const Duration most = std::max(Duration(0), limit.left() - kStopReserve);
    const auto seconds = std::chrono::ceil<std::chrono::seconds>(std::min(grace, most));
    if (container.state == "paused")
      (void)co_await core->engine.containers().unpause(container.id, limit.at);
    Result<void> stopped = co_await core->engine.containers().stop(container.id, seconds, limit.at);
    if (!stopped && stopped.error().code() != ErrorCode::NotFound) co_return stopped;
  }
  if (!removes) co_return Result<void>{};
  CO_TRY(limit.check("the container was removed"));
  const RemoveContainer how{.force = true, .volumes = true};
  Result<void> removed = co_await core->engine.containers().remove(container.id, how, limit.at);
  const bool is_gone = removed || removed.error().code() == ErrorCode::NotFound ||
                       removed.error().code() == ErrorCode::Conflict;  // somebody removes it
  core->details.erase(container.id);
  co_return is_gone ? Result<void>{} : std::move(removed);
}

Duration grace_of(const Value& spec) { return Duration(spec.integer_or("grace", 10'000)); }

/// All containers of the resource but the one that stands for it now, and networks that it has
/// left.
Task<Result<void>> settle(CorePtr core, EffectPtr effect, std::string current, Limit limit) {
  CO_TRY_ASSIGN(const Summaries all, co_await list_containers(core, effect->uid, limit));
  std::set<std::string> used;
  for (const ContainerSummary& one : all) {
    if (one.id == current) {
      for (const auto& [network, address] : one.networks) used.insert(network);
      continue;
    }
    const Duration grace = grace_of(fields_of(*core, effect->uid, one));
    CO_TRY(co_await end(core, one, grace, true, limit));
  }
  CO_TRY_ASSIGN(const std::vector<ObjectSummary> networks,
                co_await list_networks(core, effect->uid, limit));
  for (const ObjectSummary& network : networks) {
    if (used.contains(network.name) || network.part() == "build") continue;
    CO_TRY(co_await remove_network(core, network.name, limit));
  }
  co_return Result<void>{};
}

// Making one

struct Making {
  EffectPtr effect;
  Value workload;
  ContainerPlan plan;
  std::shared_ptr<FilePins> pins = std::make_shared<FilePins>();
};
using MakingPtr = std::shared_ptr<Making>;

Task<Result<std::string>> joined_container(CorePtr core, EffectPtr effect, std::string mode,
                                           Limit limit) {
  if (!mode.starts_with("service:")) co_return std::string();
  const std::string service = mode.substr(std::string_view("service:").size());
  const std::string project = project_of(effect->ref);
  const std::vector<std::string> more{fmt::format("com.docker.compose.project={}", project),
                                      fmt::format("com.docker.compose.service={}", service),
                                      fmt::format("{}={}", label::kTenant, effect->tenant.uid)};
  const Filters filter = our_filter(*core, more);
  CO_TRY_ASSIGN(const Value list, co_await core->engine.containers().list(filter, limit.at));
  const Summaries all = our_containers(list, core->settings.name);
  const ContainerSummary* current = current_of(all);
  if (current == nullptr || !current->is_running())
    co_return fail(ErrorCode::Conflict,
                   fmt::format("service '{}', whose network it shares, does not run", service));
  co_return current->id;
}

Task<Result<MakingPtr>> plan_making(CorePtr core, EffectPtr effect, Value workload,
                                    std::string kept_image, Limit limit) {
  const auto making = std::make_shared<Making>();
  making->effect = effect;
  making->workload = workload;
  CO_TRY_ASSIGN(const ImageFacts image,
                co_await ensure_image(core, effect, workload, std::move(kept_image), limit));
  CO_TRY_ASSIGN(std::vector<PlannedFile> files,
                co_await place_files(core, effect, workload, making->pins));
  const std::string mode = workload.text_or("networkMode", "");
  CO_TRY_ASSIGN(const std::string joined, co_await joined_container(core, effect, mode, limit));
  const PlanInput input{.effect = *effect,
                        .workload = making->workload,
                        .image = image,
                        .settings = core->settings,
                        .files = std::move(files),
                        .has_init = core->identity && core->identity->kind == EngineKind::Docker,
                        .joined_container = joined};
  making->plan = plan_container(input);
  co_return making;
}

/// A Stack's own Volume; the order of effects has made it before.
Task<Result<void>> check_there(CorePtr core, std::string volume, Limit limit) {
  const Result<Value> found = co_await core->engine.volumes().inspect(volume, limit.at);
  if (found) co_return Result<void>{};
  if (found.error().code() != ErrorCode::NotFound) co_return std::unexpected(found.error());
  co_return fail(ErrorCode::Conflict, fmt::format("its volume {} is not there (yet)", volume));
}

Task<Result<void>> make_parts(CorePtr core, MakingPtr making, Limit limit) {
  for (const PlannedVolume& volume : making->plan.volumes) {
    if (volume.part.empty()) {
      CO_TRY(co_await check_there(core, volume.name, limit));
    } else {
      CO_TRY(co_await ensure_volume(core, making->effect, volume.name, volume.part, limit));
    }
  }
  if (!making->plan.has_own_network) co_return Result<void>{};
  const std::string network = making->plan.networks.front().name;
  const bool is_closed = !making->effect->allow_egress;
  Result<void> made =
      co_await ensure_network(core, making->effect, network, "network", is_closed, limit);
  co_return made;
}

Error explain_create(Error error, const ContainerPlan& plan) {
  if (error.code() == ErrorCode::Conflict)
    error = std::move(error).with_hint("the name " + plan.name +
                                       " is taken by a container that is not ours; rename or "
                                       "remove it");
  if (is_out_of_space(error))
    error = std::move(error).with_hint("the engine's disk is full: remove images, or make room");
  return std::move(error).while_doing("making the container " + plan.name);
}

/// Makes the container and does not start it; gives its id.
Task<Result<std::string>> make(CorePtr core, MakingPtr making, Limit limit) {
  CO_TRY(co_await make_parts(core, making, limit));
  CO_TRY(limit.check("the container was made"));
  Value config = making->plan.config;
  const Result<Containers::Created> created = co_await core->engine.containers().create(
      making->plan.name, std::move(config), making->plan.platform, limit.at);
  if (!created) co_return std::unexpected(explain_create(created.error(), making->plan));
  co_return created->id;
}

Task<Result<void>> connect_rest(CorePtr core, std::string id, std::vector<PlannedNetwork> networks,
                                std::set<std::string> connected, Limit limit) {
  for (const PlannedNetwork& network : networks) {
    if (connected.contains(network.name)) continue;
    Value aliases = Value::list();
    for (const std::string& alias : network.aliases) aliases.push_back(alias);
    Value endpoint = Value::map({{"Aliases", std::move(aliases)}});
    CO_TRY(limit.check("it was connected to its networks"));
    const Result<void> done =
        co_await core->engine.networks().connect(network.name, id, std::move(endpoint), limit.at);
    if (!done && done.error().code() != ErrorCode::Conflict)
      co_return std::unexpected(
          Error(done.error()).while_doing("connecting it to " + network.name));
  }
  co_return Result<void>{};
}

/// A plan may have lost its way out since the Stack's networks were made.
Task<Result<void>> close_networks(CorePtr core, EffectPtr effect,
                                  std::vector<PlannedNetwork> networks, Limit limit) {
  if (effect->allow_egress || !core->walls.why_not().empty()) co_return Result<void>{};
  for (const PlannedNetwork& network : networks) {
    const Result<Value> found = co_await core->engine.networks().inspect(network.name, limit.at);
    if (!found) co_return std::unexpected(found.error());
    Value::List list;
    list.push_back(*found);
    const std::vector<ObjectSummary> ours =
        our_networks(Value(std::move(list)), core->settings.name);
    if (ours.empty()) continue;
    CO_TRY(co_await core->walls.add(core->pool, ours.front().bridge, true));
  }
  co_return Result<void>{};
}

Task<Result<void>> start(CorePtr core, std::string id, Limit limit) {
  CO_TRY(limit.check("the container was started"));
  core->killed.erase(id);
  Result<void> started = co_await core->engine.containers().start(id, limit.at);
  co_return while_doing(std::move(started), "starting its container");
}

/// The steps from made to started; each can have been done before.
Task<Result<void>> finish(CorePtr core, EffectPtr effect, Value workload, std::string id,
                          std::set<std::string> connected, std::vector<PlannedFile> written,
                          Limit limit) {
  std::vector<PlannedNetwork> networks = planned_networks(*effect, workload);
  CO_TRY(co_await close_networks(core, effect, networks, limit));
  // The first network came with the container.
  if (!networks.empty()) connected.insert(networks.front().name);
  CO_TRY(co_await connect_rest(core, id, std::move(networks), std::move(connected), limit));
  CO_TRY(co_await write_files(core, effect, std::move(written), id, limit));
  Result<void> started = co_await start(core, id, limit);
  co_return started;
}

// Replacing one

Task<Result<ContainerSummary>> summary_of(CorePtr core, std::string uid, std::string id,
                                          Limit limit) {
  CO_TRY_ASSIGN(const Summaries all, co_await list_containers(core, uid, limit));
  const auto found = std::ranges::find(all, id, &ContainerSummary::id);
  if (found == all.end()) co_return fail(ErrorCode::NotFound, "the container is gone");
  co_return *found;
}

std::optional<Endpoint> address_inside(const ContainerSummary& container, const Value& workload) {
  const Value::List& ports = elements_at(workload, "ports");
  if (ports.empty() || !ports.front().is_integer()) return std::nullopt;
  for (const auto& [network, address] : container.networks) {
    if (address.empty()) continue;
    return Endpoint{Endpoint::Scheme::Tcp, fmt::format("{}:{}", address, ports[0].as_integer())};
  }
  return std::nullopt;
}

enum class Wellness { Well, Waits, Failed };

/// Its own health check says so, or its first port answers, or it just goes on running.
Task<Wellness> look_at(CorePtr core, ContainerSummary container, Value workload, Duration since) {
  if (!container.is_running()) co_return Wellness::Failed;
  if (container.status.find("(unhealthy)") != std::string::npos) co_return Wellness::Failed;
  if (container.status.find("(healthy)") != std::string::npos) co_return Wellness::Well;
  if (container.status.find("starting)") != std::string::npos) co_return Wellness::Waits;
  const std::optional<Endpoint> inside = address_inside(container, workload);
  if (inside && core->settings.is_local()) {
    const Endpoint endpoint = *inside;
    const Result<UniqueFd> dialled = co_await dial(endpoint, Duration(1'000));
    co_return dialled ? Wellness::Well : Wellness::Waits;
  }
  co_return since < kSteadyFor ? Wellness::Waits : Wellness::Well;
}

Task<Result<void>> wait_until_well(CorePtr core, EffectPtr effect, Value workload, std::string id,
                                   Limit limit) {
  const auto begin = std::chrono::steady_clock::now();
  const Limit bound = limit.at_most(std::min(kWellWithin, limit.left() - kStopReserve));
  while (true) {
    CO_TRY_ASSIGN(const ContainerSummary container,
                  co_await summary_of(core, effect->uid, id, limit));
    const auto since =
        std::chrono::duration_cast<Duration>(std::chrono::steady_clock::now() - begin);
    const Wellness wellness = co_await look_at(core, container, workload, since);
    if (wellness == Wellness::Well) co_return Result<void>{};
    if (wellness == Wellness::Failed)
      co_return fail(Error(ErrorCode::Conflict,
                           fmt::format("the new container does not run well: {}", container.status))
                         .with_hint("the one before goes on; see the log"));
    if (bound.left() <= Duration(0))
      co_return fail(Error(ErrorCode::Timeout, "the new container did not become well in time")
                         .with_hint("the one before goes on; see the log"));
    co_await sleep_for(kLookEvery);
  }
}

/// Undoes what did not come to run, with what is left of the time or a little more.
Task<> take_back(CorePtr core, std::string uid, std::string id) {
  const Limit limit{std::chrono::steady_clock::now() + std::chrono::seconds(10)};
  const Result<ContainerSummary> made = co_await summary_of(core, std::move(uid), id, limit);
  if (made) (void)co_await end(core, *made, Duration(0), true, limit);
}

Task<Result<void>> replace_beside(CorePtr core, MakingPtr making, std::string id, Limit limit) {
  const EffectPtr effect = making->effect;
  Result<void> done =
      co_await finish(core, effect, making->workload, id, {}, making->plan.written, limit);
  if (done) done = co_await wait_until_well(core, effect, making->workload, id, limit);
  if (done) co_return done;
  co_await take_back(core, effect->uid, id);
  co_return done;
}

Task<Result<void>> replace_after(CorePtr core, MakingPtr making, std::string id,
                                 ContainerSummary before, Limit limit) {
  const EffectPtr effect = making->effect;
  const Duration grace = grace_of(fields_of(*core, effect->uid, before));
  const bool ran = before.is_running();
  CO_TRY(co_await end(core, before, grace, false, limit));
  Result<void> done =
      co_await finish(core, effect, making->workload, id, {}, making->plan.written, limit);
  if (done) co_return done;
  // What cannot even be started must not take down what ran.
  co_await take_back(core, effect->uid, id);
  if (ran) (void)co_await core->engine.containers().start(before.id, limit.at);
  co_return done;
}

/// What it ran with, if the spec says the same and does not follow.
std::string kept_image(const Core& core, const Effect& effect, const ContainerSummary* before) {
  if (before == nullptr || effect.spec->find("build") != nullptr) return {};
  const Value fields = fields_of(core, effect.uid, *before);
  const bool is_same = fields.text_or("image", "") == effect.spec->text_or("image", "");
  const bool follows = effect.spec->text_or("imagePolicy", "pinned") == "follow";
  return is_same && !follows ? label_or_empty(before->labels, label::kImage) : std::string();
}

Task<Result<void>> replace(CorePtr core, EffectPtr effect, Value workload,
                           std::optional<ContainerSummary> before, Limit limit) {
  std::string kept = kept_image(*core, *effect, before ? &*before : nullptr);
  CO_TRY_ASSIGN(const MakingPtr making,
                co_await plan_making(core, effect, workload, std::move(kept), limit));
  CO_TRY_ASSIGN(const std::string id, co_await make(core, making, limit));
  Result<void> done;
  if (before && before->is_running() && can_overlap(workload) && !before->is_gone()) {
    done = co_await replace_beside(core, making, id, limit);
  } else if (before) {
    done = co_await replace_after(core, making, id, *before, limit);
  } else {
    done = co_await finish(core, effect, workload, id, {}, making->plan.written, limit);
  }
  CO_TRY(std::move(done));
  const std::string uid = effect->uid;
  auto forgetting = core->pool.run([core, uid] {
    core->records.remove(uid);
    return 0;
  });
  co_await std::move(forgetting);
  core->moved_images.erase(uid);
  CO_TRY(co_await settle(core, effect, id, limit));
  if (workload.find("build") != nullptr) {
    const std::string used =
        label_or_empty(read_labels(making->plan.config.find("Labels")), label::kImage);
    spawn(core->executor, remove_builds(core, uid, used), "removing earlier builds");
  }
  co_return Result<void>{};
}

// Changing one in place

Task<Result<void>> change_in_place(CorePtr core, EffectPtr effect, Value workload,
                                   ContainerSummary container, Limit limit) {
  CO_TRY(limit.check("its limits were changed"));
  Value resources = plan_update(workload);
  const auto changed =
      co_await core->engine.containers().update(container.id, std::move(resources), limit.at);
  if (!changed)
    co_return std::unexpected(Error(changed.error()).while_doing("changing its limits"));
  core->details.erase(container.id);
  Record record{.object = container.id,
                .intent = effect->intent,
                .spec_digest = effect->spec_digest,
                .fields = effect->spec};
  CO_TRY(co_await save_record(core, effect->uid, std::move(record)));
  if (!container.is_running()) {
    CO_TRY(co_await start(core, container.id, limit));
  }
  Result<void> settled = co_await settle(core, effect, container.id, limit);
  co_return settled;
}

/// An engine that died while it started a container may never start that one again ("task already
/// exists"), nor one whose network is another by now.
bool is_beyond_repair(const Error& error) {
  return error.code() == ErrorCode::Conflict || error.code() == ErrorCode::NotFound;
}

/// What such a container runs is not known to the engine any more, and would run on without it.
Task<> end_forgotten(CorePtr core, std::string container) {
  constexpr std::size_t kIdLength = 64;
  if (!core->settings.is_local() || container.size() != kIdLength) co_return;
  auto ending = core->pool.run([container] { return kill_control_group(container); });
  const int killed = co_await std::move(ending);
  if (killed > 0)
    log_warning("docker", "processes were ended that the engine had forgotten",
                {{"container", container}, {"processes", std::to_string(killed)}});
}

/// An effect that was interrupted left a container of its own; it is taken up where it was.
Task<Result<void>> take_up(CorePtr core, EffectPtr effect, Value workload, ContainerSummary mine,
                           Limit limit) {
  std::set<std::string> connected;
  for (const auto& [network, address] : mine.networks) connected.insert(network);
  if (mine.state == "paused") {
    CO_TRY(co_await core->engine.containers().unpause(mine.id, limit.at));
  } else if (!mine.is_running() && mine.state != "restarting") {
    // What is sent into a container is sent again: it may have been cut short.
    std::vector<PlannedFile> written;
    if (!core->settings.is_local()) written = planned_files(workload);
    const Result<void> finished = co_await finish(core, effect, workload, mine.id,
                                                  std::move(connected), std::move(written), limit);
    if (!finished && is_beyond_repair(finished.error())) {
      co_await end_forgotten(core, mine.id);
      CO_TRY(co_await end(core, mine, Duration(0), true, limit));
      Result<void> anew = co_await replace(core, effect, workload, std::nullopt, limit);
      co_return anew;
    }
    CO_TRY(finished);
  }
  Result<void> settled = co_await settle(core, effect, mine.id, limit);
  co_return settled;
}

bool is_done(const Core& core, const Effect& effect, const ContainerSummary& current) {
  const std::shared_ptr<const Record> record = record_for(core, effect.uid, current);
  return record && record->intent == effect.intent && !record->is_stopped && current.is_running();
}

Task<Result<void>> converge(CorePtr core, EffectPtr effect, Summaries all, Limit limit) {
  const Value workload = workload_of(effect->ref, *effect->spec);
  const auto mine = std::ranges::find(all, effect->intent, &ContainerSummary::intent);
  const ContainerSummary* current = current_of(all);
  if (mine != all.end() && !mine->is_gone()) {
    const ContainerSummary container = *mine;
    Result<void> done = co_await take_up(core, effect, workload, container, limit);
    co_return done;
  }
  std::optional<ContainerSummary> before;
  if (current != nullptr && !current->is_gone()) before = *current;
  if (before && is_done(*core, *effect, *before)) co_return Result<void>{};
  const bool can_change = core->identity && core->identity->kind == EngineKind::Docker;
  const bool is_small =
      before && can_change && !core->moved_images.contains(effect->uid) &&
      before->state != "paused" &&
      is_change_in_place(effect->ref.kind, fields_of(*core, effect->uid, *before), *effect->spec);
  const std::string egress = effect->allow_egress ? "allow" : "deny";
  const bool is_same_plan = before && label_or_empty(before->labels, label::kEgress) == egress;
  Result<void> done;
  if (is_small && is_same_plan) {
    done = co_await change_in_place(core, effect, workload, *before, limit);
  } else {
    done = co_await replace(core, effect, workload, std::move(before), limit);
  }
  co_return done;
}

}  // namespace

Task<Result<std::shared_ptr<const ContainerDetails>>> details_of(CorePtr core,
                                                                 ContainerSummary summary,
                                                                 Limit limit) {
  const std::string mark = fingerprint(summary);
  const auto known = core->details.find(summary.id);
  if (core->hears_events && known != core->details.end() && known->second.fingerprint == mark)
    co_return known->second.details;
  const std::uint64_t heard = core->events_heard;
  CO_TRY_ASSIGN(const Value seen, co_await core->engine.containers().inspect(summary.id, limit.at));
  auto details = std::make_shared<const ContainerDetails>(read_details(seen));
  if (heard == core->events_heard)
    core->details.insert_or_assign(summary.id, Core::KnownDetails{mark, details});
  co_return details;
}

Task<Result<ContainerSummary>> current_container(CorePtr core, std::string uid, Limit limit) {
  CO_TRY_ASSIGN(const Summaries all, co_await list_containers(core, uid, limit));
  const ContainerSummary* current = current_of(all);
  if (current == nullptr) co_return fail(ErrorCode::NotFound, "there is no such container");
  co_return *current;
}

Task<Result<void>> apply_container(CorePtr core, EffectPtr effect, Absent absent, Limit limit) {
  if (!effect->spec) co_return fail(ErrorCode::Invalid, "there is no spec to run");
  CO_TRY(core->check_enforceable());
  CO_TRY(limit.check("its container was looked for"));
  CO_TRY_ASSIGN(Summaries all, co_await list_containers(core, effect->uid, limit));
  if (all.empty() && absent == Absent::Refuse) co_return std::unexpected(no_container(*effect));
  Result<void> done = co_await converge(core, effect, std::move(all), limit);
  co_return done;
}

Task<Result<void>> start_container(CorePtr core, EffectPtr effect, Limit limit) {
  CO_TRY(core->check_enforceable());
  CO_TRY_ASSIGN(const Summaries all, co_await list_containers(core, effect->uid, limit));
  const ContainerSummary* current = current_of(all);
  if (current == nullptr) co_return std::unexpected(no_container(*effect));
  const ContainerSummary container = *current;
  const std::shared_ptr<const Record> before = record_for(*core, effect->uid, container);
  Record record = before ? *before : Record{.object = container.id};
  record.intent = effect->intent;
  record.is_stopped = false;
  record.has_completed = false;
  CO_TRY(co_await save_record(core, effect->uid, std::move(record)));
  if (container.state == "paused") {
    Result<void> done = co_await core->engine.containers().unpause(container.id, limit.at);
    co_return done;
  }
  const Value fields = fields_of(*core, effect->uid, container);
  Effect complete = *effect;
  complete.spec = std::make_shared<const Value>(fields);
  complete.allow_egress = label_or_empty(container.labels, label::kEgress) == "allow";
  complete.spec_digest = before && !before->spec_digest.empty()
                             ? before->spec_digest
                             : label_or_empty(container.labels, label::kSpec);
  const auto whole = std::make_shared<const Effect>(std::move(complete));
  const Value workload = workload_of(effect->ref, fields);
  std::set<std::string> connected;
  for (const auto& [network, address] : container.networks) connected.insert(network);
  if (!container.is_running()) {
    const Result<void> finished =
        co_await finish(core, whole, workload, container.id, std::move(connected), {}, limit);
    // Files of the repository come with create and update only.
    const bool can_make = elements_at(workload, "files").empty();
    if (!finished && can_make && is_beyond_repair(finished.error())) {
      co_await end_forgotten(core, container.id);
      Result<void> anew = co_await replace(core, whole, workload, container, limit);
      co_return anew;
    }
    CO_TRY(finished);
  }
  Result<void> settled = co_await settle(core, whole, container.id, limit);
  co_return settled;
}

Task<Result<void>> stop_container(CorePtr core, EffectPtr effect, Limit limit) {
  CO_TRY_ASSIGN(const Summaries all, co_await list_containers(core, effect->uid, limit));
  const ContainerSummary* current = current_of(all);
  if (current == nullptr) co_return std::unexpected(no_container(*effect));
  const std::string id = current->id;
  const std::shared_ptr<const Record> before = record_for(*core, effect->uid, *current);
  Record record = before ? *before : Record{.object = id};
  record.intent = effect->intent;
  record.is_stopped = true;
  // Before it stops, so that its end is known for ours whenever it is seen.
  CO_TRY(co_await save_record(core, effect->uid, std::move(record)));
  for (const ContainerSummary& one : all) {
    const Duration grace = grace_of(fields_of(*core, effect->uid, one));
    CO_TRY(co_await end(core, one, grace, one.id != id, limit));
  }
  co_return Result<void>{};
}

Task<Result<void>> destroy_container(CorePtr core, EffectPtr effect, DataPolicy data, Limit limit) {
  CO_TRY_ASSIGN(const Summaries all, co_await list_containers(core, effect->uid, limit));
  for (const ContainerSummary& one : all) {
    const Duration grace = grace_of(fields_of(*core, effect->uid, one));
    CO_TRY(co_await end(core, one, grace, true, limit));
  }
  CO_TRY_ASSIGN(const std::vector<ObjectSummary> networks,
                co_await list_networks(core, effect->uid, limit));
  for (const ObjectSummary& network : networks) {
    CO_TRY(co_await remove_network(core, network.name, limit));
  }
  if (data == DataPolicy::Erase) {
    CO_TRY_ASSIGN(const std::vector<ObjectSummary> volumes,
                  co_await list_volumes(core, effect->uid, limit));
    for (const ObjectSummary& volume : volumes) {
      CO_TRY(co_await remove_volume(core, volume.name, limit));
    }
  }
  const std::string uid = effect->uid;
  auto forgetting = core->pool.run([core, uid] {
    core->records.remove(uid);
    return 0;
  });
  co_await std::move(forgetting);
  if (!all.empty()) spawn(core->executor, remove_builds(core, uid, ""), "removing builds");
  co_return Result<void>{};
}

}  // namespace croft::docker
