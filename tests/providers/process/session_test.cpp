// Commands beside an app with their streams in our hands: what `croft exec` and `croft shell` do.
#include <signal.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <fmt/format.h>
#include <gmock/gmock.h>

#include "providers/process/layout.hpp"
#include "providers/process/shim_client.hpp"
#include "tests/providers/process/fixture.hpp"

namespace croft {
namespace {

using testing::HasSubstr;
using Session = std::unique_ptr<ExecSession>;

/// Everything a command wrote, and how it ended.
struct Transcript {
  std::string out;
  std::string err;
  int status = -1;
};

class SessionTest : public ProcessTest {
 protected:
  void SetUp() override {
    ProcessTest::SetUp();
    if (!needs_sandbox()) return;
    ASSERT_TRUE(create("app", shell("echo started; sleep 1000")));
    ASSERT_TRUE(becomes("app", Phase::Running));
  }
  Result<Session> open(std::vector<std::string> command, bool terminal = false) {
    ExecRequest request;
    request.uid = "app";
    request.command = std::move(command);
    request.terminal = terminal;
    request.rows = 33;
    request.columns = 101;
    return await(provider_->open_exec(std::move(request)));
  }
  static Task<Transcript> listen(ExecSession& session) {
    Transcript all;
    for (;;) {
      Result<ExecSession::Output> got = co_await session.read();
      if (!got || got->bytes.empty()) break;
      (got->stream == ExecSession::Stream::Out ? all.out : all.err) += got->bytes;
    }
    const Result<int> status = co_await session.exit_status();
    all.status = status.value_or(-1);
    co_return all;
  }
  /// Runs a command to its end, with nothing to read.
  Transcript run(std::vector<std::string> command, bool terminal = false) {
    Result<Session> session = open(std::move(command), terminal);
    EXPECT_TRUE(session) << session.error().describe();
    if (!session) return {};
    if (!terminal) {
      EXPECT_TRUE(await((*session)->close_input()));
    }
    return await(listen(**session));
  }
  /// What comes until a text is in it.
  std::string until(ExecSession& session, const std::string& text) {
    std::string all;
    while (all.find(text) == std::string::npos) {
      const Result<ExecSession::Output> got = await(session.read());
      if (!got || got->bytes.empty()) return all + "[end]";
      all += got->bytes;
    }
    return all;
  }
  /// Processes of the machine whose command line holds the text.
  static int processes(const std::string& text) {
    int count = 0;
    for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
      const Result<std::string> line = read_file(entry.path() / "cmdline", 1 << 20);
      if (line && line->find(text) != std::string::npos) ++count;
    }
    return count;
  }
};

TEST_F(SessionTest, GivesOutputErrorsAndStatusApart) {
  const Transcript said = run({"sh", "-c", "echo out; echo err >&2; id -u; pwd; exit 42"});
  EXPECT_EQ(said.out, "out\n1000\n/app\n");
  EXPECT_EQ(said.err, "err\n");
  EXPECT_EQ(said.status, 42);
  EXPECT_EQ(run({"sh", "-c", "kill -TERM $$"}).status, 128 + SIGTERM);
  EXPECT_EQ(run({"true"}).status, 0);
}

TEST_F(SessionTest, IsWhereTheAppIs) {
  // Its processes, its environment, and its own standard streams.
  const Transcript said =
      run({"sh", "-c",
           "cat /proc/[0-9]*/cmdline | tr '\\0' ' '; echo $CROFT_REF; echo again > /dev/stdout; "
           "echo why > /dev/stderr"});
  EXPECT_THAT(said.out, HasSubstr("sleep 1000"));
  EXPECT_THAT(said.out, HasSubstr("again"));
  EXPECT_THAT(said.out, HasSubstr("/Instance/app"));
  EXPECT_EQ(said.err, "why\n");
  EXPECT_EQ(said.status, 0);
}

TEST_F(SessionTest, SaysWhyACommandCannotStart) {
  const Transcript missing = run({"no-such-program"});
  EXPECT_EQ(missing.status, 127);
  EXPECT_THAT(missing.err, HasSubstr("no-such-program"));
  EXPECT_EQ(run({"/etc"}).status, 126);
  ExecRequest request;
  request.uid = "app";
  request.command = {"true"};
  request.working_dir = "/nowhere";
  Result<Session> session = await(provider_->open_exec(request));
  ASSERT_TRUE(session);
  const Transcript lost = await(listen(**session));
  EXPECT_EQ(lost.status, 126);
  EXPECT_THAT(lost.err, HasSubstr("/nowhere"));
}

TEST_F(SessionTest, CarriesBytesBothWaysAsTheyAre) {
  std::string sent(3 << 20, '\0');
  for (std::size_t i = 0; i < sent.size(); ++i) sent[i] = static_cast<char>(i * 7 + i / 256);
  Result<Session> session = open({"cat"});
  ASSERT_TRUE(session);
  const auto write = [](ExecSession& into, std::string bytes) -> Task<> {
    EXPECT_TRUE(co_await into.write(std::move(bytes)));
    EXPECT_TRUE(co_await into.close_input());
  };
  spawn(io_.get_executor(), write(**session, sent), "typing");
  const Transcript said = await(listen(**session));
  EXPECT_EQ(said.out.size(), sent.size());
  EXPECT_TRUE(said.out == sent) << "it was changed on its way";
  EXPECT_EQ(said.status, 0);
}

TEST_F(SessionTest, ATerminalIsOneAndKnowsItsSize) {
  Result<Session> session = open({"sh", "-c",
                                  "tty; stty size; trap 'stty size; exit 7' WINCH; echo ready; "
                                  "while :; do sleep 0.05; done"},
                                 true);
  ASSERT_TRUE(session) << session.error().describe();
  const std::string began = until(**session, "ready");
  EXPECT_THAT(began, HasSubstr("/dev/pts/"));
  EXPECT_THAT(began, HasSubstr("33 101"));
  ASSERT_TRUE(await((*session)->resize(50, 120)));
  const Transcript rest = await(listen(**session));
  EXPECT_THAT(rest.out, HasSubstr("50 120"));
  EXPECT_EQ(rest.status, 7);
}

TEST_F(SessionTest, AShellIsThereWithoutNamingOneAndTakesWhatIsTyped) {
  Result<Session> session = open({}, true);
  ASSERT_TRUE(session) << session.error().describe();
  const std::string marker = fmt::format("500.{}", ::getpid());
  ASSERT_TRUE(await((*session)->write(fmt::format("echo $((6*7)); sleep {}\n", marker))));
  EXPECT_THAT(until(**session, "42"), HasSubstr("42"));
  // Before it is there the key would go to nobody.
  EXPECT_TRUE(eventually([&] { return processes(marker) >= 1; }));
  ASSERT_TRUE(await((*session)->write("\x03")));  // ends the sleep, not the shell
  ASSERT_TRUE(await((*session)->write("exit 5\n")));
  EXPECT_EQ(await(listen(**session)).status, 5);
}

TEST_F(SessionTest, HangingUpEndsTheCommandAndWhatItStarted) {
  for (const bool terminal : {false, true}) {
    const std::string marker = fmt::format("7{}{}.25", terminal ? 1 : 0, ::getpid());
    // It ignores the polite request, and so does its child.
    Result<Session> session = open(
        {"sh", "-c", fmt::format("trap '' HUP; sleep {0} & echo up; sleep {0}", marker)}, terminal);
    ASSERT_TRUE(session) << session.error().describe();
    EXPECT_THAT(until(**session, "up"), HasSubstr("up"));
    EXPECT_TRUE(eventually([&] { return processes(marker) >= 2; }));
    session->reset();
    EXPECT_TRUE(eventually([&] { return processes(marker) == 0; })) << "terminal: " << terminal;
  }
  EXPECT_EQ(seen("app")->phase, Phase::Running);
}

TEST_F(SessionTest, ACrashOfCroftEndsTheCommandNotTheApp) {
  const std::string marker = fmt::format("8{}.25", ::getpid());
  Result<Session> session = open({"sleep", marker});
  ASSERT_TRUE(session);
  EXPECT_TRUE(eventually([&] { return processes(marker) > 0; }));
  session->reset();
  restart_croft();
  EXPECT_TRUE(eventually([&] { return processes(marker) == 0; }));
  EXPECT_TRUE(becomes("app", Phase::Running));
}

TEST_F(SessionTest, StoppingTheAppEndsItsCommands) {
  Result<Session> session = open({"sleep", "1000"});
  ASSERT_TRUE(session);
  ASSERT_TRUE(stop("app"));
  const Transcript said = await(listen(**session));
  EXPECT_NE(said.status, 0);
  const Result<Session> refused = open({"true"});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), ErrorCode::Unavailable);
}

