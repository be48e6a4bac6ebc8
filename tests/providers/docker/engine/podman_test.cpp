#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "providers/docker/engine/engine_client.hpp"
#include "tests/support/podman_engine.hpp"
#include "tests/support/run_task.hpp"

namespace croft::docker {
namespace {

using testing::HasSubstr;

/// The same calls at the other engine that speaks this API: what it answers differently is what may
/// break.
class PodmanTest : public testing::Test {
 protected:
  void SetUp() override {
    if (!PodmanEngine::problem().empty()) GTEST_SKIP() << PodmanEngine::problem();
    EngineSettings settings;
    settings.host = PodmanEngine::shared().host();
    client = EngineClient::make(settings).value();
  }
  void TearDown() override {
    for (const std::string& id : made_)
      (void)await(client->containers().remove(id, {.force = true, .volumes = true}));
  }
  template <typename T>
  T await(Task<T> task) {
    return run_task(io, std::move(task));
  }
  template <typename T>
  T need(Result<T> result) {
    EXPECT_TRUE(result) << result.error().describe();
    return result ? *result : T();
  }
  void need(const Result<void>& result) { EXPECT_TRUE(result) << result.error().describe(); }

  std::string run(const std::vector<std::string>& command, const std::string& name = {}) {
    Value list = Value::list();
    for (const std::string& word : command) list.push_back(word);
    Value ulimits = Value::list();
    for (const char* limit : {"nofile", "nproc"})
      ulimits.push_back(Value::map({{"Name", limit}, {"Soft", 1024}, {"Hard", 4096}}));
    const Value host = Value::map({{"Ulimits", ulimits}, {"NetworkMode", "none"}});
    Value config = Value::map({{"Image", "localhost/busybox:test"},
                               {"Cmd", list},
                               {"StopSignal", "SIGKILL"},
                               {"Labels", Value::map({{"croft.uid", "one"}})},
                               {"HostConfig", host}});
    const std::string id = need(await(client->containers().create(name, std::move(config)))).id;
    made_.push_back(id);
    need(await(client->containers().start(id)));
    return id;
  }
  std::string log_of(const std::string& id) {
    std::string out;
    OutputSink keep = [&out](OutputStream stream, std::string_view bytes) {
      out += (stream == OutputStream::Err ? "E:" : "O:") + std::string(bytes);
      return true;
    };
    need(await(client->containers().logs({.container = id}, keep)));
    return out;
  }

  asio::io_context io;
  std::optional<EngineClient> client;

