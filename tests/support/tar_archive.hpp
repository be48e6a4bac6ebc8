#pragma once

#include <string>
#include <utility>
#include <vector>

#include "core/archive/tar.hpp"

namespace croft {

/// An archive of these entries; sizes are those of the contents. Throws for an entry that tar
/// cannot say.
inline std::string archive_of(const std::vector<std::pair<TarEntry, std::string>>& entries) {
  TarWriter writer;
  std::string archive;
  for (auto [entry, content] : entries) {
    entry.size = content.size();
    archive += writer.begin(entry).value() + content + TarWriter::padding(content.size());
  }
  return archive + TarWriter::finish();
}

/// An archive of one file.
inline std::string archive_of(const std::string& path, std::string content) {
  TarEntry entry;
  entry.path = path;
  return archive_of({{std::move(entry), std::move(content)}});
}

}  // namespace croft
