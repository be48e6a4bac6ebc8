#include <algorithm>
#include <optional>
#include <random>
#include <set>
#include <unistd.h>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "core/base/files.hpp"
#include "core/store/sqlite.hpp"
#include "tests/core/store/numbered.hpp"
#include "tests/core/store/writer_process.hpp"

namespace croft {

namespace {

/// One place that writers are killed in again and again.
class KillSite {
 public:
  /// True if a commit that was never acknowledged survived whole: allowed, and worth counting.
  void kill_once(std::minstd_rand& random) {
    WriterProcess writer(directory_.path(), next_);
    // Some die while they open or migrate the store, at a time that nothing depends on; most while
    // they commit.
    const std::size_t wanted = random() % 60;
    if (wanted == 0) {
      ::usleep(static_cast<useconds_t>(random() % 8'000));
    } else {
      ASSERT_TRUE(writer.wait_for(wanted)) << "the writer ended by itself";
    }
    const std::vector<int> numbers = writer.kill();
    acknowledged_.insert(numbers.begin(), numbers.end());
    check();
    if (!kept_.empty()) next_ = *kept_.rbegin() + 1;
  }

  std::size_t acknowledged() const { return acknowledged_.size(); }
  std::size_t kept() const { return kept_.size(); }

 private:
  void check() {
    const Result<std::unique_ptr<Store>> store = open_sqlite_store(directory_.path());
    ASSERT_TRUE(store.has_value()) << store.error().describe();
    const NumberedContent content = read_numbered(io_, **store);
    EXPECT_TRUE(content.complaints.empty()) << content.complaints.front();
    EXPECT_TRUE(std::ranges::includes(content.whole, acknowledged_))
        << "an acknowledged commit is lost";
    EXPECT_TRUE(std::ranges::includes(content.whole, kept_)) << "a commit that was there is lost";
    kept_ = content.whole;
  }

  TemporaryDirectory directory_ = TemporaryDirectory::make("croft-store-").value();
  asio::io_context io_;
  std::set<int> acknowledged_;
  std::set<int> kept_;
  int next_ = 1;
};

TEST(KillTest, LosesNoAcknowledgedCommitAndKeepsNoHalfOne) {
  const int kills = std::getenv("CROFT_SOAK") != nullptr ? 600 : 48;
  std::minstd_rand random(std::random_device{}());
  std::size_t acknowledged = 0;
  std::size_t unacknowledged = 0;
  std::optional<KillSite> site;
  for (int i = 0; i < kills && !testing::Test::HasFailure(); ++i) {
    if (i % 12 == 0) site.emplace();
    site->kill_once(random);
    if (i % 12 != 11 && i + 1 != kills) continue;
    acknowledged += site->acknowledged();
    unacknowledged += site->kept() - site->acknowledged();
  }
  std::printf("kills: %d, acknowledged commits: %zu, kept though not acknowledged yet: %zu\n",
              kills, acknowledged, unacknowledged);
  EXPECT_GT(acknowledged, 0U);
}

TEST(KillTest, RefusesASecondDaemonNamingThePidUntilTheFirstIsKilled) {
  const TemporaryDirectory directory = TemporaryDirectory::make("croft-store-").value();
  WriterProcess first(directory.path(), 1);
  ASSERT_TRUE(first.wait_for(1));
  const Result<std::unique_ptr<Store>> second = open_sqlite_store(directory.path());
  ASSERT_FALSE(second.has_value());
  EXPECT_EQ(second.error().code(), ErrorCode::Conflict);
  EXPECT_NE(second.error().describe().find(fmt::format("another croft (pid {}) uses", first.pid())),
            std::string::npos)
      << second.error().describe();
  EXPECT_TRUE(first.wait_for(1)) << "the first must not notice";
  first.kill();
  EXPECT_TRUE(open_sqlite_store(directory.path()).has_value());
}

}  // namespace

}  // namespace croft
