// Commands inside what runs, and volumes out and in: what the engine adds to what providers do.
#include <algorithm>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/reconciler/engine/daemon.hpp"
#include "tests/support/tar_archive.hpp"

namespace croft {
namespace {

using testing::HasSubstr;

constexpr const char* kWithVolume =
    "apiVersion: croft/v1\nkind: Instance\nmetadata: {name: web}\nspec:\n  command: [serve]\n"
    "  volumes: [{name: data, path: /data, size: 1GiB}]\n";

class EngineTransferTest : public testing::Test {
 protected:
  void SetUp() override {
    bed.push_alice({{"a.yaml", kWithVolume}});
    daemon.emplace(bed);
    ASSERT_TRUE(daemon->settle());
    uid = daemon->status("alice/Instance/web").uid;
    bed.world->write_data(uid, "data", "precious");
  }
  Engine& engine() { return daemon->engine(); }
  TransferRequest request(bool quiesce = false) const {
    return {.ref = ref, .volume = "", .quiesce = quiesce, .by = "root"};
  }
  Phase phase() const {
    const FakeThing* thing = bed.world->find(uid);
    return thing == nullptr ? Phase::Destroyed : thing->observed.phase;
  }
  std::string events_of(std::string_view reason) {
    std::string text;
    for (const EventRow& event : daemon->events()) {
      if (event.reason == reason) text += event.message + "\n";
    }
    return text;
  }
  /// Which phase the app was in as pieces came, and what came.
  ByteSink sink() {
    return [this](std::string piece) -> Task<Result<void>> {
      archive += piece;
      seen.push_back(phase());
      if (breaks) co_return fail(ErrorCode::Cancelled, "the reader has gone");
      co_return Result<void>();
    };
  }
  static ByteSource source_of(std::string text, std::string name = "content") {
    auto left = std::make_shared<std::string>(archive_of(name, std::move(text)));
    return [left]() -> Task<Result<std::string>> {
      std::string piece = left->substr(0, 700);
      left->erase(0, piece.size());
      co_return piece;
    };
  }
  bool is_released() {
    return daemon->run_until([this] {
      return phase() == Phase::Running && daemon->status("alice/Instance/web").directives.empty();
    });
  }

  TestBed bed;
  std::optional<Daemon> daemon;
  const Ref ref = parse_ref("alice/Instance/web").value();
  std::string uid;
  std::string archive;
  std::vector<Phase> seen;
  bool breaks = false;
};

TEST_F(EngineTransferTest, ListsVolumesAndWhoUsesThem) {
  const std::vector<VolumeStatus> volumes = engine().volumes("alice");
  ASSERT_EQ(volumes.size(), 1U);
  EXPECT_EQ(volumes[0].ref, ref);
  EXPECT_EQ(volumes[0].volume, "data");
  EXPECT_EQ(volumes[0].size, 1LL << 30);
  EXPECT_EQ(volumes[0].users, std::vector{ref});
  EXPECT_FALSE(volumes[0].kept_until);
  EXPECT_TRUE(engine().volumes("bob").empty());
}

TEST_F(EngineTransferTest, ExportsWhileTheAppRuns) {
  ASSERT_TRUE(daemon->run(engine().export_volume(request(), sink())));
  EXPECT_THAT(archive, HasSubstr("precious"));
  for (const Phase each : seen) EXPECT_EQ(each, Phase::Running);
  EXPECT_THAT(events_of("VolumeExported"), HasSubstr("alice/Instance/web:data by root"));
}

TEST_F(EngineTransferTest, QuiesceStopsItForTheTimeAndStartsItAgain) {
  const Result<void> done = daemon->run(engine().export_volume(request(true), sink()));
  ASSERT_TRUE(done) << done.error().describe();
  EXPECT_THAT(archive, HasSubstr("precious"));
  for (const Phase each : seen) EXPECT_EQ(each, Phase::Stopped);
  EXPECT_TRUE(is_released());
  EXPECT_THAT(events_of("Directed"),
              HasSubstr("quiesced for the export of alice/Instance/web:data"));
}

TEST_F(EngineTransferTest, WhatWasQuiescedStartsAgainWhenTheReaderLeaves) {
  breaks = true;
  EXPECT_FALSE(daemon->run(engine().export_volume(request(true), sink())));
  EXPECT_FALSE(seen.empty());
  EXPECT_TRUE(is_released());
  EXPECT_EQ(events_of("VolumeExported"), "");
}

TEST_F(EngineTransferTest, AHoldEndsByItselfIfTheDaemonDiesAmidIt) {
  std::optional<Timestamp> until;
  const ByteSink looking = [&](std::string) -> Task<Result<void>> {
    const auto directives = daemon->status("alice/Instance/web").directives;
    if (!directives.empty()) until = directives.front().until;
    co_return Result<void>();
  };
  ASSERT_TRUE(daemon->run(engine().export_volume(request(true), looking)));
  ASSERT_TRUE(until) << "it has no end";
  EXPECT_LT(*until - bed.clock.now(), std::chrono::minutes(10));
  EXPECT_GT(*until - bed.clock.now(), std::chrono::seconds(30));
}

TEST_F(EngineTransferTest, AStopByHandMeanwhileStays) {
  const ByteSink stopping = [&](std::string) -> Task<Result<void>> {
    DirectiveRow stop;
    stop.ref = ref;
    stop.verb = DirectiveVerb::Stop;
    stop.by = "alice";
    stop.why = "enough";
    co_return co_await engine().direct(std::move(stop));
  };
  ASSERT_TRUE(daemon->run(engine().export_volume(request(true), stopping)));
  ASSERT_TRUE(daemon->settle());
  EXPECT_EQ(phase(), Phase::Stopped);
  const auto directives = daemon->status("alice/Instance/web").directives;
  ASSERT_EQ(directives.size(), 1U);
  EXPECT_EQ(directives[0].why, "enough");
}

TEST_F(EngineTransferTest, ImportsOnlyWhenNothingRuns) {
  const Result<void> refused =
      daemon->run(engine().import_volume(request(), source_of("new content")));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), ErrorCode::Conflict);
  EXPECT_THAT(refused.error().hint(), HasSubstr("--quiesce"));
  const Result<void> done =
      daemon->run(engine().import_volume(request(true), source_of("new content")));
  ASSERT_TRUE(done) << done.error().describe();
  EXPECT_EQ(bed.world->read_data(uid, "data"), "new content");
  EXPECT_TRUE(is_released());
  EXPECT_THAT(events_of("VolumeImported"), HasSubstr("by root"));
}

