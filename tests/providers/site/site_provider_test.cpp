#include "providers/site/site_provider.hpp"

#include <csignal>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/base/files.hpp"
#include "providers/port/release.hpp"
#include "tests/support/run_task.hpp"

namespace croft {
namespace {

namespace fs = std::filesystem;
using Files = std::vector<std::pair<std::string, std::string>>;

class SiteProviderTest : public testing::Test {
 protected:
  SiteProviderTest() { restart(); }
  ~SiteProviderTest() override { pool_.stop(); }

  void restart(SiteProviderSettings settings = {.sweep_after = Duration(20)}) {
    provider_ = make_site_provider(root(), pool_, clock_, settings);
  }
  fs::path root() const { return root_.empty() ? directory_.path() / "store" : root_; }

  Effect effect(const std::string& uid, const std::string& intent, Files files, int retain = 2) {
    Effect effect;
    effect.uid = uid;
    effect.intent = intent;
    effect.ref = Ref{"alice", Kind::Site, uid};
    effect.files = make_memory_tree(std::move(files));
    effect.spec = std::make_shared<const Value>(
        Value::map({{"files", Value::map({{"path", "public"}})}, {"retain", retain}}));
    effect.spec_digest = "digest of " + intent;
    return effect;
  }
  Result<void> create(const std::string& uid, const std::string& intent, Files files,
                      int retain = 2) {
    return run_task(io_, provider_->create(effect(uid, intent, std::move(files), retain)));
  }
  Result<void> destroy(const std::string& uid, const std::string& intent, DataPolicy data) {
    return run_task(io_, provider_->destroy(effect(uid, intent, {}), data));
  }
  std::vector<Observed> observe() { return run_task(io_, provider_->observe()).value(); }

  // Lets the sweeper run until exactly so many releases, or blobs, are left.
  void wait_for(const std::string& what, std::size_t count) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(10);
    while (names(root() / what).size() != count && std::chrono::steady_clock::now() < deadline) {
      io_.restart();
      io_.run_for(std::chrono::milliseconds(10));
    }
    EXPECT_EQ(names(root() / what).size(), count) << what;
  }
  static std::vector<std::string> names(const fs::path& directory) {
    std::vector<std::string> found;
    std::error_code error;
    for (const auto& entry : fs::recursive_directory_iterator(directory, error)) {
      if (entry.is_regular_file()) found.push_back(entry.path().filename().string());
    }
    return found;
  }
  Release release(const std::string& id) {
    return read_release(read_file(release_index_path(root(), id), 1 << 20).value()).value();
  }
  std::string content(const ReleaseFile& file) {
    return read_file(release_blob_path(root(), file.id), 1 << 20).value();
  }

