#include "providers/docker/observation.hpp"

#include <algorithm>
#include <charconv>
#include <tuple>

#include <fmt/format.h>

#include "core/resource/resource.hpp"
#include "providers/docker/container_plan.hpp"
#include "providers/docker/spec.hpp"

namespace croft::docker {

namespace {

std::string first_name(const Value& entry) {
  for (const Value& name : elements_at(entry, "Names")) {
    std::string text = name.is_text() ? name.as_text() : "";
    if (text.starts_with('/')) text.erase(0, 1);
    // Links show further names, "other/alias".
    if (!text.empty() && text.find('/') == std::string::npos) return text;
  }
  return {};
}

ContainerSummary read_summary(const Value& entry) {
  ContainerSummary summary{.id = entry.text_or("Id", ""),
                           .name = first_name(entry),
                           .state = entry.text_or("State", ""),
                           .status = entry.text_or("Status", ""),
                           .image_id = entry.text_or("ImageID", ""),
                           .created = entry.integer_or("Created", 0),
                           .labels = read_labels(entry.find("Labels")),
                           .ports = {},
                           .networks = {},
                           .mount_sources = {}};
  for (const Value& port : elements_at(entry, "Ports")) {
    const bool is_ours = port.text_or("IP", "") == "127.0.0.1" && port.text_or("Type", "") == "tcp";
    const std::int64_t outer = port.integer_or("PublicPort", 0);
    if (is_ours && outer != 0)
      summary.ports.emplace(port.integer_or("PrivatePort", 0), fmt::format("127.0.0.1:{}", outer));
  }
  for (const Value::Entry& network : entries_at(entry, "NetworkSettings.Networks"))
    summary.networks.emplace(network.key, network.value.text_or("IPAddress", ""));
  for (const Value& mount : elements_at(entry, "Mounts"))
    summary.mount_sources.push_back(mount.text_or("Source", ""));
  return summary;
}

bool is_unwell(const ContainerSummary& summary) {
  return summary.status.find("(unhealthy)") != std::string::npos;
}

bool is_starting(const ContainerSummary& summary) {
  return summary.status.find("starting)") != std::string::npos;
}

Health health_of(const ContainerSummary& summary) {
  if (is_unwell(summary)) return Health::Failing;
  return summary.status.find("(healthy)") != std::string::npos ? Health::Passing : Health::Unknown;
}

std::string exit_words(const ContainerDetails& details) {
  if (details.is_out_of_memory) return "it used more memory than it may, and was killed";
  if (details.exit_code > 128 && details.exit_code < 160)
    return fmt::format("ended by signal {}", details.exit_code - 128);
  return fmt::format("exit status {}", details.exit_code);
}

void describe_running(Observed& seen, const ContainerSummary& summary,
                      const ContainerDetails& details, Timestamp now) {
  seen.phase = is_starting(summary) ? Phase::Starting : Phase::Running;
  seen.health = health_of(summary);
  if (seen.health == Health::Failing) {
    seen.reason = "Unhealthy";
    seen.message = "its health check fails";
  }
  const bool has_just_crashed =
      details.restarts > 0 && details.started_at && now - *details.started_at < kStableAfter;
  if (!has_just_crashed) return;
  seen.phase = Phase::Starting;
  seen.reason = "CrashLoop";
  seen.message = fmt::format("ended and was started again, {} times", details.restarts);
}

/// It has ended, and the engine does not start it again.
void describe_ended(Observed& seen, const ContainerDetails& details, const Circumstances& known) {
  const bool was_killed = known.was_killed;
  const std::string& policy = details.restart_policy;
  const bool starts_after_success = policy == "always" || policy == "unless-stopped";
  const bool is_left = details.restart_attempts > 0 && details.restarts >= details.restart_attempts;
  seen.message = exit_words(details);
  const bool is_done = known.has_completed || policy.empty() || policy == "no";
  if (details.exit_code == 0 && !starts_after_success && !was_killed && is_done) {
    seen.phase = Phase::Completed;
    seen.message = "it ended by itself, with success";
  } else if (!was_killed && (policy.empty() || policy == "no" || is_left)) {
    seen.phase = Phase::Failed;
    seen.reason = details.is_out_of_memory ? "OutOfMemory" : is_left ? "CrashLoop" : "Exited";
    if (is_left) seen.message += fmt::format(", {} times", details.restarts + 1);
  } else {
    // By its policy the engine would have started it again, had nobody stopped it.
    seen.phase = Phase::Stopped;
    seen.message = "stopped from outside (" + seen.message + ")";
  }
}

void describe_state(Observed& seen, const ContainerSummary& summary,
                    const ContainerDetails& details, const Circumstances& known) {
  const bool is_stopped_by_us =
      known.record != nullptr && known.record->object == summary.id && known.record->is_stopped;
  if (summary.is_running()) {
    describe_running(seen, summary, details, known.now);
  } else if (summary.is_made_only()) {
    seen.phase = Phase::Created;
    seen.message = details.error.empty() ? "made, but not started" : details.error;
  } else if (summary.state == "restarting") {
    seen.phase = Phase::Failed;
    seen.reason = details.is_out_of_memory ? "OutOfMemory" : "CrashLoop";
    seen.message = fmt::format("{}, {} restarts, tried again by the engine", exit_words(details),
                               details.restarts);
  } else if (summary.state == "paused") {
    seen.phase = Phase::Stopped;
    seen.message = "paused from outside";
  } else if (summary.is_gone() || summary.state == "stopping") {
    seen.phase = Phase::Stopping;
  } else if (is_stopped_by_us) {
    seen.phase = Phase::Stopped;
  } else {
    describe_ended(seen, details, known);
  }
}

std::shared_ptr<const Value> fields_of(const Labels& labels, const Record* record,
                                       const std::string& object) {
  if (record != nullptr && record->object == object && record->fields) return record->fields;
  Result<Value> read = parse_json(label_or_empty(labels, label::kFields));
  return std::make_shared<const Value>(read ? std::move(*read) : Value::map());
}

/// Where the container really is otherwise than its fields say, the fields are mended, so that the
/// difference is seen.
class Reality {
 public:
  Reality(const Observed& seen, const Circumstances& known)
      : fields_(*seen.fields), workload_(workload_of(seen.ref, fields_)), known_(known) {}

