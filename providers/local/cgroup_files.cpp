#include "providers/local/cgroup_files.hpp"

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <set>
#include <sstream>
#include <vector>

#include <fmt/format.h>

#include "core/base/files.hpp"

namespace croft {

namespace {

namespace fs = std::filesystem;

std::vector<std::string> split(std::string_view text, char separator) {
  std::vector<std::string> parts;
  while (!text.empty()) {
    const std::size_t end = text.find(separator);
    parts.emplace_back(text.substr(0, end));
    text = end == std::string_view::npos ? std::string_view() : text.substr(end + 1);
  }
  return parts;
}

std::optional<std::int64_t> number_in(const fs::path& file) {
  const Result<std::string> text = read_file(file, 4096);
  std::int64_t number = 0;
  if (!text || std::from_chars(text->data(), text->data() + text->size(), number).ec != std::errc())
    return std::nullopt;
  return number;
}

/// The number behind a word at the beginning of a line.
std::optional<std::int64_t> number_in(const fs::path& file, std::string_view word) {
  const Result<std::string> text = read_file(file, 64 << 10);
  if (!text) return std::nullopt;
  std::istringstream lines(*text);
  std::string name;
  for (std::int64_t number = 0; lines >> name >> number;) {
    if (name == word) return number;
  }
  return std::nullopt;
}

std::optional<double> cpu_seconds_in(const fs::path& directory) {
  if (const auto microseconds = number_in(directory / "cpu.stat", "usage_usec"))
    return static_cast<double>(*microseconds) / 1e6;
  if (const auto nanoseconds = number_in(directory / "cpuacct.usage"))
    return static_cast<double>(*nanoseconds) / 1e9;
  return std::nullopt;
}

void add_memory(const fs::path& directory, CgroupUse& use) {
  const std::optional<std::int64_t> v2 = number_in(directory / "memory.current");
  const std::optional<std::int64_t> all = v2 ? v2 : number_in(directory / "memory.usage_in_bytes");
  if (!all) return;
  const std::int64_t droppable =
      number_in(directory / "memory.stat", v2 ? "inactive_file" : "total_inactive_file")
          .value_or(0);
  use.memory = std::max<std::int64_t>(0, *all - droppable);
  const std::optional<std::int64_t> limit =
      number_in(directory / (v2 ? "memory.max" : "memory.limit_in_bytes"));
  constexpr std::int64_t kNoLimit = std::int64_t{1} << 62;  // v1 says so; v2 says "max"
  if (limit && *limit < kNoLimit) use.memory_limit = limit;
}

/// The path up to the part that has the name in it: what runs may have made cgroups of its own
/// below. Nothing if none has.
std::optional<std::string> path_up_to(std::string_view path, std::string_view name) {
  const std::size_t at = path.find(name);
  if (at == std::string_view::npos || name.empty()) return std::nullopt;
  return std::string(path.substr(0, path.find('/', at)));
}

}  // namespace

std::map<std::string, fs::path> cgroup_v1_mounts(std::string_view mountinfo) {
  std::map<std::string, fs::path> mounts;
  for (const std::string& line : split(mountinfo, '\n')) {
    // "36 35 0:29 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory"
    const std::size_t dash = line.find(" - cgroup ");
    const std::vector<std::string> words = split(line, ' ');
    if (dash == std::string::npos || words.size() < 5) continue;
    const std::vector<std::string> source = split(std::string_view(line).substr(dash + 10), ' ');
    if (source.size() < 2) continue;
    for (const std::string& option : split(source[1], ',')) mounts.emplace(option, words[4]);
  }
  return mounts;
}

std::optional<fs::path> cgroup_v2_mount(std::string_view mountinfo) {
  for (const std::string& line : split(mountinfo, '\n')) {
    const std::vector<std::string> words = split(line, ' ');
    if (line.find(" - cgroup2 ") != std::string::npos && words.size() >= 5) return words[4];
  }
  return std::nullopt;
}

std::map<std::string, std::string> cgroup_paths(std::string_view text) {
  std::map<std::string, std::string> paths;
  for (const std::string& line : split(text, '\n')) {
    const std::size_t first = line.find(':');
    const std::size_t second = line.find(':', first + 1);
    if (first == std::string::npos || second == std::string::npos) continue;
    const std::string path = line.substr(second + 1);
    const std::string_view controllers =
        std::string_view(line).substr(first + 1, second - first - 1);
    if (controllers.empty()) paths[""] = path;
    for (const std::string& controller : split(controllers, ',')) paths[controller] = path;
  }
  return paths;
}

void add_cgroup_use(const fs::path& directory, CgroupUse& use) {
  if (!use.cpu_seconds) use.cpu_seconds = cpu_seconds_in(directory);
  if (!use.memory) add_memory(directory, use);
}

CgroupReader::CgroupReader(fs::path root) : root_(std::move(root)) {
  const Result<std::string> mountinfo = read_file(root_ / "proc/self/mountinfo", 16 << 20);
  if (!mountinfo) return;
  v1_ = cgroup_v1_mounts(*mountinfo);
  v2_ = cgroup_v2_mount(*mountinfo);
}

std::optional<CgroupUse> CgroupReader::use_of(int process, std::string_view name) const {
  const Result<std::string> text =
      read_file(root_ / fmt::format("proc/{}/cgroup", process), 1 << 20);
  if (!text) return std::nullopt;
  std::set<fs::path> directories;  // controllers may share a hierarchy
  for (const auto& [controller, path] : cgroup_paths(*text)) {
    const auto v1 = v1_.find(controller);
    const std::optional<std::string> whole = path_up_to(path, name);
    const bool is_mounted = controller.empty() ? v2_.has_value() : v1 != v1_.end();
    if (!whole || !is_mounted) continue;
    const fs::path mount = controller.empty() ? *v2_ : v1->second;
    directories.insert(root_ / mount.relative_path() / fs::path(*whole).relative_path());
  }
  CgroupUse use;
  for (const fs::path& directory : directories) {
    add_cgroup_use(directory, use);
    if (!use.processes) use.processes = number_in(directory / "pids.current");
  }
  if (!use.cpu_seconds && !use.memory) return std::nullopt;
  return use;
}

}  // namespace croft
