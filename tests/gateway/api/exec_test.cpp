// Commands inside what runs, over the real protocol on real sockets, with the fake world's
// commands.
#include "gateway/api/exec_frames.hpp"
#include "providers/fake/fake_session.hpp"
#include "reconciler/command_words.hpp"
#include "tests/gateway/api/api_fixture.hpp"

namespace croft {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

/// What came over a connection.
struct Heard {
  std::string out;
  std::string err;
  std::size_t taken = 0;
  int pings = 0;
  std::optional<int> status;
  std::string failure;
  bool has_ended = false;  ///< the connection
};

class ExecTest : public ApiTest {
 protected:
  void SetUp() override {
    ApiTest::SetUp();
    engine.add_resource("alice/Instance/api");
    engine.make_session = [this](asio::any_io_executor executor, ExecRequest request) {
      return open_fake_session(std::move(executor), world, std::move(request));
    };
    start();
  }

  HttpUpgrade open(const std::string& body, const std::string& token = "",
                   const std::string& path = "/v1/exec/alice/Instance/api") {
    HttpRequest request = request_of("POST", path, body);
    if (!token.empty()) request.headers.set("Authorization", "Bearer " + token);
    const HttpClient from = token.empty() ? local() : remote();
    Result<HttpUpgrade> upgrade =
        run_task(io, from.upgrade(std::move(request), std::string(kExecProtocol)));
    EXPECT_TRUE(upgrade) << upgrade.error().describe();
    return upgrade ? std::move(*upgrade) : HttpUpgrade{};
  }
  static std::string command(const std::vector<std::string>& words) {
    Value list = Value::list();
    for (const std::string& word : words) list.push_back(word);
    return to_json(Value::map({{"command", std::move(list)}}));
  }

  static Task<> listen_to(std::shared_ptr<ByteStream> link, std::shared_ptr<Heard> heard) {
    ExecFrameParser parser;
    for (;;) {
      const Result<std::string> bytes = co_await link->read();
      if (!bytes || bytes->empty()) break;
      parser.feed(*bytes);
      for (;;) {
        const Result<std::optional<ExecMessage>> next = parser.next();
        EXPECT_TRUE(next);
        if (!next || !*next) break;
        const ExecMessage& message = **next;
        if (message.type == ExecFrame::Output) heard->out += message.bytes;
        if (message.type == ExecFrame::ErrorOutput) heard->err += message.bytes;
        if (message.type == ExecFrame::Taken) heard->taken += exec_number(message).value_or(0);
        if (message.type == ExecFrame::Ping) ++heard->pings;
        if (message.type == ExecFrame::Exit) heard->status = exec_number(message).value_or(999);
        if (message.type == ExecFrame::Failure) heard->failure = message.bytes;
      }
    }
    heard->has_ended = true;
  }
  std::shared_ptr<Heard> listen(const std::shared_ptr<ByteStream>& link) {
    auto heard = std::make_shared<Heard>();
    spawn(io.get_executor(), listen_to(link, heard), "listen");
    return heard;
  }
  void send(const std::shared_ptr<ByteStream>& link, std::string bytes) {
    EXPECT_TRUE(run_task(io, link->write(std::move(bytes))));
  }
  /// Runs a command to its end.
  std::shared_ptr<Heard> run(const std::vector<std::string>& words) {
    const std::shared_ptr<ByteStream> link = open(command(words)).stream;
    const auto heard = listen(link);
    EXPECT_TRUE(eventually([&] { return heard->has_ended; }));
    return heard;
  }

