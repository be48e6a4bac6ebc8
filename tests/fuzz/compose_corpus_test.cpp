#include <filesystem>

#include <gtest/gtest.h>

#include "core/base/files.hpp"
#include "tests/fuzz/compose_fuzz.hpp"

namespace croft::manifest {
namespace {

TEST(ComposeCorpusTest, EveryFileOfTheCorpusHoldsWhatTheFuzzerChecks) {
  int count = 0;
  for (const auto& entry :
       std::filesystem::directory_iterator(CROFT_SOURCE_DIR "/tests/data/fuzz/compose")) {
    const auto bytes = read_file(entry.path(), 16 << 20);
    ASSERT_TRUE(bytes) << bytes.error().describe();
    EXPECT_EQ(check_composing(*bytes), "") << entry.path();
    ++count;
  }
  EXPECT_GE(count, 25) << "the corpus is not where it should be";
}

}  // namespace
}  // namespace croft::manifest
