#include "providers/process/sandbox.hpp"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "core/resource/field.hpp"
#include "providers/process/secrets.hpp"

namespace croft {

namespace {

using Isolation = ProcessSettings::Isolation;

std::string variable_of_volume(std::string name) {
  for (char& c : name)
    c = c == '-' ? '_' : (c >= 'a' && c <= 'z') ? static_cast<char>(c - 'a' + 'A') : c;
  return "CROFT_VOLUME_" + name;
}

/// Later entries win: a tenant may set HOME, but not what Croft promises.
std::vector<std::string> environment_of(const AppRecord& record, const ProcessLayout& layout,
                                        bool is_sandboxed) {
  std::vector<std::pair<std::string, std::string>> entries{
      {"PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"},
      {"HOME", "/tmp"},
      {"LANG", "C.UTF-8"}};
  const auto set = [&entries](const std::string& name, const std::string& value) {
    std::erase_if(entries, [&](const auto& entry) { return entry.first == name; });
    entries.emplace_back(name, value);
  };
  if (const Value* env = record.spec->find("env"); env != nullptr && env->is_map()) {
    for (const Value::Entry& entry : env->as_map()) {
      if (entry.value.is_text()) set(entry.key, entry.value.as_text());
    }
  }
  set("PORT", std::to_string(record.port));
  set("CROFT_REF", to_string(record.ref));
  set("CROFT_TENANT", record.ref.tenant);
  set("CROFT_NAME", record.ref.name);
  if (const Value* volumes = record.spec->find("volumes");
      volumes != nullptr && volumes->is_list()) {
    for (const Value& volume : volumes->as_list()) {
      const std::string name = volume.text_or("name", "");
      set(variable_of_volume(name),
          is_sandboxed ? volume.text_or("path", "") : layout.volume(record.uid, name).string());
    }
  }
  std::vector<std::string> environment;
  for (const auto& [name, value] : entries) environment.push_back(name + "=" + value);
  return environment;
}

std::string resolv_conf(const AppRecord& record, const Machine& machine) {
  if (!record.allow_egress) return "# this app has no network but its own\n";
  std::string text;
  for (const std::string& resolver : machine.resolvers) text += "nameserver " + resolver + "\n";
  return text;
}

std::vector<shim::Launch::File> own_etc_files(const AppRecord& record, const Machine& machine) {
  const std::string& name = record.ref.name;
  return {{"etc/passwd",
           fmt::format("root:x:0:0:root:/root:/usr/sbin/nologin\napp:x:{0}:{0}::/tmp:/bin/sh\n"
                       "nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n",
                       kInnerUid)},
          {"etc/group", fmt::format("root:x:0:\napp:x:{}:\nnogroup:x:65534:\n", kInnerUid)},
          {"etc/hostname", name + "\n"},
          {"etc/hosts",
           fmt::format("127.0.0.1 localhost {0}\n::1 localhost ip6-localhost {0}\n", name)},
          {"etc/nsswitch.conf",
           "passwd: files\ngroup: files\nhosts: files dns\nservices: files\nprotocols: files\n"},
          {"etc/resolv.conf", resolv_conf(record, machine)}};
}

void add(std::vector<std::string>& options, std::initializer_list<std::string> more) {
  options.insert(options.end(), more);
}

void add_namespaces(std::vector<std::string>& options, const AppRecord& record,
                    const Machine& machine) {
  // The network namespace is the shim's, made by root before: inside, nobody has any power over its
  // interfaces.
  add(options,
      {"--unshare-user", "--unshare-pid", "--unshare-ipc", "--unshare-uts", "--unshare-cgroup"});
  if (machine.can_disable_user_namespaces) add(options, {"--disable-userns"});
  const std::string id = std::to_string(kInnerUid);
  add(options, {"--uid", id, "--gid", id, "--hostname", record.ref.name, "--die-with-parent",
                "--new-session"});
}

std::vector<std::string> secret_files_of(const Value& spec) {
  std::vector<std::string> paths;
  const Value* files = spec.find("secretFiles");
  if (files == nullptr || !files->is_map()) return paths;
  for (const Value::Entry& entry : files->as_map()) paths.push_back(entry.key);
  return paths;
}

void add_file_system(std::vector<std::string>& options, const shim::Launch& launch,
                     const AppRecord& record, const Machine& machine) {
  add(options, {"--ro-bind", "/usr", "/usr"});
  for (const auto& [directory, target] : machine.system_directories) {
    if (target.empty()) add(options, {"--ro-bind", directory, directory});
    if (!target.empty()) add(options, {"--symlink", target, directory});
  }
  const std::string memory =
      std::to_string(std::max<std::int64_t>(limits_of(*record.spec).memory_bytes / 2, 1 << 20));
  add(options,
      {"--proc", "/proc", "--dev", "/dev", "--size", memory, "--perms", "1777", "--tmpfs", "/tmp"});
  for (const std::string& file : machine.etc_files) add(options, {"--ro-bind-try", file, file});
  for (const shim::Launch::File& file : launch.files) {
    add(options, {"--ro-bind", std::string(shim::kStage) + "/" + file.name, "/" + file.name});
  }
  for (const std::string& path : secret_files_of(*record.spec))
    add(options, {"--ro-bind", shim::kStage + path, path});
  if (record.tree.empty()) {
    add(options, {"--dir", kAppDirectory});
  } else {
    add(options, {"--ro-bind", std::string(shim::kStage) + "/files", kAppDirectory});
  }
  if (const Value* volumes = record.spec->find("volumes");
      volumes != nullptr && volumes->is_list()) {
    for (const Value& volume : volumes->as_list()) {
      const std::string source =
          std::string(shim::kStage) + "/volumes/" + volume.text_or("name", "");
      add(options, {"--bind", source, volume.text_or("path", "")});
    }
  }
  add(options, {"--remount-ro", "/", "--chdir", kAppDirectory, "--clearenv"});
}

void add_mounts(shim::Launch& launch, const AppRecord& record, const ProcessLayout& layout) {
  if (!record.tree.empty())
    launch.mounts.push_back({layout.tree(record.tree).string(), "files", false});
  if (const Value* volumes = record.spec->find("volumes");
      volumes != nullptr && volumes->is_list()) {
    for (const Value& volume : volumes->as_list()) {
      const std::string name = volume.text_or("name", "");
      launch.mounts.push_back({layout.volume(record.uid, name).string(), "volumes/" + name, true});
    }
  }
}

void add_sandbox(shim::Launch& launch, const AppRecord& record, const ProcessLayout& layout,
                 const Machine& machine) {
  launch.files = own_etc_files(record, machine);
  add_mounts(launch, record, layout);
  launch.hidden = {layout.root.string()};
  launch.directory = kAppDirectory;
  launch.own_network = true;
  launch.inner_uid = launch.inner_gid = kInnerUid;
  launch.sandbox = {machine.bubblewrap.string()};
  add_namespaces(launch.sandbox, record, machine);
  add_file_system(launch.sandbox, launch, record, machine);
}

Error not_possible(const std::string& message) { return Error(ErrorCode::Invalid, message); }

/// What the sandbox needs for itself; a volume over it would take the app apart, or open what is
/// closed.
bool is_reserved(std::string_view path) {
  if (path == "/" || path == kAppDirectory || path == "/tmp") return true;
  for (const std::string_view root : {"/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64",
                                      "/libx32", "/etc", "/proc", "/dev", "/sys", "/app"}) {
    if (path == root || (path.starts_with(root) && path[root.size()] == '/')) return true;
  }
  return false;
}

Result<void> check_volumes(const Value& spec) {
  const Value* volumes = spec.find("volumes");
  if (volumes == nullptr) return {};
  for (const Value& volume : volumes->as_list()) {
    const std::string path = volume.text_or("path", "");
    const bool is_plain = path.starts_with('/') && path.find("//") == std::string::npos &&
                          !path.ends_with('/') && (path + "/").find("/../") == std::string::npos &&
                          (path + "/").find("/./") == std::string::npos;
    if (!is_plain)
      return fail(
          not_possible(fmt::format("a volume cannot be at '{}': not a plain absolute path", path)));
    if (is_reserved(path))
      return fail(not_possible(fmt::format("a volume cannot be at '{}': the system's", path)));
  }
  return {};
}

Result<void> check_secret_files(const ProcessSettings& settings, const Value& spec) {
  for (const std::string& path : secret_files_of(spec)) {
    if (settings.isolation != Isolation::Full)
      return fail(not_possible("secretFiles need a sandbox, and this provider has none")
                      .with_hint("use env instead"));
    if (is_reserved(path))
      return fail(not_possible(fmt::format("a secret cannot be at '{}': the system's", path)));
    const Value* volumes = spec.find("volumes");
    for (std::size_t i = 0; volumes != nullptr && i < volumes->size(); ++i) {
      const std::string volume = volumes->as_list()[i].text_or("path", "");
      if (path == volume || path.starts_with(volume + "/"))
        return fail(not_possible(
            fmt::format("a secret cannot be at '{}': the volume at '{}' covers it", path, volume)));
    }
  }
  return {};
}

Result<void> check_environment(const Value& spec) {
  const Value* env = spec.find("env");
  if (env == nullptr) return {};
  for (const Value::Entry& entry : env->as_map()) {
    if (!entry.value.is_text() && !is_secret_reference(entry.value))
      return fail(not_possible(fmt::format("env.{} is neither text nor a secret", entry.key)));
    if (entry.key.empty() || entry.key.find('=') != std::string::npos) {
      return fail(
          not_possible(fmt::format("'{}' is no name of an environment variable", entry.key)));
    }
    if (entry.key == "PORT" || entry.key.starts_with("CROFT_")) {
      return fail(not_possible(
          fmt::format("env.{} is set by Croft; use http.port for the port", entry.key)));
    }
  }
  return {};
}

Result<void> fill_port(const ProcessSettings& settings, Value& spec) {
  const std::int64_t tcp = spec.integer_or("health.tcp", 0);
  const std::int64_t port = spec.integer_or("http.port", tcp);
  if (tcp != 0 && tcp != port) {
    return fail(not_possible(fmt::format(
        "health.tcp is {}, but the app's only reachable port is http.port, {}", tcp, port)));
  }
  Value* http = spec.find("http");
  // Without a sandbox all apps share the host's ports, and each is given one when it is made.
  const bool chooses = settings.isolation == Isolation::Full && http != nullptr;
  if (port == 0 && chooses) http->set("port", kDefaultPort);
  if (port != 0 && spec.at_path("http.port") == nullptr) {
    if (http == nullptr) http = &spec.set("http", Value::map());
    http->set("port", Value(port));
  }
  return {};
}

}  // namespace

ResourceLimits limits_of(const Value& spec) {
  const ResourceLimits defaults;
  return {.cpu_millis = spec.integer_or("resources.cpu", defaults.cpu_millis),
          .memory_bytes = spec.integer_or("resources.memory", defaults.memory_bytes),
          .pids = spec.integer_or("resources.pids", defaults.pids)};
}

shim::Launch make_launch(const AppRecord& record, const ProcessSettings& settings,
                         const ProcessLayout& layout, const Machine& machine,
                         const AppCgroup& cgroup) {
  const bool is_sandboxed = settings.isolation == Isolation::Full;
  shim::Launch launch;
  launch.digest = record.digest;
  for (const Value& argument : record.spec->find("command")->as_list()) {
    launch.arguments.push_back(argument.as_text());
  }
  launch.environment = environment_of(record, layout, is_sandboxed);
  launch.secrets = secret_names(*record.spec);
  launch.directory = record.tree.empty() ? "/" : layout.tree(record.tree).string();
  for (const auto& directory : cgroup.directories) launch.cgroups.push_back(directory.string());
  launch.oom_counter = cgroup.oom_counter.string();
  launch.drops_user = machine.is_root;
  launch.uid = launch.gid = static_cast<unsigned>(host_uid(settings, record.tenant.number));
  if (is_sandboxed) add_sandbox(launch, record, layout, machine);
  launch.port = record.port;
  launch.dial_socket = layout.dial(record.uid).string();
  launch.dial_gid = settings.gateway_gid.value_or(0);
  if (settings.gateway_uid) launch.dial_peers.push_back(*settings.gateway_uid);
  launch.log_directory = layout.logs(record.uid).string();
  launch.log_size = settings.log_size.count;
  launch.log_files = settings.log_files;
  launch.backoff_first = settings.backoff_first.count();
  launch.backoff_limit = settings.backoff_limit.count();
  launch.stable_after = settings.stable_after.count();
  launch.grace = record.spec->integer_or("grace", 10'000);
  return launch;
}

Result<Value> normalize_instance(const ProcessSettings& settings, const Value& spec) {
  constexpr std::array kKnown = {"command",  "files",   "env",     "resources",   "http",
                                 "health",   "volumes", "grace",   "secretFiles", "dependsOn",
                                 "deletion", "ignore",  "provider"};
  if (!spec.is_map()) return fail(not_possible("the spec is no map"));
  for (const Value::Entry& entry : spec.as_map()) {
    if (std::find(kKnown.begin(), kKnown.end(), entry.key) != kKnown.end()) continue;
    return fail(not_possible(fmt::format("the process provider cannot honour '{}'", entry.key)));
  }
  const Value* command = spec.find("command");
  if (command == nullptr || !command->is_list() || command->size() == 0) {
    return fail(not_possible("it has no command, which is all that the process provider runs"));
  }
  for (const Value& argument : command->as_list()) {
    if (!argument.is_text())
      return fail(not_possible("the command has an argument that is not text"));
  }
  Value normal = spec;
  Value* resources = normal.find("resources");
  if (resources == nullptr) resources = &normal.set("resources", Value::map());
  const ResourceLimits limits = limits_of(spec);
  resources->set("cpu", Value(limits.cpu_millis));
  resources->set("memory", Value(limits.memory_bytes));
  resources->set("pids", Value(limits.pids));
  normal.set("grace", Value(spec.integer_or("grace", 10'000)));
  TRY(fill_port(settings, normal));
  TRY(check_volumes(normal));
  TRY(check_environment(normal));
  TRY(check_secret_files(settings, normal));
  return normal;
}

}  // namespace croft
