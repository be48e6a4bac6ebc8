#include "providers/local/machine_facts.hpp"

#include <array>
#include <fts.h>
#include <sstream>
#include <sys/stat.h>

#include "core/base/files.hpp"

namespace croft {

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

}  // namespace croft
