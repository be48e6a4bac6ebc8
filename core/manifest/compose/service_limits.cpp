#include <algorithm>

#include <fmt/format.h>

#include "core/manifest/compose/service_reader.hpp"
#include "core/manifest/compose/words.hpp"
#include "core/resource/walls.hpp"

// What a service may use, and what loosens the walls around it.

namespace croft::manifest::compose {

namespace {

constexpr std::string_view kAlwaysLimited = "it is always limited: give the most that it needs";

const Item* child(const Item* item, std::string_view key) {
  const Item* found = item == nullptr ? nullptr : item->find(key);
  return found != nullptr && found->is_map() ? found : nullptr;
}

}  // namespace

void ServiceReader::read_resources() {
  const Item* deploy = child(&item_, "deploy");
  const Item* resources = child(deploy, "resources");
  const Item* limits = child(resources, "limits");
  read_cpu(limits);
  read_memory(limits);
  read_pids(limits);
  const Item* reservations = child(resources, "reservations");
  const Item& where =
      reservations != nullptr && reservations->find("memory") != nullptr ? *reservations : item_;
  const std::string_view key = &where == &item_ ? "mem_reservation" : "memory";
  if (const auto bytes = byte_count(where, key))
    made_.draft.set_in("resources", "reservation", Value(*bytes), entry(where, key)->spot);
  if (const auto bytes = byte_count(item_, "shm_size"))
    made_.draft.set_in("resources", "shm", Value(*bytes), entry("shm_size")->spot);
  read_replicas();
}

void ServiceReader::read_cpu(const Item* limits) {
  const bool is_in_deploy = limits != nullptr && limits->find("cpus") != nullptr;
  const Item& where = is_in_deploy ? *limits : item_;
  if (const auto written = text(where, "cpus")) {
    const Spot& spot = entry(where, "cpus")->value.spot;
    const auto millis = parse_cores(*written);
    if (!millis || *millis == 0) {
      error(spot,
            fmt::format("{} must be a number of cores such as 0.5, got '{}'", subject("cpus"),
                        shortened(*written)),
            millis ? std::string(kAlwaysLimited) : "");
      return;
    }
    made_.draft.set_in("resources", "cpu", Value(*millis), spot);
    const auto other = is_in_deploy ? text(item_, "cpus") : std::nullopt;
    if (other && parse_cores(*other) != millis)
      error(entry("cpus")->spot,
            fmt::format("{} and deploy.resources.limits.cpus differ", subject("cpus")),
            "write one of them");
    return;
  }
  const auto quota = integer(item_, "cpu_quota");
  const auto period = integer(item_, "cpu_period");
  if (!quota) {
    if (period)
      error(entry("cpu_period")->spot,
            fmt::format("{} says nothing without cpu_quota", subject("cpu_period")),
            "write 'cpus'");
    return;
  }
  const std::int64_t whole = period.value_or(100'000);
  if (*quota <= 0 || whole <= 0 || *quota > 1'000'000'000) {
    error(entry("cpu_quota")->value.spot,
          fmt::format("{} is no part of its period", subject("cpu_quota")), "write 'cpus'");
    return;
  }
  made_.draft.set_in("resources", "cpu", Value((*quota * 1000 + whole - 1) / whole),
                     entry("cpu_quota")->spot);
}

void ServiceReader::read_memory(const Item* limits) {
  const bool is_in_deploy = limits != nullptr && limits->find("memory") != nullptr;
  const Item& where = is_in_deploy ? *limits : item_;
  const std::string_view key = is_in_deploy ? "memory" : "mem_limit";
  const auto bytes = byte_count(where, key);
  if (!bytes) return;
  const Spot& spot = entry(where, key)->value.spot;
  if (*bytes == 0) {
    error(spot, fmt::format("{} is 0", subject(key)), std::string(kAlwaysLimited));
    return;
  }
  made_.draft.set_in("resources", "memory", Value(*bytes), spot);
  const auto other = is_in_deploy ? byte_count(item_, "mem_limit") : std::nullopt;
  if (other && other != bytes)
    error(entry("mem_limit")->spot,
          fmt::format("{} and deploy.resources.limits.memory differ", subject("mem_limit")),
          "write one of them");
}

void ServiceReader::read_pids(const Item* limits) {
  const bool is_in_deploy = limits != nullptr && limits->find("pids") != nullptr;
  const Item& where = is_in_deploy ? *limits : item_;
  const std::string_view key = is_in_deploy ? "pids" : "pids_limit";
  const auto count = integer(where, key);
  if (!count) return;
  const Spot& spot = entry(where, key)->value.spot;
  if (*count <= 0) {
    error(spot, fmt::format("{} is {}", subject(key), *count), std::string(kAlwaysLimited));
    return;
  }
  made_.draft.set_in("resources", "pids", Value(*count), spot);
  const auto other = is_in_deploy ? integer(item_, "pids_limit") : std::nullopt;
  if (other && other != count)
    error(entry("pids_limit")->spot,
          fmt::format("{} and deploy.resources.limits.pids differ", subject("pids_limit")),
          "write one of them");
}

void ServiceReader::read_replicas() {
  const Item* deploy = child(&item_, "deploy");
  const auto check = [&](const Item& where, std::string_view key) {
    const auto count = integer(where, key);
    if (count && *count != 1)
      error(entry(where, key)->value.spot,
            fmt::format("{} must be 1, got {}", subject(key), *count),
            *count == 0 ? "give it a profile that is not chosen" : "write a service for each");
  };
  check(item_, "scale");
  if (deploy == nullptr) return;
  const Section section(*this, "deploy");
  check(*deploy, "replicas");
  const auto mode = text(*deploy, "mode");
  if (mode && *mode != "replicated")
    error(entry(*deploy, "mode")->value.spot,
          fmt::format("{} '{}' is not supported", subject("mode"), shortened(*mode)),
          "remove it: one of each service runs");
}

void ServiceReader::read_ulimits() {
  const Entry* all = entry("ulimits");
  if (all == nullptr) return;
  for (const Entry& one : all->value.entries) {
    Item both = one.value;
    if (one.value.is_scalar()) {
      both = Item::map(one.value.spot);
      both.set("soft", one.spot, one.value);
      both.set("hard", one.spot, one.value);
    }
    const Section section(*this, "ulimits." + one.key);
    const auto soft = integer(both, "soft");
    const auto hard = integer(both, "hard");
    if (!soft || !hard) continue;
    if (*hard >= 0 && (*soft > *hard || *soft < 0))
      error(one.spot, fmt::format("{} is above the hard limit", subject("soft")));
    made_.draft.set_in("ulimits", one.key,
                       Value::map({{"soft", Value(*soft)}, {"hard", Value(*hard)}}), one.spot);
  }
}

void ServiceReader::read_privileges() {
  copy_truth("privileged", "privileged");
  copy_truth("read_only", "readOnly");
  copy_texts("cap_add", "capAdd");
  copy_texts("cap_drop", "capDrop");
  copy_texts("security_opt", "securityOptions");
  copy_namespace("pid", "pid");
  copy_namespace("ipc", "ipc");
  copy_namespace("uts", "uts");
  copy_namespace("userns_mode", "userns");
  copy_namespace("cgroup", "cgroupns");
  copy_text("runtime", "runtime");
  copy_texts_to_map("sysctls", "sysctls");
  read_devices();
}

void ServiceReader::copy_namespace(const char* key, const char* field) {
  const auto value = text(item_, key);
  if (!value) return;
  if (!value->empty() && !is_namespace_word(field, *value))
    error(entry(key)->value.spot, fmt::format("{} must be {}, got '{}'", subject(key),
                                              namespace_words(field), shortened(*value)));
  copy_text(key, field);
}

void ServiceReader::read_devices() {
  const Entry* devices = entry("devices");
  if (devices == nullptr) return;
  for (const Item& device : devices->value.items) {
    const auto source = text(device, "source");
    if (!source) continue;
    made_.draft.append(
        "devices",
        Value::map({{"host", Value(*source)},
                    {"path", Value(text(device, "target").value_or(*source))},
                    {"permissions", Value(text(device, "permissions").value_or("rwm"))}}),
        device.spot);
  }
}

}  // namespace croft::manifest::compose
