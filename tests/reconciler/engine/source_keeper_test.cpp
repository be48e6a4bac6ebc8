#include "reconciler/engine/source_keeper.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <gtest/gtest.h>

#include "core/base/files.hpp"
#include "tests/support/git_repository.hpp"
#include "tests/support/run_task.hpp"

namespace croft {
namespace {

/// A source over a repository with one commit.
class SourceKeeperTest : public testing::Test {
 protected:
  SourceKeeperTest() {
    commit_ = work_.commit({{"site.yaml", "# nothing yet\n"}}, "first");
    work_.push("HEAD:refs/heads/main");
    SourceDeclaration declaration;
    declaration.key = "alice/alice";
    declaration.tenant = "alice";
    declaration.url = bare_.path().string();
    declaration.ref = "main";
    SourceKeeper::Settings settings;
    settings.mirror = home_.path() / "mirrors" / "alice.alice";
    settings.secrets = std::make_shared<secret::OperatorSecrets>(home_.path());
    settings.memory = home_.path();
    settings.specs = std::make_shared<manifest::SpecPool>();
    keeper_ = std::make_unique<SourceKeeper>(io_.get_executor(), fetching_, reading_, declaration,
                                             std::move(settings), [] {});
  }

  TemporaryDirectory home_ = TemporaryDirectory::make("croft-keeper-").value();
  GitRepository bare_ = GitRepository::make_bare();
  GitRepository work_ = bare_.clone();
  std::string commit_;
  asio::io_context io_;
  BlockingPool fetching_{4};
  BlockingPool reading_{2};
  std::unique_ptr<SourceKeeper> keeper_;
};

TEST_F(SourceKeeperTest, BringsWhatAMergeRequestHolds) {
  const std::string other = work_.commit({{"site.yaml", "# more\n"}}, "second");
  work_.push("HEAD:refs/pull/7/head");
  ASSERT_EQ(run_task(io_, keeper_->fetch()).value(), commit_);
  const auto found = run_task(io_, keeper_->fetch_other("refs/pull/7/head"));
  ASSERT_TRUE(found) << found.error().describe();
  EXPECT_EQ(found->commit, other);
  EXPECT_TRUE(found->tree->entry("site.yaml"));
  // What is followed is as it was.
  EXPECT_TRUE(run_task(io_, keeper_->tree(commit_, ".")));
  EXPECT_EQ(run_task(io_, keeper_->fetch()).value(), commit_);
}

TEST_F(SourceKeeperTest, AMergeRequestThatDoesNotComeHoldsUpNothingElse) {
  ASSERT_EQ(run_task(io_, keeper_->fetch()).value(), commit_);
  // Whoever reads this ref waits until somebody writes it.
  const std::filesystem::path ref = bare_.path() / "refs" / "pull" / "7" / "head";
  std::filesystem::create_directories(ref.parent_path());
  ASSERT_EQ(::mkfifo(ref.c_str(), 0600), 0);
  bool has_ended = false;
  spawn(
      io_.get_executor(),
      [](SourceKeeper& keeper, bool& ended) -> Task<> {
        (void)co_await keeper.fetch_other("refs/pull/7/head");
        ended = true;
      }(*keeper_, has_ended),
      "stranger");
  const auto fetched = run_task(io_, keeper_->fetch());
  EXPECT_EQ(fetched.value_or(""), commit_);
  EXPECT_TRUE(run_task(io_, keeper_->load(commit_)));
  EXPECT_TRUE(run_task(io_, keeper_->tree(commit_, ".")));
  EXPECT_TRUE(run_task(io_, keeper_->pin(commit_)));
  EXPECT_FALSE(has_ended);
  // Lets it go: opened again by each that reads it.
  std::filesystem::rename(ref, home_.path() / "fifo");
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (!has_ended && std::chrono::steady_clock::now() < end) {
    const int writer = ::open((home_.path() / "fifo").c_str(), O_WRONLY | O_NONBLOCK);
    io_.restart();
    io_.run_one_for(std::chrono::milliseconds(20));
    if (writer >= 0) ::close(writer);
  }
  EXPECT_TRUE(has_ended);
}

}  // namespace
}  // namespace croft