  TemporaryDirectory directory_ = TemporaryDirectory::make("croft-site-").value();
  fs::path root_;
  SystemClock clock_;
  asio::io_context io_;
  BlockingPool pool_{2};  // goes before the context that its unfinished work refers to
  std::unique_ptr<Provider> provider_;
};

TEST_F(SiteProviderTest, PublishesExactlyTheTree) {
  ASSERT_TRUE(create("blog", "i1", {{"index.html", "hello"}, {"img/logo.png", "png"}}));
  const auto seen = observe();
  ASSERT_EQ(seen.size(), 1u);
  EXPECT_EQ(seen[0].phase, Phase::Running);
  ASSERT_EQ(seen[0].endpoint.scheme, Endpoint::Scheme::Release);
  const Release published = release(seen[0].endpoint.address);
  ASSERT_EQ(published.files.size(), 2u);
  EXPECT_EQ(content(published.files.at("index.html")), "hello");
  EXPECT_EQ(content(published.files.at("img/logo.png")), "png");
  EXPECT_EQ(seen[0].fields->text_or("files.tree", ""), published.id);
}

TEST_F(SiteProviderTest, StoresEqualContentOnce) {
  ASSERT_TRUE(create("a", "i1", {{"index.html", "same"}, {"copy.html", "same"}}));
  ASSERT_TRUE(create("b", "i2", {{"other.html", "same"}}));
  EXPECT_EQ(names(root() / "blobs").size(), 1u);
  EXPECT_EQ(names(root() / "releases").size(), 2u);
}

TEST_F(SiteProviderTest, KeepsTheLastReleasesAndSweepsTheRest) {
  for (int i = 0; i < 5; ++i) {
    ASSERT_TRUE(
        create("blog", "i" + std::to_string(i), {{"index.html", "version " + std::to_string(i)}}));
  }
  wait_for("releases", 2);
  wait_for("blobs", 2);
  const Release shown = release(observe()[0].endpoint.address);
  EXPECT_EQ(content(shown.files.at("index.html")), "version 4");
}

TEST_F(SiteProviderTest, ErasingRemovesOnlyWhatNobodyElseShows) {
  ASSERT_TRUE(create("a", "i1", {{"index.html", "shared"}, {"a.html", "a"}}));
  ASSERT_TRUE(create("b", "i2", {{"index.html", "shared"}}));
  ASSERT_TRUE(destroy("a", "i3", DataPolicy::Erase));
  wait_for("releases", 1);
  wait_for("blobs", 1);
  EXPECT_EQ(content(release(observe()[0].endpoint.address).files.at("index.html")), "shared");
}

TEST_F(SiteProviderTest, KeptReleasesAreTakenUpAgainByTheSameUid) {
  ASSERT_TRUE(create("blog", "i1", {{"index.html", "old"}}));
  ASSERT_TRUE(destroy("blog", "i2", DataPolicy::Keep));
  EXPECT_TRUE(observe().empty());
  restart();
  ASSERT_TRUE(create("blog", "i3", {{"index.html", "new"}}));
  EXPECT_EQ(observe().size(), 1u);
  wait_for("releases", 2);  // the old one is in the history again
}

TEST_F(SiteProviderTest, RepairsAReleaseWhoseFilesAreGone) {
  ASSERT_TRUE(create("blog", "i1", {{"index.html", "hello"}}));
  const std::string id = observe()[0].endpoint.address;
  fs::remove(release_index_path(root(), id));
  fs::remove_all(root() / "blobs");
  fs::create_directory(root() / "blobs");
  ASSERT_EQ(observe()[0].phase, Phase::Failed);
  EXPECT_EQ(observe()[0].reason, "ReleaseMissing");
  ASSERT_TRUE(run_task(io_, provider_->update(effect("blog", "i2", {{"index.html", "hello"}}))));
  EXPECT_EQ(observe()[0].phase, Phase::Running);
  EXPECT_EQ(content(release(id).files.at("index.html")), "hello");
}

TEST_F(SiteProviderTest, RefusesWhatIsNoSite) {
  EXPECT_FALSE(provider_->normalize(Ref{"alice", Kind::Instance, "api"}, Value::map()));
}

TEST_F(SiteProviderTest, AnotherIndexMakesAnotherReleaseOfTheSameTree) {
  ASSERT_TRUE(create("a", "i1", {{"home.html", "hello"}}));
  Effect other = effect("b", "i2", {{"home.html", "hello"}});
  Value spec = *other.spec;
  spec.set("index", "home.html");
  other.spec = std::make_shared<const Value>(spec);
  ASSERT_TRUE(run_task(io_, provider_->create(std::move(other))));
  EXPECT_EQ(names(root() / "releases").size(), 2u);
  EXPECT_EQ(release(observe()[1].endpoint.address).index, "home.html");
}

// Killed at any moment while it publishes and switches, again and again: what is shown is always
// whole, and in the end nothing is left over.
TEST_F(SiteProviderTest, SurvivesBeingKilledAtAnyPoint) {
  Files files;
  for (int i = 0; i < 30; ++i)
    files.emplace_back(std::to_string(i) + ".html", "content " + std::to_string(i));
  ASSERT_TRUE(create("blog", "i0", files));
  for (int round = 0; round < 25; ++round) {
    files[0].second = "round " + std::to_string(round);
    files.emplace_back("new" + std::to_string(round), "new " + std::to_string(round));
    const pid_t child = ::fork();
    if (child == 0) {
      asio::io_context io;
      BlockingPool pool(1);
      auto provider = make_site_provider(root(), pool, clock_);
      (void)run_task(io, provider->create(effect("blog", "k" + std::to_string(round), files)));
      ::_exit(0);
    }
    ::usleep(static_cast<useconds_t>(round * 400));
    ::kill(child, SIGKILL);
    ::waitpid(child, nullptr, 0);
    restart();
    const auto seen = observe();
    ASSERT_EQ(seen.size(), 1u);
    ASSERT_EQ(seen[0].phase, Phase::Running);
    const Release shown = release(seen[0].endpoint.address);
    for (const auto& [path, file] : shown.files) EXPECT_EQ(content(file).size(), file.size) << path;
  }
  ASSERT_TRUE(create("blog", "end", files, 1));
  wait_for("releases", 1);
  wait_for("blobs", files.size());
  EXPECT_EQ(names(root() / "sites").size(), 1u);
}

TEST_F(SiteProviderTest, AFullDiskIsAClearErrorAndShowsNothingHalfMade) {
  root_ = directory_.path() / "small";
  ASSERT_TRUE(make_directory(root_, 0755));
  if (::mount("none", root_.c_str(), "tmpfs", 0, "size=1m") != 0) {
    GTEST_SKIP() << "mounting a small file system is not allowed here";
  }
  restart();
  ASSERT_TRUE(create("blog", "i1", {{"index.html", "small"}}));
  const std::string before = observe()[0].endpoint.address;
  const auto full =
      create("blog", "i2", {{"a", std::string(600'000, 'a')}, {"b", std::string(600'000, 'b')}});
  ASSERT_FALSE(full);
  EXPECT_EQ(full.error().code(), ErrorCode::Unavailable);
  EXPECT_THAT(full.error().describe(), testing::HasSubstr("No space left"));
  EXPECT_EQ(observe()[0].endpoint.address, before);
  EXPECT_EQ(observe()[0].phase, Phase::Running);
  wait_for("releases", 1);
  // What was written in vain is swept, so that something smaller fits again.
  wait_for("blobs", 1);
  EXPECT_TRUE(create("blog", "i3", {{"a", std::string(600'000, 'a')}}));
  ::umount2(root_.c_str(), MNT_DETACH);
}

}  // namespace
}  // namespace croft
