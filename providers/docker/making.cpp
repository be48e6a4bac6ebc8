#include "providers/docker/making.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "providers/docker/images.hpp"
#include "providers/docker/objects.hpp"

namespace croft::docker {

namespace {

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
    CO_TRY(co_await add_to_walls(core, ours.front().bridge, true, limit));
  }
  co_return Result<void>{};
}

}  // namespace

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
    co_return fail(
        ErrorCode::Conflict,
        fmt::format("service '{}', which it shares a namespace with, does not run", service));
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
  const std::string pid = workload.text_or("pid", "");
  CO_TRY_ASSIGN(const std::string joined, co_await joined_container(core, effect, mode, limit));
  CO_TRY_ASSIGN(const std::string processes, co_await joined_container(core, effect, pid, limit));
  const bool is_docker = core->identity && core->identity->kind == EngineKind::Docker;
  const PlanInput input{.effect = *effect,
                        .workload = making->workload,
                        .image = image,
                        .settings = core->settings,
                        .files = std::move(files),
                        .has_init = is_docker,
                        .has_resolver = is_docker,
                        .joined_container = joined,
                        .joined_processes = processes};
  making->plan = plan_container(input);
  co_return making;
}

Task<Result<std::string>> make(CorePtr core, MakingPtr making, Limit limit) {
  CO_TRY(co_await make_parts(core, making, limit));
  CO_TRY(limit.check("the container was made"));
  Value config = making->plan.config;
  const Result<Containers::Created> created = co_await core->engine.containers().create(
      making->plan.name, std::move(config), making->plan.platform, limit.at);
  if (!created) co_return std::unexpected(explain_create(created.error(), making->plan));
  co_return created->id;
}

Task<Result<void>> start_by_id(CorePtr core, std::string id, Limit limit) {
  CO_TRY(limit.check("the container was started"));
  core->killed.erase(id);
  Result<void> started = co_await core->engine.containers().start(id, limit.at);
  co_return while_doing(std::move(started), "starting its container");
}

Task<Result<void>> finish(CorePtr core, EffectPtr effect, Value workload, std::string id,
                          std::set<std::string> connected, std::vector<PlannedFile> written,
                          Limit limit) {
  std::vector<PlannedNetwork> networks = planned_networks(*effect, workload);
  CO_TRY(co_await close_networks(core, effect, networks, limit));
  // The first network came with the container.
  if (!networks.empty()) connected.insert(networks.front().name);
  CO_TRY(co_await connect_rest(core, id, std::move(networks), std::move(connected), limit));
  CO_TRY(co_await write_files(core, effect, std::move(written), id, limit));
  Result<void> started = co_await start_by_id(core, id, limit);
  co_return started;
}

}  // namespace croft::docker
