#pragma once

#include <functional>
#include <memory>
#include <string>

#include "core/base/async.hpp"
#include "core/base/result.hpp"

namespace croft {

/// Notices, by inotify, that refs of a local repository moved (loose refs, packed-refs, HEAD; bare
/// or not, worktrees included). Calls `changed` on the executor at least once after each change;
/// may call it more often.
class RefWatch {
 public:
  virtual ~RefWatch() = default;
};

/// `repository` is a path or file:// URL. Unavailable if it is not there (any more) or inotify has
/// no watches left: the caller polls in that case. A repository that is deleted and made again
/// later is noticed too. Start the watch before reading the refs. The executor is of one thread;
/// the watch is made and dropped on it (also from within `changed`), and calls nobody afterwards.
Result<std::unique_ptr<RefWatch>> watch_refs(const asio::any_io_executor& executor,
                                             const std::string& repository,
                                             std::function<void()> changed);

/// True for a local path or a file:// URL.
bool is_local_repository(const std::string& url);

}  // namespace croft
