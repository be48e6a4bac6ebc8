#include <csignal>
#include <cstdio>

#include <gtest/gtest.h>

namespace {

// A skipped test must be seen: each is listed once more at the end with its reason.
class SkipReporter : public testing::EmptyTestEventListener {
  void OnTestProgramEnd(const testing::UnitTest& all) override {
    for (int s = 0; s < all.total_test_suite_count(); ++s) {
      const testing::TestSuite& suite = *all.GetTestSuite(s);
      for (int t = 0; t < suite.total_test_count(); ++t) {
        const testing::TestResult& result = *suite.GetTestInfo(t)->result();
        if (!result.Skipped()) continue;
        for (int p = 0; p < result.total_part_count(); ++p) {
          if (!result.GetTestPartResult(p).skipped()) continue;
          std::printf("skipped %s.%s: %s\n", suite.name(), suite.GetTestInfo(t)->name(),
                      result.GetTestPartResult(p).message());
        }
      }
    }
    if (all.test_to_run_count() > 0 && all.skipped_test_count() == all.test_to_run_count()) {
      std::printf("EVERY TEST SKIPPED\n");
    }
  }
};

}  // namespace

int main(int argc, char** argv) {
  std::signal(SIGPIPE, SIG_IGN);
  testing::InitGoogleTest(&argc, argv);
  testing::UnitTest::GetInstance()->listeners().Append(new SkipReporter);
  return RUN_ALL_TESTS();
}
