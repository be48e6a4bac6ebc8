#include <algorithm>

#include <fmt/format.h>

#include "core/manifest/compose/service_reader.hpp"
#include "core/manifest/compose/words.hpp"
#include "core/resource/secret_name.hpp"

// Volumes, files of the repository, configs and secrets of a service.

namespace croft::manifest::compose {

namespace {

// An absolute path without a slash at its end, or nothing.
std::optional<std::string> inside_path(std::string_view written) {
  if (!written.starts_with('/')) return std::nullopt;
  std::string made;
  for (const std::string_view part : split(written, '/')) {
    if (part.empty() || part == ".") continue;
    if (part == "..") return std::nullopt;
    made += '/';
    made += part;
  }
  if (made.empty()) return std::nullopt;
  return made;
}

}  // namespace

void ServiceReader::read_storage() {
  if (const Entry* volumes = entry("volumes")) {
    for (const Item& mount : volumes->value.items) {
      if (mount.is_map()) read_mount(mount);
    }
  }
  read_tmpfs();
  read_grants("configs");
  read_grants("secrets");
}

void ServiceReader::read_mount(const Item& mount) {
  const auto type = text(mount, "type");
  const auto written = text(mount, "target");
  if (!type) return;
  if (!written) {
    error(mount.spot, fmt::format("{}.target is missing", subject("volumes")),
          "it is an absolute path in the container");
    return;
  }
  const auto target = inside_path(*written);
  if (!target) {
    error(entry(mount, "target")->value.spot, fmt::format("{}: '{}' is no absolute path below '/'",
                                                          subject("volumes"), shortened(*written)));
  } else if (*type == "volume") {
    read_volume_mount(mount, *target);
  } else if (*type == "bind") {
    read_bind(mount, *target);
  } else if (*type == "tmpfs") {
    read_tmpfs_mount(mount, *target);
  } else {
    error(entry(mount, "type")->value.spot,
          fmt::format("{}: mounts of type '{}' are not supported", subject("volumes"), *type),
          "there are volume, bind and tmpfs");
  }
}

void ServiceReader::read_volume_mount(const Item& mount, const std::string& target) {
  Value made = Value::map(
      {{"path", Value(target)}, {"readOnly", Value(truth(mount, "read_only").value_or(false))}});
  const Item* options = mount.find("volume");
  if (options != nullptr && truth(*options, "nocopy").value_or(false))
    made.set("copy", Value(false));
  if (const auto source = text(mount, "source")) {
    made.set("volume", Value(*source));
    made_.volumes.push_back({*source, entry(mount, "source")->value.spot});
  }
  made_.draft.append("mounts", std::move(made), mount.spot);
}

// A path of the repository is given as its files are in the commit; one of the host is for the
// operator to allow.
void ServiceReader::read_bind(const Item& mount, const std::string& target) {
  const auto source = text(mount, "source");
  if (!source || source->empty()) {
    error(mount.spot, fmt::format("{}: a bind mount needs 'source'", subject("volumes")));
    return;
  }
  const Spot& spot = entry(mount, "source")->value.spot;
  const bool is_read_only = truth(mount, "read_only").value_or(false);
  if (source->starts_with('/') || source->starts_with('~')) {
    made_.draft.append("hostMounts",
                       Value::map({{"source", Value(*source)},
                                   {"path", Value(target)},
                                   {"readOnly", Value(is_read_only)}}),
                       spot);
    return;
  }
  const auto path = resolve_path(context_.sources.of(spot).directory, *source);
  const auto found = path ? context_.repository.find(*path) : std::nullopt;
  if (!found) {
    error(spot, fmt::format("'{}' is not in the repository", shortened(*source)),
          "commit it, or name a volume in its place: what a service writes belongs on a volume");
    return;
  }
  if (!is_read_only)
    warning(spot,
            fmt::format("'{}' is mounted read-only: it is part of the commit", shortened(*source)),
            "write ':ro' behind it; what a service writes belongs on a volume");
  add_repository_file(spot, *path, target);
}

void ServiceReader::add_repository_file(const Spot& spot, const std::string& path,
                                        const std::string& target) {
  const auto found = context_.repository.find(path);
  if (!found || found->mode == FileMode::Link || found->mode == FileMode::Submodule) {
    error(spot,
          found ? fmt::format("'{}' is a {}, which is not followed", path,
                              found->mode == FileMode::Link ? "symbolic link" : "submodule")
                : fmt::format("there is no file '{}' in the repository", path),
          found ? "name what it stands for" : "commit it, or write 'content'");
    return;
  }
  made_.draft.append("files",
                     Value::map({{"path", Value(target)},
                                 {"source", Value(path.empty() ? "." : path)},
                                 {"id", Value(found->id)}}),
                     spot);
}

void ServiceReader::read_tmpfs_mount(const Item& mount, const std::string& target) {
  Value made = Value::map({{"path", Value(target)}});
  const Item* options = mount.find("tmpfs");
  if (options != nullptr) {
    const Section section(*this, "volumes.tmpfs");
    if (const auto size = byte_count(*options, "size")) made.set("size", Value(*size));
    if (const auto mode = octal(*options, "mode")) made.set("mode", Value(*mode));
  }
  if (mount.find("source") != nullptr)
    error(mount.spot, fmt::format("{}: a tmpfs has no 'source'", subject("volumes")), "remove it");
  made_.draft.append("tmpfs", std::move(made), mount.spot);
}

// "/run:size=64m,mode=1777"
void ServiceReader::read_tmpfs() {
  const Entry* all = entry("tmpfs");
  if (all == nullptr) return;
  for (const Item& item : all->value.items) {
    const std::size_t colon = item.text.find(':');
    const auto target = inside_path(item.text.substr(0, colon));
    if (!target) {
      error(item.spot, fmt::format("{}: '{}' is no absolute path below '/'", subject("tmpfs"),
                                   shortened(item.text)));
      continue;
    }
    Value made = Value::map({{"path", Value(*target)}});
    const std::string options = colon == std::string::npos ? "" : item.text.substr(colon + 1);
    for (const std::string_view option : split(options, ',')) {
      const std::size_t equals = option.find('=');
      const std::string_view name = option.substr(0, equals);
      const std::string value(equals == std::string_view::npos ? "" : option.substr(equals + 1));
      const Section section(*this, "tmpfs");
      Item pair = Item::map(item.spot);
      pair.set(name, item.spot, Item::scalar(value, item.spot));
      if (name == "size") {
        if (const auto size = byte_count(pair, name)) made.set("size", Value(*size));
      } else if (name == "mode") {
        if (const auto mode = octal(pair, name)) made.set("mode", Value(*mode));
      } else if (!name.empty() && name != "rw" && name != "nosuid" && name != "nodev" &&
                 name != "noexec") {
        error(item.spot, fmt::format("{} is not supported", subject(shortened(name))),
              "there are size and mode");
      }
    }
    made_.draft.append("tmpfs", std::move(made), item.spot);
  }
}

void ServiceReader::read_grants(std::string_view section) {
  const Entry* grants = entry(section);
  if (grants == nullptr) return;
  for (const Item& grant : grants->value.items) {
    if (grant.is_map()) read_grant(section, grant);
  }
}

void ServiceReader::read_grant(std::string_view section, const Item& grant) {
  const auto source = text(grant, "source");
  if (!source) {
    error(grant.spot, fmt::format("{}.source is missing", subject(section)));
    return;
  }
  const Item* all = context_.root.find(section);
  const Entry* declared = all == nullptr ? nullptr : all->find_entry(*source);
  if (declared == nullptr) {
    error(entry(grant, "source")->value.spot,
          fmt::format("{}: '{}' is not declared", subject(section), shortened(*source)),
          fmt::format("declare it in '{}' of the file", section));
    return;
  }
  std::string target = text(grant, "target").value_or(*source);
  if (!target.starts_with('/')) target = (section == "secrets" ? "/run/secrets/" : "/") + target;
  const auto path = inside_path(target);
  if (!path) {
    error(grant.spot,
          fmt::format("{}: '{}' is no path in the container", subject(section), shortened(target)));
    return;
  }
  Value file = Value::map({{"path", Value(*path)}});
  if (!fill_content(section, *declared, file)) return;
  if (const auto mode = octal(grant, "mode")) file.set("mode", Value(*mode));
  read_owner(grant, file);
  made_.draft.append("files", std::move(file), grant.spot);
}

// One that is not in the repository is a Secret, by its own name or the one that `name` gives.
bool ServiceReader::fill_secret(const Entry& source, Value& file) {
  std::string name = text(source.value, "name").value_or(source.key);
  const Item* external = source.value.find("external");
  if (external->is_map()) name = text(*external, "name").value_or(name);
  if (const auto problem = secret_name_problem(name)) {
    error(source.spot, fmt::format("secrets.{}: '{}' names no Secret: {}", source.key,
                                   shortened(name), *problem));
    return false;
  }
  file.set("content", Value::map({{"secret", Value(name)}}));
  return true;
}

// What a config or secret holds: a file of the repository, a text, or a variable's value.
bool ServiceReader::fill_content(std::string_view section, const Entry& source, Value& file) {
  const Item& item = source.value;
  const auto refuse = [&](const Spot& spot, std::string message, std::string hint) {
    error(spot, fmt::format("{}.{}{}", section, source.key, message), std::move(hint));
    return false;
  };
  const auto path = text(item, "file");
  const auto content = text(item, "content");
  const auto variable = text(item, "environment");
  const bool is_external = item.find("external") != nullptr &&
                           parse_truth(text(item, "external").value_or("true")) != false;
  if (is_external && section == "secrets") return fill_secret(source, file);
  if (section == "secrets" && item.find("name") != nullptr)
    warning(entry(item, "name")->spot, fmt::format("secrets.{}.name has no effect", source.key),
            "it names a Secret where 'external' is true");
  if (is_external)
    return refuse(entry(item, "external")->spot, ".external is not supported",
                  "write 'file' or 'environment'");
  if (path.has_value() + content.has_value() + variable.has_value() != 1)
    return refuse(source.spot, " needs one of file, content and environment", "");
  // Any number of services may be given the same.
  const Spot& given = source.spot;
  if (content) {
    if (!context_.budget.spend(content->size(), given)) return false;
    file.set("content", Value(*content));
    return true;
  }
  if (variable) {
    const Spot& spot = entry(item, "environment")->value.spot;
    const std::string* value = variables_at(spot).find(*variable);
    if (value == nullptr)
      return refuse(spot, fmt::format(": the variable {} is not set", shortened(*variable)),
                    "set it in the Stack's 'variables', or in .env beside the file");
    if (!context_.budget.spend(value->size(), given)) return false;
    file.set("content", Value(*value));
    return true;
  }
  const Spot& spot = entry(item, "file")->value.spot;
  const auto resolved = resolve_path(context_.sources.of(spot).directory, *path);
  const auto found = resolved ? context_.repository.find(*resolved) : std::nullopt;
  if (!found || (found->mode != FileMode::Regular && found->mode != FileMode::Executable))
    return refuse(spot, fmt::format(": there is no file '{}' in the repository", shortened(*path)),
                  "commit it, or write 'environment' and set the variable");
  file.set("source", Value(*resolved));
  file.set("id", Value(found->id));
  return true;
}

void ServiceReader::read_owner(const Item& grant, Value& file) {
  for (const std::string_view key : {"uid", "gid"}) {
    if (const auto id = integer(grant, key)) file.set(key, Value(*id));
  }
}

}  // namespace croft::manifest::compose
