#include "tests/core/manifest/compose/corpus.hpp"

#include <algorithm>
#include <cstdlib>

#include <gtest/gtest.h>

#include "core/base/files.hpp"

namespace croft::manifest {

namespace fs = std::filesystem;

std::vector<fs::path> corpus_directories() {
  std::vector<fs::path> found;
  for (const char* part : {"oracle", "newer"}) {
    for (const auto& entry :
         fs::directory_iterator(fs::path(CROFT_SOURCE_DIR "/tests/data/compose") / part))
      found.push_back(entry.path());
  }
  std::ranges::sort(found);
  return found;
}

Files read_directory(const fs::path& directory) {
  Files files;
  for (const auto& entry : fs::recursive_directory_iterator(directory)) {
    if (!entry.is_regular_file()) continue;
    const auto content = read_file(entry.path(), 1 << 20);
    EXPECT_TRUE(content);
    files.emplace_back(fs::relative(entry.path(), directory).string(), content.value_or(""));
  }
  return files;
}

LoadedSet load_directory(const fs::path& directory) {
  const bool has_override = fs::exists(directory / "compose.override.yaml");
  return load_stack(read_directory(directory),
                    std::string("  profiles: [\"*\"]\n") +
                        (has_override ? "  overrides: [compose.override.yaml]\n" : ""));
}

fs::path compose_specs() {
  const char* specs = std::getenv("CROFT_VENDOR_SPECS");
  return fs::path(specs != nullptr ? specs : CROFT_SOURCE_DIR "/../shared/specs") / "compose";
}

}  // namespace croft::manifest
