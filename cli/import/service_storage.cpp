#include <algorithm>

#include <fmt/format.h>

#include "cli/import/service_reading.hpp"

// Volumes, what is bound from the host, file systems in memory.

namespace croft::cli {

namespace {

constexpr std::size_t kHashLength = 64;

/// The engine names volumes that nobody named by 64 digits.
bool is_anonymous(const std::string& volume) {
  return volume.size() == kHashLength && std::ranges::all_of(volume, [](char c) {
           return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
         });
}

/// Which part of its volume is mounted at the path; empty for all of it.
std::string subpath_at(const Value& mounts, const std::string& path) {
  for (const Value& mount : mounts.is_list() ? mounts.as_list() : Value::List{}) {
    if (text_at(mount, {"Target"}) == path) return text_at(mount, {"VolumeOptions", "Subpath"});
  }
  return {};
}

/// The path as seen from the project's directory ("./site"), or nothing if it is elsewhere.
std::string below(const std::string& directory, const std::string& path) {
  if (directory.empty() || !path.starts_with(directory + "/")) return {};
  return "./" + path.substr(directory.size() + 1);
}

}  // namespace

void ServiceReading::read_mounts() {
  std::vector<Value> volumes;
  const Value& listed = at(container_, {"Mounts"});
  if (!listed.is_list()) return;
  // The engine lists them in another order each time; what is written here must not change by that.
  Value::List mounts = listed.as_list();
  std::ranges::sort(mounts, {}, [](const Value& mount) { return text_at(mount, {"Destination"}); });
  for (const Value& mount : mounts) {
    const std::string type = text_at(mount, {"Type"});
    if (type == "volume") {
      read_volume(mount, volumes);
    } else if (type == "bind") {
      read_bind(mount);
    } else if (type != "tmpfs") {
      note(fmt::format("a mount of type '{}' at {} is left out", type,
                       text_at(mount, {"Destination"})),
           "put what is there on a volume");
    }
  }
  if (volumes.empty()) return;
  Value list = Value::list();
  for (Value& volume : volumes) list.push_back(std::move(volume));
  set("volumes", std::move(list));
}

void ServiceReading::read_volume(const Value& mount, std::vector<Value>& list) {
  const std::string name = text_at(mount, {"Name"});
  const std::string path = text_at(mount, {"Destination"});
  const auto key = names_.volumes.find(name);
  const bool is_read_only = !truth_at(mount, {"RW"});
  if (key == names_.volumes.end() && is_anonymous(name)) {
    // One that the image declares comes by itself.
    const bool is_images = at(image_, {"Config", "Volumes"}).find(path) != nullptr;
    if (!is_images) list.emplace_back(path);
    note(fmt::format("the volume at {} has no name", path),
         fmt::format("what is in it can be taken over if you name it; at the engine it is {}",
                     name));
    return;
  }
  const std::string target = key == names_.volumes.end() ? name : key->second;
  if (const std::string subpath = subpath_at(host("Mounts"), path); !subpath.empty())
    note(fmt::format("of the volume '{}', '{}' alone was at {}; now all of it is", target, subpath,
                     path),
         "put what is there on a volume of its own");
  if (path.find(':') == std::string::npos &&
      text_at(mount, {"Mode"}).find("nocopy") == std::string::npos) {
    list.emplace_back(fmt::format("{}:{}{}", target, path, is_read_only ? ":ro" : ""));
    return;
  }
  Value made = Value::map({{"type", Value("volume")},
                           {"source", Value(target)},
                           {"target", Value(path)},
                           {"volume", Value::map({{"nocopy", Value(true)}})}});
  if (is_read_only) made.set("read_only", Value(true));
  list.push_back(std::move(made));
}

void ServiceReading::read_bind(const Value& mount) {
  const std::string source = text_at(mount, {"Source"});
  const std::string path = text_at(mount, {"Destination"});
  const std::string directory =
      text_at(container_, {"Config", "Labels", compose_label::kDirectory});
  const std::string what = fmt::format("{} of the host, bound to {}{}, is left out", source, path,
                                       truth_at(mount, {"RW"}) ? "" : " read-only");
  if (source.ends_with("/docker.sock")) {
    note(what, "the engine's socket is a way to the whole machine: services do not get it");
  } else if (path.starts_with("/run/secrets/")) {
    note(what, fmt::format("declare it in `secrets` and grant it: secrets: {{{}: {{file: ...}}}}",
                           path.substr(std::string_view("/run/secrets/").size())));
  } else if (const std::string relative = below(directory, source); !relative.empty()) {
    note(what, fmt::format("commit it beside this file and write volumes: [\"{}:{}:ro\"]; what the "
                           "service writes there belongs on a volume",
                           relative, path));
  } else {
    note(what,
         "commit the files and bind them by a relative path, or put the data on a named volume");
  }
}

void ServiceReading::read_tmpfs() {
  Value list = Value::list();
  for (const auto& [path, options] : pairs_at(container_, {"HostConfig", "Tmpfs"})) {
    std::string kept;
    std::string left = options;
    while (!left.empty()) {
      const std::size_t comma = std::min(left.find(','), left.size());
      const std::string option = left.substr(0, comma);
      left.erase(0, comma + 1);
      if (option.starts_with("size=") || option.starts_with("mode="))
        kept += (kept.empty() ? ":" : ",") + option;
      else if (option != "rw" && option != "nosuid" && option != "nodev" && option != "noexec" &&
               !option.empty())
        note(fmt::format("the option '{}' of the tmpfs at {} is left out", option, path),
             "there are size and mode");
    }
    list.push_back(Value(path + kept));
  }
  const Value& mounts = host("Mounts");
  for (const Value& mount : mounts.is_list() ? mounts.as_list() : Value::List{}) {
    if (text_at(mount, {"Type"}) != "tmpfs") continue;
    std::string options;
    if (const auto size = integer_at(mount, {"TmpfsOptions", "SizeBytes"}); size > 0)
      options += fmt::format(":size={}", size);
    if (const auto mode = integer_at(mount, {"TmpfsOptions", "Mode"}); mode > 0)
      options += fmt::format("{}mode={:o}", options.empty() ? ":" : ",", mode);
    list.push_back(Value(text_at(mount, {"Target"}) + options));
  }
  if (list.size() > 0) set("tmpfs", std::move(list));
}

}  // namespace croft::cli