  std::shared_ptr<FakeWorld> world = std::make_shared<FakeWorld>(clock);
};

TEST_F(ExecTest, GivesOutputErrorsAndStatusApart) {
  const auto said = run({"echo", "hello", "there"});
  EXPECT_EQ(said->out, "hello there\n");
  EXPECT_EQ(said->err, "");
  EXPECT_EQ(said->status, 0);
  EXPECT_EQ(run({"warn", "beware"})->err, "beware\n");
  EXPECT_EQ(run({"exit", "42"})->status, 42);
  EXPECT_EQ(run({"nothing"})->status, 127);
  EXPECT_EQ(world->open_sessions, 0);
}

TEST_F(ExecTest, AsksTheEngineForExactlyThat) {
  const std::string body =
      R"({"command":["size"],"env":["A=1","B=x=y"],"workingDir":"/srv","terminal":true,"rows":30,"columns":99})";
  const std::shared_ptr<ByteStream> link = open(body).stream;
  ASSERT_EQ(engine.commands.size(), 1U);
  const auto& [ref, request] = engine.commands.front();
  EXPECT_EQ(to_string(ref), "alice/Instance/api");
  EXPECT_THAT(request.command, ElementsAre("size"));
  EXPECT_EQ(request.env.at("A"), "1");
  EXPECT_EQ(request.env.at("B"), "x=y");
  EXPECT_EQ(request.working_dir, "/srv");
  EXPECT_TRUE(request.terminal);
  const auto heard = listen(link);
  EXPECT_TRUE(eventually([&] { return heard->out == "30 99\n"; }));
  send(link, exec_resize_frame(50, 120));
  EXPECT_TRUE(eventually([&] { return heard->out == "30 99\n50 120\n"; }));
  send(link, exec_frame(ExecFrame::Resize, "x"));  // nonsense is nothing
  send(link, exec_frame(ExecFrame::EndOfInput));
  EXPECT_TRUE(eventually([&] { return heard->status == 0; }));
}

TEST_F(ExecTest, CarriesMoreThanItsWindowBothWays) {
  const std::shared_ptr<ByteStream> link = open(command({"cat"})).stream;
  const auto heard = listen(link);
  std::string all;
  for (int i = 0; i < 60; ++i) {
    std::string piece(kExecFrameLimit, '\0');
    for (std::size_t j = 0; j < piece.size(); ++j)
      piece[j] = static_cast<char>(i * 13 + j * 7 + j / 256);
    ASSERT_TRUE(
        eventually([&] { return all.size() + piece.size() - heard->taken <= kExecWindow; }));
    send(link, exec_frame(ExecFrame::Input, piece));
    all += piece;
  }
  send(link, exec_frame(ExecFrame::EndOfInput));
  ASSERT_TRUE(eventually([&] { return heard->has_ended; }));
  EXPECT_EQ(heard->status, 0);
  EXPECT_TRUE(heard->out == all) << heard->out.size() << " of " << all.size();
}

TEST_F(ExecTest, AClientThatLeavesEndsTheCommand) {
  std::shared_ptr<ByteStream> link = open(command({"sleep"})).stream;
  EXPECT_EQ(world->open_sessions, 1);
  // Also amid input that the command does not take.
  send(link, exec_frame(ExecFrame::Input, "typed"));
  link.reset();
  EXPECT_TRUE(eventually([&] { return world->open_sessions == 0; }));
}

TEST_F(ExecTest, AClientThatReadsNothingHoldsNothingInMemory) {
  const std::shared_ptr<ByteStream> link = open(command({"flood"})).stream;
  // Nobody reads: what is written has somewhere to wait, and then the command waits.
  EXPECT_TRUE(eventually([&] { return world->open_sessions == 1; }));
  const auto heard = listen(link);
  EXPECT_TRUE(eventually([&] { return heard->out.size() > (4U << 20U); }));
  link->cancel();
  EXPECT_TRUE(eventually([&] { return heard->has_ended; }));
}

TEST_F(ExecTest, WhoSendsMoreThanTheWindowIsCutOff) {
  // `sleep` takes what is typed at once; hold the pump up with one that does not answer.
  engine.make_session = [this](asio::any_io_executor executor, ExecRequest request) {
    class Deaf final : public ExecSession {
     public:
      explicit Deaf(std::unique_ptr<ExecSession> inner, asio::any_io_executor executor)
          : inner_(std::move(inner)), never_(executor, asio::steady_timer::time_point::max()) {}
      Task<Result<Output>> read() override { return inner_->read(); }
      Task<Result<void>> write(std::string) override {
        co_await never_.async_wait(asio::use_awaitable);
        co_return Result<void>();
      }
      Task<Result<void>> close_input() override { co_return Result<void>(); }
      Task<Result<void>> resize(int, int) override { co_return Result<void>(); }
      Task<Result<int>> exit_status() override { return inner_->exit_status(); }

     private:
      std::unique_ptr<ExecSession> inner_;
      asio::steady_timer never_;
    };
    return std::make_unique<Deaf>(open_fake_session(executor, world, std::move(request)), executor);
  };
  const std::shared_ptr<ByteStream> link = open(command({"sleep"})).stream;
  const auto heard = listen(link);
  for (int i = 0; i < 4; ++i) send(link, exec_frame(ExecFrame::Input, std::string(60'000, 'x')));
  EXPECT_TRUE(eventually([&] { return heard->pings > 2; }));
  EXPECT_FALSE(heard->has_ended) << "that much is allowed";
  EXPECT_EQ(world->open_sessions, 1);
  send(link, exec_frame(ExecFrame::Input, std::string(60'000, 'x')));
  EXPECT_TRUE(eventually([&] { return heard->has_ended; }));
  EXPECT_TRUE(eventually([&] { return world->open_sessions == 0; }));
}

TEST_F(ExecTest, NonsenseEndsTheConnection) {
  const std::shared_ptr<ByteStream> link = open(command({"sleep"})).stream;
  const auto heard = listen(link);
  send(link, exec_frame(static_cast<ExecFrame>(77), "from the future"));  // is skipped
  EXPECT_TRUE(eventually([&] { return heard->pings > 1; }));
  EXPECT_EQ(world->open_sessions, 1);
  send(link, std::string("\x00\xff\xff\xff\xff", 5));
  EXPECT_TRUE(eventually([&] { return heard->has_ended && world->open_sessions == 0; }));
}

TEST_F(ExecTest, AStoppingServerEndsTheCommandAndIsNotHeldUp) {
  const std::shared_ptr<ByteStream> link = open(command({"sleep"})).stream;
  const auto heard = listen(link);
  const auto stop = [](HttpServer& which) -> Task<bool> {
    co_await which.stop(Duration(10'000));
    co_return true;
  };
  const auto begun = std::chrono::steady_clock::now();
  EXPECT_TRUE(run_task(io, stop(*server)));
  EXPECT_LT(std::chrono::steady_clock::now() - begun, std::chrono::seconds(5));
  EXPECT_EQ(world->open_sessions, 0);
  EXPECT_TRUE(eventually([&] { return heard->has_ended; }));
  EXPECT_FALSE(heard->status);
}

TEST_F(ExecTest, ATenantsTokenReachesItsOwnOnly) {
  const std::string alice = make_token("alice");
  const std::string bob = make_token("bob");
  const std::shared_ptr<ByteStream> link = open(command({"echo", "x"}), alice).stream;
  ASSERT_NE(link, nullptr);
  const auto heard = listen(link);
  EXPECT_TRUE(eventually([&] { return heard->status == 0; }));
  EXPECT_EQ(engine.people.back(), "token test");
  const HttpUpgrade refused = open(command({"echo", "x"}), bob);
  EXPECT_EQ(refused.stream, nullptr);
  EXPECT_EQ(refused.status, 404);
  EXPECT_EQ(engine.commands.size(), 1U);
}

TEST_F(ExecTest, RefusesWithAStatusBeforeTheConnectionChanges) {
  engine.failure = Error(ErrorCode::Unavailable, "the app does not run");
  EXPECT_EQ(open(command({"x"})).status, 503);
  EXPECT_EQ(open(R"({"command":[""]})").status, 400);
  EXPECT_EQ(open(R"({"env":["=x"]})").status, 400);
  EXPECT_EQ(open(R"({"command":["a\u0000b"]})").status, 400);
  EXPECT_EQ(open(R"({"rows":0})").status, 400);
  EXPECT_EQ(open(R"({"shell":"yes"})").status, 400);
  const HttpResponse plain = ask("POST", "/v1/exec/alice/Instance/api", command({"x"}));
  EXPECT_EQ(plain.status, 400);
  EXPECT_THAT(plain.body, HasSubstr("Upgrade"));
  EXPECT_TRUE(engine.commands.empty());
}

TEST_F(ExecTest, TheAuditLogKnowsWhoDidWhatButNoSecrets) {
  const std::string body =
      R"({"command":["psql","--password","hunter22","postgres://app:pa55word@db/x","TOKEN=tok3n"],"env":["KEY=sesame"]})";
  const std::shared_ptr<ByteStream> link = open(body).stream;
  const std::string log = audit();
  EXPECT_THAT(log, HasSubstr("/v1/exec/alice/Instance/api"));
  EXPECT_THAT(log, HasSubstr("psql"));
  EXPECT_THAT(log, HasSubstr("KEY"));
  for (const char* secret : {"hunter22", "pa55word", "tok3n", "sesame"})
    EXPECT_THAT(log, Not(HasSubstr(secret)));
}

TEST(CommandWordsTest, HidesWhatLooksLikeASecret) {
  const auto shown = [](const std::vector<std::string>& command) {
    return describe_command(command);
  };
  EXPECT_EQ(shown({}), "a shell");
  EXPECT_EQ(shown({"ls", "-l", "a b"}), "ls -l 'a b'");
  EXPECT_EQ(shown({"x", "--api-token", "abc", "d"}), "x --api-token [redacted] d");
  EXPECT_EQ(shown({"x", "--password=abc"}), "x --password=[redacted]");
  EXPECT_EQ(shown({"env", "PGPASSWORD=abc", "psql"}), "env PGPASSWORD=[redacted] psql");
  EXPECT_EQ(shown({"sh", "-c", "PASSWORD=abc x; y --secret z w"}),
            "sh -c 'PASSWORD=[redacted] x; y --secret [redacted] w'");
  EXPECT_EQ(shown({"curl", "-H", "Authorization: Bearer abc", "https://u:p@h/x"}),
            "curl -H 'Authorization: [redacted] [redacted]' https://u:[redacted]@h/x");
  EXPECT_EQ(shown({"cat", "/data/tokens.txt"}), "cat /data/tokens.txt");
  EXPECT_LT(shown({std::string(5'000, 'x')}).size(), 250U);
}

}  // namespace
}  // namespace croft
