#include <filesystem>
#include <string>

#include <gtest/gtest.h>

#include "core/base/files.hpp"
#include "tests/fuzz/edge_fuzz.hpp"

namespace croft {
namespace {

// Every file of the corpus, as it is, cut short everywhere, and with each byte changed in a few
// ways.
TEST(EdgeCorpusTest, HoldsForTheCorpusAndItsNeighbours) {
  int files = 0;
  for (const auto& entry :
       std::filesystem::directory_iterator(CROFT_SOURCE_DIR "/tests/data/fuzz/edge")) {
    const std::string bytes = read_file(entry.path(), 1 << 20).value();
    ++files;
    fuzz_edge(bytes);
    for (std::size_t i = 0; i < bytes.size(); ++i) {
      fuzz_edge(std::string_view(bytes).substr(0, i));
      for (const char c : {'\0', '\r', '\n', ' ', '\t', ':', '%', '/', ',', '0', '\x80'}) {
        std::string changed = bytes;
        changed[i] = c;
        fuzz_edge(changed);
        changed.insert(i, 1, bytes[i]);
        fuzz_edge(changed);
      }
    }
  }
  EXPECT_GE(files, 6);
}

}  // namespace
}  // namespace croft
