#include "providers/docker/spec.hpp"

#include <algorithm>
#include <array>
#include <set>

#include <fmt/format.h>

#include "core/resource/kinds.hpp"
#include "core/resource/walls.hpp"
#include "providers/docker/image_name.hpp"

namespace croft::docker {

namespace {

std::unexpected<Error> refuse(std::string path, std::string message, std::string hint = {}) {
  Error error(ErrorCode::Invalid, std::move(message));
  if (!hint.empty()) error = std::move(error).with_hint(std::move(hint));
  return std::unexpected(std::move(error).while_doing(std::move(path)));
}

/// A field that the kind describes and that nothing here acts on would be dropped in silence.
Result<void> check_known(const Ref& ref, const Value& spec) {
  static const std::set<std::string_view> of_instance{
      "command",   "files",    "env",    "resources", "http",        "health",
      "volumes",   "grace",    "image",  "build",     "imagePolicy", "secretFiles",
      "dependsOn", "deletion", "ignore", "provider"};
  if (!spec.is_map()) return refuse("spec", "it is no map");
  const Field& described = spec_of(ref.kind);
  for (const Value::Entry& entry : spec.as_map()) {
    const bool is_known = ref.kind == Kind::Instance ? of_instance.contains(entry.key)
                                                     : described.find(entry.key) != nullptr;
    if (!is_known)
      return refuse("spec." + entry.key,
                    fmt::format("the docker provider cannot honour '{}'", entry.key));
  }
  return {};
}

Result<void> check_image(const ProviderSettings& settings, const Value& spec) {
  const Value* build = spec.find("build");
  const std::string image = spec.text_or("image", "");
  if (build != nullptr && !settings.can_build)
    return refuse("spec.build", "this provider builds no images", "push the image, and name it");
  if (build == nullptr && image.empty())
    return refuse("spec", "it has neither `image` nor `build`, which is all that containers run");
  if (image.empty() || build != nullptr) return {};
  const Result<ImageName> name = parse_image_name(image);
  if (!name) return refuse("spec.image", name.error().message(), name.error().hint());
  // "localhost/a" is what Podman calls an image of its own machine.
  if (name->registry == "localhost" && settings.has_local_images) return {};
  const Result<void> may = check_registry(name->registry, settings.registries);
  if (!may) return refuse("spec.image", may.error().message(), may.error().hint());
  return {};
}

Result<void> check_environment(const Value& spec, bool is_instance) {
  for (const Value::Entry& entry : entries_at(spec, "env")) {
    const std::string path = "spec.env." + entry.key;
    if (!entry.value.is_text() && !is_secret_reference(entry.value))
      return refuse(path, "is neither text nor a secret");
    if (entry.key.empty() || entry.key.find('=') != std::string::npos)
      return refuse(path, "is no name of an environment variable");
    if (is_instance && (entry.key == "PORT" || entry.key.starts_with("CROFT_")))
      return refuse(path, "is set by Croft; use http.port for the port");
  }
  return {};
}

Result<void> check_labels(const Value& spec) {
  for (const Value::Entry& entry : entries_at(spec, "labels")) {
    if (entry.key.starts_with("croft.") || entry.key.starts_with("com.docker.compose.") ||
        entry.key.starts_with("io.podman."))
      return refuse("spec.labels." + entry.key, "the label is Croft's own or the engine's");
  }
  return {};
}

bool is_plain_path(const std::string& path) {
  return path.starts_with('/') && path != "/" && path.find("//") == std::string::npos &&
         !path.ends_with('/') && (path + "/").find("/../") == std::string::npos &&
         (path + "/").find("/./") == std::string::npos;
}

/// Over these the container would take itself apart, or show what the engine hides.
bool is_system_path(std::string_view path) {
  for (const std::string_view root : {"/proc", "/sys", "/dev"}) {
    if (path == root || (path.starts_with(root) && path[root.size()] == '/'))
      return !path.starts_with("/dev/shm");
  }
  return false;
}

Result<void> check_paths(const Value& spec) {
  std::set<std::string> taken;
  for (const char* list : {"mounts", "volumes", "files", "tmpfs", "hostMounts"}) {
    const Value::List& entries = elements_at(spec, list);
    for (std::size_t i = 0; i < entries.size(); ++i) {
      const std::string path = entries[i].text_or("path", "");
      const std::string place = fmt::format("spec.{}[{}].path", list, i);
      if (!is_plain_path(path))
        return refuse(place, fmt::format("'{}' is not a plain absolute path", path));
      if (is_system_path(path) && std::string_view(list) != "hostMounts")
        return refuse(place, fmt::format("'{}' is the system's", path));
      if (!taken.insert(path).second)
        return refuse(place, fmt::format("'{}' has something mounted twice", path));
    }
  }
  for (const Value::Entry& entry : entries_at(spec, "secretFiles")) {
    const std::string place = "spec.secretFiles." + entry.key;
    if (is_system_path(entry.key))
      return refuse(place, fmt::format("'{}' is the system's", entry.key));
    if (!taken.insert(entry.key).second)
      return refuse(place, fmt::format("'{}' has something mounted twice", entry.key));
  }
  return {};
}

/// A remote engine's containers get their files written into them, onto the disk that is there.
Result<void> check_secret_files(const ProviderSettings& settings, const Value& spec) {
  if (settings.is_local()) return {};
  const auto refused = [](const std::string& place) {
    return refuse(place, "the engine is remote, where a secret would lie in a file on its disk",
                  "give it to the app as a variable");
  };
  for (const Value::Entry& entry : entries_at(spec, "secretFiles"))
    return refused("spec.secretFiles." + entry.key);
  const Value::List& files = elements_at(spec, "files");
  for (std::size_t i = 0; i < files.size(); ++i) {
    const Value* content = files[i].find("content");
    if (content != nullptr && is_secret_reference(*content))
      return refused(fmt::format("spec.files[{}]", i));
  }
  return {};
}

Result<void> fill_port(Value& spec) {
  const std::int64_t tcp = spec.integer_or("health.tcp", 0);
  Value* http = spec.find("http");
  const std::int64_t port = spec.integer_or("http.port", tcp != 0 ? tcp : kDefaultPort);
  if (tcp != 0 && tcp != port)
    return refuse("spec.health.tcp",
                  fmt::format("is {}, but the only reachable port is http.port, {}", tcp, port));
  if (http == nullptr && spec.find("health") == nullptr) return {};
  if (http == nullptr) http = &spec.set("http", Value::map());
  http->set("port", Value(port));
  return {};
}

void fill(Value& in, const char* name, std::int64_t value) {
  if (in.find(name) == nullptr) in.set(name, Value(value));
}

Result<Value> normalize_instance(const ProviderSettings& settings, const Value& spec) {
  TRY(check_image(settings, spec));
  TRY(check_environment(spec, true));
  TRY(check_paths(spec));
  TRY(check_secret_files(settings, spec));
  Value normal = spec;
  Value* resources = normal.find("resources");
  if (resources == nullptr) resources = &normal.set("resources", Value::map());
  fill(*resources, "cpu", 250);
  fill(*resources, "memory", 128LL << 20);
  fill(*resources, "pids", 128);
  fill(normal, "grace", 10'000);
  if (normal.find("imagePolicy") == nullptr) normal.set("imagePolicy", "pinned");
  TRY(fill_port(normal));
  return normal;
}

/// Defaults that the description has anyway, for specs that did not pass through it.
void complete(const Field& field, Value& value) {
  if (field.type != FieldType::Object || !value.is_map()) return;
  for (const Field& inner : field.fields) {
    if (inner.is_for_croft) continue;
    Value* there = value.find(inner.name);
    if (there == nullptr) {
      const std::optional<Value> fallback = default_of(inner);
      if (fallback) value.set(inner.name, *fallback);
    } else {
      complete(inner, *there);
      if (inner.type != FieldType::List || !there->is_list() || !inner.element) continue;
      for (Value& element : there->as_list()) complete(*inner.element, element);
    }
  }
}

/// Admission refuses these, too; what it once accepted is not judged again.
Result<void> check_namespaces(const Value& spec) {
  for (const char* name : {"pid", "ipc", "uts", "userns", "cgroupns"}) {
    const std::string value = spec.text_or(name, "");
    if (!value.empty() && !is_namespace_word(name, value))
      return refuse(fmt::format("spec.{}", name), fmt::format("'{}' is not supported", value),
                    fmt::format("use {}", namespace_words(name)));
  }
  return {};
}

/// All of it is in a label of the container, which the engine lists and repeats in each event.
Result<void> check_size(const Value& spec) {
  constexpr std::size_t kMost = 256 << 10;
  const std::size_t size = to_json(spec).size();
  if (size <= kMost) return {};
  return refuse("spec", fmt::format("takes {} KiB, and {} at most", size >> 10, kMost >> 10),
                "put what is long (configs, labels, variables) into files of the repository");
}

Result<void> check_service(const ProviderSettings& settings, const Value& spec) {
  TRY(check_namespaces(spec));
  TRY(check_image(settings, spec));
  TRY(check_environment(spec, false));
  TRY(check_labels(spec));
  TRY(check_paths(spec));
  TRY(check_secret_files(settings, spec));
  if (spec.find("restartAttempts") != nullptr && spec.text_or("restart", "") != "on-failure")
    return refuse("spec.restartAttempts", "counts for `restart: on-failure` only");
  if (spec.at_path("health.startInterval") != nullptr)
    return refuse("spec.health.startInterval", "engines of before 2024 do not know it",
                  "leave it out: `interval` counts from the start on");
  const std::string mode = spec.text_or("networkMode", "");
  const bool is_known_mode =
      mode.empty() || mode == "none" || mode == "host" || mode.starts_with("service:");
  if (!is_known_mode)
    return refuse("spec.networkMode", fmt::format("'{}' is not supported", mode),
                  "use `none`, `host` or `service:NAME`");
  if (!mode.empty() && !elements_at(spec, "networks").empty())
    return refuse("spec.networks", "there are none beside a networkMode");
  const bool has_files = !elements_at(spec, "files").empty();
  if (has_files && !settings.is_local() && spec.boolean_or("readOnly", false))
    return refuse("spec.readOnly",
                  "a remote engine's containers get their files written into them, which a "
                  "read-only root file system does not let happen");
  return {};
}

Result<Value> normalize_service(const ProviderSettings& settings, const Value& spec) {
  Value normal = spec;
  complete(spec_of(Kind::Service), normal);
  TRY(check_service(settings, normal));
  return normal;
}

Result<Value> normalize_part(Kind kind, const Value& spec) {
  TRY(check_labels(spec));
  Value normal = spec;
  complete(spec_of(kind), normal);
  return normal;
}

/// "data-1" is CROFT_VOLUME_DATA_1, as with the process provider.
std::string variable_of_volume(std::string name) {
  for (char& c : name)
    c = c == '-' ? '_' : (c >= 'a' && c <= 'z') ? static_cast<char>(c - 'a' + 'A') : c;
  return "CROFT_VOLUME_" + name;
}

Value environment_of_instance(const Ref& ref, const Value& spec) {
  Value env = Value::map();
  for (const Value::Entry& entry : entries_at(spec, "env")) env.set(entry.key, entry.value);
  if (const Value* port = spec.at_path("http.port"))
    env.set("PORT", fmt::format("{}", port->as_integer()));
  env.set("CROFT_REF", to_string(ref));
  env.set("CROFT_TENANT", ref.tenant);
  env.set("CROFT_NAME", ref.name);
  for (const Value& volume : elements_at(spec, "volumes"))
    env.set(variable_of_volume(volume.text_or("name", "")), volume.text_or("path", ""));
  return env;
}

/// Who the image's user is nobody knows; but the files are in nobody else's container.
void add_secret_files(const Value& spec, Value& workload) {
  for (const Value::Entry& entry : entries_at(spec, "secretFiles")) {
    Value* files = workload.find("files");
    if (files == nullptr) files = &workload.set("files", Value::list());
    files->push_back(
        Value::map({{"path", entry.key}, {"content", entry.value}, {"mode", Value(0444)}}));
  }
}

/// A spec without what changes nothing of its container, or what the engine changes in place.
Value fixed_part(Kind kind, Value spec) {
  for (const char* name : {"restart", "restartAttempts", "grace", "imagePolicy", "routes",
                           "dependsOn", "dependsWhen", "deletion", "ignore", "provider"})
    spec.erase(name);
  if (Value* resources = spec.find("resources")) {
    for (const char* name : {"cpu", "memory", "pids", "reservation"}) resources->erase(name);
  }
  if (kind != Kind::Instance) return spec;
  // Croft itself checks the health of Instances, and routes to them.
  spec.erase("health");
  if (Value* http = spec.find("http")) http->erase("hosts");
  if (Value* volumes = spec.find("volumes"); volumes != nullptr && volumes->is_list()) {
    for (Value& volume : volumes->as_list()) volume.erase("size");
  }
  return spec;
}

}  // namespace

const Value::List& elements_at(const Value& spec, std::string_view path) {
  static const Value::List none;
  const Value* found = spec.at_path(path);
  return found != nullptr && found->is_list() ? found->as_list() : none;
}

const Value::Map& entries_at(const Value& spec, std::string_view path) {
  static const Value::Map none;
  const Value* found = spec.at_path(path);
  return found != nullptr && found->is_map() ? found->as_map() : none;
}

std::vector<std::string> texts_at(const Value& spec, std::string_view path) {
  std::vector<std::string> texts;
  for (const Value& one : elements_at(spec, path)) {
    if (one.is_text()) texts.push_back(one.as_text());
  }
  return texts;
}

Result<Value> normalize_spec(const ProviderSettings& settings, const Ref& ref, const Value& spec) {
  const bool is_known_kind = ref.kind == Kind::Instance || ref.kind == Kind::Service ||
                             ref.kind == Kind::Volume || ref.kind == Kind::Network;
  if (!is_known_kind) {
    return refuse("spec", fmt::format("the docker provider runs Instances and Stacks, not {}s",
                                      to_string(ref.kind)));
  }
  TRY(check_known(ref, spec));
  TRY(check_size(spec));
  if (ref.kind == Kind::Instance) return normalize_instance(settings, spec);
  if (ref.kind == Kind::Service) return normalize_service(settings, spec);
  return normalize_part(ref.kind, spec);
}

Value workload_of(const Ref& ref, const Value& spec) {
  if (ref.kind != Kind::Instance) return spec;
  Value workload = Value::map();
  for (const char* name : {"command", "resources", "image", "build", "imagePolicy", "grace"}) {
    if (const Value* value = spec.find(name)) workload.set(name, *value);
  }
  workload.set("env", environment_of_instance(ref, spec));
  workload.set("hostname", ref.name);
  workload.set("restart", "unless-stopped");
  workload.set("prefersInit", true);
  Value mounts = Value::list();
  for (const Value& volume : elements_at(spec, "volumes")) {
    mounts.push_back(Value::map({{"volume", volume.text_or("name", "")},
                                 {"path", volume.text_or("path", "")},
                                 {"own", true},
                                 {"copy", true}}));
  }
  workload.set("mounts", std::move(mounts));
  if (const Value* port = spec.at_path("http.port"))
    workload.set("ports", Value(Value::List{*port}));
  if (const Value* tree = spec.at_path("files.tree")) {
    workload.set(
        "files",
        Value(Value::List{Value::map({{"path", kAppDirectory}, {"source", "."}, {"id", *tree}})}));
    workload.set("workingDir", kAppDirectory);
  }
  add_secret_files(spec, workload);
  return workload;
}

bool is_change_in_place(Kind kind, const Value& before, const Value& after) {
  return fixed_part(kind, before) == fixed_part(kind, after);
}

std::string why_not_beside(const Value& workload) {
  const auto writes = [](const Value& mount) { return !mount.boolean_or("readOnly", false); };
  if (std::ranges::any_of(elements_at(workload, "mounts"), writes)) return "it writes to a volume";
  if (std::ranges::any_of(elements_at(workload, "hostMounts"), writes))
    return "it writes to a directory of the host";
  if (!elements_at(workload, "hostPorts").empty()) return "it has a host port";
  if (!workload.text_or("networkMode", "").empty()) return "it has no network of its own";
  if (!elements_at(workload, "devices").empty()) return "it has a device";
  return {};
}

UpdateManner manner_of_update(const Ref& ref, const Value& before, const Value& after,
                              bool is_anew) {
  if (!is_anew && is_change_in_place(ref.kind, before, after)) return {UpdateWay::InPlace, {}};
  std::string because = why_not_beside(workload_of(ref, after));
  const UpdateWay way = because.empty() ? UpdateWay::SideBySide : UpdateWay::Replace;
  return {way, std::move(because)};
}

}  // namespace croft::docker
