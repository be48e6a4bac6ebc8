#include "core/secret/operator_secrets.hpp"

#include <cstdlib>
#include <linux/magic.h>
#include <optional>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <fmt/format.h>

#include "core/base/files.hpp"
#include "core/base/id.hpp"

namespace croft::secret {

namespace fs = std::filesystem;

namespace {

bool is_in_memory(const fs::path& path) {
  struct statfs facts{};
  return !path.empty() && ::statfs(path.c_str(), &facts) == 0 &&
         (facts.f_type == TMPFS_MAGIC || facts.f_type == RAMFS_MAGIC);
}

/// In /dev/shm anybody may have made a directory of that name before.
Result<void> make_own_directory(const fs::path& path) {
  TRY(make_directory(path, 0700));
  struct stat status{};
  const bool is_ours = ::lstat(path.c_str(), &status) == 0 && S_ISDIR(status.st_mode) &&
                       status.st_uid == ::geteuid() && (status.st_mode & 0077U) == 0;
  if (is_ours) return {};
  return fail(Error(ErrorCode::Denied, path.string() + " is not this user's alone")
                  .with_hint("find out who made it, and remove it"));
}

}  // namespace

Result<fs::path> memory_directory(const fs::path& data) {
  const char* session = std::getenv("XDG_RUNTIME_DIR");  // NOLINT(concurrency-mt-unsafe)
  const bool is_root = ::geteuid() == 0;
  for (const fs::path& base :
       {is_root ? fs::path("/run") : fs::path(session ? session : ""), fs::path("/dev/shm")}) {
    if (!is_in_memory(base)) continue;
    const fs::path all = base / fmt::format("croft-secrets-{}", ::geteuid());
    const fs::path directory = all / sha256_hex(data.string()).substr(0, 16);
    TRY(make_own_directory(all));
    TRY(make_own_directory(directory));
    return directory;
  }
  return fail(Error(ErrorCode::Unavailable, "there is no directory in memory to put secrets into")
                  .with_hint("mount a tmpfs at /run or /dev/shm"));
}

void OperatorSecrets::replace(Values values) {
  values_.with([&](Values& known) { known = std::move(values); });
}

bool OperatorSecrets::is_declared(std::string_view name) const {
  return values_.with([&](const Values& known) { return known.contains(name); });
}

Result<Secret<std::string>> OperatorSecrets::find(std::string_view name, std::size_t limit) const {
  const std::string doing = fmt::format("reading the secret '{}'", name);
  const auto declared = values_.with([&](const Values& known) {
    const auto found = known.find(name);
    return found == known.end() ? std::optional<Secret<std::string>>() : found->second;
  });
  if (declared && declared->reveal().size() > limit)
    return while_doing(Result<Secret<std::string>>(fail(ErrorCode::Invalid, "it is too long")),
                       doing);
  if (declared) return *declared;
  if (name.find('/') != std::string_view::npos)
    return while_doing(
        Result<Secret<std::string>>(fail(ErrorCode::NotFound, "no Secret has such a value")),
        doing);
  TRY_ASSIGN(std::string text, while_doing(read_file(directory_ / name, limit), doing));
  return Secret(std::move(text));
}

Result<Secret<std::string>> OperatorSecrets::find_line(std::string_view name,
                                                       std::size_t limit) const {
  TRY_ASSIGN(const Secret<std::string> found, find(name, limit));
  return secret_line(found.reveal(), name);
}

}  // namespace croft::secret
