#pragma once

#include <cstdint>
#include <string>

#include "core/base/value.hpp"
#include "core/resource/ref.hpp"

namespace croft::plans {

/// What the files of a Site weigh.
struct FilesSize {
  std::int64_t bytes = 0;
  std::int64_t largest = 0;  ///< bytes of the largest file
  std::string largest_path;

  bool operator==(const FilesSize&) const = default;
};

/// How much of a plan a resource takes up.
struct Footprint {
  Ref ref;
  std::string provider;
  std::int64_t cpu_millis = 0;
  std::int64_t memory_bytes = 0;
  std::int64_t storage_bytes = 0;  ///< of its volumes or files; of a Volume its size
  std::int64_t hosts = 0;          ///< of its own, beside TENANT-NAME.DOMAIN
  bool runs = true;                ///< an Instance or Service that nobody stopped by hand
  std::int64_t largest_file = 0;   ///< bytes; of a Site
  std::string largest_path;

  bool operator==(const Footprint&) const = default;
};

/// Reads it from a checked spec. `files` is what a Site's files weigh, if that is known.
Footprint footprint_of(const Ref& ref, std::string provider, const Value& spec,
                       const FilesSize* files = nullptr);

}  // namespace croft::plans
