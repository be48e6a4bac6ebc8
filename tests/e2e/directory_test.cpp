// The data directory: one daemon each, and what happens if it cannot be written.

#include <csignal>
#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "tests/e2e/support/platform.hpp"

namespace croft::e2e {

namespace {

using namespace std::chrono_literals;

TEST(DataDirectoryTest, ASecondDaemonIsRefusedNamingThePid) {
  Platform platform({"alice"});
  platform.push("alice", site_files("blog", "garden"));
  platform.daemon.start();
  platform.settle();
  const std::optional<pid_t> edge = platform.daemon.role("edge");
  ASSERT_TRUE(edge);

  ChildCommand second;
  second.arguments = {
      CROFT_BINARY,     "serve",    "--data",        platform.daemon.data().string(),
      "--platform-url", "/nowhere", "--edge-listen", fmt::format("127.0.0.1:{}", free_port())};
  const TemporaryDirectory elsewhere = TemporaryDirectory::make("croft-e2e-").value();
  // By another name too, as a person would call an installed one.
  const std::string other_name = elsewhere.path() / "croft";
  ASSERT_EQ(::symlink(CROFT_BINARY, other_name.c_str()), 0);
  for (const std::string& name : {std::string(CROFT_BINARY), other_name}) {
    second.arguments[0] = name;
    const ChildOutput refused = run_child(second).value();
    const std::string said = refused.error + refused.output;
    EXPECT_NE(refused.status, 0);
    EXPECT_NE(said.find(std::to_string(platform.daemon.pid())), std::string::npos) << said;
  }
  // The first goes on as if nothing had been.
  EXPECT_EQ(platform.daemon.role("edge"), edge);
  EXPECT_TRUE(platform.shows("alice-blog.localhost", "garden")) << platform.daemon.log();
  platform.push("alice", {{"blog/index.html", "still here"}});
  EXPECT_TRUE(platform.shows("alice-blog.localhost", "still here")) << platform.daemon.log();
}

/// A small file system on the daemon's data directory, for this process and its children alone.
class SmallDisk {
 public:
  explicit SmallDisk(const std::filesystem::path& path) : path_(path) {
    static const bool kIsPrivate =
        ::unshare(CLONE_NEWNS) == 0 &&
        ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0;
    ::mkdir(path.c_str(), 0755);
    is_there_ = kIsPrivate && ::mount("croft-e2e", path.c_str(), "tmpfs", 0, "size=24m") == 0;
  }
  ~SmallDisk() {
    if (is_there_) ::umount2(path_.c_str(), MNT_DETACH);
  }
  SmallDisk(const SmallDisk&) = delete;
  SmallDisk& operator=(const SmallDisk&) = delete;

  bool is_there() const { return is_there_; }
  bool remount(unsigned long flags) const {
    return ::mount(nullptr, path_.c_str(), nullptr, MS_REMOUNT | flags, nullptr) == 0;
  }
  /// Takes all the space that is left.
  void fill() const {
    const UniqueFd filler(::open((path_ / "filler").c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
    const std::string block(4096, 'f');
    while (::write(filler.get(), block.data(), block.size()) > 0) {
    }
  }
  void free() const { ::unlink((path_ / "filler").c_str()); }

 private:
  std::filesystem::path path_;
  bool is_there_ = false;
};

#define NEEDS_DISK(disk)  \
  if (!(disk).is_there()) \
  GTEST_SKIP() << "this machine does not let the test mount a file system (needs root)"

TEST(DataDirectoryTest, AReadOnlyOneIsRefusedInClearWordsAndWorksOnceItIsWritable) {
  Platform platform({"alice"});
  platform.push("alice", site_files("blog", "garden"));
  const SmallDisk disk(platform.daemon.data());
  NEEDS_DISK(disk);
  ASSERT_TRUE(disk.remount(MS_RDONLY));
  platform.daemon.launch();
  const std::optional<int> status = platform.daemon.ended(20s);
  ASSERT_TRUE(status) << platform.daemon.log();
  EXPECT_NE(*status, 0);
  EXPECT_NE(platform.daemon.log().find("Read-only file system"), std::string::npos)
      << platform.daemon.log();
  EXPECT_NE(platform.daemon.log().find(platform.daemon.data().string()), std::string::npos)
      << platform.daemon.log();

  ASSERT_TRUE(disk.remount(0));
  platform.daemon.start();
  EXPECT_TRUE(platform.shows("alice-blog.localhost", "garden")) << platform.daemon.log();
  platform.daemon.stop();
}

TEST(DataDirectoryTest, AFullOneKeepsServingSaysSoAndRecovers) {
  Platform platform({"alice"});
  platform.push("alice", site_files("blog", "garden"));
  const SmallDisk disk(platform.daemon.data());
  NEEDS_DISK(disk);
  platform.daemon.start();
  platform.settle();
  ASSERT_TRUE(platform.shows("alice-blog.localhost", "garden")) << platform.daemon.log();

  disk.fill();
  const std::string much(1 << 20, 'x');
  platform.push("alice", {{"blog/index.html", "after the flood"}, {"blog/much.txt", much}});
  // In the log if it is the store that cannot write; otherwise among the tenant's events.
  const auto said = [&] {
    return platform.daemon.log() + platform.daemon.croft({"events", "-A"}).output;
  };
  const auto says_so = [&] {
    const std::string words = said();
    return words.find("No space left") != std::string::npos ||
           words.find("disk is full") != std::string::npos ||
           words.find("disk full") != std::string::npos;
  };
  EXPECT_TRUE(wait_until(says_so, 30s)) << said();
  EXPECT_NE(platform.get("alice-blog.localhost").body.find("garden"), std::string::npos);

  disk.free();
  EXPECT_TRUE(platform.shows("alice-blog.localhost", "after the flood")) << platform.daemon.log();
  platform.daemon.stop();
}

TEST(DataDirectoryTest, KillsInTheMiddleOfTheFirstPassLeaveNothingBroken) {
  const std::string marker = unique_marker();
  Platform platform({"alice"});
  GitRepository::Files files = site_files("blog", "garden");
  for (auto& file : app_files("api", "hello", marker)) files.push_back(std::move(file));
  platform.push("alice", files);
  const int kills = is_soak() ? 20 : 4;
  for (int i = 0; i < kills; ++i) {
    platform.daemon.launch();
    ASSERT_TRUE(wait_until([&] { return platform.daemon.role("control").has_value(); }));
    const pid_t control = platform.daemon.role("control").value_or(-1);
    // Not a wait for something: kills fall at different points of the first pass.
    ::usleep(static_cast<useconds_t>(60'000 + 90'000 * i));
    platform.daemon.kill();
    ::kill(control, SIGKILL);
  }
  platform.daemon.start();
  platform.settle();
  EXPECT_TRUE(platform.shows("alice-blog.localhost", "garden"));
  EXPECT_TRUE(platform.shows("alice-api.localhost", "hello"));
  EXPECT_EQ(platform.daemon.apps(marker).size(), 1U) << "no orphan and no double";
}

}  // namespace

}  // namespace croft::e2e
