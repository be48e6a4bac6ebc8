#include "core/git/watch.hpp"

#include <filesystem>

#include <gtest/gtest.h>

#include "core/base/files.hpp"
#include "tests/support/git_repository.hpp"

namespace croft {
namespace {

namespace fs = std::filesystem;

/// Counts the calls of a watch; runs its executor in between.
class WatchTest : public testing::Test {
 protected:
  std::unique_ptr<RefWatch> watch(const std::string& repository) {
    auto started = watch_refs(io_.get_executor(), repository, [this] { ++calls_; });
    if (!started) throw std::runtime_error(started.error().describe());
    return std::move(*started);
  }

  /// True if a call comes, within ten seconds.
  bool is_called() {
    const int before = calls_;
    io_.restart();
    const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(10);
    while (calls_ == before && std::chrono::steady_clock::now() < until) {
      io_.run_one_for(std::chrono::milliseconds(100));
    }
    const bool called = calls_ != before;
    drain();
    return called;
  }

  /// Takes what has already happened.
  void drain() {
    io_.restart();
    while (io_.poll() > 0) {
    }
  }

  int calls_ = 0;
  asio::io_context io_{1};
};

TEST_F(WatchTest, NoticesPushesToABareRepository) {
  auto bare = GitRepository::make_bare();
  auto work = bare.clone();
  const auto kept = watch(bare.url());
  for (int i = 0; i < 3; ++i) {
    work.commit({{"a", std::to_string(i)}});
    work.push();
    EXPECT_TRUE(is_called()) << i;
  }
}

TEST_F(WatchTest, NoticesBranchesInNewDirectoriesAndTheirDeletion) {
  auto bare = GitRepository::make_bare();
  auto work = bare.clone();
  work.commit({{"a", "1"}});
  work.push();
  const auto kept = watch(bare.path().string());
  work.start_branch("feature/deep/x");
  work.push();
  EXPECT_TRUE(is_called());
  work.commit({{"a", "2"}});
  work.push();
  EXPECT_TRUE(is_called()) << "the new directory is watched too";
  bare.delete_branch("feature/deep/x");
  EXPECT_TRUE(is_called());
  work.push();
  EXPECT_TRUE(is_called()) << "and again after it was removed with its branch";
}

TEST_F(WatchTest, NoticesPackedRefs) {
  auto bare = GitRepository::make_bare();
  auto work = bare.clone();
  work.commit({{"a", "1"}});
  work.push();
  const auto kept = watch(bare.path().string());
  bare.git({"pack-refs", "--all"});
  EXPECT_TRUE(is_called());
  bare.delete_branch("main");
  EXPECT_TRUE(is_called()) << "a packed ref is removed by rewriting packed-refs";
}

TEST_F(WatchTest, NoticesCommitsAndSwitchesInAWorkingRepository) {
  auto work = GitRepository::make();
  work.commit({{"a", "1"}});
  const auto kept = watch(work.path().string());
  work.commit({{"a", "2"}});
  EXPECT_TRUE(is_called());
  work.start_branch("other");
  EXPECT_TRUE(is_called());
  work.switch_to("main");
  EXPECT_TRUE(is_called()) << "HEAD moved";
}

TEST_F(WatchTest, NoticesCommitsInALinkedWorktree) {
  auto work = GitRepository::make();
  work.commit({{"a", "1"}});
  const std::string linked = work.path().string() + "-linked";
  work.git({"worktree", "add", "--quiet", "-b", "side", linked});
  const auto kept = watch(linked);
  work.git({"-C", linked, "commit", "--quiet", "--allow-empty", "-m", "x"});
  EXPECT_TRUE(is_called());
  work.git({"-C", linked, "checkout", "--quiet", "-b", "third"});
  EXPECT_TRUE(is_called());
}

TEST_F(WatchTest, StaysQuietWhenNoRefMoves) {
  auto work = GitRepository::make();
  work.commit({{"a", "1"}});
  const auto kept = watch(work.path().string());
  work.write("b", "not committed");
  work.git({"add", "--all"});
  work.git({"status"});
  drain();
  EXPECT_EQ(calls_, 0);
}

TEST_F(WatchTest, NoticesARepositoryDeletedAndMadeAgain) {
  for (const bool is_bare : {true, false}) {
    auto repository = is_bare ? GitRepository::make_bare() : GitRepository::make();
    const auto kept = watch(repository.path().string());
    ASSERT_TRUE(remove_tree(repository.path()));
    EXPECT_TRUE(is_called());
    fs::create_directories(repository.path());
    drain();
    std::vector<std::string> init = {"init", "--quiet", "--initial-branch=main"};
    if (is_bare) init.emplace_back("--bare");
    repository.git(init);
    EXPECT_TRUE(is_called());
    auto work = GitRepository::make();
    work.commit({{"a", "1"}});
    drain();
    work.git({"push", "--quiet", repository.path().string(), "HEAD:refs/heads/pushed"});
    EXPECT_TRUE(is_called()) << "the new repository is watched";
  }
}

TEST_F(WatchTest, NoticesARepositoryMadeAgainInOneStep) {
  auto repository = GitRepository::make_bare();
  auto other = GitRepository::make_bare();
  const auto kept = watch(repository.path().string());
  ASSERT_TRUE(remove_tree(repository.path()));
  fs::rename(other.path(), repository.path());
  EXPECT_TRUE(is_called());
  auto work = GitRepository::make();
  work.commit({{"a", "1"}});
  work.git({"push", "--quiet", repository.path().string(), "HEAD:refs/heads/main"});
  EXPECT_TRUE(is_called());
}

TEST_F(WatchTest, NoticesARepositoryWhoseParentWasRemovedToo) {
  auto parent = TemporaryDirectory::make("croft-watch-").value();
  auto other = GitRepository::make_bare();
  const fs::path place = parent.path() / "a" / "b" / "repository";
  fs::create_directories(place.parent_path());
  fs::copy(other.path(), place, fs::copy_options::recursive);
  const auto kept = watch(place.string());
  ASSERT_TRUE(remove_tree(parent.path() / "a"));
  EXPECT_TRUE(is_called());
  fs::create_directories(place.parent_path());
  drain();
  fs::rename(other.path(), place);
  EXPECT_TRUE(is_called());
}

TEST_F(WatchTest, MissingRepositoryIsUnavailable) {
  const auto refused = watch_refs(io_.get_executor(), "/nowhere/at/all", [] {});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), ErrorCode::Unavailable);
  EXPECT_EQ(watch_refs(io_.get_executor(), "https://example.com/x", [] {}).error().code(),
            ErrorCode::Invalid);
}

