#include "providers/docker/events.hpp"

#include <algorithm>
#include <filesystem>

#include <boost/asio/as_tuple.hpp>

#include "core/base/log.hpp"
#include "providers/docker/files.hpp"
#include "providers/docker/images.hpp"
#include "providers/docker/objects.hpp"
#include "providers/local/machine_facts.hpp"

namespace croft::docker {

namespace {

constexpr Duration kFirstPause{100};
constexpr Duration kLongestPause{5'000};
constexpr Duration kLook{30'000};

Limit a_while() { return {std::chrono::steady_clock::now() + kLook}; }

/// What has ended well is not run again, also by a Croft that starts after it.
Task<> note_completion(CorePtr core, std::string uid, std::string container, Labels labels) {
  const std::shared_ptr<const Record> known = core->records.find(uid);
  Record record;
  if (known && known->object == container) {
    record = *known;
  } else {
    record.object = container;
    record.intent = label_or_empty(labels, label::kIntent);
    record.spec_digest = label_or_empty(labels, label::kSpec);
  }
  record.has_completed = true;
  auto writing = core->pool.run([core, uid, record] { return core->records.put(uid, record); });
  const Result<void> done = co_await std::move(writing);
  if (!done)
    log_warning("docker", "an end is not written down; it may be run again",
                {{"uid", uid}, {"why", done.error().describe()}});
}

void take_event(Core& core, const Value& event) {
  const std::string id = event.text_or("Actor.ID", "");
  std::string action = event.text_or("Action", "");
  const Value* actor = event.find("Actor");
  const Labels attributes = read_labels(actor == nullptr ? nullptr : actor->find("Attributes"));
  const std::string uid = label_or_empty(attributes, label::kUid);
  if (event.text_or("Type", "") != "container") {
    core.notify(uid);
    return;
  }
  // "exec_create: sh -c ..." and "health_status: healthy" say more behind a colon.
  action = action.substr(0, action.find(':'));
  if (action.starts_with("exec_") || action == "top" || action == "attach" || action == "resize")
    return;
  log_debug("docker", "heard of a container",
            {{"action", action}, {"uid", uid}, {"container", id.substr(0, 12)}});
  core.details.erase(id);
  ++core.events_heard;
  const bool is_ours = core.ending.contains(id);
  if (action == "kill" && !is_ours) core.killed.insert(id);
  const bool ended_well = action == "die" && label_or_empty(attributes, "exitCode") == "0" &&
                          !is_ours && !core.killed.contains(id);
  if (ended_well && core.completed.insert(id).second)
    spawn(core.executor, note_completion(core.shared_from_this(), uid, id, attributes),
          "noting an end");
  if (action == "start" || action == "destroy" || action == "remove") {
    core.killed.erase(id);
    core.completed.erase(id);
  }
  core.notify(uid);
}

/// Everything may have changed while nobody listened.
Task<> look_at_all(CorePtr core) {
  core->details.clear();
  const Limit limit = a_while();
  const Result<void> walls = co_await refresh_walls(core, true, limit);
  if (!walls)
    log_error("docker", "the packet filter of containers cannot be set",
              {{"provider", core->settings.name}, {"why", walls.error().describe()}});
  const Result<std::vector<ContainerSummary>> all = co_await list_containers(core, "", limit);
  if (!all) co_return;
  for (const ContainerSummary& one : *all) core->notify(one.uid());
}

Task<Result<void>> identify(CorePtr core) {
  const Limit limit = a_while();
  CO_TRY_ASSIGN(const EngineIdentity identity, co_await core->engine.system().identity(limit.at));
  core->identity = identity;
  core->walls.set_dns_on_host(identity.kind == EngineKind::Podman);
  co_return Result<void>{};
}

Task<Result<void>> listen_once(CorePtr core, std::shared_ptr<bool> has_begun) {
  CO_TRY(co_await identify(core));
  EventsRequest request;
  request.filters = our_filter(*core);
  EventSink sink = [core](const Value& event) {
    if (core->is_closed) return false;
    take_event(*core, event);
    return true;
  };
  std::function<void()> began = [core, has_begun] {
    *has_begun = true;
    log_debug("docker", "listening to the engine", {{"provider", core->settings.name}});
    core->hears_events = true;
    spawn(core->executor, look_at_all(core), "looking at all containers");
  };
  Result<void> ended =
      co_await core->engine.system().events(std::move(request), std::move(sink), std::move(began));
  core->hears_events = false;
  co_return ended;
}

std::int64_t measure(const ObjectSummary& volume) {
  std::error_code error;
  if (volume.mountpoint.empty() || !std::filesystem::is_directory(volume.mountpoint, error))
    return -1;
  return static_cast<std::int64_t>(measure_directory(volume.mountpoint));
}

Task<> measure_volumes(CorePtr core) {
  if (!core->settings.is_local()) co_return;
  const Limit limit = a_while();
  const Result<std::vector<ObjectSummary>> volumes = co_await list_volumes(core, "", limit);
  if (!volumes) co_return;
  for (const ObjectSummary& volume : *volumes) {
    if (core->is_closed) co_return;
    const auto shared = std::make_shared<ObjectSummary>(volume);
    auto measuring = core->pool.run([shared] { return measure(*shared); });
    const std::int64_t bytes = co_await std::move(measuring);
    if (bytes < 0) continue;
    std::int64_t& known = core->volume_sizes[volume.name];
    if (known != bytes) core->notify(volume.uid());
    known = bytes;
  }
}

Task<> sweep(CorePtr core) {
  if (!core->settings.is_local()) co_return;
  const Limit limit = a_while();
  const Result<std::vector<ContainerSummary>> all = co_await list_containers(core, "", limit);
  if (!all) co_return;
  const auto mounted = std::make_shared<std::set<std::string>>();
  for (const ContainerSummary& one : *all)
    mounted->insert(one.mount_sources.begin(), one.mount_sources.end());
  auto sweeping = core->pool.run([core, mounted] {
    sweep_files(*core, *mounted);
    return 0;
  });
  co_await std::move(sweeping);
}

}  // namespace

Task<> listen(CorePtr core) {
  Duration pause = kFirstPause;
  bool was_said = false;
  while (!core->is_closed) {
    const auto has_begun = std::make_shared<bool>(false);
    const Result<void> ended = co_await listen_once(core, has_begun);
    if (core->is_closed) co_return;
    if (*has_begun) {
      pause = kFirstPause;
      was_said = false;
    }
    if (!ended && !was_said) {
      was_said = true;
      log_warning("docker", "the engine does not answer; it is tried again",
                  {{"provider", core->settings.name}, {"why", ended.error().describe()}});
    }
    core->events_timer.expires_after(pause);
    co_await core->events_timer.async_wait(asio::as_tuple(asio::use_awaitable));
    pause = std::min(pause * 2, kLongestPause);
  }
}

Task<> keep_up(CorePtr core) {
  auto next_images = std::chrono::steady_clock::now() + core->settings.image_check_every;
  while (!core->is_closed) {
    core->upkeep_timer.expires_after(core->settings.measure_every);
    co_await core->upkeep_timer.async_wait(asio::as_tuple(asio::use_awaitable));
    if (core->is_closed) co_return;
    const Limit limit = a_while();
    (void)co_await refresh_walls(core, true, limit);
    co_await measure_volumes(core);
    co_await sweep(core);
    const bool checks_images = core->settings.image_check_every > Duration(0) &&
                               std::chrono::steady_clock::now() >= next_images;
    if (!checks_images || core->is_closed) continue;
    co_await check_moved_images(core);
    next_images = std::chrono::steady_clock::now() + core->settings.image_check_every;
  }
}

}  // namespace croft::docker
