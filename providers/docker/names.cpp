#include "providers/docker/names.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "core/base/id.hpp"
#include "core/resource/resource.hpp"

namespace croft::docker {

namespace {

std::string digest(const std::string& text, std::size_t digits) {
  return sha256_hex(text).substr(0, digits);
}

/// Names of containers take letters, digits, "_", "." and "-".
std::string plain(std::string text) {
  std::ranges::replace_if(
      text,
      [](char c) {
        const bool is_plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                              (c >= '0' && c <= '9') || c == '_' || c == '.' || c == '-';
        return !is_plain;
      },
      '-');
  return text;
}

std::string suffix_of(std::string_view uid, std::string_view intent) {
  return digest(fmt::format("{} {}", uid, intent), 8);
}

}  // namespace

Labels labels_of(const Effect& effect, const std::string& provider, const std::string& part) {
  return {{label::kUid, effect.uid},
          {label::kRef, to_string(effect.ref)},
          {label::kIntent, effect.intent},
          {label::kSpec, effect.spec_digest},
          {label::kTenant, effect.tenant.uid},
          {label::kProvider, provider},
          {label::kPart, part},
          {label::kFields, effect.spec ? to_json(*effect.spec) : std::string()},
          {label::kImage, ""},
          {label::kEgress, effect.allow_egress ? "allow" : "deny"}};
}

Labels compose_labels(const Effect& effect, const std::string& image) {
  return {{"com.docker.compose.project", project_of(effect.ref)},
          {"com.docker.compose.service", name_in_stack(effect.ref)},
          {"com.docker.compose.container-number", "1"},
          {"com.docker.compose.oneoff", "False"},
          {"com.docker.compose.config-hash", effect.spec_digest},
          {"com.docker.compose.image", image},
          {"com.docker.compose.project.config_files", ""},
          {"com.docker.compose.project.working_dir", ""},
          {"com.docker.compose.depends_on", ""},
          {"com.docker.compose.version", "2.20.0"}};
}

std::string project_of(const Ref& ref) {
  const std::optional<Ref> stack = stack_of(ref);
  return fmt::format("{}-{}", ref.tenant, stack ? stack->name : ref.name);
}

std::string container_name(const Ref& ref, const std::string& uid, const std::string& intent) {
  const std::string base = is_derived(ref.kind)
                               ? fmt::format("{}-{}", project_of(ref), name_in_stack(ref))
                               : fmt::format("{}-{}", ref.tenant, ref.name);
  return fmt::format("{}-{}", plain(base), suffix_of(uid, intent));
}

bool is_our_container(std::string_view name, const Labels& labels, std::string_view provider) {
  while (name.starts_with('/')) name.remove_prefix(1);
  const std::string uid = label_or_empty(labels, label::kUid);
  const std::string intent = label_or_empty(labels, label::kIntent);
  return !uid.empty() && label_or_empty(labels, label::kProvider) == provider &&
         name.ends_with("-" + suffix_of(uid, intent));
}

std::string stack_object_name(const std::string& tenant_uid, const Ref& stack,
                              const std::string& part) {
  return fmt::format("croft_{}_{}_{}", digest(tenant_uid, 12), stack.name, plain(part));
}

std::string own_object_name(const std::string& uid, const std::string& part) {
  const std::string name = fmt::format("croft_{}", uid);
  return part.empty() ? name : fmt::format("{}_{}", name, plain(part));
}

std::string bridge_name(const std::string& mark, const std::string& network) {
  return fmt::format("crd{}-{}", mark, digest(network, 7));
}

std::string mark_of(const std::string& directory) { return digest("docker " + directory, 4); }

std::string build_image_name(const std::string& tenant_uid, const std::string& uid,
                             const std::string& key) {
  return fmt::format("{}/{}/{}:{}", kBuildDomain, digest(tenant_uid, 16), digest(uid, 16), key);
}

Labels read_labels(const Value* labels) {
  Labels all;
  if (labels == nullptr || !labels->is_map()) return all;
  for (const Value::Entry& entry : labels->as_map()) {
    if (entry.value.is_text()) all.emplace(entry.key, entry.value.as_text());
  }
  return all;
}

Value to_value(const Labels& labels) {
  Value all = Value::map();
  for (const auto& [name, text] : labels) all.set(name, text);
  return all;
}

std::string label_or_empty(const Labels& labels, const char* name) {
  const auto found = labels.find(name);
  return found == labels.end() ? std::string() : found->second;
}

}  // namespace croft::docker
