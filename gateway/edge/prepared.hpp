#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>

#include "core/base/files.hpp"
#include "core/base/result.hpp"
#include "providers/port/release.hpp"

namespace croft::edge {

/// The answer for one file, ready to send behind a status line: all fields but Date and Connection,
/// and the content if it is small. Never changes.
struct Prepared {
  std::shared_ptr<const Release> release;  ///< keeps the cache's keys valid
  std::string text;                        ///< fields, empty line, content if it is in memory
  std::size_t head_size = 0;               ///< where the content begins in `text`
  std::string etag;                        ///< with quotes
  std::string_view content_type;
  std::uint64_t size = 0;  ///< of the content
  UniqueFd file;           ///< the content if it is not in memory

  bool is_in_memory() const { return !file.is_open(); }
};

/// Reads or opens the file's blob; blocks as long as the disk does. NotFound or Internal: the
/// release store is damaged.
Result<std::shared_ptr<const Prepared>> prepare(const std::filesystem::path& store,
                                                std::shared_ptr<const Release> release,
                                                const ReleaseFile& file, std::string_view name,
                                                bool is_error_page);

/// Prepared answers by release and raw path, bounded in bytes. Two generations stand in for an
/// exact order of use: when the young one is full it becomes the old one, and what is asked for
/// again moves over. For one thread.
class PreparedCache {
 public:
  explicit PreparedCache(std::size_t max_bytes) : half_(max_bytes / 2) {}
  std::shared_ptr<const Prepared> find(const Release& release, std::string_view path);
  void keep(std::string_view path, std::shared_ptr<const Prepared> prepared);

 private:
  struct Key {
    const Release* release;
    std::string path;
  };
  struct KeyView {
    const Release* release;
    std::string_view path;
  };
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(const KeyView& key) const {
      return std::hash<std::string_view>{}(key.path) ^ std::hash<const void*>{}(key.release);
    }
    std::size_t operator()(const Key& key) const { return (*this)(KeyView{key.release, key.path}); }
  };
  struct Equal {
    using is_transparent = void;
    bool operator()(const auto& a, const auto& b) const {
      return a.release == b.release && a.path == b.path;
    }
  };
  using Generation = std::unordered_map<Key, std::shared_ptr<const Prepared>, Hash, Equal>;

  Generation young_;
  Generation old_;
  std::size_t young_bytes_ = 0;
  std::size_t half_;
};

}  // namespace croft::edge