  Value mend(const ContainerSummary& summary, const ContainerDetails& details,
             const std::string& tenant_uid, const Observed& seen) && {
    mend_limits(details);
    mend_restart(details, seen.ref);
    mend_networks(summary, tenant_uid, seen);
    if (!known_.moved_image.empty()) fields_.set("image", known_.moved_image);
    return std::move(fields_);
  }

 private:
  void mend_number(const char* name, std::int64_t wanted, std::int64_t actual) {
    if (wanted == actual) return;
    Value* resources = fields_.find("resources");
    if (resources == nullptr) resources = &fields_.set("resources", Value::map());
    resources->set(name, Value(actual));
  }

  void mend_limits(const ContainerDetails& details) {
    const Value plan = plan_update(workload_);
    mend_number("cpu", plan.integer_or("NanoCpus", 0) / 1'000'000, details.cpu_millis);
    mend_number("memory", plan.integer_or("Memory", 0), details.memory);
    mend_number("reservation", plan.integer_or("MemoryReservation", 0), details.reservation);
    mend_number("pids", plan.integer_or("PidsLimit", 0), details.pids);
  }

  void mend_restart(const ContainerDetails& details, const Ref& ref) {
    if (ref.kind == Kind::Instance) return;
    const Value plan = plan_update(workload_);
    const std::string actual = details.restart_policy.empty() ? "no" : details.restart_policy;
    if (plan.text_or("RestartPolicy.Name", "") != actual) fields_.set("restart", actual);
  }

  void mend_networks(const ContainerSummary& summary, const std::string& tenant_uid,
                     const Observed& seen) {
    Value* networks = fields_.find("networks");
    if (networks == nullptr || !networks->is_list() || !summary.is_running()) return;
    Effect effect;
    effect.ref = seen.ref;
    effect.uid = seen.uid;
    effect.tenant.uid = tenant_uid;
    const std::vector<PlannedNetwork> planned = planned_networks(effect, workload_);
    if (planned.size() != networks->size()) return;
    Value::List still;
    for (std::size_t i = 0; i < planned.size(); ++i) {
      if (summary.networks.contains(planned[i].name)) still.push_back(networks->as_list()[i]);
    }
    if (still.size() != networks->size()) *networks = Value(std::move(still));
  }

