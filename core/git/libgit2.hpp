#pragma once
// Inside core/git only: the one place where libgit2's handles and errors become ours.

#include <memory>
#include <string>
#include <string_view>

#include <git2.h>

#include "core/base/result.hpp"

namespace croft::git {

/// Frees a libgit2 handle with its own function; stateless, so that the pointer stays one word.
template <auto Free>
struct Freed {
  template <typename T>
  void operator()(T* handle) const {
    Free(handle);
  }
};

using RepositoryHandle = std::unique_ptr<git_repository, Freed<git_repository_free>>;
using OdbHandle = std::unique_ptr<git_odb, Freed<git_odb_free>>;
using OdbObjectHandle = std::unique_ptr<git_odb_object, Freed<git_odb_object_free>>;
using ObjectHandle = std::unique_ptr<git_object, Freed<git_object_free>>;
using CommitHandle = std::unique_ptr<git_commit, Freed<git_commit_free>>;
using TreeHandle = std::unique_ptr<git_tree, Freed<git_tree_free>>;
using TreeEntryHandle = std::unique_ptr<git_tree_entry, Freed<git_tree_entry_free>>;
using ReferenceHandle = std::unique_ptr<git_reference, Freed<git_reference_free>>;
using IndexHandle = std::unique_ptr<git_index, Freed<git_index_free>>;
using FilterListHandle = std::unique_ptr<git_filter_list, Freed<git_filter_list_free>>;
using ConfigHandle = std::unique_ptr<git_config, Freed<git_config_free>>;
using ConfigIteratorHandle = std::unique_ptr<git_config_iterator, Freed<git_config_iterator_free>>;

/// Starts the library on the first call of the process, within Croft's memory and file bounds.
/// Thread safe.
void start_libgit2();

/// The Error for a failed libgit2 call on this thread, `what` as "reading the commit 3f2a9c1".
Error libgit2_error(int code, std::string what);

/// Succeeds unless the libgit2 return code says that the call failed.
Result<void> check(int code, std::string what);

/// 40 hexadecimal digits.
std::string to_hex(const git_oid& id);
/// Invalid unless the text is 40 hexadecimal digits.
Result<git_oid> parse_id(std::string_view text);

/// The id that Git gives to an object of that content.
std::string hash_object(git_object_t type, std::string_view content);

}  // namespace croft::git
