#include "providers/docker/present.hpp"

#include <algorithm>

#include "providers/docker/objects.hpp"

namespace croft::docker {

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

Task<> forget_record(CorePtr core, std::string uid) {
  auto forgetting = core->pool.run([core, uid] {
    core->records.remove(uid);
    return 0;
  });
  co_await std::move(forgetting);
}

Task<Result<void>> end_container(CorePtr core, ContainerSummary container, Duration grace,
                                 bool removes, Limit limit) {
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

Task<Result<void>> settle(CorePtr core, EffectPtr effect, std::string current, Limit limit) {
  CO_TRY_ASSIGN(const Summaries all, co_await list_containers(core, effect->uid, limit));
  std::set<std::string> used;
  for (const ContainerSummary& one : all) {
    if (one.id == current) {
      for (const auto& [network, address] : one.networks) used.insert(network);
      continue;
    }
    const Duration grace = grace_of(fields_of(*core, effect->uid, one));
    CO_TRY(co_await end_container(core, one, grace, true, limit));
  }
  // A Service is in networks of its Stack, which are resources themselves.
  if (effect->ref.kind == Kind::Service) co_return Result<void>{};
  CO_TRY_ASSIGN(const std::vector<ObjectSummary> networks,
                co_await list_networks(core, effect->uid, limit));
  for (const ObjectSummary& network : networks) {
    if (used.contains(network.name) || network.part() == "build") continue;
    CO_TRY(co_await remove_network(core, network.name, limit));
  }
  co_return Result<void>{};
}

}  // namespace croft::docker