TEST_F(WatchTest, CallsNobodyAfterItsEnd) {
  auto work = GitRepository::make();
  work.commit({{"a", "1"}});
  auto kept = watch(work.path().string());
  work.commit({{"a", "2"}});
  kept.reset();
  drain();
  EXPECT_EQ(calls_, 0);
}

TEST_F(WatchTest, MayBeDroppedByItsOwnCall) {
  auto work = GitRepository::make();
  work.commit({{"a", "1"}});
  std::unique_ptr<RefWatch> kept;
  auto started = watch_refs(io_.get_executor(), work.path().string(), [&] {
    ++calls_;
    kept.reset();
  });
  ASSERT_TRUE(started);
  kept = std::move(*started);
  work.commit({{"a", "2"}});
  EXPECT_TRUE(is_called());
  work.commit({{"a", "3"}});
  drain();
  EXPECT_EQ(calls_, 1);
}

TEST(IsLocalRepositoryTest, TellsPathsFromUrls) {
  for (const char* local : {"/srv/git/a.git", "./a", "a", "a/b:c", "file:///srv/a"}) {
    EXPECT_TRUE(is_local_repository(local)) << local;
  }
  for (const char* remote :
       {"https://example.com/a", "ssh://example.com/a", "git@example.com:a/b", "ext::sh", ""}) {
    EXPECT_FALSE(is_local_repository(remote)) << remote;
  }
}

}  // namespace
}  // namespace croft
