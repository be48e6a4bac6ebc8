#include <algorithm>
#include <fstream>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fmt/format.h>

#include "core/base/child.hpp"
#include "providers/process/layout.hpp"
#include "providers/process/volume_image.hpp"
#include "tests/providers/process/fixture.hpp"

// Volumes hold what they were declared to hold, and no more.

namespace croft {
namespace {

constexpr std::int64_t kMebibyte = 1 << 20;

Value with_volume(Value spec, std::int64_t size) {
  spec.set("volumes",
           Value(Value::List{Value::map({{"name", "data"}, {"path", "/data"}, {"size", size}})}));
  return spec;
}

class VolumesTest : public ProcessTest {
 protected:
  void adjust(ProcessSettings& settings) override { settings.measure_every = Duration(300); }

  ProcessLayout layout() const { return {data()}; }
  std::filesystem::path volume(const std::string& uid) const {
    return layout().volume(uid, "data");
  }
  // Tries to write that many mebibytes; how many there are then.
  std::int64_t fill(const std::string& uid, int mebibytes) {
    exec(uid,
         {"sh", "-c",
          fmt::format("dd if=/dev/zero of=/data/big bs=64k count={} 2>/dev/null", mebibytes * 16)});
    struct stat status{};
    return ::stat((volume(uid) / "big").c_str(), &status) == 0 ? status.st_size / kMebibyte : -1;
  }
  // Devices of ours that the kernel has open.
  int attached() const {
    const Result<ChildOutput> found =
        run_child({.arguments = {"losetup", "-ln", "-O", "BACK-FILE"}});
    int count = 0;
    for (std::size_t at = 0;
         found && (at = found->output.find(data().string(), at)) != std::string::npos; ++at)
      ++count;
    return count;
  }
  Result<void> resize(const std::string& uid, std::int64_t size) {
    return await(provider_->update(effect(uid, with_volume(shell("sleep 1000"), size))));
  }
};

TEST_F(VolumesTest, AVolumeHoldsItsSizeAndNoMore) {
  if (!needs_images()) return;
  ASSERT_TRUE(create("app", with_volume(shell("sleep 1000"), 8 * kMebibyte)));
  EXPECT_EQ(exec("app", {"sh", "-c", "test -z \"$(ls -A /data)\""}), 0) << "it is not empty";
  const std::int64_t held = fill("app", 64);
  EXPECT_GE(held, 8);
  EXPECT_LE(held, 10);
  EXPECT_TRUE(eventually([&] { return seen("app")->reason == "StorageExceeded"; }));
  EXPECT_EQ(seen("app")->message, "volume 'data' is full: 8MiB");
  EXPECT_EQ(seen("app")->phase, Phase::Running);
  ASSERT_EQ(exec("app", {"rm", "/data/big"}), 0);
  EXPECT_TRUE(eventually([&] { return seen("app")->reason.empty(); }));
}

// What is full and stays as large as it is stands in the way of nothing else.
TEST_F(VolumesTest, AnAppWithAFullVolumeCanStillBeChanged) {
  if (!needs_images()) return;
  Value spec = with_volume(shell("sleep 1000"), 8 * kMebibyte);
  ASSERT_TRUE(create("app", spec));
  fill("app", 64);
  ASSERT_GT(volume_image::used_bytes(volume("app")), 8 * kMebibyte) << "it is not over its size";
  spec.set("env", Value::map({{"GREETING", "hello"}}));
  const Result<void> changed = await(provider_->update(effect("app", spec)));
  ASSERT_TRUE(changed) << changed.error().describe();
  EXPECT_EQ(exec("app", {"test", "-s", "/data/big"}), 0);
}

// Neither a file of the host's nor a device may come to life in it.
TEST_F(VolumesTest, AVolumeTakesNoSetUidFilesAndNoDevices) {
  if (!needs_images()) return;
  ASSERT_TRUE(create("app", with_volume(shell("sleep 1000"), 8 * kMebibyte)));
  std::ifstream mounts("/proc/self/mountinfo");
  std::string options;
  for (std::string line; std::getline(mounts, line);) {
    if (line.find(volume("app").string()) != std::string::npos) options = line;
  }
  EXPECT_NE(options.find("nosuid,nodev"), std::string::npos) << options;
}

TEST_F(VolumesTest, AVolumeGrowsWithItsContentAndShrinksIfThatFits) {
  if (!needs_images()) return;
  ASSERT_TRUE(create("app", with_volume(shell("sleep 1000"), 8 * kMebibyte)));
  ASSERT_EQ(fill("app", 6), 6);
  ASSERT_TRUE(resize("app", 32 * kMebibyte));
  EXPECT_EQ(exec("app", {"sh", "-c", "test $(stat -c %s /data/big) = 6291456"}), 0);
  ASSERT_EQ(fill("app", 24), 24);
  const Result<void> shrunk = resize("app", 8 * kMebibyte);
  ASSERT_FALSE(shrunk);
  EXPECT_EQ(shrunk.error().code(), ErrorCode::Invalid);
  EXPECT_EQ(shrunk.error().message(), "the volume 'data' holds 24 MiB, more than 8MiB");
  EXPECT_EQ(seen("app")->phase, Phase::Running) << "it was stopped for nothing";
  // Stopped, its volume is not looked into before: it is as it was, and starts with its old size.
  ASSERT_TRUE(stop("app"));
  const Result<void> stopped = resize("app", 8 * kMebibyte);
  ASSERT_FALSE(stopped);
  EXPECT_NE(stopped.error().describe().find("holds more than its new size"), std::string::npos)
      << stopped.error().describe();
  ASSERT_TRUE(resize("app", 32 * kMebibyte));
  EXPECT_EQ(exec("app", {"sh", "-c", "test $(stat -c %s /data/big) = 25165824"}), 0);
  ASSERT_EQ(exec("app", {"rm", "/data/big"}), 0);
  const Result<void> smaller = resize("app", 8 * kMebibyte);
  ASSERT_TRUE(smaller) << smaller.error().describe();
  EXPECT_LE(fill("app", 64), 10);
}

// Another app that lives on does not keep it, nor does whoever else made a mount namespace from
// ours.
TEST_F(VolumesTest, NothingStaysMountedOfWhatIsStopped) {
  if (!needs_images()) return;
  ASSERT_TRUE(create("first", with_volume(shell("sleep 1000"), 2 * kMebibyte)));
  ASSERT_TRUE(create("second", with_volume(shell("sleep 1000"), 2 * kMebibyte)));
  EXPECT_EQ(attached(), 2);
  const pid_t stranger = ::fork();
  if (stranger == 0) {
    (void)::unshare(CLONE_NEWNS);
    (void)::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr);
    ::pause();
  }
  ASSERT_TRUE(stop("first"));
  EXPECT_TRUE(eventually([&] { return attached() == 1; })) << attached();
  EXPECT_FALSE(volume_image::is_mounted(volume("first")));
  ASSERT_TRUE(destroy("second", DataPolicy::Keep));
  EXPECT_TRUE(eventually([&] { return attached() == 0; })) << attached();
  ::kill(stranger, SIGKILL);
  ::waitpid(stranger, nullptr, 0);
  EXPECT_TRUE(std::filesystem::exists(layout().image("second", "data")));
  ASSERT_TRUE(destroy("first", DataPolicy::Erase));
  EXPECT_FALSE(std::filesystem::exists(layout().app("first")));
}

TEST_F(VolumesTest, DataIsThereAgainAfterTheMachineRestarted) {
  if (!needs_images()) return;
  Effect wanted = effect("app", with_volume(shell("sleep 1000"), 4 * kMebibyte));
  ASSERT_TRUE(await(provider_->create(wanted)));
  ASSERT_EQ(exec("app", {"sh", "-c", "echo kept > /data/note; sync"}), 0);
  ::kill(shim_of("app"), SIGKILL);
  ASSERT_TRUE(becomes("app", Phase::Failed));
  ASSERT_EQ(::umount2(volume("app").c_str(), MNT_DETACH), 0);
  restart_croft();
  ASSERT_TRUE(await(provider_->create(wanted)));
  EXPECT_EQ(exec("app", {"grep", "-q", "kept", "/data/note"}), 0);
}

TEST_F(VolumesTest, AnImageIsWholeOrNotThere) {
  if (!needs_images()) return;
  ASSERT_TRUE(make_directory(layout().images("app"), 0700));
  const std::filesystem::path image = layout().image("app", "data");
  std::ofstream(image.string() + ".new") << "left by a Croft that was killed";
  ASSERT_TRUE(create("app", with_volume(shell("sleep 1000"), 4 * kMebibyte)));
  EXPECT_FALSE(std::filesystem::exists(image.string() + ".new"));
  ASSERT_TRUE(stop("app"));
  // A damaged one is not mounted, and nothing is made in its place.
  std::filesystem::resize_file(image, 512);
  const Result<void> started = start("app");
  ASSERT_FALSE(started);
  EXPECT_NE(started.error().describe().find("preparing the volume 'data'"), std::string::npos)
      << started.error().describe();
  EXPECT_EQ(std::filesystem::file_size(image), 512U);
}

class PlainVolumesTest : public VolumesTest {
 protected:
  void adjust(ProcessSettings& settings) override {
    VolumesTest::adjust(settings);
    settings.volumes = ProcessSettings::Volumes::Directory;
  }
};

TEST_F(PlainVolumesTest, ADirectoryIsMeasuredAndSaidToBeTooLarge) {
  if (!needs_sandbox()) return;
  const auto missing = provider_->capabilities().missing;
  ASSERT_EQ(missing.size(), 1U);
  EXPECT_EQ(missing[0].what + ": " + missing[0].why,
            "storage: the operator said volumes: directory");
  ASSERT_TRUE(create("app", with_volume(shell("sleep 1000"), kMebibyte)));
  EXPECT_EQ(fill("app", 3), 3);
  EXPECT_TRUE(eventually([&] { return seen("app")->reason == "StorageExceeded"; }));
  EXPECT_EQ(seen("app")->message, "volume 'data' holds 3 MiB of 1MiB");
  ASSERT_EQ(exec("app", {"rm", "/data/big"}), 0);
  EXPECT_TRUE(eventually([&] { return seen("app")->reason.empty(); }));
  // What was made as a directory stays one where images are possible.
  drop_croft();
  settings_.volumes = ProcessSettings::Volumes::Image;
  restart_croft();
  ASSERT_TRUE(resize("app", 2 * kMebibyte));
  EXPECT_FALSE(volume_image::is_mounted(volume("app")));
}

}  // namespace
}  // namespace croft
