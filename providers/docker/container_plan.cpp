#include "providers/docker/container_plan.hpp"

#include <algorithm>
#include <set>

#include <fmt/format.h>

#include "core/base/id.hpp"
#include "core/resource/walls.hpp"
#include "providers/docker/names.hpp"
#include "providers/docker/spec.hpp"

namespace croft::docker {

namespace {

constexpr std::int64_t kNanoCpusOfMilli = 1'000'000;
constexpr std::int64_t kNanosOfMilli = 1'000'000;

Value texts(const std::vector<std::string>& list) {
  Value all = Value::list();
  for (const std::string& text : list) all.push_back(text);
  return all;
}

/// The engine has no policy that leaves alone what was stopped by hand but `unless-stopped`; with
/// `always` it would start such a container again by itself.
std::string engine_restart(const std::string& restart) {
  return restart == "always" ? "unless-stopped" : restart;
}

void copy(const Value& from, const char* field, Value& to, const char* name) {
  if (const Value* value = from.find(field)) to.set(name, *value);
}

void set_text(Value& to, const char* name, const std::string& text) {
  if (!text.empty()) to.set(name, text);
}

void set_list(Value& to, const char* name, const std::vector<std::string>& list) {
  if (!list.empty()) to.set(name, texts(list));
}

std::int64_t nanos(const Value& health, const char* field) {
  return health.integer_or(field, 0) * kNanosOfMilli;
}

Value health_check(const Value& health) {
  const std::vector<std::string> test = texts_at(health, "test");
  Value check = Value::map();
  if (!test.empty()) check.set("Test", texts(test));
  check.set("Interval", nanos(health, "interval"));
  check.set("Timeout", nanos(health, "timeout"));
  check.set("StartPeriod", nanos(health, "startPeriod"));
  check.set("Retries", health.integer_or("retries", 3));
  return check;
}

Value environment(const Effect& effect, const Value& workload) {
  Value list = Value::list();
  for (const Value::Entry& entry : entries_at(workload, "env")) {
    const std::string* text = clear_text(effect, entry.value);
    if (text != nullptr) list.push_back(entry.key + "=" + *text);
  }
  return list;
}

Labels all_labels(const PlanInput& input) {
  // Ours go last, so that neither the spec's nor the image's can stand in their place.
  Labels labels;
  for (const Value::Entry& entry : entries_at(input.workload, "labels")) {
    if (entry.value.is_text()) labels[entry.key] = entry.value.as_text();
  }
  if (is_derived(input.effect.ref.kind)) {
    for (auto& [name, text] : compose_labels(input.effect, input.image.id))
      labels.insert_or_assign(name, text);
  }
  for (auto& [name, text] : labels_of(input.effect, input.settings.name, ""))
    labels.insert_or_assign(name, text);
  labels.insert_or_assign(label::kImage, input.image.reference);
  return labels;
}

Value process_part(const PlanInput& input) {
  const Value& workload = input.workload;
  Value config = Value::map();
  config.set("Image", input.image.reference);
  config.set("Labels", to_value(all_labels(input)));
  config.set("Env", environment(input.effect, workload));
  copy(workload, "command", config, "Cmd");
  copy(workload, "entrypoint", config, "Entrypoint");
  copy(workload, "workingDir", config, "WorkingDir");
  copy(workload, "user", config, "User");
  if (workload.text_or("networkMode", "").empty()) copy(workload, "hostname", config, "Hostname");
  copy(workload, "stopSignal", config, "StopSignal");
  config.set("StopTimeout", (workload.integer_or("grace", 10'000) + 999) / 1000);
  config.set("Tty", workload.boolean_or("tty", false));
  config.set("OpenStdin", workload.boolean_or("stdinOpen", false));
  if (const Value* health = workload.find("health"))
    config.set("Healthcheck", health_check(*health));
  return config;
}

Value resources_part(const Value& workload) {
  Value host = Value::map();
  const std::int64_t memory = workload.integer_or("resources.memory", 256LL << 20);
  host.set("NanoCpus", workload.integer_or("resources.cpu", 250) * kNanoCpusOfMilli);
  host.set("Memory", memory);
  host.set("MemorySwap", memory);  // both together: no swap beyond it
  host.set("MemoryReservation", workload.integer_or("resources.reservation", 0));
  host.set("PidsLimit", workload.integer_or("resources.pids", 256));
  Value restart = Value::map();
  restart.set("Name", engine_restart(workload.text_or("restart", "on-failure")));
  restart.set("MaximumRetryCount", workload.integer_or("restartAttempts", 0));
  host.set("RestartPolicy", std::move(restart));
  return host;
}

void add_ulimits(const PlanInput& input, Value& host) {
  std::map<std::string, std::pair<std::int64_t, std::int64_t>> limits =
      input.settings.default_ulimits;
  for (const Value::Entry& entry : entries_at(input.workload, "ulimits"))
    limits[entry.key] = {entry.value.integer_or("soft", 0), entry.value.integer_or("hard", 0)};
  Value list = Value::list();
  for (const auto& [name, limit] : limits)
    list.push_back(Value::map({{"Name", name}, {"Soft", limit.first}, {"Hard", limit.second}}));
  host.set("Ulimits", std::move(list));
}

void add_walls(const PlanInput& input, Value& host) {
  const Value& workload = input.workload;
  const bool is_privileged = workload.boolean_or("privileged", false);
  std::vector<std::string> options = texts_at(workload, "securityOptions");
  if (is_privileged) {
    host.set("Privileged", true);
  } else {
    host.set("CapDrop", texts({"ALL"}));
    host.set("CapAdd", texts(capabilities_of(workload)));
    const auto loosens = [](const std::string& option) {
      return option.starts_with("no-new-privileges");
    };
    if (std::ranges::none_of(options, loosens)) options.emplace_back("no-new-privileges");
  }
  set_list(host, "SecurityOpt", options);
  host.set("ReadonlyRootfs", workload.boolean_or("readOnly", false));
  host.set("IpcMode", workload.text_or("ipc", "private"));
  const std::string pid = workload.text_or("pid", "");
  set_text(host, "PidMode",
           pid.starts_with("service:") ? "container:" + input.joined_processes : pid);
  copy(workload, "uts", host, "UTSMode");
  copy(workload, "userns", host, "UsernsMode");
  copy(workload, "cgroupns", host, "CgroupnsMode");
  copy(workload, "runtime", host, "Runtime");
  copy(workload, "sysctls", host, "Sysctls");
  Value log = Value::map({{"Type", "json-file"}});
  log.set("Config", Value::map({{"max-size", fmt::format("{}", input.settings.log_size.count)},
                                {"max-file", fmt::format("{}", input.settings.log_files)}}));
  host.set("LogConfig", std::move(log));
}

Value device_of(const Value& device) {
  return Value::map({{"PathOnHost", device.text_or("host", "")},
                     {"PathInContainer", device.text_or("path", "")},
                     {"CgroupPermissions", device.text_or("permissions", "rwm")}});
}

/// Names are a way out, too: whoever looks up SECRET.example.com tells it to the outside. Docker
/// answers those of the networks itself, and asks for all others, from within the container, where
/// it is told to: without a way out at the container's own loopback, where nobody answers. Podman
/// would answer none at all then.
std::vector<std::string> resolvers(const PlanInput& input) {
  const bool has_network = input.workload.text_or("networkMode", "").empty();
  if (!input.effect.allow_egress && input.has_resolver && has_network) return {"127.0.0.1"};
  return texts_at(input.workload, "dns");
}

void add_details(const PlanInput& input, Value& host) {
  const Value& workload = input.workload;
  if (const Value* shm = workload.at_path("resources.shm")) host.set("ShmSize", *shm);
  const bool is_welcome = input.has_init && workload.boolean_or("prefersInit", false);
  host.set("Init", is_welcome || workload.boolean_or("init", false));
  set_list(host, "GroupAdd", texts_at(workload, "groups"));
  set_list(host, "Dns", resolvers(input));
  set_list(host, "DnsSearch", texts_at(workload, "dnsSearch"));
  set_list(host, "DnsOptions", texts_at(workload, "dnsOptions"));
  std::vector<std::string> hosts = texts_at(workload, "extraHosts");
  for (std::string& entry : hosts) {
    if (const std::size_t equals = entry.find('='); equals != std::string::npos)
      entry[equals] = ':';
  }
  set_list(host, "ExtraHosts", hosts);
  if (const std::int64_t size = input.settings.layer_size.count; size > 0)
    host.set("StorageOpt", Value::map({{"size", fmt::format("{}", size)}}));
  Value tmpfs = Value::map();
  for (const Value& one : elements_at(workload, "tmpfs")) {
    std::string options = "rw,nosuid,nodev";
    if (const Value* size = one.find("size"))
      options += fmt::format(",size={}", size->as_integer());
    if (const Value* mode = one.find("mode"))
      options += fmt::format(",mode={:o}", mode->as_integer());
    tmpfs.set(one.text_or("path", ""), options);
  }
  if (tmpfs.size() > 0) host.set("Tmpfs", std::move(tmpfs));
  Value devices = Value::list();
  for (const Value& device : elements_at(workload, "devices")) devices.push_back(device_of(device));
  if (devices.size() > 0) host.set("Devices", std::move(devices));
}

Value bind_mount(const std::string& source, const std::string& path, bool is_read_only) {
  Value mount = Value::map({{"Type", "bind"}, {"Source", source}, {"Target", path}});
  mount.set("ReadOnly", is_read_only);
  mount.set("BindOptions", Value::map({{"Propagation", "rprivate"}}));
  return mount;
}

std::string anonymous_part(const std::string& path) {
  return "anonymous-" + sha256_hex(path).substr(0, 12);
}

std::string engine_volume(const std::string& tenant_uid, const std::string& uid, const Ref& ref,
                          const Value& mount) {
  const std::string volume = mount.text_or("volume", "");
  if (volume.empty()) return own_object_name(uid, anonymous_part(mount.text_or("path", "")));
  if (mount.boolean_or("own", false)) return own_object_name(uid, volume);
  return stack_object_name(tenant_uid, stack_of(ref).value_or(ref), volume);
}

/// A volume that only the image declares would be the engine's own, and lost with each update.
std::vector<std::string> uncovered(const Value& workload, const std::vector<std::string>& paths) {
  std::set<std::string> covered;
  for (const char* list : {"mounts", "files", "tmpfs", "hostMounts"}) {
    for (const Value& one : elements_at(workload, list)) covered.insert(one.text_or("path", ""));
  }
  std::vector<std::string> left;
  for (std::string path : paths) {
    while (path.size() > 1 && path.ends_with('/')) path.pop_back();
    if (!covered.contains(path)) left.push_back(std::move(path));
  }
  return left;
}

Value volume_mount(const std::string& name, const Value& mount) {
  Value made = Value::map({{"Type", "volume"}, {"Source", name}});
  made.set("Target", mount.text_or("path", ""));
  made.set("ReadOnly", mount.boolean_or("readOnly", false));
  if (!mount.boolean_or("copy", true)) made.set("VolumeOptions", Value::map({{"NoCopy", true}}));
  return made;
}

void add_mounts(const PlanInput& input, Value& host, ContainerPlan& plan) {
  Value mounts = Value::list();
  for (const Value& mount : elements_at(input.workload, "mounts")) {
    mounts.push_back(volume_mount(
        engine_volume(input.effect.tenant.uid, input.effect.uid, input.effect.ref, mount), mount));
  }
  for (const std::string& path : uncovered(input.workload, input.image.volumes)) {
    mounts.push_back(volume_mount(own_object_name(input.effect.uid, anonymous_part(path)),
                                  Value::map({{"path", path}})));
  }
  for (const PlannedFile& file : input.files) {
    if (file.at.empty()) plan.written.push_back(file);
    if (!file.at.empty()) mounts.push_back(bind_mount(file.at.string(), file.path, true));
  }
  for (const Value& mount : elements_at(input.workload, "hostMounts")) {
    mounts.push_back(bind_mount(mount.text_or("source", ""), mount.text_or("path", ""),
                                mount.boolean_or("readOnly", false)));
  }
  host.set("Mounts", std::move(mounts));
  plan.volumes = planned_volumes(input.effect.tenant.uid, input.effect.uid, input.effect.ref,
                                 input.workload, input.image.volumes);
}

void add_ports(const Value& workload, Value& config, Value& host) {
  Value exposed = Value::map();
  Value bindings = Value::map();
  const auto publish = [&](const std::string& port, const std::string& address,
                           const std::string& published) {
    exposed.set(port, Value::map());
    Value* list = bindings.find(port);
    if (list == nullptr) list = &bindings.set(port, Value::list());
    list->push_back(Value::map({{"HostIp", address}, {"HostPort", published}}));
  };
  for (const Value& port : elements_at(workload, "ports"))
    publish(fmt::format("{}/tcp", port.as_integer()), "127.0.0.1", "");
  for (const Value& port : elements_at(workload, "hostPorts")) {
    const std::int64_t published = port.integer_or("published", 0);
    publish(fmt::format("{}/{}", port.integer_or("port", 0), port.text_or("protocol", "tcp")),
            port.text_or("address", ""), published == 0 ? "" : fmt::format("{}", published));
  }
  if (exposed.size() == 0) return;
  config.set("ExposedPorts", std::move(exposed));
  host.set("PortBindings", std::move(bindings));
}

void add_networks(const PlanInput& input, Value& config, Value& host, ContainerPlan& plan) {
  const std::string mode = input.workload.text_or("networkMode", "");
  if (!mode.empty()) {
    host.set("NetworkMode",
             mode.starts_with("service:") ? "container:" + input.joined_container : mode);
    return;
  }
  plan.networks = planned_networks(input.effect, input.workload);
  plan.has_own_network = elements_at(input.workload, "networks").empty();
  const PlannedNetwork& first = plan.networks.front();
  host.set("NetworkMode", first.name);
  Value endpoints = Value::map();
  endpoints.set(first.name, Value::map({{"Aliases", texts(first.aliases)}}));
  config.set("NetworkingConfig", Value::map({{"EndpointsConfig", std::move(endpoints)}}));
  add_ports(input.workload, config, host);
}

}  // namespace

std::vector<std::string> capabilities_of(const Value& workload) {
  const auto ordinary = ordinary_capabilities();
  std::set<std::string> granted(ordinary.begin(), ordinary.end());
  for (const std::string& drop : texts_at(workload, "capDrop")) {
    if (canonical_capability(drop) == "ALL") granted.clear();
    granted.erase(canonical_capability(drop));
  }
  for (const std::string& add : texts_at(workload, "capAdd"))
    granted.insert(canonical_capability(add));
  return {granted.begin(), granted.end()};
}

std::vector<PlannedFile> planned_files(const Effect& effect, const Value& workload) {
  std::vector<PlannedFile> files;
  for (const Value& file : elements_at(workload, "files")) {
    const Value* content = file.find("content");
    const std::string* text = content == nullptr ? nullptr : clear_text(effect, *content);
    files.push_back({.path = file.text_or("path", ""),
                     .source = file.text_or("source", ""),
                     .id = file.text_or("id", ""),
                     .content = text == nullptr ? std::string() : *text,
                     .secret = file.text_or("content.fingerprint", ""),
                     .mode = file.integer_or("mode", 0444),
                     .uid = file.integer_or("uid", 0),
                     .gid = file.integer_or("gid", 0),
                     .at = {}});
  }
  return files;
}

Value plan_update(const Value& workload) { return resources_part(workload); }

std::vector<PlannedNetwork> planned_networks(const Effect& effect, const Value& workload) {
  const std::string own = name_in_stack(effect.ref);
  std::vector<PlannedNetwork> networks;
  for (const Value& network : elements_at(workload, "networks")) {
    PlannedNetwork planned{
        .name = stack_object_name(effect.tenant.uid, stack_of(effect.ref).value_or(effect.ref),
                                  network.text_or("name", "")),
        .aliases = texts_at(network, "aliases")};
    if (std::ranges::find(planned.aliases, own) == planned.aliases.end())
      planned.aliases.insert(planned.aliases.begin(), own);
    networks.push_back(std::move(planned));
  }
  if (networks.empty() && workload.text_or("networkMode", "").empty())
    // Whether a network leads outside cannot be changed, so the two kinds have two names.
    networks.push_back({.name = own_object_name(effect.uid, effect.allow_egress ? "" : "closed"),
                        .aliases = {own}});
  return networks;
}

std::vector<PlannedVolume> planned_volumes(const std::string& tenant_uid, const std::string& uid,
                                           const Ref& ref, const Value& workload,
                                           const std::vector<std::string>& image_volumes) {
  std::vector<PlannedVolume> volumes;
  for (const Value& mount : elements_at(workload, "mounts")) {
    PlannedVolume volume{.name = engine_volume(tenant_uid, uid, ref, mount), .part = {}};
    const std::string name = mount.text_or("volume", "");
    if (name.empty()) volume.part = "volume:" + anonymous_part(mount.text_or("path", ""));
    if (mount.boolean_or("own", false)) volume.part = "volume:" + name;
    volumes.push_back(std::move(volume));
  }
  for (const std::string& path : uncovered(workload, image_volumes)) {
    const std::string part = anonymous_part(path);
    volumes.push_back({.name = own_object_name(uid, part), .part = "volume:" + part});
  }
  return volumes;
}

ContainerPlan plan_container(const PlanInput& input) {
  ContainerPlan plan;
  plan.name = container_name(input.effect.ref, input.effect.uid, input.effect.intent);
  plan.platform = input.workload.text_or("platform", "");
  Value config = process_part(input);
  Value host = resources_part(input.workload);
  add_ulimits(input, host);
  add_walls(input, host);
  add_details(input, host);
  add_mounts(input, host, plan);
  add_networks(input, config, host, plan);
  config.set("HostConfig", std::move(host));
  plan.config = std::move(config);
  return plan;
}

}  // namespace croft::docker