 private:
  std::vector<std::string> made_;
};

TEST_F(PodmanTest, IsKnownAsWhatItIs) {
  const EngineIdentity identity = need(await(client->system().identity()));
  EXPECT_EQ(identity.kind, EngineKind::Podman);
  EXPECT_EQ(identity.api, "1.41");
  need(await(client->system().ping()));
  EXPECT_GT(need(await(client->system().info())).integer_or("NCPU", 0), 0);
}

TEST_F(PodmanTest, RunsContainers) {
  const std::string id = run({"sh", "-c", "echo out; echo err >&2; exit 4"});
  EXPECT_EQ(need(await(client->containers().wait(id))).status, 4);
  const std::string log = log_of(id);
  EXPECT_THAT(log, testing::AllOf(HasSubstr("O:out"), HasSubstr("E:err")));
  const Value listed = need(await(client->containers().list({{"label", {"croft.uid=one"}}})));
  EXPECT_EQ(listed.size(), 1U);
  EXPECT_FALSE(await(client->containers().inspect("nobody")));
  EXPECT_EQ(await(client->containers().inspect("nobody")).error().code(), ErrorCode::NotFound);
}

TEST_F(PodmanTest, StopsAndRemovesContainers) {
  const std::string id = run({"sleep", "300"}, "sleeper");
  const Value command = Value(Value::List{Value("sleep"), Value("1")});
  const Value config = Value::map({{"Image", "localhost/busybox:test"}, {"Cmd", command}});
  const auto twice = await(client->containers().create("sleeper", config));
  ASSERT_FALSE(twice);
  EXPECT_EQ(twice.error().code(), ErrorCode::Conflict) << twice.error().describe();
  need(await(client->containers().start(id)));
  need(await(client->containers().stop(id, std::chrono::seconds(1))));
  need(await(client->containers().stop(id, std::chrono::seconds(1))));
  need(await(client->containers().remove(id)));
  EXPECT_EQ(await(client->containers().remove(id)).error().code(), ErrorCode::NotFound);
}

TEST_F(PodmanTest, RunsCommandsInside) {
  const std::string id = run({"sleep", "300"});
  const auto scenario = [](EngineClient at, std::string in) -> Task<Result<std::string>> {
    ExecCommand command{.container = in, .command = {"sh", "-c", "cat; echo err >&2; exit 3"}};
    CO_TRY_ASSIGN(const std::string exec, co_await at.execs().create(std::move(command)));
    CO_TRY_ASSIGN(const auto stream, co_await at.execs().start(exec, false));
    CO_TRY(co_await stream->write("typed"));
    CO_TRY(co_await stream->close_input());
    std::string all;
    for (;;) {
      CO_TRY_ASSIGN(const AttachedStream::Piece piece, co_await stream->read());
      if (piece.bytes.empty()) break;
      all += piece.bytes;
    }
    CO_TRY_ASSIGN(const Value end, co_await at.execs().inspect(exec));
    co_return all + std::to_string(end.integer_or("ExitCode", -1));
  };
  const std::string said = need(await(scenario(*client, id)));
  EXPECT_THAT(said, testing::AllOf(HasSubstr("typed"), HasSubstr("err\n"), testing::EndsWith("3")));
}

TEST_F(PodmanTest, HasNetworksAndVolumes) {
  const Value network = Value::map({{"Name", "stack"}});
  const std::string id = need(await(client->networks().create(network)));
  EXPECT_EQ(await(client->networks().create(network)).error().code(), ErrorCode::Conflict);
  EXPECT_EQ(need(await(client->networks().inspect(id))).text_or("Name", ""), "stack");
  need(await(client->networks().remove("stack")));
  EXPECT_EQ(await(client->networks().inspect("stack")).error().code(), ErrorCode::NotFound);

  const Value volume = Value::map({{"Name", "data"}, {"Labels", Value::map({{"a", "b"}})}});
  need(await(client->volumes().create(volume)));
  EXPECT_EQ(need(await(client->volumes().list({{"label", {"a=b"}}}))).size(), 1U);
  need(await(client->volumes().remove("data")));
  EXPECT_EQ(await(client->volumes().remove("data")).error().code(), ErrorCode::NotFound);
}

TEST_F(PodmanTest, GivesAndTakesArchives) {
  const std::string id = run({"sleep", "300"});
  std::string archive;
  ByteSink keep = [&archive](std::string piece) -> Task<Result<void>> {
    archive += piece;
    co_return Result<void>();
  };
  need(await(client->containers().get_archive(id, "/tmp", keep)));
  ASSERT_THAT(archive, HasSubstr("tmp"));
  bool is_given = false;
  ByteSource give = [&archive, &is_given]() -> Task<Result<std::string>> {
    co_return std::exchange(is_given, true) ? std::string() : archive;
  };
  need(await(client->containers().put_archive(id, "/tmp", give)));
  need(await(client->containers().get_archive(id, "/tmp/tmp", keep)));
}

TEST_F(PodmanTest, TellsWhatHappens) {
  const auto scenario = [this]() -> Task<Result<int>> {
    int count = 0;
    EventsRequest request;
    request.filters["type"].push_back("volume");
    EventSink one = [&count](const Value& event) {
      if (event.text_or("Action", "") == "create") ++count;
      return count == 0;
    };
    const auto act = [](EngineClient at) -> Task<> {
      Value volume = Value::map({{"Name", "heard"}});
      EXPECT_TRUE(co_await at.volumes().create(std::move(volume)));
    };
    std::function<void()> began = [this, act] { spawn(io.get_executor(), act(*client), "act"); };
    const Deadline end = std::chrono::steady_clock::now() + Duration(20'000);
    CO_TRY(co_await client->system().events(std::move(request), std::move(one), began, end));
    co_return count;
  };
  EXPECT_EQ(need(await(scenario())), 1);
  need(await(client->volumes().remove("heard")));
}

}  // namespace
}  // namespace croft::docker
