#include <fmt/format.h>

#include "tests/providers/docker/engine/engine_fixture.hpp"

namespace croft::docker {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

using EngineClientTest = EngineTest;

TEST_F(EngineClientTest, KnowsWhichEngineAnswers) {
  const Result<EngineIdentity> identity = await(client().system().identity());
  ASSERT_TRUE(identity) << identity.error().describe();
  EXPECT_EQ(identity->kind, EngineKind::Docker);
  EXPECT_EQ(identity->os, "linux");
  EXPECT_FALSE(identity->version.empty());
  EXPECT_THAT(identity->api, testing::StartsWith("1.4"));
  EXPECT_OK(await(client().system().ping()));
}

TEST_F(EngineClientTest, TellsAboutItself) {
  const Result<Value> info = await(client().system().info());
  ASSERT_TRUE(info) << info.error().describe();
  EXPECT_GT(info->integer_or("NCPU", 0), 0);
}

TEST_F(EngineClientTest, WorksOverTlsWithACertificate) {
  EngineSettings tls;
  tls.host = fmt::format("tcp://127.0.0.1:{}", engine->tls_port());
  tls.certificate_authority = engine->certificates().authority;
  tls.certificate = engine->certificates().client;
  tls.key = engine->certificates().client_key;
  const EngineClient remote = EngineClient::make(tls).value();
  EXPECT_OK(await(remote.system().ping()));

  // Somebody whom the authority does not know.
  tls.certificate = engine->certificates().server;
  tls.key = engine->certificates().server_key;
  const EngineClient stranger = EngineClient::make(tls).value();
  EXPECT_EQ(error_of(await(stranger.system().ping())).code(), ErrorCode::Denied);

  tls.key = engine->certificates().client_key;
  const EngineClient confused = EngineClient::make(tls).value();
  EXPECT_THAT(error_of(await(confused.system().ping())).describe(), HasSubstr("private key"));
}

TEST_F(EngineClientTest, RunsACommandOverTls) {
  EngineSettings tls;
  tls.host = fmt::format("tcp://127.0.0.1:{}", engine->tls_port());
  tls.certificate_authority = engine->certificates().authority;
  tls.certificate = engine->certificates().client;
  tls.key = engine->certificates().client_key;
  const EngineClient remote = EngineClient::make(tls).value();
  const std::string id = idle();
  const auto scenario = [](EngineClient at, std::string in) -> Task<Result<std::string>> {
    ExecCommand command;
    command.container = in;
    command.command = {"cat"};
    CO_TRY_ASSIGN(const std::string exec, co_await at.execs().create(std::move(command)));
    CO_TRY_ASSIGN(const auto stream, co_await at.execs().start(exec, false));
    CO_TRY(co_await stream->write("over "));
    CO_TRY(co_await stream->write("TLS"));
    CO_TRY(co_await stream->close_input());
    std::string all;
    for (;;) {
      CO_TRY_ASSIGN(const AttachedStream::Piece piece, co_await stream->read());
      if (piece.bytes.empty()) co_return all;
      all += piece.bytes;
    }
  };
  const Result<std::string> said = await(scenario(remote, id));
  ASSERT_TRUE(said) << said.error().describe();
  EXPECT_EQ(*said, "over TLS");
}

TEST_F(EngineClientTest, RefusesPlainTcpPastLoopback) {
  EngineSettings plain;
  plain.host = "tcp://192.0.2.1:2375";
  EXPECT_EQ(error_of(EngineClient::make(plain)).code(), ErrorCode::Denied);
  plain.host = "tcp://127.0.0.1:2375";
  EXPECT_TRUE(EngineClient::make(plain));
  plain.host = "tcp://localhost.example.com:2375";
  EXPECT_EQ(error_of(EngineClient::make(plain)).code(), ErrorCode::Denied);
}

TEST_F(EngineClientTest, SaysWhatIsWrongWithAnAddress) {
  for (const char* host :
       {"", "docker.sock", "unix://relative", "ssh://host", "tcp://", "tcp://h:x"}) {
    EngineSettings bad;
    bad.host = host;
    const Error error = error_of(EngineClient::make(bad));
    EXPECT_EQ(error.code(), ErrorCode::Invalid) << host;
    EXPECT_THAT(error.describe(), HasSubstr("tcp://HOST:PORT")) << host;
  }
  EngineSettings half;
  half.host = "tcp://192.0.2.1:2376";
  half.certificate = "client.pem";
  EXPECT_THAT(error_of(EngineClient::make(half)).describe(), HasSubstr("all three"));
}

TEST_F(EngineClientTest, SaysThatNobodyListens) {
  EngineSettings nowhere;
  nowhere.host = "unix:///nonexistent/docker.sock";
  const EngineClient nobody = EngineClient::make(nowhere).value();
  const Error error = error_of(await(nobody.containers().start("web")));
  EXPECT_EQ(error.code(), ErrorCode::Unavailable);
  EXPECT_THAT(error.describe(),
              AllOf(HasSubstr("starting container web"), HasSubstr("is the engine running")));
}

TEST_F(EngineClientTest, AHungEngineEndsInTimeout) {
  EngineSettings hasty = settings();
  hasty.call_timeout = Duration(200);
  hasty.quiet_timeout = Duration(200);
  const EngineClient impatient = EngineClient::make(hasty).value();
  EXPECT_OK(await(impatient.system().ping()));
  engine->pause();
  EXPECT_EQ(error_of(await(impatient.containers().list())).code(), ErrorCode::Timeout);
  EXPECT_EQ(error_of(await(impatient.system().identity())).code(), ErrorCode::Timeout);
  EventSink all = [](const Value&) { return true; };
  EXPECT_EQ(error_of(await(impatient.system().events({}, all))).code(), ErrorCode::Timeout);
  engine->resume();
  EXPECT_OK(await(impatient.containers().list()));
}

TEST_F(EngineClientTest, SurvivesTheEnginesDeath) {
  EXPECT_OK(await(client().containers().list()));
  engine->kill();
  EXPECT_EQ(error_of(await(client().containers().list())).code(), ErrorCode::Unavailable);
  EXPECT_OK(engine->start());
  EXPECT_OK(await(client().containers().list()));
}

TEST_F(EngineClientTest, HearsWhatHappens) {
  const std::string name = "heard";
  const auto scenario = [this, name]() -> Task<Result<std::vector<std::string>>> {
    std::vector<std::string> actions;
    EventsRequest request;
    request.filters["container"].push_back(name);
    EventSink keep = [&actions](const Value& event) {
      actions.push_back(event.text_or("Action", ""));
      return actions.back() != "destroy";
    };
    // Only once the engine listens.
    const auto act = [](EngineClient at, std::string as) -> Task<> {
      Value sleeper = config({"sleep", "300"});
      const auto made = co_await at.containers().create(as, std::move(sleeper));
      EXPECT_TRUE(made);
      EXPECT_TRUE(co_await at.containers().start(as));
      const RemoveContainer how{.force = true};
      EXPECT_TRUE(co_await at.containers().remove(as, how));
    };
    std::function<void()> began = [this, act, name] {
      spawn(io.get_executor(), act(client(), name), "act");
    };
    CO_TRY(co_await client().system().events(std::move(request), std::move(keep), began));
    co_return actions;
  };
  const auto heard = await(scenario());
  ASSERT_TRUE(heard) << heard.error().describe();
  EXPECT_THAT(*heard, testing::IsSupersetOf({"create", "start", "die", "destroy"}));
}

TEST_F(EngineClientTest, StreamsCanBeCalledOff) {
  const auto scenario = [this]() -> Task<Result<void>> {
    std::function<void()> began = [this] { asio::post(io, [this] { client().cancel_streams(); }); };
    EventSink all = [](const Value&) { return true; };
    EventsRequest request;
    co_return co_await client().system().events(request, std::move(all), std::move(began));
  };
  EXPECT_EQ(error_of(await(scenario())).code(), ErrorCode::Cancelled);
  EXPECT_EQ(error_of(await(scenario())).code(), ErrorCode::Cancelled);
}

TEST_F(EngineClientTest, EventsEndWithTheEngine) {
  const auto scenario = [this]() -> Task<Result<void>> {
    std::function<void()> began = [this] { engine->kill(); };
    EventSink all = [](const Value&) { return true; };
    EventsRequest request;
    co_return co_await client().system().events(request, std::move(all), std::move(began));
  };
  EXPECT_EQ(error_of(await(scenario())).code(), ErrorCode::Unavailable);
  EXPECT_OK(engine->start());
}

TEST_F(EngineClientTest, NetworksComeAndGo) {
  const Networks networks = client().networks();
  const Value labels = Value::map({{"croft.test", "yes"}});
  const Value wanted = Value::map({{"Name", "stack"}, {"Labels", labels}, {"Internal", true}});
  const Result<std::string> id = await(networks.create(wanted));
  ASSERT_TRUE(id) << id.error().describe();
  EXPECT_EQ(error_of(await(networks.create(wanted))).code(), ErrorCode::Conflict);
  const Result<Value> seen = await(networks.inspect("stack"));
  ASSERT_TRUE(seen);
  EXPECT_EQ(seen->text_or("Id", ""), *id);
  EXPECT_TRUE(seen->boolean_or("Internal", false));
  const Result<Value> listed = await(networks.list({{"label", {"croft.test=yes"}}}));
  ASSERT_TRUE(listed);
  EXPECT_EQ(listed->size(), 1U);

  const std::string container = idle();
  const Value endpoint = Value::map({{"Aliases", Value(Value::List{Value("web")})}});
  EXPECT_OK(await(networks.connect("stack", container, endpoint)));
  EXPECT_EQ(error_of(await(networks.connect("stack", container, Value()))).code(),
            ErrorCode::Conflict);
  const Value inspected = await(client().containers().inspect(container)).value();
  EXPECT_NE(inspected.at_path("NetworkSettings.Networks.stack"), nullptr);
  const Error busy = error_of(await(networks.remove("stack")));
  EXPECT_EQ(busy.code(), ErrorCode::Conflict) << busy.describe();
  EXPECT_OK(await(networks.disconnect("stack", container, true)));
  EXPECT_OK(await(networks.remove("stack")));
  EXPECT_EQ(error_of(await(networks.remove("stack"))).code(), ErrorCode::NotFound);
}

TEST_F(EngineClientTest, VolumesComeAndGo) {
  const Volumes volumes = client().volumes();
  const Value labels = Value::map({{"croft.test", "yes"}});
  const Value wanted = Value::map({{"Name", "data"}, {"Labels", labels}});
  EXPECT_OK(await(volumes.create(wanted)));
  const Result<Value> listed = await(volumes.list({{"label", {"croft.test"}}}));
  ASSERT_TRUE(listed);
  ASSERT_EQ(listed->size(), 1U);
  EXPECT_EQ(listed->as_list()[0].text_or("Name", ""), "data");
  EXPECT_TRUE(await(volumes.inspect("data")));

  Value user = config({"sh", "-c", "busybox dd if=/dev/zero of=/data/zeros bs=1k count=100"});
  user.set("HostConfig", Value::map({{"Binds", Value(Value::List{Value("data:/data")})}}));
  const std::string container = run(user);
  EXPECT_OK(await(client().containers().wait(container)));
  EXPECT_EQ(error_of(await(volumes.remove("data"))).code(), ErrorCode::Conflict);
  const Result<Value> usage = await(client().system().volume_usage());
  ASSERT_TRUE(usage) << usage.error().describe();
  ASSERT_EQ(usage->size(), 1U);
  EXPECT_GE(usage->as_list()[0].integer_or("UsageData.Size", 0), 100 * 1024);
  EXPECT_OK(await(client().containers().remove(container)));
  EXPECT_OK(await(volumes.remove("data")));
  EXPECT_EQ(error_of(await(volumes.inspect("data"))).code(), ErrorCode::NotFound);
}

}  // namespace
}  // namespace croft::docker