TEST_F(EngineTransferTest, ABadArchiveFailsAndTheAppStartsAgain) {
  const Result<void> done =
      daemon->run(engine().import_volume(request(true), source_of("x", "../escape")));
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().code(), ErrorCode::Invalid);
  EXPECT_TRUE(is_released());
  EXPECT_EQ(bed.world->read_data(uid, "data"), "precious");
  EXPECT_THAT(events_of("VolumeImportFailed"), HasSubstr("../escape"));
}

TEST_F(EngineTransferTest, NamesAreCheckedBeforeAnythingIsStopped) {
  TransferRequest wrong = request(true);
  wrong.volume = "other";
  EXPECT_EQ(daemon->run(engine().export_volume(wrong, sink())).error().code(), ErrorCode::NotFound);
  wrong.ref.name = "nobody";
  EXPECT_EQ(daemon->run(engine().export_volume(wrong, sink())).error().code(), ErrorCode::NotFound);
  EXPECT_EQ(phase(), Phase::Running);
}

TEST_F(EngineTransferTest, WhatIsKeptIsListedExportedAndErasedWhenItIsSaid) {
  EXPECT_EQ(daemon->run(engine().erase_volumes(ref, "root")).error().code(), ErrorCode::Conflict);
  bed.alice.remove("a.yaml");
  bed.push_alice({{"b.yaml", instance_yaml("other")}, {"c.yaml", instance_yaml("more")}});
  ASSERT_TRUE(daemon->run_until([&] { return !engine().guarded("alice").empty(); }));
  ASSERT_TRUE(
      daemon->run(engine().acknowledge("alice", engine().guarded("alice").front().digest, "test")));
  ASSERT_TRUE(daemon->run_until([&] { return bed.world->find(uid) == nullptr; }));
  ASSERT_TRUE(daemon->settle());
  const std::vector<VolumeStatus> volumes = engine().volumes("alice");
  ASSERT_EQ(volumes.size(), 1U);
  EXPECT_TRUE(volumes[0].kept_until);
  EXPECT_TRUE(volumes[0].users.empty());
  ASSERT_TRUE(daemon->run(engine().export_volume(request(), sink())));
  EXPECT_THAT(archive, HasSubstr("precious"));
  EXPECT_EQ(daemon->run(engine().import_volume(request(), source_of("x"))).error().code(),
            ErrorCode::Conflict);
  ASSERT_TRUE(daemon->run(engine().erase_volumes(ref, "root")));
  EXPECT_TRUE(engine().volumes("alice").empty());
  EXPECT_FALSE(bed.world->read_data(uid, "data"));
  EXPECT_THAT(events_of("VolumeErased"), HasSubstr("by root"));
  EXPECT_EQ(daemon->run(engine().erase_volumes(ref, "root")).error().code(), ErrorCode::NotFound);
}

