#include "providers/local/machine_facts.hpp"

#include <arpa/inet.h>
#include <array>
#include <charconv>
#include <csignal>
#include <cstring>
#include <fts.h>
#include <functional>
#include <ifaddrs.h>
#include <netinet/in.h>
#include <optional>
#include <sstream>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <system_error>
#include <unistd.h>

#include "core/base/files.hpp"

namespace croft {

namespace {

struct ProcessFacts {
  int session = 0;
  std::string control_groups;
};

/// Nothing if it is gone.
std::optional<ProcessFacts> facts_of(const std::filesystem::path& process) {
  const Result<std::string> groups = read_file(process / "cgroup", 1 << 16);
  const Result<std::string> stat = read_file(process / "stat", 1 << 12);
  if (!groups || !stat) return std::nullopt;
  // "PID (NAME) STATE PARENT GROUP SESSION ..."; a name may have anything in it.
  const std::size_t end = stat->rfind(')');
  if (end == std::string::npos) return std::nullopt;
  std::istringstream rest(stat->substr(end + 1));
  char state = 0;
  int parent = 0;
  int group = 0;
  ProcessFacts facts{.session = 0, .control_groups = *groups};
  if (!(rest >> state >> parent >> group >> facts.session)) return std::nullopt;
  return facts;
}

int signal_processes(int signal, const std::function<bool(const ProcessFacts&)>& is_meant) {
  int signalled = 0;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator("/proc", error)) {
    const std::string number = entry.path().filename().string();
    pid_t pid = 0;
    const auto [end, problem] = std::from_chars(number.data(), number.data() + number.size(), pid);
    if (problem != std::errc() || end != number.data() + number.size()) continue;
    // Held first, so that the number cannot become another's between the look and the signal.
    const UniqueFd process(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
    if (!process.is_open()) continue;
    const std::optional<ProcessFacts> facts = facts_of(entry.path());
    if (!facts || !is_meant(*facts)) continue;
    if (::syscall(SYS_pidfd_send_signal, process.get(), signal, nullptr, 0) == 0) ++signalled;
  }
  return signalled;
}

}  // namespace

std::vector<std::string> read_resolvers(std::string_view resolv_conf) {
  std::vector<std::string> resolvers;
  std::istringstream lines{std::string(resolv_conf)};
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    std::string keyword;
    std::string address;
    if (!(words >> keyword >> address) || keyword != "nameserver") continue;
    if (address.starts_with("127.") || address == "::1" || address.find('%') != std::string::npos)
      continue;
    resolvers.push_back(address);
  }
  return resolvers;
}

std::vector<std::string> host_resolvers() {
  // systemd-resolved's stub listens on the host's loopback, where no app gets; behind it are the
  // real ones.
  for (const char* file : {"/etc/resolv.conf", "/run/systemd/resolve/resolv.conf"}) {
    const Result<std::string> text = read_file(file, 1 << 20);
    std::vector<std::string> found = text ? read_resolvers(*text) : std::vector<std::string>();
    if (!found.empty()) return found;
  }
  return {};
}

std::vector<std::string> host_addresses() {
  ifaddrs* list = nullptr;
  if (::getifaddrs(&list) != 0) return {};
  std::vector<std::string> addresses;
  for (const ifaddrs* one = list; one != nullptr; one = one->ifa_next) {
    if (one->ifa_addr == nullptr || one->ifa_addr->sa_family != AF_INET) continue;
    sockaddr_in address{};
    std::memcpy(&address, one->ifa_addr, sizeof address);
    std::array<char, INET_ADDRSTRLEN> text{};
    ::inet_ntop(AF_INET, &address.sin_addr, text.data(), text.size());
    addresses.emplace_back(text.data());
  }
  ::freeifaddrs(list);
  return addresses;
}

std::uint64_t measure_directory(const std::filesystem::path& directory) {
  std::string path = directory.string();
  std::array<char*, 2> roots{path.data(), nullptr};
  FTS* walk = ::fts_open(roots.data(), FTS_PHYSICAL | FTS_XDEV | FTS_NOCHDIR, nullptr);
  if (walk == nullptr) return 0;
  std::uint64_t bytes = 0;
  while (const FTSENT* entry = ::fts_read(walk)) {
    const bool counts =
        entry->fts_info == FTS_D || entry->fts_info == FTS_F || entry->fts_info == FTS_SL;
    if (!counts) continue;
    const struct stat& status = *entry->fts_statp;
    // A file of several names counts once for all of them.
    const std::uint64_t names =
        entry->fts_info == FTS_F && status.st_nlink > 0 ? status.st_nlink : 1;
    bytes += static_cast<std::uint64_t>(status.st_blocks) * 512 / names;
  }
  ::fts_close(walk);
  return bytes;
}

int kill_control_group(const std::string& name) {
  return signal_processes(SIGKILL, [&](const ProcessFacts& one) {
    return one.control_groups.find(name) != std::string::npos;
  });
}

int signal_session(int session, const std::string& control_group, int signal) {
  return signal_processes(signal, [&](const ProcessFacts& one) {
    return one.session == session && one.control_groups.find(control_group) != std::string::npos;
  });
}

}  // namespace croft
