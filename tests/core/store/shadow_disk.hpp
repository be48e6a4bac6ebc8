#pragma once

#include <atomic>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <mutex>
#include <string>

namespace croft {

/// What would be on the disk if the power went now, in the worst case and in a random one.
struct PowerLoss {
  std::map<std::string, std::string>
      synced;  ///< file name → content: nothing that was not synced survives
  std::map<std::string, std::string> current;  ///< all that was written survives

  /// Writes the files into a directory; each 512-byte sector is the synced or the current one, as
  /// `keeps_current` says.
  void restore(const std::filesystem::path& directory,
               const std::function<bool()>& keeps_current) const;
};

/// A disk under SQLite that knows what has been synced, and fails on order. While it lives, every
/// SQLite file that this process opens lies on it. One at a time.
class ShadowDisk {
 public:
  ShadowDisk();
  ~ShadowDisk();
  ShadowDisk(const ShadowDisk&) = delete;
  ShadowDisk& operator=(const ShadowDisk&) = delete;

  /// What is asked before each write or sync, with its number from 1: SQLITE_OK to go on, else the
  /// code to fail with.
  void on_operation(std::function<int(int)> decide);
  int operations() const { return operations_; }
  int syncs() const { return syncs_; }
  /// Callable from within on_operation.
  PowerLoss power_loss();

  // For the callbacks from SQLite.
  int begin(bool is_sync);
  void opened(const void* file, const char* path);
  void synced(const void* file);
  void deleted(const char* path, bool is_durable);

 private:
  std::string content_of(const std::string& path);

  std::atomic<int> operations_ = 0;
  std::atomic<int> syncs_ = 0;
  std::function<int(int)> decide_;
  std::mutex mutex_;
  std::map<const void*, std::string> paths_;
  std::map<std::string, std::string> synced_;  ///< path → content
  /// Stay open: closing any descriptor of a file drops the locks that SQLite holds on it.
  std::map<std::string, std::ifstream> readers_;
};

}  // namespace croft