  Value fields_;
  Value workload_;
  const Circumstances& known_;
};

void add_endpoints(Observed& seen, const ContainerSummary& summary, bool is_local) {
  if (seen.phase != Phase::Running && seen.phase != Phase::Starting) return;
  const Value workload = workload_of(seen.ref, *seen.fields);
  const bool is_host = workload.text_or("networkMode", "") == "host";
  for (const Value& port : elements_at(workload, "ports")) {
    const std::int64_t inner = port.is_integer() ? port.as_integer() : 0;
    std::string address;
    if (const auto published = summary.ports.find(inner); published != summary.ports.end()) {
      address = published->second;
    } else if (is_host) {
      address = fmt::format("127.0.0.1:{}", inner);
    } else if (is_local) {
      // Networks without a way out publish nothing, but this machine is on them.
      const auto reached = std::ranges::find_if(
          summary.networks, [](const auto& network) { return !network.second.empty(); });
      if (reached != summary.networks.end()) address = fmt::format("{}:{}", reached->second, inner);
    }
    if (address.empty()) continue;
    const Endpoint endpoint{Endpoint::Scheme::Tcp, address};
    if (seen.endpoints.empty()) seen.endpoint = endpoint;
    seen.endpoints.emplace(inner, endpoint);
  }
}

Observed labelled(const Labels& labels, const Record* record, const std::string& object) {
  Observed seen;
  seen.uid = label_or_empty(labels, label::kUid);
  if (const Result<Ref> ref = parse_ref(label_or_empty(labels, label::kRef))) seen.ref = *ref;
  seen.tenant_uid = label_or_empty(labels, label::kTenant);
  seen.intent = label_or_empty(labels, label::kIntent);
  seen.spec_digest = label_or_empty(labels, label::kSpec);
  if (record != nullptr && record->object == object) {
    if (!record->intent.empty()) seen.intent = record->intent;
    if (!record->spec_digest.empty()) seen.spec_digest = record->spec_digest;
  }
  seen.fields = fields_of(labels, record, object);
  return seen;
}

std::vector<ObjectSummary> labelled_objects(const Value& list, std::string_view provider,
                                            ObjectSummary (*read)(const Value&)) {
  std::vector<ObjectSummary> ours;
  if (!list.is_list()) return ours;
  for (const Value& entry : list.as_list()) {
    ObjectSummary object = read(entry);
    object.labels = read_labels(entry.find("Labels"));
    const bool is_ours = !object.uid().empty() && object.name.starts_with("croft_") &&
                         label_or_empty(object.labels, label::kProvider) == provider;
    if (is_ours) ours.push_back(std::move(object));
  }
  return ours;
}

}  // namespace

bool ContainerSummary::is_made_only() const {
  return state == "created" || state == "configured" || state == "initialized";
}

bool ContainerSummary::is_gone() const { return state == "removing" || state == "dead"; }

std::vector<ContainerSummary> our_containers(const Value& list, std::string_view provider) {
  std::vector<ContainerSummary> ours;
  if (!list.is_list()) return ours;
  for (const Value& entry : list.as_list()) {
    ContainerSummary summary = read_summary(entry);
    if (is_our_container(summary.name, summary.labels, provider))
      ours.push_back(std::move(summary));
  }
  return ours;
}

namespace {

std::vector<std::string> joined_by(const Value& inspection) {
  std::vector<std::string> joins;
  for (const char* const field : {"HostConfig.NetworkMode", "HostConfig.PidMode"}) {
    constexpr std::string_view kJoins = "container:";
    const std::string mode = inspection.text_or(field, "");
    if (mode.starts_with(kJoins)) joins.push_back(mode.substr(kJoins.size()));
  }
  return joins;
}

}  // namespace

ContainerDetails read_details(const Value& inspection) {
  return {
      .state = inspection.text_or("State.Status", ""),
      .exit_code = inspection.integer_or("State.ExitCode", 0),
      .is_out_of_memory = inspection.boolean_or("State.OOMKilled", false),
      .error = inspection.text_or("State.Error", ""),
      .started_at = parse_engine_time(inspection.text_or("State.StartedAt", "")),
      .restarts = inspection.integer_or("RestartCount", 0),
      .restart_policy = inspection.text_or("HostConfig.RestartPolicy.Name", ""),
      .restart_attempts = inspection.integer_or("HostConfig.RestartPolicy.MaximumRetryCount", 0),
      .cpu_millis = inspection.integer_or("HostConfig.NanoCpus", 0) / 1'000'000,
      .memory = inspection.integer_or("HostConfig.Memory", 0),
      .reservation = inspection.integer_or("HostConfig.MemoryReservation", 0),
      .pids = inspection.integer_or("HostConfig.PidsLimit", 0),
      .process = static_cast<int>(inspection.integer_or("State.Pid", 0)),
      .joins = joined_by(inspection)};
}

std::string fingerprint(const ContainerSummary& summary) {
  // "Up 5 seconds (healthy)" grows older; what stands in brackets is what counts.
  const std::size_t bracket = summary.status.find('(');
  const std::string mark = bracket == std::string::npos
                               ? ""
                               : summary.status.substr(bracket, summary.status.find(')') - bracket);
  return summary.state + " " + mark;
}

const ContainerSummary* choose_current(const std::vector<const ContainerSummary*>& all) {
  const auto rank = [](const ContainerSummary* one) {
    const bool runs = one->is_running() && !is_unwell(*one);
    return std::tuple(!one->is_gone(), runs && !is_starting(*one), runs, one->created, one->id);
  };
  const ContainerSummary* best = nullptr;
  for (const ContainerSummary* one : all) {
    if (best == nullptr || rank(one) > rank(best)) best = one;
  }
  return best;
}

std::string outdated_by_joins(const ContainerDetails& details,
                              const std::set<std::string>& current) {
  const bool is_outdated = std::ranges::any_of(
      details.joins, [&](const std::string& id) { return !current.contains(id); });
  return is_outdated ? "it shares the network or the processes of a container that was replaced"
                     : "";
}

std::string left_beside(const ContainerSummary& current,
                        const std::vector<const ContainerSummary*>& all) {
  const auto others = std::ranges::count_if(all, [&current](const ContainerSummary* one) {
    return one->id != current.id && !one->is_gone();
  });
  if (others == 0) return {};
  return others == 1 ? "another container" : fmt::format("{} other containers", others);
}

Observed describe_container(const ContainerSummary& summary, const ContainerDetails& details,
                            const Circumstances& known) {
  Observed seen = labelled(summary.labels, known.record, summary.id);
  describe_state(seen, summary, details, known);
  // Made, but never started: the intent is not done yet.
  if (seen.phase == Phase::Created) seen.intent.clear();
  seen.restarts = static_cast<int>(details.restarts);
  if (seen.phase == Phase::Running || seen.phase == Phase::Starting)
    seen.started_at = details.started_at;
  seen.storage_bytes = known.storage_bytes;
  const std::string egress = label_or_empty(summary.labels, label::kEgress);
  if (!egress.empty()) seen.allows_egress = egress == "allow";
  add_endpoints(seen, summary, known.is_local);
  seen.fields = std::make_shared<const Value>(
      Reality(seen, known)
          .mend(summary, details, label_or_empty(summary.labels, label::kTenant), seen));
  return seen;
}

std::vector<ObjectSummary> our_networks(const Value& list, std::string_view provider) {
  return labelled_objects(list, provider, [](const Value& entry) {
    ObjectSummary network;
    network.name = entry.text_or("Name", "");
    network.id = entry.text_or("Id", "");
    for (const Value::Entry& option : entries_at(entry, "Options")) {
      const bool is_name = option.key == "com.docker.network.bridge.name" ||
                           option.key == "bridge_name" || option.key == "interface_name";
      if (is_name && option.value.is_text()) network.bridge = option.value.as_text();
    }
    network.is_internal = entry.boolean_or("Internal", false);
    return network;
  });
}

std::vector<ObjectSummary> our_volumes(const Value& list, std::string_view provider) {
  // GET /volumes wraps its list; the client has unwrapped it.
  return labelled_objects(list, provider, [](const Value& entry) {
    ObjectSummary volume;
    volume.name = volume.id = entry.text_or("Name", "");
    volume.mountpoint = entry.text_or("Mountpoint", "");
    return volume;
  });
}

std::optional<Observed> describe_object(const ObjectSummary& object, const Record* record) {
  if (!object.is_resource_itself()) return std::nullopt;
  if (record != nullptr && record->object == object.id && record->is_kept) return std::nullopt;
  Observed seen = labelled(object.labels, record, object.id);
  const bool is_kind = seen.ref.kind == Kind::Volume || seen.ref.kind == Kind::Network;
  if (!is_kind) return std::nullopt;
  seen.phase = Phase::Running;
  return seen;
}

std::optional<Timestamp> parse_engine_time(std::string_view text) {
  if (text.size() < 20 || text.starts_with("0001-")) return std::nullopt;
  // What Croft reads has three digits and Z; the Engine writes up to nine, Podman an offset.
  std::string plain(text.substr(0, 19));
  std::string fraction;
  std::size_t at = 19;
  if (text[at] == '.') {
    for (++at; at < text.size() && text[at] >= '0' && text[at] <= '9'; ++at) fraction += text[at];
  }
  fraction.resize(3, '0');
  const Result<Timestamp> time = parse_time(plain + "." + fraction + "Z");
  if (!time) return std::nullopt;
  const std::string_view zone = text.substr(at);
  if (zone.size() != 6) return *time;
  int hours = 0;
  int minutes = 0;
  std::from_chars(zone.data() + 1, zone.data() + 3, hours);
  std::from_chars(zone.data() + 4, zone.data() + 6, minutes);
  const Duration offset = std::chrono::hours(hours) + std::chrono::minutes(minutes);
  return zone.front() == '-' ? *time + offset : *time - offset;
}

}  // namespace croft::docker