TEST_F(SessionTest, WhatIsLeftBehindDoesNotHoldTheSessionOpen) {
  const Transcript said = run({"sh", "-c", "sleep 5 & echo done"});
  EXPECT_EQ(said.out, "done\n");
  EXPECT_EQ(said.status, 0);
}

TEST_F(SessionTest, TheNumberOfCommandsIsBounded) {
  std::vector<Session> open_ones;
  Result<Session> last = open({"sleep", "1000"});
  while (last && open_ones.size() < 100) {
    open_ones.push_back(std::move(*last));
    last = open({"sleep", "1000"});
  }
  ASSERT_FALSE(last);
  EXPECT_EQ(open_ones.size(), 32U);
  EXPECT_THAT(last.error().message(), HasSubstr("too many"));
  open_ones.clear();
  EXPECT_TRUE(eventually([&] { return open({"true"}).has_value(); }));
}

TEST_F(SessionTest, AnOutputThatNobodyReadsStopsTheWriter) {
  Result<Session> session = open({"sh", "-c", "yes | head -c 100000000; echo over >&2"});
  ASSERT_TRUE(session);
  const Result<ExecSession::Output> first = await((*session)->read());
  ASSERT_TRUE(first);
  EXPECT_LE(first->bytes.size(), 64U << 10U);
  const Transcript rest = await(listen(**session));
  EXPECT_EQ(first->bytes.size() + rest.out.size(), 100'000'000U);
  EXPECT_EQ(rest.err, "over\n");
}

TEST_F(SessionTest, AForgedTerminalIsRefused) {
  // The app may put anything where its terminals come from.
  ASSERT_EQ(exec("app", {"sh", "-c", "rm /dev/ptmx && mkfifo /dev/ptmx"}), 0);
  const Result<Session> refused = open({"sh"}, true);
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().describe(), HasSubstr("making a terminal"));
  EXPECT_EQ(run({"true"}).status, 0);
}

}  // namespace
}  // namespace croft
