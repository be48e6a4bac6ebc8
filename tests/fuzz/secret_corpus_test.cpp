#include <filesystem>
#include <string>

#include <gtest/gtest.h>

#include "core/base/files.hpp"
#include "tests/fuzz/secret_fuzz.hpp"

namespace croft {
namespace {

// Every file of the corpus, as it is, cut short everywhere, and with each byte changed in a few
// ways.
TEST(SecretCorpusTest, HoldsForTheCorpusAndItsNeighbours) {
  int files = 0;
  for (const auto& entry :
       std::filesystem::directory_iterator(CROFT_SOURCE_DIR "/tests/data/fuzz/secret")) {
    const std::string bytes = read_file(entry.path(), 1 << 20).value();
    ++files;
    SCOPED_TRACE(entry.path().filename().string());
    fuzz_secret(bytes);
    for (std::size_t i = 0; i < bytes.size(); ++i) {
      fuzz_secret(std::string_view(bytes).substr(0, i));
      for (const char c : {'0', '\n', ' ', '\x80'}) {
        std::string changed = bytes;
        changed[i] = c;
        fuzz_secret(changed);
      }
    }
  }
  EXPECT_GE(files, 8);
}

}  // namespace
}  // namespace croft
