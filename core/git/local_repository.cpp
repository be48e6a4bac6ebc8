#include "core/git/local_repository.hpp"

#include <algorithm>
#include <cerrno>
#include <fcntl.h>
#include <string>
#include <string_view>
#include <sys/stat.h>
#include <system_error>

#include "core/base/files.hpp"

namespace croft::git {

namespace fs = std::filesystem;

namespace {

constexpr std::size_t kPointerLimit = 8192;
constexpr std::size_t kPackedRefsLimit = 4 << 20;
constexpr std::size_t kIdLength = 40;
/// Symbolic refs followed one after the other, as Git does.
constexpr int kSymbolicDepth = 5;

Result<std::string> read_regular(const fs::path& path, std::size_t limit) {
  const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
  struct stat facts{};
  if (!fd.is_open() || ::fstat(fd.get(), &facts) != 0)
    return fail(system_error(errno, "opening a file of Git's"));
  if (!S_ISREG(facts.st_mode)) return fail(ErrorCode::Invalid, "it is no regular file");
  return read_file("/proc/self/fd/" + std::to_string(fd.get()), limit);
}

std::string_view without_line_end(std::string_view text) {
  while (text.ends_with('\n') || text.ends_with('\r')) text.remove_suffix(1);
  return text;
}

bool has_file(const fs::path& path) {
  std::error_code error;
  return fs::is_regular_file(path, error);
}

bool has_directory(const fs::path& path) {
  std::error_code error;
  return fs::is_directory(path, error);
}

/// A linked worktree's directory says in `commondir` where the rest is.
fs::path common_directory_of(const fs::path& git_directory) {
  const auto pointer = read_regular(git_directory / "commondir", kPointerLimit);
  if (!pointer) return git_directory;
  return (git_directory / without_line_end(*pointer)).lexically_normal();
}

std::optional<RepositoryLayout> layout_of(const fs::path& candidate) {
  fs::path git_directory = candidate;
  if (has_file(candidate)) {
    const auto pointer = read_regular(candidate, kPointerLimit);
    constexpr std::string_view kPrefix = "gitdir: ";
    if (!pointer || !pointer->starts_with(kPrefix)) return std::nullopt;
    const std::string_view target =
        without_line_end(std::string_view(*pointer).substr(kPrefix.size()));
    git_directory = (candidate.parent_path() / target).lexically_normal();
  }
  const fs::path common = common_directory_of(git_directory);
  std::error_code error;
  const bool has_head = fs::exists(fs::symlink_status(git_directory / "HEAD", error));
  if (!has_head || !has_directory(common / "refs") || !has_directory(common / "objects"))
    return std::nullopt;
  return RepositoryLayout{git_directory, common};
}

bool is_id(std::string_view text) {
  return text.size() == kIdLength && text.find_first_not_of("0123456789abcdef") == text.npos;
}

std::optional<std::string> find_packed(const fs::path& common_directory, const std::string& ref) {
  const auto packed = read_regular(common_directory / "packed-refs", kPackedRefsLimit);
  if (!packed) return std::nullopt;
  const std::size_t found = packed->find(" " + ref + "\n");
  if (found == packed->npos || found < kIdLength) return std::nullopt;
  std::string id = packed->substr(found - kIdLength, kIdLength);
  if (!is_id(id)) return std::nullopt;
  return id;
}

}  // namespace

std::optional<std::string> peek_ref(const RepositoryLayout& layout, const std::string& ref) {
  std::string name = ref;
  for (int depth = 0; depth < kSymbolicDepth; ++depth) {
    const bool is_shared = name.starts_with("refs/");
    const auto text = read_regular(
        (is_shared ? layout.common_directory : layout.git_directory) / name, kPointerLimit);
    if (!text) return find_packed(layout.common_directory, name);
    const std::string_view content = without_line_end(*text);
    if (is_id(content)) return std::string(content);
    constexpr std::string_view kSymbolic = "ref: ";
    if (!content.starts_with(kSymbolic)) return std::nullopt;
    name = content.substr(kSymbolic.size());
    if (!name.starts_with("refs/") || name.find("..") != name.npos) return std::nullopt;
  }
  return std::nullopt;
}

std::optional<RepositoryLayout> find_repository(const fs::path& path) {
  // Git's order in enter_repo().
  for (const char* suffix : {"/.git", "", ".git/.git", ".git"}) {
    if (auto layout = layout_of(path.string() + suffix)) return layout;
  }
  return std::nullopt;
}

}  // namespace croft::git
