#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "core/base/result.hpp"
#include "core/base/secret.hpp"
#include "core/base/units.hpp"
#include "core/git/tree.hpp"

namespace croft {

/// Where a source's commits come from.
struct RemoteRepository {
  std::string url;  ///< local path, file://, https://, ssh:// or user@host:path; never with a
                    ///< password in it
  std::string ref;  ///< branch, full ref or HEAD: "main", "refs/heads/main"
  std::string ssh_key_file;          ///< private key for ssh://, or empty
  std::string ssh_known_hosts_file;  ///< host keys to trust, or empty for the user's own
  std::optional<Secret<std::string>>
      https_password;      ///< token for https://, never on a command line
  std::string https_user;  ///< beside the password; empty is the URL's user, or "git"
  std::string ca_file;  ///< certificates to trust for https:// instead of the machine's, or empty
};

struct FetchLimits {
  Duration deadline{60'000};
  std::uint64_t pack_bytes =
      1ULL << 30;   ///< a fetch that brings more is stopped and leaves the mirror as it was
  int history = 1;  ///< how many commits deep: 1 is the newest alone
};

/// A commit's facts.
struct Commit {
  std::string id;  ///< 40 hexadecimal digits
  std::string message;
  std::string author;
  Timestamp time;
};

/// Commits, the newest first.
struct CommitRange {
  std::vector<std::string> commits;
  bool is_whole = false;  ///< these are all; else there are too many, or the history is not here
};

/// Our bare copy of one source's repository: of each commit fetched its content, and of its history
/// as much as FetchLimits ask for.
/// Fetching runs `git` as a child that can be killed, without the user's configuration (but for
/// safe.directory) and without hooks; reading goes through libgit2. Blocking: call on a
/// BlockingPool, one fetch, pin or unpin at a time for a mirror; commits and trees may be read
/// alongside by any thread. Commits that are neither pinned nor the newest vanish an hour or more
/// later.
class Mirror {
 public:
  virtual ~Mirror() = default;

  /// Brings the ref's newest commit and says which it is. NotFound: the repository or the ref does
  /// not exist (any more); Denied: no access, or Git's ownership check refuses the repository (the
  /// hint says what to do); Invalid: the URL or the ref is no such thing, the fetch is over its
  /// limit, or Git's checks refuse the objects; Unavailable, Timeout: try later. After an error the
  /// mirror is as it was. A mirror found damaged is made anew, without its pins, and fetched.
  virtual Result<std::string> fetch(const RemoteRepository& remote, const FetchLimits& limits,
                                    std::stop_token stop) = 0;
  /// Keeps a commit alive under `refs/croft/pins/NAME` whatever the remote does; replaces the pin
  /// of that name. NotFound: the mirror does not have the commit; Invalid: Git does not allow the
  /// name.
  virtual Result<void> pin(const std::string& name, const std::string& commit) = 0;
  /// Absent is success.
  virtual Result<void> unpin(const std::string& name) = 0;

  /// NotFound: the mirror does not have it (any more).
  virtual Result<Commit> commit(const std::string& id) const = 0;
  /// The directory `path` ("" or "." is the root) of a commit. NotFound names what is missing.
  virtual Result<std::shared_ptr<const FileTree>> tree(const std::string& commit,
                                                       const std::string& path) const = 0;

  /// The annotated tag that the last fetch brought; empty if its ref names a commit.
  virtual Result<std::string> fetched_tag() const = 0;
  /// The bytes of a commit or tag, as Git hashes them. Invalid if there are more than `limit`.
  virtual Result<std::string> object(const std::string& id, std::size_t limit) const = 0;
  /// What a commit has in its history, itself included, and another one has not; at most `limit`.
  virtual Result<CommitRange> commits_between(const std::string& old, const std::string& commit,
                                              int limit) const = 0;
};

/// Opens or creates the mirror in `directory`. A damaged mirror is made anew, empty, with a warning
/// in the log; Conflict if the directory holds something that is no mirror of Croft's. One Mirror
/// at a time for a directory.
Result<std::unique_ptr<Mirror>> open_mirror(const std::filesystem::path& directory);

}  // namespace croft
