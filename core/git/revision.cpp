#include <system_error>

#include <fmt/format.h>

#include "core/base/files.hpp"
#include "core/git/enclosing_repository.hpp"
#include "core/git/repository.hpp"
#include "core/git/tree.hpp"

namespace croft {

namespace fs = std::filesystem;

namespace git {

Result<EnclosingRepository> find_enclosing(const fs::path& directory) {
  std::error_code error;
  const fs::path real = fs::canonical(directory, error);
  if (error) return fail(system_error(error.value(), "looking at " + directory.string()));
  if (!fs::is_directory(real, error)) {
    return fail(ErrorCode::NotFound, fmt::format("{} is no directory", directory.string()));
  }
  EnclosingRepository found;
  Result<RepositoryHandle> handle = open_handle(real, 0);
  if (!handle && handle.error().code() == ErrorCode::NotFound) return found;
  if (!handle) return fail(std::move(handle.error()));
  found.handle = std::move(*handle);
  const char* top = git_repository_workdir(found.handle.get());
  if (top == nullptr) return found;
  found.top = fs::canonical(top, error);
  const fs::path relative = real.lexically_relative(found.top);
  if (relative != ".") found.prefix = relative.string();
  return found;
}

}  // namespace git

Result<std::shared_ptr<const FileTree>> open_revision(const std::string& directory,
                                                      const std::string& revision) {
  TRY_ASSIGN(git::EnclosingRepository found, git::find_enclosing(directory));
  if (!found.handle)
    return fail(ErrorCode::NotFound, fmt::format("{} is in no Git repository", directory));
  git_object* object = nullptr;
  const int code = git_revparse_single(&object, found.handle.get(), revision.c_str());
  if (code == GIT_ENOTFOUND) {
    return fail(ErrorCode::NotFound,
                fmt::format("there is no revision '{}' in {}", revision, directory));
  }
  TRY(git::check(code, fmt::format("reading the revision '{}'", revision)));
  const git::ObjectHandle named(object);
  git_object* peeled = nullptr;
  TRY(git::check(git_object_peel(&peeled, object, GIT_OBJECT_TREE),
                 fmt::format("reading the revision '{}'", revision)));
  const git::ObjectHandle tree(peeled);
  TRY_ASSIGN(
      const git_oid root,
      while_doing(git::find_directory(found.handle.get(), *git_object_id(peeled), found.prefix),
                  fmt::format("reading the revision '{}'", revision)));
  const fs::path git_directory = git_repository_path(found.handle.get());
  return git::make_repository_tree(
      std::make_shared<git::Repository>(git_directory, std::move(found.handle)), root);
}

}  // namespace croft
