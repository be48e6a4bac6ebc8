#include "core/git/libgit2.hpp"

#include <mutex>

#include <fmt/format.h>

namespace croft::git {

namespace {

ErrorCode code_of(int code) {
  switch (code) {
    case GIT_ENOTFOUND:
      return ErrorCode::NotFound;
    case GIT_EOWNER:
      return ErrorCode::Denied;
    case GIT_EAMBIGUOUS:
    case GIT_EINVALIDSPEC:
    case GIT_EBUFS:
    case GIT_EPEEL:
      return ErrorCode::Invalid;
    case GIT_EEXISTS:
    case GIT_ELOCKED:
    case GIT_EMODIFIED:
      return ErrorCode::Conflict;
    default:
      return ErrorCode::Internal;
  }
}

}  // namespace

void start_libgit2() {
  static std::once_flag once;
  std::call_once(once, [] {
    git_libgit2_init();
    // A daemon reads many mirrors a little each: keep few packs open and little cached.
    git_libgit2_opts(GIT_OPT_SET_CACHE_MAX_SIZE, static_cast<ssize_t>(32 << 20));
    git_libgit2_opts(GIT_OPT_SET_MWINDOW_FILE_LIMIT, static_cast<size_t>(128));
    // A pin must be on the disk before what it pins is applied.
    git_libgit2_opts(GIT_OPT_ENABLE_FSYNC_GITDIR, 1);
  });
}

Error libgit2_error(int code, std::string what) {
  const git_error* last = git_error_last();
  std::string message = last != nullptr && last->message != nullptr
                            ? std::string(last->message)
                            : fmt::format("libgit2 failed with {}", code);
  git_error_clear();
  return Error(code_of(code), std::move(message)).while_doing(std::move(what));
}

Result<void> check(int code, std::string what) {
  if (code >= 0) return {};
  return fail(libgit2_error(code, std::move(what)));
}

std::string to_hex(const git_oid& id) {
  std::string text(GIT_OID_HEXSZ, '0');
  git_oid_fmt(text.data(), &id);
  return text;
}

Result<git_oid> parse_id(std::string_view text) {
  git_oid id;
  if (text.size() != GIT_OID_HEXSZ || git_oid_fromstrn(&id, text.data(), text.size()) != 0) {
    git_error_clear();
    return fail(ErrorCode::Invalid, fmt::format("'{}' is no Git object id", text));
  }
  return id;
}

std::string hash_object(git_object_t type, std::string_view content) {
  start_libgit2();
  git_oid id{};
  // Hashing memory fails only without memory.
  if (git_odb_hash(&id, content.data(), content.size(), type) != 0) throw std::bad_alloc();
  return to_hex(id);
}

}  // namespace croft::git
