#include <filesystem>
#include <fstream>

#include <fmt/format.h>

#include "tests/providers/docker/provider/fixture.hpp"
#include "tests/support/tar_archive.hpp"

namespace croft {
namespace {

class DockerDataTest : public DockerTest {
 protected:
  const Ref ref_ = instance("db");

  Value with_volume() const {
    Value spec = shell("sleep 1000");
    spec.set(
        "volumes",
        Value(Value::List{Value::map({{"name", "data"}, {"path", "/data"}, {"size", 1 << 20}})}));
    return spec;
  }
  Result<void> import(std::string archive) {
    const auto rest = std::make_shared<std::string>(std::move(archive));
    ByteSource source = [rest]() -> Task<Result<std::string>> {
      std::string piece = rest->substr(0, 1000);
      rest->erase(0, piece.size());
      co_return piece;
    };
    return await(provider_->import_volume(uid_of(ref_), "data", std::move(source)));
  }
};

TEST_F(DockerDataTest, AVolumeTravelsAsAnArchive) {
  ASSERT_TRUE(create(ref_, with_volume()));
  ASSERT_EQ(exec(ref_,
                 "busybox mkdir /data/deep; echo -n treasure >/data/deep/note; "
                 "busybox mkfifo /data/deep/pipe"),
            0);
  const auto archive = std::make_shared<std::string>();
  ByteSink sink = [archive](std::string bytes) -> Task<Result<void>> {
    *archive += bytes;
    co_return Result<void>{};
  };
  const auto exported = await(provider_->export_volume(uid_of(ref_), "data", std::move(sink)));
  ASSERT_TRUE(exported) << exported.error().describe();
  EXPECT_NE(archive->find("treasure"), std::string::npos);
  ASSERT_EQ(exec(ref_, "busybox rm -r /data/deep"), 0);
  const auto imported = import(*archive);
  ASSERT_TRUE(imported) << imported.error().describe();
  EXPECT_EQ(exec(ref_, "[ $(cat /data/deep/note) = treasure ]"), 0);
  EXPECT_EQ(docker({"ps", "-aq", "--filter", "name=croft-archive"}), "");
}

TEST_F(DockerDataTest, AProviderThatIsMadeAnewLeavesTransfersUnderWay) {
  ASSERT_TRUE(create(ref_, with_volume()));
  ASSERT_EQ(exec(ref_, "echo -n treasure >/data/note"), 0);
  const auto helpers = [this](const std::string& more) {
    return docker({"ps", "-aq", "--filter", "label=croft.part=archive", "--filter", more});
  };
  std::unique_ptr<Provider> another;
  ByteSink sink = [&](std::string) -> Task<Result<void>> {
    if (another) co_return Result<void>{};
    docker({"create", "--label", "croft.provider=" + settings_.name, "--label",
            "croft.part=archive", "--label", "croft.process=earlier", "busybox:test", "true"});
    another = docker::make_provider(settings_, io_.get_executor(), pool_, clock_).value();
    for (int i = 0; i < 500 && !helpers("label=croft.process=earlier").empty(); ++i)
      co_await sleep_for(Duration(20));
    EXPECT_EQ(helpers("label=croft.process=earlier"), "");
    EXPECT_NE(helpers("label=croft.part=archive"), "");
    co_return Result<void>{};
  };
  const auto exported = await(provider_->export_volume(uid_of(ref_), "data", std::move(sink)));
  EXPECT_TRUE(exported) << exported.error().describe();
  EXPECT_TRUE(another);
}

TEST_F(DockerDataTest, AnArchiveThatLeadsOutIsRefused) {
  ASSERT_TRUE(create(ref_, with_volume()));
  const auto imported = import(archive_of("../../escaped", "x"));
  ASSERT_FALSE(imported);
  EXPECT_EQ(imported.error().code(), ErrorCode::Invalid) << imported.error().describe();
  EXPECT_NE(imported.error().message().find("../../escaped"), std::string::npos);
}

TEST_F(DockerDataTest, AnArchiveThatHoldsMoreThanTheVolumeMayIsRefused) {
  ASSERT_TRUE(create(ref_, with_volume()));
  std::vector<std::pair<TarEntry, std::string>> many(300);
  for (std::size_t i = 0; i < many.size(); ++i) many[i].first.path = fmt::format("f{}", i);
  for (const std::string& archive :
       {archive_of("big", std::string(2 << 20, 'x')), archive_of(many)}) {
    const auto imported = import(archive);
    ASSERT_FALSE(imported);
    EXPECT_EQ(imported.error().code(), ErrorCode::Invalid);
    EXPECT_NE(imported.error().describe().find("more than 1MiB"), std::string::npos)
        << imported.error().describe();
  }
  EXPECT_EQ(exec(ref_, "[ $(busybox du -sk /data | busybox cut -f1) -le 1100 ]"), 0);
  EXPECT_EQ(docker({"ps", "-aq", "--filter", "name=croft-archive"}), "");
  const auto fits = import(archive_of("big", std::string(1'000'000, 'x')));
  EXPECT_TRUE(fits) << fits.error().describe();
  EXPECT_EQ(exec(ref_, "[ $(busybox stat -c %s /data/big) = 1000000 ]"), 0);
}

TEST_F(DockerDataTest, AnArchiveBringsNoPipesAndNoSetUserBits) {
  ASSERT_TRUE(create(ref_, with_volume()));
  TarEntry pipe;
  pipe.path = "pipe";
  pipe.type = TarType::Fifo;
  EXPECT_FALSE(import(archive_of({{pipe, ""}})));
  TarEntry tool;
  tool.path = "tool";
  tool.mode = 06755;
  const auto imported = import(archive_of({{tool, "x"}}));
  ASSERT_TRUE(imported) << imported.error().describe();
  EXPECT_EQ(exec(ref_, "[ $(busybox stat -c %a /data/tool) = 755 ] && [ ! -e /data/pipe ]"), 0);
}

TEST_F(DockerDataTest, FilesOfTheRepositoryAreThereAndReadOnly) {
  source_ = make_memory_tree({{"marker.txt", "first\n"}});
  Value spec = shell("cat marker.txt; sleep 1000");
  spec.set("files", Value::map({{"path", "."}, {"tree", source_->id()}}));
  ASSERT_TRUE(create(ref_, spec));
  EXPECT_TRUE(says(ref_, "first"));
  EXPECT_NE(exec(ref_, "echo no >/app/marker.txt"), 0);
}

/// The engine of another machine: TCP with certificates of both sides.
class DockerRemoteTest : public DockerTest {
 protected:
  void adjust(docker::ProviderSettings& settings) override {
    const DockerEngine& engine = DockerEngine::shared();
    settings.host = fmt::format("tcp://127.0.0.1:{}", engine.tls_port());
    settings.ca_file = in_file("ca.pem", engine.certificates().authority);
    settings.cert_file = in_file("cert.pem", engine.certificates().client);
    settings.key_file = in_file("key.pem", engine.certificates().client_key);
    // From afar nobody can set its packet filter.
    settings.isolation = docker::ProviderSettings::Isolation::None;
  }
  void TearDown() override {
    settings_.host = DockerEngine::shared().host();  // for its own client, which has no certificate
    DockerTest::TearDown();
  }
  std::string in_file(const std::string& name, const std::string& text) const {
    const std::filesystem::path path = directory_->path() / name;
    std::ofstream(path) << text;
    return path;
  }
};

TEST_F(DockerRemoteTest, RunsAndChangesWhatItIsGivenWithItsFiles) {
  const Ref ref = instance("api");
  source_ = make_memory_tree({{"marker.txt", "first\n"}});
  Value spec = shell("cat marker.txt; sleep 1000");
  spec.set("files", Value::map({{"path", "."}, {"tree", source_->id()}}));
  const Result<void> made = create(ref, spec);
  ASSERT_TRUE(made) << made.error().describe();
  EXPECT_TRUE(becomes(ref, Phase::Running));
  EXPECT_TRUE(says(ref, "first"));
  source_ = make_memory_tree({{"marker.txt", "second\n"}});
  spec.set("files", Value::map({{"path", "."}, {"tree", source_->id()}}));
  const Result<void> changed = update(ref, spec);
  ASSERT_TRUE(changed) << changed.error().describe();
  EXPECT_TRUE(says(ref, "second"));
  EXPECT_TRUE(destroy(ref));
  EXPECT_FALSE(seen(ref));
}

TEST_F(DockerRemoteTest, ACommandThatNobodyWaitsForIsEnded) {
  const Ref ref = instance("api");
  ASSERT_TRUE(create(ref, shell("sleep 1000")));
  const auto runs = [&] {
    return docker({"top", container_of(ref), "-eo", "pid,args"}).find("sleep 987") !=
           std::string::npos;
  };
  ExecRequest request{.uid = uid_of(ref),
                      .command = {"/bin/sh", "-c", "sleep 987; true"},
                      .env = {},
                      .working_dir = {}};
  auto session = await(provider_->open_exec(std::move(request)));
  ASSERT_TRUE(session) << session.error().describe();
  ASSERT_TRUE(eventually(runs));
  session->reset();
  EXPECT_TRUE(eventually([&] { return !runs(); }));
  EXPECT_EQ(seen(ref)->phase, Phase::Running) << "the app itself goes on";
}

TEST_F(DockerRemoteTest, WithoutIsolationItSaysWhatItCannotKeepUp) {
  settings_.isolation = docker::ProviderSettings::Isolation::Full;
  restart_croft();
  const auto judged = provider_->normalize(instance("api"), shell("sleep 1000"));
  ASSERT_FALSE(judged);
  EXPECT_NE(judged.error().describe().find("isolation: none"), std::string::npos)
      << judged.error().describe();
}

TEST_F(DockerDataTest, WhatAVolumeHoldsIsMeasured) {
  settings_.measure_every = Duration(100);
  restart_croft();
  ASSERT_TRUE(create(ref_, with_volume()));
  ASSERT_EQ(exec(ref_, "busybox dd if=/dev/zero of=/data/big bs=1M count=2 2>/dev/null"), 0);
  EXPECT_TRUE(eventually([&] { return seen(ref_)->storage_bytes.value_or(0) >= 2 << 20; }));
  EXPECT_EQ(seen(ref_)->reason, "StorageExceeded");
}

}  // namespace
}  // namespace croft
