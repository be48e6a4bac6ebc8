#include "providers/docker/objects.hpp"

#include <algorithm>
#include <net/if.h>

#include <fmt/format.h>

#include "core/base/child.hpp"
#include "core/base/log.hpp"
#include "providers/local/addresses.hpp"
#include "providers/local/machine_facts.hpp"

namespace croft::docker {

namespace {

constexpr int kSubnetTries = 50;

Filters filter_of(const Core& core, const std::string& uid) {
  std::vector<std::string> more;
  if (!uid.empty()) more.push_back(fmt::format("{}={}", label::kUid, uid));
  return our_filter(core, std::move(more));
}

Error taken_by_others(const std::string& what, const std::string& name) {
  return Error(ErrorCode::Conflict,
               fmt::format("the name {} is taken by a {} that is not ours", name, what))
      .with_hint("remove or rename it; Croft does not touch what it did not make");
}

std::set<std::string> subnets_in_use(const Value& networks) {
  std::set<std::string> used;
  if (!networks.is_list()) return used;
  for (const Value& network : networks.as_list()) {
    const Value* configs = network.at_path("IPAM.Config");
    if (configs == nullptr || !configs->is_list()) continue;
    for (const Value& config : configs->as_list()) used.insert(config.text_or("Subnet", ""));
  }
  return used;
}

struct NetworkWish {
  std::string name;
  std::string bridge;
  Labels labels;
  bool is_internal = false;
};

Value network_config(const NetworkWish& wish, const Subnet& subnet) {
  Value config = Value::map({{"Name", wish.name}, {"Driver", "bridge"}});
  config.set("CheckDuplicate", true);
  config.set("Internal", wish.is_internal);
  config.set("EnableIPv6", false);
  config.set("Labels", to_value(wish.labels));
  config.set("Options", Value::map({{"com.docker.network.bridge.name", wish.bridge}}));
  Value ipam = Value::map({{"Driver", "default"}});
  // Without a gateway, a Docker 20.10 that is killed while it makes or removes the network crashes
  // at every start after that.
  ipam.set(
      "Config",
      Value(Value::List{Value::map({{"Subnet", subnet.network}, {"Gateway", subnet.gateway}})}));
  config.set("IPAM", std::move(ipam));
  return config;
}

bool is_overlap(const Error& error) {
  const std::string& words = error.message();
  return words.find("overlap") != std::string::npos ||
         words.find("already used") != std::string::npos ||
         words.find("already being used") != std::string::npos;
}

/// An engine that was killed while it made a network may keep the bridge's name for one that it
/// does not list.
bool is_bridge_taken(const Error& error) {
  return error.message().find("conflicts with network") != std::string::npos;
}
constexpr int kBridgeTries = 4;

/// The engine's own pools hold some thirty networks; ours holds a thousand. Which subnets are free
/// is only known once the engine takes one.
Task<Result<void>> create_network(CorePtr core, NetworkWish wish, Limit limit) {
  CO_TRY_ASSIGN(const Value all, co_await core->engine.networks().list({}, limit.at));
  std::set<std::string> used = subnets_in_use(all);
  // Also what the engine forgot: a bridge that is left behind would take this one's packets.
  if (core->settings.is_local()) {
    for (std::string& address : host_addresses()) used.insert(std::move(address));
  }
  int tries = 0;
  for (std::int64_t index = 0;; ++index) {
    const Result<Subnet> subnet = subnet_at(core->settings.ipv4_pool, kSubnetLength, index);
    if (!subnet)
      co_return fail(Error(ErrorCode::Unavailable, subnet.error().message())
                         .with_hint("give the provider a larger ipv4Pool"));
    const auto overlaps = [&](const std::string& other) {
      return do_overlap(subnet->network, other);
    };
    if (std::ranges::any_of(used, overlaps)) continue;
    CO_TRY(limit.check("the network was made"));
    Value config = network_config(wish, *subnet);
    const Result<std::string> made =
        co_await core->engine.networks().create(std::move(config), limit.at);
    if (made) co_return Result<void>{};
    if (!is_overlap(made.error()) || ++tries == kSubnetTries)
      co_return std::unexpected(Error(made.error()).while_doing("making the network " + wish.name));
  }
}

/// A bridge that this machine does not have is a sign that the engine is somewhere else: in a
/// network namespace of its own (rootless), or behind a forwarded socket. Podman makes bridges only
/// once a container is on them.
void check_bridge(const Core& core, Walls& walls, const std::string& bridge) {
  const bool is_expected = core.identity && core.identity->kind == EngineKind::Docker;
  if (is_expected && ::if_nametoindex(bridge.c_str()) == 0)
    walls.give_up("the engine's networks are not on this machine, or in a namespace of their own");
}

/// An engine that was killed or stopped in between may leave the bridge of a network that it
/// removes.
Task<> remove_bridge(CorePtr core, std::string bridge) {
  const bool is_ours = bridge.starts_with("crd" + core->walls.mark() + "-");
  if (!core->settings.is_local() || !is_ours || ::if_nametoindex(bridge.c_str()) == 0) co_return;
  auto removing = core->pool.run([bridge] {
    const ChildCommand command{.arguments = {"ip", "link", "del", bridge},
                               .deadline = Duration(10'000)};
    return run_child_checked(command).has_value();
  });
  if (co_await std::move(removing))
    log_info("docker", "a bridge was removed that the engine had left", {{"bridge", bridge}});
}

Task<Result<std::optional<ObjectSummary>>> find_named(CorePtr core, std::string name,
                                                      bool is_network, Limit limit) {
  Result<Value> found = fail(ErrorCode::Internal, "");
  if (is_network) {
    found = co_await core->engine.networks().inspect(name, limit.at);
  } else {
    found = co_await core->engine.volumes().inspect(name, limit.at);
  }
  if (!found && found.error().code() == ErrorCode::NotFound)
    co_return std::optional<ObjectSummary>{};
  if (!found) co_return std::unexpected(found.error());
  Value::List list;
  list.push_back(std::move(*found));
  const Value one(std::move(list));
  const std::string& provider = core->settings.name;
  std::vector<ObjectSummary> ours =
      is_network ? our_networks(one, provider) : our_volumes(one, provider);
  const bool is_it = !ours.empty() && ours.front().name == name;
  if (!is_it) co_return std::unexpected(taken_by_others(is_network ? "network" : "volume", name));
  co_return std::optional<ObjectSummary>(std::move(ours.front()));
}

}  // namespace

Task<Result<std::vector<ContainerSummary>>> list_containers(CorePtr core, std::string uid,
                                                            Limit limit) {
  const Filters filter = filter_of(*core, uid);
  CO_TRY_ASSIGN(const Value list, co_await core->engine.containers().list(filter, limit.at));
  co_return our_containers(list, core->settings.name);
}

Task<Result<std::vector<ObjectSummary>>> list_networks(CorePtr core, std::string uid, Limit limit) {
  const Filters filter = filter_of(*core, uid);
  CO_TRY_ASSIGN(const Value list, co_await core->engine.networks().list(filter, limit.at));
  co_return our_networks(list, core->settings.name);
}

Task<Result<std::vector<ObjectSummary>>> list_volumes(CorePtr core, std::string uid, Limit limit) {
  const Filters filter = filter_of(*core, uid);
  CO_TRY_ASSIGN(const Value list, co_await core->engine.volumes().list(filter, limit.at));
  co_return our_volumes(list, core->settings.name);
}

Task<Result<void>> ensure_network(CorePtr core, EffectPtr effect, std::string name,
                                  std::string part, bool is_internal, Limit limit) {
  CO_TRY_ASSIGN(const std::optional<ObjectSummary> found,
                co_await find_named(core, name, true, limit));
  if (found && found->uid() != effect->uid)
    co_return std::unexpected(taken_by_others("network", name));
  std::string bridge = found ? found->bridge : bridge_name(core->walls.mark(), name);
  // The wall stands before the network does.
  CO_TRY(co_await add_to_walls(core, bridge, is_internal, limit));
  if (found) co_return Result<void>{};
  CO_TRY(core->check_enforceable());
  NetworkWish wish{.name = name,
                   .bridge = bridge,
                   .labels = labels_of(*effect, core->settings.name, part),
                   .is_internal = is_internal};
  Result<void> made = co_await create_network(core, wish, limit);
  for (int i = 1; i < kBridgeTries && !made && is_bridge_taken(made.error()); ++i) {
    (void)co_await core->walls.drop(core->pool, bridge);
    bridge = wish.bridge = bridge_name(core->walls.mark(), fmt::format("{}#{}", name, i));
    CO_TRY(co_await add_to_walls(core, bridge, is_internal, limit));
    made = co_await create_network(core, wish, limit);
  }
  if (made) check_bridge(*core, core->walls, bridge);
  if (made && !core->check_enforceable()) {
    (void)co_await core->engine.networks().remove(name, limit.at);
    co_return core->check_enforceable();
  }
  co_return made;
}

Task<Result<void>> remove_network(CorePtr core, std::string name, Limit limit) {
  const Result<std::optional<ObjectSummary>> found = co_await find_named(core, name, true, limit);
  if (!found && found.error().code() == ErrorCode::Conflict) co_return Result<void>{};
  if (!found) co_return std::unexpected(found.error());
  if (!*found) co_return Result<void>{};
  const std::string id = (*found)->id;
  const std::string bridge = (*found)->bridge;
  Result<void> removed = co_await core->engine.networks().remove(id, limit.at);
  const bool is_gone = removed || removed.error().code() == ErrorCode::NotFound;
  if (!is_gone) co_return while_doing(std::move(removed), "removing the network " + name);
  co_await remove_bridge(core, bridge);
  // That a bridge which is not there stays known harms nobody.
  (void)co_await core->walls.drop(core->pool, bridge);
  co_return Result<void>{};
}

Task<Result<void>> ensure_volume(CorePtr core, EffectPtr effect, std::string name, std::string part,
                                 Limit limit) {
  CO_TRY_ASSIGN(const std::optional<ObjectSummary> found,
                co_await find_named(core, name, false, limit));
  if (found && found->uid() != effect->uid)
    co_return std::unexpected(taken_by_others("volume", name));
  if (found) co_return Result<void>{};
  CO_TRY(limit.check("the volume was made"));
  Labels labels = labels_of(*effect, core->settings.name, part);
  for (const auto& [key, text] : read_labels(effect->spec->find("labels")))
    labels.emplace(key, text);
  Value config = Value::map({{"Name", name}, {"Driver", "local"}});
  config.set("Labels", to_value(labels));
  const Result<Value> made = co_await core->engine.volumes().create(std::move(config), limit.at);
  if (!made)
    co_return std::unexpected(Error(made.error()).while_doing("making the volume " + name));
  co_return Result<void>{};
}

Task<Result<void>> remove_volume(CorePtr core, std::string name, Limit limit) {
  const Result<std::optional<ObjectSummary>> found = co_await find_named(core, name, false, limit);
  if (!found && found.error().code() == ErrorCode::Conflict) co_return Result<void>{};
  if (!found) co_return std::unexpected(found.error());
  if (!*found) co_return Result<void>{};
  Result<void> removed = co_await core->engine.volumes().remove(name, false, limit.at);
  if (!removed && removed.error().code() == ErrorCode::NotFound) co_return Result<void>{};
  core->volume_sizes.erase(name);
  co_return while_doing(std::move(removed), "removing the volume " + name);
}

Task<Result<void>> add_to_walls(CorePtr core, std::string bridge, bool is_closed, Limit limit) {
  if (!core->walls.is_listed()) {
    CO_TRY(co_await refresh_walls(core, false, limit));
  }
  Result<void> added = co_await core->walls.add(core->pool, std::move(bridge), is_closed);
  co_return added;
}

Task<Result<void>> refresh_walls(CorePtr core, bool anew, Limit limit) {
  if (!core->walls.why_not().empty()) co_return Result<void>{};
  const Semaphore::Permit turn = co_await core->walls.turn_to_list();
  CO_TRY_ASSIGN(const std::vector<ObjectSummary> networks, co_await list_networks(core, "", limit));
  CO_TRY_ASSIGN(const std::vector<ContainerSummary> containers,
                co_await list_containers(core, "", limit));
  std::set<std::string> bridges;
  std::set<std::string> closed;
  for (const ObjectSummary& network : networks) {
    if (network.bridge.empty()) continue;
    bridges.insert(network.bridge);
    // A plan may have lost its way out after the network was made.
    const bool has_inmate = std::ranges::any_of(containers, [&](const ContainerSummary& one) {
      return one.networks.contains(network.name) &&
             label_or_empty(one.labels, label::kEgress) == "deny";
    });
    if (network.is_internal || has_inmate) closed.insert(network.bridge);
  }
  Result<void> set =
      co_await core->walls.set(core->pool, std::move(bridges), std::move(closed), anew);
  co_return set;
}

}  // namespace croft::docker
