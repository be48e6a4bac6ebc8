#include "tests/core/manifest/compose/canonical.hpp"

#include <algorithm>
#include <array>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

namespace croft::manifest {

namespace {

Value sorted(const std::vector<std::string>& texts) {
  std::vector<std::string> copy = texts;
  std::ranges::sort(copy);
  Value made = Value::list();
  for (std::string& text : copy) made.push_back(Value(std::move(text)));
  return made;
}

const Value::List& list_at(const Value& spec, std::string_view field) {
  static const Value::List kNone;
  const Value* found = spec.find(field);
  return found == nullptr ? kNone : found->as_list();
}

void copy(const Value& spec, std::string_view path, std::string_view name, Value& into) {
  if (const Value* found = spec.at_path(path)) into.set(name, *found);
}

void copy_sorted(const Value& spec, std::string_view field, Value& into) {
  std::vector<std::string> texts;
  for (const Value& one : list_at(spec, field)) texts.push_back(one.as_text());
  if (!texts.empty()) into.set(field, sorted(texts));
}

std::string mode_of(const Value& mount) {
  return mount.boolean_or("readOnly", false) ? "ro" : "rw";
}

std::vector<std::string> mounts_of(const Value& spec) {
  std::vector<std::string> made;
  for (const Value& one : list_at(spec, "mounts"))
    made.push_back(fmt::format("volume {} {} {}", one.text_or("volume", ""),
                               one.text_or("path", ""), mode_of(one)));
  for (const Value& one : list_at(spec, "hostMounts")) {
    std::string source = one.text_or("source", "");
    if (source.starts_with('~')) source = "/home/nobody" + source.substr(1);
    made.push_back(fmt::format("host {} {} {}", source, one.text_or("path", ""), mode_of(one)));
  }
  for (const Value& one : list_at(spec, "files")) {
    const Value* mode = one.find("mode");
    made.push_back(fmt::format("file {} {}{}", one.text_or("source", "content"),
                               one.text_or("path", ""),
                               mode == nullptr ? "" : fmt::format(" {}", mode->as_integer())));
  }
  return made;
}

// A tmpfs with a size comes from `volumes`, which docker-compose keeps apart.
void storage(const Value& spec, Value& into) {
  std::vector<std::string> mounts = mounts_of(spec);
  std::vector<std::string> tmpfs;
  for (const Value& one : list_at(spec, "tmpfs")) {
    if (const Value* size = one.find("size")) {
      mounts.push_back(fmt::format("tmpfs {} {}", one.text_or("path", ""), size->as_integer()));
    } else {
      tmpfs.push_back(one.text_or("path", ""));
    }
  }
  into.set("mounts", sorted(mounts));
  into.set("tmpfs", sorted(tmpfs));
  std::vector<std::string> devices;
  for (const Value& one : list_at(spec, "devices"))
    devices.push_back(fmt::format("{}:{}:{}", one.text_or("host", ""), one.text_or("path", ""),
                                  one.text_or("permissions", "")));
  into.set("devices", sorted(devices));
}

void network(const Value& spec, Value& into) {
  std::vector<std::string> ports;
  for (const Value& one : list_at(spec, "hostPorts")) {
    const Value* published = one.find("published");
    ports.push_back(fmt::format("{}|{}|{}|{}", one.text_or("address", ""),
                                published == nullptr ? "" : std::to_string(published->as_integer()),
                                one.integer_or("port", 0), one.text_or("protocol", "")));
  }
  into.set("ports", sorted(ports));
  Value depends = Value::map();
  if (const Value* when = spec.find("dependsWhen")) {
    for (const auto& [ref, how] : when->as_map()) depends.set(ref.substr(ref.find('.') + 1), how);
  }
  into.set("dependsOn", std::move(depends));
  if (spec.find("networkMode") != nullptr) return;
  Value networks = Value::map();
  for (const Value& one : list_at(spec, "networks")) {
    std::vector<std::string> aliases;
    for (const Value& alias : list_at(one, "aliases")) aliases.push_back(alias.as_text());
    networks.set(one.text_or("name", ""), sorted(aliases));
  }
  into.set("networks", std::move(networks));
}

Value service(const Value& spec) {
  Value made = Value::map();
  constexpr std::array<std::pair<std::string_view, std::string_view>, 27> kSame{
      {{"image", "image"},
       {"platform", "platform"},
       {"workingDir", "workingDir"},
       {"user", "user"},
       {"hostname", "hostname"},
       {"stopSignal", "stopSignal"},
       {"pid", "pid"},
       {"ipc", "ipc"},
       {"userns", "userns"},
       {"runtime", "runtime"},
       {"networkMode", "networkMode"},
       {"dns", "dns"},
       {"dnsSearch", "dnsSearch"},
       {"command", "command"},
       {"entrypoint", "entrypoint"},
       {"env", "env"},
       {"labels", "labels"},
       {"sysctls", "sysctls"},
       {"resources.cpu", "cpu"},
       {"resources.memory", "memory"},
       {"resources.pids", "pids"},
       {"resources.reservation", "reservation"},
       {"resources.shm", "shm"},
       {"restart", "restart"},
       {"restartAttempts", "restartAttempts"},
       {"grace", "grace"},
       {"health", "health"}}};
  for (const auto& [path, name] : kSame) {
    copy(spec, path, name, made);
  }
  if (spec.find("build") != nullptr) {
    Value build = Value::map();
    for (const std::string_view field : {"context", "dockerfile", "target", "args", "labels"})
      copy(*spec.find("build"), field, field, build);
    made.set("build", std::move(build));
  }
  for (const auto& [ours, name] : {std::pair{"init", "init"},
                                   {"tty", "tty"},
                                   {"stdinOpen", "stdin_open"},
                                   {"readOnly", "read_only"},
                                   {"privileged", "privileged"}}) {
    if (spec.boolean_or(ours, false)) made.set(name, Value(true));
  }
  for (const std::string_view field :
       {"capAdd", "capDrop", "securityOptions", "dnsOptions", "groups", "extraHosts"})
    copy_sorted(spec, field, made);
  if (const Value* limits = spec.find("ulimits")) {
    Value all = Value::map();
    for (const auto& [name, limit] : limits->as_map())
      all.set(name, Value(Value::List{*limit.find("soft"), *limit.find("hard")}));
    made.set("ulimits", std::move(all));
  }
  storage(spec, made);
  network(spec, made);
  return made;
}

}  // namespace

Value canonical_parts(const LoadedSet& set) {
  Value services = Value::map();
  Value networks = Value::map();
  std::vector<std::string> volumes;
  for (const Resource& resource : set.resources) {
    const std::string name = name_in_stack(resource.ref);
    if (resource.ref.kind == Kind::Service) services.set(name, service(*resource.spec));
    if (resource.ref.kind == Kind::Volume) volumes.push_back(name);
    if (resource.ref.kind == Kind::Network)
      networks.set(name, Value(resource.spec->boolean_or("internal", false)));
  }
  return Value::map({{"services", services}, {"volumes", sorted(volumes)}, {"networks", networks}});
}

}  // namespace croft::manifest
