#include <filesystem>

#include <gtest/gtest.h>

#include "core/base/files.hpp"
#include "tests/fuzz/manifest_fuzz.hpp"

namespace croft::manifest {
namespace {

TEST(ManifestCorpusTest, EveryFileOfTheCorpusHoldsWhatTheFuzzerChecks) {
  int count = 0;
  for (const auto& entry :
       std::filesystem::directory_iterator(CROFT_SOURCE_DIR "/tests/data/fuzz/manifest")) {
    const auto bytes = read_file(entry.path(), 16 << 20);
    ASSERT_TRUE(bytes) << bytes.error().describe();
    EXPECT_EQ(check_loading(*bytes), "") << entry.path();
    ++count;
  }
  EXPECT_GE(count, 20) << "the corpus is not where it should be";
}

}  // namespace
}  // namespace croft::manifest
