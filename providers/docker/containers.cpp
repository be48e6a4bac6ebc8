#include "providers/docker/containers.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "core/base/log.hpp"
#include "providers/docker/builds.hpp"
#include "providers/docker/images.hpp"
#include "providers/docker/making.hpp"
#include "providers/docker/objects.hpp"
#include "providers/docker/spec.hpp"
#include "providers/local/machine_facts.hpp"
#include "providers/port/endpoint.hpp"

namespace croft::docker {

namespace {

constexpr Duration kLookEvery{100};
constexpr Duration kWellWithin{60'000};  ///< a new container beside the old one
constexpr Duration kSteadyFor{500};      ///< one that has no port and no check

Error no_container(const Effect& effect) {
  return Error(ErrorCode::NotFound,
               fmt::format("there is no container of {}", to_string(effect.ref)));
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
  if (made) (void)co_await end_container(core, *made, Duration(0), true, limit);
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
  CO_TRY(co_await end_container(core, before, grace, false, limit));
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
                           std::optional<ContainerSummary> before, bool is_first, Limit limit) {
  std::string kept = kept_image(*core, *effect, before ? &*before : nullptr);
  CO_TRY_ASSIGN(const MakingPtr making,
                co_await plan_making(core, effect, workload, std::move(kept), limit));
  CO_TRY_ASSIGN(const std::string id, co_await make(core, making, limit));
  Result<void> done;
  if (before && before->is_running() && why_not_beside(workload).empty() && !before->is_gone()) {
    done = co_await replace_beside(core, making, id, limit);
  } else if (before) {
    done = co_await replace_after(core, making, id, *before, limit);
  } else {
    done = co_await finish(core, effect, workload, id, {}, making->plan.written, limit);
  }
  CO_TRY(std::move(done));
  const std::string uid = effect->uid;
  co_await forget_record(core, uid);
  core->moved_images.erase(uid);
  // The first one has nothing beside it.
  if (!is_first) {
    CO_TRY(co_await settle(core, effect, id, limit));
  }
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
    CO_TRY(co_await start_by_id(core, container.id, limit));
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
    CO_TRY(co_await place_secret_files(core, effect, workload));
    // What is sent into a container is sent again: it may have been cut short.
    std::vector<PlannedFile> written;
    if (!core->settings.is_local()) written = planned_files(*effect, workload);
    const Result<void> finished = co_await finish(core, effect, workload, mine.id,
                                                  std::move(connected), std::move(written), limit);
    if (!finished && is_beyond_repair(finished.error())) {
      co_await end_forgotten(core, mine.id);
      CO_TRY(co_await end_container(core, mine, Duration(0), true, limit));
      Result<void> anew = co_await replace(core, effect, workload, std::nullopt, false, limit);
      co_return anew;
    }
    CO_TRY(finished);
  }
  Result<void> settled = co_await settle(core, effect, mine.id, limit);
  co_return settled;
}

/// Whether it is in namespaces of containers that do not stand for their services any more.
Task<Result<bool>> joins_another(CorePtr core, EffectPtr effect, Value workload,
                                 ContainerSummary before, Limit limit) {
  std::set<std::string> wanted;
  for (const char* const field : {"networkMode", "pid"}) {
    const std::string mode = workload.text_or(field, "");
    const Result<std::string> id = co_await joined_container(core, effect, mode, limit);
    // One that does not run now is no reason to be made anew.
    if (!id && id.error().code() == ErrorCode::Conflict) continue;
    if (!id) co_return std::unexpected(id.error());
    if (!id->empty()) wanted.insert(*id);
  }
  if (wanted.empty()) co_return false;
  CO_TRY_ASSIGN(const auto details, co_await details_of(core, before, limit));
  co_return !outdated_by_joins(*details, wanted).empty();
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
  bool joins_what_is_gone = false;
  if (before) {
    const ContainerSummary container = *before;
    CO_TRY_ASSIGN(joins_what_is_gone,
                  co_await joins_another(core, effect, workload, container, limit));
  }
  const bool can_change = core->identity && core->identity->kind == EngineKind::Docker;
  const bool is_small =
      before && can_change && !before->is_made_only() && !joins_what_is_gone &&
      !core->moved_images.contains(effect->uid) && before->state != "paused" &&
      is_change_in_place(effect->ref.kind, fields_of(*core, effect->uid, *before), *effect->spec);
  const std::string egress = effect->allow_egress ? "allow" : "deny";
  const bool is_same_plan = before && label_or_empty(before->labels, label::kEgress) == egress;
  Result<void> done;
  if (is_small && is_same_plan) {
    done = co_await change_in_place(core, effect, workload, *before, limit);
  } else {
    done = co_await replace(core, effect, workload, std::move(before), all.empty(), limit);
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
  CO_TRY(check_secret_values(*effect));
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
    CO_TRY(check_secret_values(*whole));
    CO_TRY(co_await place_secret_files(core, whole, workload));
    // One that was only made may never have got what is sent into it.
    std::vector<PlannedFile> written;
    if (container.is_made_only() && !core->settings.is_local())
      written = planned_files(*whole, workload);
    const Result<void> finished = co_await finish(core, whole, workload, container.id,
                                                  std::move(connected), std::move(written), limit);
    // Files of the repository come with create and update only.
    const bool can_make = elements_at(workload, "files").empty();
    if (!finished && can_make && is_beyond_repair(finished.error())) {
      co_await end_forgotten(core, container.id);
      Result<void> anew = co_await replace(core, whole, workload, container, false, limit);
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
    CO_TRY(co_await end_container(core, one, grace, one.id != id, limit));
  }
  co_return Result<void>{};
}

Task<Result<void>> destroy_container(CorePtr core, EffectPtr effect, DataPolicy data, Limit limit) {
  CO_TRY_ASSIGN(const Summaries all, co_await list_containers(core, effect->uid, limit));
  for (const ContainerSummary& one : all) {
    const Duration grace = grace_of(fields_of(*core, effect->uid, one));
    CO_TRY(co_await end_container(core, one, grace, true, limit));
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
  core->wanted_builds.erase(uid);
  co_await forget_record(core, uid);
  if (!all.empty()) spawn(core->executor, remove_builds(core, uid, ""), "removing builds");
  co_return Result<void>{};
}

}  // namespace croft::docker