TEST_F(EngineTransferTest, TransfersOfATenantAreBounded) {
  int refused = 0;
  const ByteSink nesting = [&](std::string) -> Task<Result<void>> {
    const ByteSink inner = [&](std::string) -> Task<Result<void>> {
      const Result<void> third = co_await engine().export_volume(request(), sink());
      if (!third && third.error().code() == ErrorCode::Unavailable) ++refused;
      co_return Result<void>();
    };
    co_return co_await engine().export_volume(request(), inner);
  };
  ASSERT_TRUE(daemon->run(engine().export_volume(request(), nesting)));
  EXPECT_GT(refused, 0);
  EXPECT_TRUE(daemon->run(engine().export_volume(request(), sink())));
}

TEST_F(EngineTransferTest, ACommandsBeginAndEndAreEvents) {
  ExecRequest wish;
  wish.command = {"exit", "7", "--token", "tok3n"};
  auto session = daemon->run(engine().open_exec(ref, wish, "root"));
  ASSERT_TRUE(session) << session.error().describe();
  EXPECT_EQ(bed.world->open_sessions, 1);
  ASSERT_TRUE(daemon->run((*session)->read()));
  EXPECT_EQ(daemon->run((*session)->exit_status()).value_or(-1), 7);
  session->reset();
  EXPECT_EQ(bed.world->open_sessions, 0);
  EXPECT_TRUE(daemon->run_until([&] { return !events_of("ExecEnded").empty(); }));
  EXPECT_THAT(events_of("ExecStarted"), HasSubstr("exit 7 --token [redacted] by root"));
  EXPECT_THAT(events_of("ExecEnded"), HasSubstr("ended with exit status 7"));
  wish.command = {"sleep"};
  session = daemon->run(engine().open_exec(ref, wish, "root"));
  ASSERT_TRUE(session);
  session->reset();
  EXPECT_TRUE(daemon->run_until([&] {
    return events_of("ExecEnded").find("sleep by root was hung up") != std::string::npos;
  }));
}

TEST_F(EngineTransferTest, CommandsAreBoundedAndRefusedWhereNothingCanRunThem) {
  ExecRequest wish;
  wish.command = {"sleep"};
  std::vector<std::unique_ptr<ExecSession>> sessions;
  for (int i = 0; i < 16; ++i) {
    auto session = daemon->run(engine().open_exec(ref, wish, "root"));
    ASSERT_TRUE(session) << session.error().describe();
    sessions.push_back(std::move(*session));
  }
  EXPECT_EQ(daemon->run(engine().open_exec(ref, wish, "root")).error().code(),
            ErrorCode::Unavailable);
  sessions.clear();
  EXPECT_TRUE(daemon->run(engine().open_exec(ref, wish, "root")));
  const Ref nobody = parse_ref("alice/Instance/nobody").value();
  EXPECT_EQ(daemon->run(engine().open_exec(nobody, wish, "root")).error().code(),
            ErrorCode::NotFound);
}

TEST(EngineShellTest, AProviderWithoutShellsSaysSo) {
  TestBed bed;
  bed.provider.capabilities.shell = false;
  bed.provider.capabilities.volume_archives = false;
  bed.push_alice({{"a.yaml", kWithVolume}});
  Daemon daemon(bed);
  ASSERT_TRUE(daemon.settle());
  const Ref ref = parse_ref("alice/Instance/web").value();
  const auto refused = daemon.run(daemon.engine().open_exec(ref, {}, "root"));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), ErrorCode::Invalid);
  EXPECT_THAT(refused.error().describe(), HasSubstr("provider 'local' gives no commands"));
  const ByteSink nowhere = [](std::string) -> Task<Result<void>> { co_return Result<void>(); };
  const Result<void> exported =
      daemon.run(daemon.engine().export_volume({.ref = ref, .volume = "", .by = "root"}, nowhere));
  ASSERT_FALSE(exported);
  EXPECT_THAT(exported.error().describe(), HasSubstr("cannot give volumes out"));
}

}  // namespace
}  // namespace croft
