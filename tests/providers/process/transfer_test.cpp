// Volumes out of an app and back in, as archives.
#include <fstream>
#include <sys/stat.h>
#include <unistd.h>

#include <fmt/format.h>
#include <gmock/gmock.h>

#include "core/base/child.hpp"
#include "providers/process/layout.hpp"
#include "providers/process/volume_image.hpp"
#include "tests/providers/process/fixture.hpp"
#include "tests/support/tar_archive.hpp"

namespace croft {
namespace {

using testing::HasSubstr;

constexpr std::int64_t kMebibyte = 1 << 20;

class TransferTest : public ProcessTest {
 protected:
  virtual bool is_possible() { return needs_images(); }

  Value with_volume(const std::string& script, std::int64_t size = 16 * kMebibyte) const {
    Value spec = shell(script);
    spec.set("volumes",
             Value(Value::List{Value::map({{"name", "data"}, {"path", "/data"}, {"size", size}})}));
    return spec;
  }
  bool make(const std::string& uid, const std::string& script = "sleep 1000",
            std::int64_t tenant = 1) {
    EXPECT_TRUE(create(uid, with_volume(script), tenant));
    return becomes(uid, Phase::Running);
  }
  static Task<Result<std::string>> collect(Provider& provider, std::string uid,
                                           std::string volume) {
    const auto archive = std::make_shared<std::string>();
    ByteSink sink = [archive](std::string piece) -> Task<Result<void>> {
      *archive += piece;
      co_return Result<void>();
    };
    CO_TRY(co_await provider.export_volume(std::move(uid), std::move(volume), std::move(sink)));
    co_return *archive;
  }
  Result<std::string> export_of(const std::string& uid, const std::string& volume = "data") {
    return await(collect(*provider_, uid, volume));
  }
  Result<void> import_into(const std::string& uid, std::string archive) {
    const auto left = std::make_shared<std::string>(std::move(archive));
    ByteSource source = [left]() -> Task<Result<std::string>> {
      std::string piece = left->substr(0, 10'000);
      left->erase(0, piece.size());
      co_return piece;
    };
    return await(provider_->import_volume(uid, "data", std::move(source)));
  }
  std::string names_in(const std::string& archive) const {
    const std::filesystem::path file = directory_->path() / "archive.tar";
    std::ofstream(file, std::ios::binary) << archive;
    const Result<ChildOutput> listed =
        run_child({.arguments = {"tar", "-tvf", file.string(), "--numeric-owner"}});
    return listed ? listed->output : listed.error().describe();
  }
  bool is_mounted_anywhere(const std::string& uid) const {
    std::ifstream mounts("/proc/self/mounts");
    std::string text((std::istreambuf_iterator<char>(mounts)), std::istreambuf_iterator<char>());
    return text.find(uid + "/transfer") != std::string::npos;
  }
};

TEST_F(TransferTest, AVolumeGoesToAnotherAppWhoseItIsThen) {
  if (!is_possible()) return;
  ASSERT_TRUE(make("from"));
  ASSERT_EQ(
      exec("from", {"sh", "-c",
                    "cd /data && mkdir -p a/b && head -c 3000000 /dev/urandom > a/b/random && "
                    "ln -s ../x a/link && ln a/b/random same && chmod 600 a/b/random && "
                    "sha256sum a/b/random > sum"}),
      0);
  const Result<std::string> archive = export_of("from");
  ASSERT_TRUE(archive) << archive.error().describe();
  EXPECT_THAT(names_in(*archive), HasSubstr("1000/1000"));
  ASSERT_TRUE(make("into", "sleep 1000", 2));
  ASSERT_EQ(exec("into", {"sh", "-c", "echo kept > /data/kept"}), 0);
  ASSERT_TRUE(stop("into"));
  const Result<void> done = import_into("into", *archive);
  ASSERT_TRUE(done) << done.error().describe();
  EXPECT_FALSE(is_mounted_anywhere("into"));
  ASSERT_TRUE(start("into"));
  ASSERT_TRUE(becomes("into", Phase::Running));
  EXPECT_EQ(exec("into", {"sh", "-c",
                          "cd /data && sha256sum -c sum && test same -ef a/b/random && "
                          "test \"$(readlink a/link)\" = ../x && echo more >> a/b/random && "
                          "grep kept kept && test \"$(stat -c %u:%a a/b/random)\" = 1000:600"}),
            0);
}

TEST_F(TransferTest, ExportsWhatIsStoppedAndWhatIsOnlyKept) {
  if (!is_possible()) return;
  ASSERT_TRUE(make("app"));
  ASSERT_EQ(exec("app", {"sh", "-c", "echo precious > /data/file"}), 0);
  ASSERT_TRUE(stop("app"));
  EXPECT_THAT(export_of("app").value_or(""), HasSubstr("precious"));
  EXPECT_FALSE(is_mounted_anywhere("app"));
  ASSERT_TRUE(destroy("app", DataPolicy::Keep));
  EXPECT_THAT(export_of("app").value_or(""), HasSubstr("precious"));
  ASSERT_TRUE(destroy("app", DataPolicy::Erase));
  EXPECT_EQ(export_of("app").error().code(), ErrorCode::NotFound);
}

TEST_F(TransferTest, ExportsWhileTheAppWritesAndWhenItStopsAmidIt) {
  if (!is_possible()) return;
  ASSERT_TRUE(make("app"));
  ASSERT_EQ(exec("app", {"sh", "-c", "head -c 4000000 /dev/zero > /data/big"}), 0);
  int pieces = 0;
  std::string archive;
  ByteSink sink = [&](std::string piece) -> Task<Result<void>> {
    archive += piece;
    if (++pieces != 3) co_return Result<void>();
    // The volume is unmounted below it.
    co_return co_await provider_->stop(order("app"));
  };
  const Result<void> done = await(provider_->export_volume("app", "data", sink));
  ASSERT_TRUE(done) << done.error().describe();
  EXPECT_THAT(names_in(archive), HasSubstr("4000000"));
}

TEST_F(TransferTest, AnAppMayStartWhileItsVolumeIsBeingRead) {
  if (!is_possible()) return;
  ASSERT_TRUE(make("app"));
  ASSERT_EQ(exec("app", {"sh", "-c", "head -c 1000000 /dev/zero > /data/big"}), 0);
  ASSERT_TRUE(stop("app"));
  bool was_started = false;
  ByteSink sink = [&](std::string) -> Task<Result<void>> {
    if (std::exchange(was_started, true)) co_return Result<void>();
    co_return co_await provider_->start(order("app"));
  };
  const Result<void> done = await(provider_->export_volume("app", "data", sink));
  ASSERT_TRUE(done) << done.error().describe();
  ASSERT_TRUE(becomes("app", Phase::Running));
  EXPECT_EQ(exec("app", {"sh", "-c", "echo x > /data/more && test -s /data/big"}), 0);
}

TEST_F(TransferTest, NothingIsImportedWhileTheAppRuns) {
  if (!is_possible()) return;
  ASSERT_TRUE(make("app"));
  const Result<void> refused = import_into("app", archive_of("file", "x"));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), ErrorCode::Conflict);
  EXPECT_THAT(refused.error().describe(), HasSubstr("--quiesce"));
}

TEST_F(TransferTest, AHostileArchiveReachesNothingOutside) {
  if (!is_possible()) return;
  ASSERT_TRUE(make("app"));
  // The app itself may lay a trap in its volume, too.
  ASSERT_EQ(exec("app", {"sh", "-c", "ln -s /etc /data/etc; ln -s ../.. /data/up"}), 0);
  ASSERT_TRUE(stop("app"));
  const auto refused = [&](const std::string& path) {
    const Result<void> done = import_into("app", archive_of(path, "x"));
    return done ? std::string("it was taken") : done.error().describe();
  };
  EXPECT_THAT(refused("../record.json"), HasSubstr("'..'"));
  EXPECT_THAT(refused("/etc/croft-was-here"), HasSubstr("absolute"));
  EXPECT_THAT(refused("etc/croft-was-here"), HasSubstr("leads through 'etc'"));
  EXPECT_THAT(refused("up/record.json"), HasSubstr("leads through 'up'"));
  EXPECT_NE(::access("/etc/croft-was-here", F_OK), 0);
  ASSERT_TRUE(start("app"));
  EXPECT_TRUE(becomes("app", Phase::Running));
}

TEST_F(TransferTest, AnArchiveThatDoesNotFitSaysSo) {
  if (!is_possible()) return;
  ASSERT_TRUE(make("app"));
  ASSERT_TRUE(stop("app"));
  const Result<void> done = import_into("app", archive_of("big", std::string(32 << 20, 'x')));
  ASSERT_FALSE(done);
  EXPECT_THAT(done.error().describe(), testing::AnyOf(HasSubstr("full"), HasSubstr("more than")));
}

TEST_F(TransferTest, ACutOffTransferLeavesNothingMounted) {
  if (!is_possible()) return;
  ASSERT_TRUE(make("app"));
  ASSERT_EQ(exec("app", {"sh", "-c", "head -c 1000000 /dev/zero > /data/big"}), 0);
  ASSERT_TRUE(stop("app"));
  ByteSink sink = [](std::string) -> Task<Result<void>> {
    co_return fail(ErrorCode::Cancelled, "the reader has gone");
  };
  EXPECT_FALSE(await(provider_->export_volume("app", "data", sink)));
  EXPECT_FALSE(is_mounted_anywhere("app"));
  EXPECT_TRUE(destroy("app"));
}

TEST_F(TransferTest, WhatACrashLeftMountedIsTakenAway) {
  if (!is_possible()) return;
  ASSERT_TRUE(make("app"));
  ASSERT_TRUE(stop("app"));
  const ProcessLayout layout{data()};
  ASSERT_TRUE(make_directory(layout.transfers("app"), 0700));
  ASSERT_TRUE(volume_image::mount(layout.image("app", "data"), layout.transfers("app") / "data.9"));
  ASSERT_TRUE(is_mounted_anywhere("app"));
  restart_croft();
  EXPECT_FALSE(is_mounted_anywhere("app"));
  EXPECT_TRUE(destroy("app"));
}

/// The same where volumes are plain directories.
class PlainTransferTest : public TransferTest {
 protected:
  void adjust(ProcessSettings& settings) override {
    settings.volumes = ProcessSettings::Volumes::Directory;
  }
  bool is_possible() override { return needs_sandbox(); }
};

TEST_F(PlainTransferTest, GoesOutAndInAgainWithinItsSize) {
  if (!is_possible()) return;
  ASSERT_TRUE(make("app"));
  ASSERT_EQ(exec("app", {"sh", "-c", "echo precious > /data/file"}), 0);
  const Result<std::string> archive = export_of("app");
  ASSERT_TRUE(archive) << archive.error().describe();
  ASSERT_EQ(exec("app", {"rm", "/data/file"}), 0);
  ASSERT_TRUE(stop("app"));
  ASSERT_TRUE(import_into("app", *archive));
  const Result<void> refused = import_into("app", archive_of("big", std::string(32 << 20, 'x')));
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().describe(), HasSubstr("more than 16MiB"));
  ASSERT_TRUE(start("app"));
  ASSERT_TRUE(becomes("app", Phase::Running));
  EXPECT_EQ(exec("app", {"sh", "-c", "grep precious /data/file && echo y >> /data/file"}), 0);
}

}  // namespace
}  // namespace croft
