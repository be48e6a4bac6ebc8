#include "plans/admission/walls.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "core/resource/walls.hpp"

namespace croft::plans {

namespace {

void add_texts(const Value* spec, std::string_view path, std::set<std::string>& into) {
  const Value* texts = spec == nullptr ? nullptr : spec->at_path(path);
  if (texts == nullptr || !texts->is_list()) return;
  for (const Value& text : texts->as_list()) {
    if (text.is_text()) into.insert(text.as_text());
  }
}

bool is_engine_socket(const std::string& path) {
  return path.ends_with("/docker.sock") || path.ends_with("/podman.sock") ||
         path.ends_with("/containerd.sock");
}

/// Asks of one Service; see check_walls().
class WallCheck {
 public:
  WallCheck(const Loosening& allowed, const std::string& who, const Ref& ref, const Value& spec)
      : allowed_(allowed), who_(who), ref_(ref), spec_(spec) {}

  std::vector<Problem> run() {
    if (spec_.boolean_or("privileged", false)) ask(loosening::kPrivileged, "privileged", "");
    check_namespaces();
    check_ulimits();
    if (const std::string runtime = spec_.text_or("runtime", ""); !runtime.empty())
      ask(loosening::kRuntimes, "runtime", fmt::format("the runtime '{}'", runtime));
    each("devices", [&](const std::string& path, const Value& device) {
      ask(loosening::kDevices, path, fmt::format("device '{}'", device.text_or("host", "")));
    });
    each("hostMounts",
         [&](const std::string& path, const Value& mount) { check_mount(path, mount); });
    each("hostPorts", [&](const std::string& path, const Value& port) { check_port(path, port); });
    each("securityOptions", [&](const std::string& path, const Value& option) {
      const bool is_tighter =
          option == Value("no-new-privileges") || option == Value("no-new-privileges:true");
      if (!is_tighter && option.is_text())
        ask(loosening::kSecurityOptions, path,
            fmt::format("security option '{}'", option.as_text()));
    });
    each("capAdd", [&](const std::string& path, const Value& name) {
      if (name.is_text()) check_capability(path, name.as_text());
    });
    return std::move(problems_);
  }

 private:
  template <typename Check>
  void each(std::string_view name, Check check) {
    const Value* list = spec_.find(name);
    if (list == nullptr || !list->is_list()) return;
    for (std::size_t i = 0; i < list->size(); ++i) {
      check(fmt::format("{}[{}]", name, i), list->as_list()[i]);
    }
  }

  void check_namespaces() {
    if (spec_.text_or("networkMode", "") == "host")
      ask(loosening::kHostNetwork, "networkMode", "the host's network",
          "leave it out: the Stack has a network of its own");
    for (const std::string_view name : {"pid", "ipc", "uts", "userns", "cgroupns"}) {
      const std::string value = spec_.text_or(name, "");
      const std::string_view said = name == "cgroupns" ? "cgroup" : name;
      if (value == "host")
        ask(loosening::kHostNamespaces, std::string(name),
            fmt::format("the host's {} namespace", said));
      else if (!value.empty() && !is_namespace_word(name, value))
        refuse(std::string(name), fmt::format("the {} namespace '{}'", said, value),
               fmt::format("use {}", namespace_words(name)));
    }
  }

  void check_ulimits() {
    const Value* limits = spec_.find("ulimits");
    if (limits == nullptr || !limits->is_map()) return;
    for (const Value::Entry& limit : limits->as_map()) {
      if (std::ranges::find(ordinary_ulimits(), limit.key) == ordinary_ulimits().end())
        ask(loosening::kUlimits, "ulimits." + limit.key, fmt::format("the limit '{}'", limit.key),
            "it would take processor time of others, whatever `cpus` says");
    }
  }

  void check_mount(const std::string& path, const Value& mount) {
    const std::string source = mount.text_or("source", "");
    ask(loosening::kHostMounts, path,
        is_engine_socket(source) ? fmt::format("the container engine's socket '{}'", source)
                                 : fmt::format("'{}' of the host", source),
        is_engine_socket(source) ? "who has it has the whole machine"
                                 : "mount files of the repository, or a named volume");
  }

  void check_port(const std::string& path, const Value& port) {
    const std::int64_t published = port.integer_or("published", 0);
    const std::int64_t own = port.integer_or("port", 0);
    ask(loosening::kHostPorts, path,
        published > 0 ? fmt::format("port {} of the host", published)
                      : std::string("a port of the host"),
        fmt::format("visitors come by the Stack's `expose: {{NAME: \"{}:{}\"}}`; `hostPorts: "
                    "ignore` leaves this out",
                    name_in_stack(ref_), own));
  }

  void check_capability(const std::string& path, const std::string& name) {
    const bool is_ordinary =
        std::ranges::find(ordinary_capabilities(), canonical_capability(name)) !=
        ordinary_capabilities().end();
    if (is_ordinary || allowed_.capabilities.contains(canonical_capability(name)) ||
        allowed_.allow.contains(std::string(loosening::kPrivileged)))
      return;
    refuse(path, fmt::format("capability {}", name),
           fmt::format("these may be added: {}", fmt::join(ordinary_capabilities(), ", ")));
  }

  void ask(std::string_view word, std::string path, const std::string& what,
           std::string hint = {}) {
    if (allowed_.allow.contains(std::string(word))) return;
    refuse(std::move(path), what.empty() ? fmt::format("'{}'", word) : what, std::move(hint));
  }

  void refuse(std::string path, const std::string& what, std::string hint) {
    problems_.push_back({ref_, "spec." + std::move(path),
                         fmt::format("service '{}' asks for {}, which {} does not allow",
                                     name_in_stack(ref_), what, who_),
                         std::move(hint)});
  }

  const Loosening& allowed_;
  const std::string& who_;
  const Ref& ref_;
  const Value& spec_;
  std::vector<Problem> problems_;
};

}  // namespace

Loosening loosening_of(const Value* plan_spec, const Value* tenant_spec) {
  Loosening loosening;
  for (const Value* spec : {plan_spec, tenant_spec}) {
    add_texts(spec, "containers.allow", loosening.allow);
    std::set<std::string> capabilities;
    add_texts(spec, "containers.capabilities", capabilities);
    for (const std::string& name : capabilities)
      loosening.capabilities.insert(canonical_capability(name));
  }
  return loosening;
}

std::vector<Problem> check_walls(const Loosening& allowed, const std::string& who, const Ref& ref,
                                 const Value& spec) {
  if (ref.kind != Kind::Service) return {};
  return WallCheck(allowed, who, ref, spec).run();
}

}  // namespace croft::plans
