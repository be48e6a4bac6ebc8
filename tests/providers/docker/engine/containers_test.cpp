#include "tests/providers/docker/engine/engine_fixture.hpp"

namespace croft::docker {
namespace {

using testing::HasSubstr;

/// What a container or command writes, by its streams.
struct Written {
  std::string out;
  std::string err;
};

Task<Result<Written>> read_all(AttachedStream& stream) {
  Written written;
  for (;;) {
    CO_TRY_ASSIGN(const AttachedStream::Piece piece, co_await stream.read());
    if (piece.bytes.empty()) co_return written;
    (piece.stream == OutputStream::Err ? written.err : written.out) += piece.bytes;
  }
}

class ContainersTest : public EngineTest {
 protected:
  Containers containers() { return client().containers(); }

  Written logs(ContainerLogs request) {
    Written written;
    OutputSink keep = [&written](OutputStream stream, std::string_view bytes) {
      (stream == OutputStream::Err ? written.err : written.out) += bytes;
      return true;
    };
    EXPECT_OK(await(containers().logs(std::move(request), keep)));
    return written;
  }
  /// Runs a command in a container, gives it input, and says what came of it.
  Result<Written> exec(const ExecCommand& command, const std::string& input = {}) {
    const auto scenario = [](EngineClient at, ExecCommand what,
                             std::string typed) -> Task<Result<Written>> {
      const bool terminal = what.terminal;
      CO_TRY_ASSIGN(const std::string id, co_await at.execs().create(std::move(what)));
      CO_TRY_ASSIGN(const auto stream, co_await at.execs().start(id, terminal));
      CO_TRY(co_await stream->write(typed));
      if (!terminal) {
        CO_TRY(co_await stream->close_input());
      }
      CO_TRY_ASSIGN(Written written, co_await read_all(*stream));
      CO_TRY_ASSIGN(const Value end, co_await at.execs().inspect(id));
      written.err += "exit " + std::to_string(end.integer_or("ExitCode", -1));
      co_return written;
    };
    return await(scenario(client(), command, input));
  }
};

TEST_F(ContainersTest, LiveAndDie) {
  const std::string id = create(config({"sleep", "300"}), "life");
  EXPECT_EQ(error_of(await(containers().create("life", config({"sleep"})))).code(),
            ErrorCode::Conflict);
  EXPECT_OK(await(containers().start(id)));
  EXPECT_OK(await(containers().start(id)));
  EXPECT_EQ(await(containers().inspect("life"))->text_or("State.Status", ""), "running");
  EXPECT_OK(await(containers().rename("life", "afterlife")));
  EXPECT_OK(await(containers().pause(id)));
  EXPECT_OK(await(containers().unpause(id)));
  const Result<Value> top = await(containers().top(id));
  ASSERT_TRUE(top) << top.error().describe();
  EXPECT_EQ(top->find("Processes")->size(), 1U);
  EXPECT_EQ(error_of(await(containers().remove(id))).code(), ErrorCode::Conflict);
  EXPECT_OK(await(containers().stop(id, std::chrono::seconds(1))));
  EXPECT_OK(await(containers().stop(id, std::chrono::seconds(1))));
  EXPECT_EQ(error_of(await(containers().kill(id, "SIGTERM"))).code(), ErrorCode::Conflict);
  const Result<ContainerExit> exit = await(containers().wait(id));
  ASSERT_TRUE(exit);
  EXPECT_EQ(exit->status, 137);
  EXPECT_OK(await(containers().remove(id)));
  const Error gone = error_of(await(containers().inspect(id)));
  EXPECT_EQ(gone.code(), ErrorCode::NotFound);
  EXPECT_THAT(gone.describe(), HasSubstr("looking at container"));
}

TEST_F(ContainersTest, AreListedByLabel) {
  Value labelled = config({"sleep"});
  labelled.set("Labels", Value::map({{"croft.uid", "one"}}));
  create(labelled);
  create(config({"sleep"}));
  const Result<Value> listed = await(containers().list({{"label", {"croft.uid=one"}}}));
  ASSERT_TRUE(listed);
  ASSERT_EQ(listed->size(), 1U);
  EXPECT_EQ(listed->as_list()[0].text_or("State", ""), "created");
}

TEST_F(ContainersTest, OfAnAbsentImageAreNotFound) {
  const Value absent = Value::map({{"Image", "nowhere/nothing:1"}});
  const Error error = error_of(await(containers().create("absent", absent)));
  EXPECT_EQ(error.code(), ErrorCode::NotFound);
  EXPECT_THAT(error.describe(), HasSubstr("nowhere/nothing"));
}

TEST_F(ContainersTest, RefuseWhatIsNoConfiguration) {
  Value wrong = config({"sleep"});
  wrong.set("HostConfig", Value::map({{"Memory", 1024}}));
  const Error error = error_of(await(containers().create("wrong", wrong)));
  EXPECT_EQ(error.code(), ErrorCode::Invalid) << error.describe();
}

TEST_F(ContainersTest, NamesThatLeadElsewhereAreInvalid) {
  for (const char* name : {"", ".", ".."}) {
    EXPECT_EQ(error_of(await(containers().inspect(name))).code(), ErrorCode::Invalid) << name;
    EXPECT_EQ(error_of(await(client().images().inspect(name))).code(), ErrorCode::Invalid) << name;
  }
  EXPECT_EQ(error_of(await(containers().inspect("a/../b"))).code(), ErrorCode::Invalid);
  EXPECT_EQ(error_of(await(containers().inspect("b?x=1#y"))).code(), ErrorCode::NotFound);
  EXPECT_EQ(error_of(await(client().images().inspect("a/../b"))).code(), ErrorCode::Invalid);
}

TEST_F(ContainersTest, AreWaitedForFromBeforeTheirStart) {
  const std::string id = create(config({"sh", "-c", "exit 7"}));
  const auto scenario = [](EngineClient at, std::string what) -> Task<Result<ContainerExit>> {
    const auto start = [](EngineClient by, std::string which) -> Task<> {
      EXPECT_TRUE(co_await by.containers().start(which));
    };
    spawn(co_await asio::this_coro::executor, start(at, what), "start");
    co_return co_await at.containers().wait(what, WaitFor::NextExit);
  };
  const Result<ContainerExit> exit = await(scenario(client(), id));
  ASSERT_TRUE(exit) << exit.error().describe();
  EXPECT_EQ(exit->status, 7);
}

TEST_F(ContainersTest, AWaitEndsAtItsDeadline) {
  const std::string id = idle();
  const Deadline soon = std::chrono::steady_clock::now() + Duration(100);
  EXPECT_EQ(error_of(await(containers().wait(id, WaitFor::NotRunning, soon))).code(),
            ErrorCode::Timeout);
}

TEST_F(ContainersTest, AreUpdatedInPlace) {
  const std::string id = idle();
  const Value more =
      Value::map({{"Memory", 64 << 20}, {"MemorySwap", 64 << 20}, {"PidsLimit", 50}});
  EXPECT_OK(await(containers().update(id, more)));
  EXPECT_EQ(await(containers().inspect(id))->integer_or("HostConfig.Memory", 0), 64 << 20);
}

TEST_F(ContainersTest, HaveLogsOfTwoStreams) {
  const std::string id = run(config({"sh", "-c", "echo one; echo two >&2; echo three"}));
  EXPECT_OK(await(containers().wait(id)));
  const Written all = logs({.container = id});
  EXPECT_EQ(all.out, "one\nthree\n");
  EXPECT_EQ(all.err, "two\n");
  EXPECT_EQ(logs({.container = id, .out = false}).out, "");
  EXPECT_EQ(logs({.container = id, .since = "4000000000"}).out, "");
  EXPECT_THAT(logs({.container = id, .timestamps = true}).err, testing::EndsWith("Z two\n"));
  // The engine counts the lines of both, in an order of its own.
  const std::string one = run(config({"sh", "-c", "echo one; echo two"}));
  EXPECT_OK(await(containers().wait(one)));
  EXPECT_EQ(logs({.container = one, .tail = 1}).out, "two\n");
}

TEST_F(ContainersTest, ATerminalHasOneStream) {
  Value terminal = config({"sh", "-c", "echo one; echo two >&2"});
  terminal.set("Tty", true);
  const std::string id = run(terminal);
  EXPECT_OK(await(containers().wait(id)));
  EXPECT_EQ(logs({.container = id}).out, "one\r\ntwo\r\n");
}

TEST_F(ContainersTest, AFollowedLogEndsWithTheContainerOrTheSink) {
  const std::string id = run(config({"sh", "-c", "echo first; sleep 0.2; echo last"}));
  EXPECT_EQ(logs({.container = id, .follow = true}).out, "first\nlast\n");
  const std::string endless =
      run(config({"sh", "-c", "while true; do echo more; sleep 0.01; done"}));
  int pieces = 0;
  OutputSink few = [&pieces](OutputStream, std::string_view) { return ++pieces < 3; };
  EXPECT_OK(await(containers().logs({.container = endless, .follow = true}, few)));
  EXPECT_EQ(pieces, 3);
}

TEST_F(ContainersTest, CommandsRunInside) {
  const std::string id = idle();
  const Result<Written> cat = exec({.container = id, .command = {"cat"}}, "echo this");
  ASSERT_TRUE(cat) << cat.error().describe();
  EXPECT_EQ(cat->out, "echo this");
  EXPECT_EQ(cat->err, "exit 0");
  ExecCommand command{.container = id,
                      .command = {"sh", "-c", "echo $A $PWD; echo no >&2; exit 3"}};
  command.env = {"A=b"};
  command.working_dir = "/tmp";
  const Result<Written> both = exec(command);
  ASSERT_TRUE(both) << both.error().describe();
  EXPECT_EQ(both->out, "b /tmp\n");
  EXPECT_EQ(both->err, "no\nexit 3");
}

TEST_F(ContainersTest, MuchGoesThroughACommand) {
  const std::string id = idle();
  const std::string input(300'000, 'x');
  const auto scenario = [](EngineClient at, std::string in,
                           std::string typed) -> Task<Result<Written>> {
    ExecCommand command{.container = in, .command = {"cat"}};
    CO_TRY_ASSIGN(const std::string exec, co_await at.execs().create(std::move(command)));
    CO_TRY_ASSIGN(const auto stream, co_await at.execs().start(exec, false));
    const auto type = [](AttachedStream& into, std::string text) -> Task<> {
      EXPECT_TRUE(co_await into.write(std::move(text)));
      EXPECT_TRUE(co_await into.close_input());
    };
    spawn(co_await asio::this_coro::executor, type(*stream, typed), "type");
    co_return co_await read_all(*stream);
  };
  const Result<Written> written = await(scenario(client(), id, input));
  ASSERT_TRUE(written) << written.error().describe();
  EXPECT_TRUE(written->out == input);
}

TEST_F(ContainersTest, ATerminalInsideHasASize) {
  const std::string id = idle();
  const auto scenario = [](EngineClient at, std::string in) -> Task<Result<std::string>> {
    ExecCommand command{.container = in, .command = {"sh"}, .terminal = true};
    CO_TRY_ASSIGN(const std::string exec, co_await at.execs().create(std::move(command)));
    CO_TRY_ASSIGN(const auto stream, co_await at.execs().start(exec, true));
    CO_TRY(co_await at.execs().resize(exec, 41, 131));
    CO_TRY(co_await stream->write("stty size; exit 5\n"));
    CO_TRY_ASSIGN(const Written written, co_await read_all(*stream));
    CO_TRY_ASSIGN(const Value end, co_await at.execs().inspect(exec));
    co_return written.out + std::to_string(end.integer_or("ExitCode", -1));
  };
  const Result<std::string> said = await(scenario(client(), id));
  ASSERT_TRUE(said) << said.error().describe();
  EXPECT_THAT(*said, testing::AllOf(HasSubstr("41 131"), testing::EndsWith("5")));
}

TEST_F(ContainersTest, AReadThatIsAwaitedCanBeCalledOff) {
  const std::string id = idle();
  const auto scenario = [](EngineClient at, std::string in) -> Task<Result<Written>> {
    ExecCommand command{.container = in, .command = {"sleep", "100"}};
    CO_TRY_ASSIGN(const std::string exec, co_await at.execs().create(std::move(command)));
    CO_TRY_ASSIGN(const auto stream, co_await at.execs().start(exec, false));
    const auto leave = [](AttachedStream& from) -> Task<> {
      from.cancel();
      co_return;
    };
    spawn(co_await asio::this_coro::executor, leave(*stream), "leave");
    co_return co_await read_all(*stream);
  };
  EXPECT_EQ(error_of(await(scenario(client(), id))).code(), ErrorCode::Cancelled);
}

TEST_F(ContainersTest, ACommandThatIsNotThereFails) {
  const std::string id = idle();
  const Result<Written> absent = exec({.container = id, .command = {"/nonexistent"}});
  if (absent) {
    EXPECT_THAT(absent->err, testing::AnyOf(HasSubstr("exit 126"), HasSubstr("exit 127")));
  } else {
    EXPECT_EQ(absent.error().code(), ErrorCode::Invalid) << absent.error().describe();
  }
  EXPECT_EQ(error_of(exec({.container = "nobody", .command = {"sh"}})).code(), ErrorCode::NotFound);
}

TEST_F(ContainersTest, AreAttachedTo) {
  Value reader = config({"cat"});
  reader.set("OpenStdin", true);
  reader.set("StdinOnce", true);
  const std::string id = create(reader);
  const auto scenario = [](EngineClient at, std::string to) -> Task<Result<Written>> {
    AttachContainer request{.container = to};
    CO_TRY_ASSIGN(const auto stream, co_await at.containers().attach(std::move(request)));
    CO_TRY(co_await at.containers().start(to));
    CO_TRY(co_await stream->write("hello"));
    CO_TRY(co_await stream->close_input());
    co_return co_await read_all(*stream);
  };
  const Result<Written> written = await(scenario(client(), id));
  ASSERT_TRUE(written) << written.error().describe();
  EXPECT_EQ(written->out, "hello");
}

TEST_F(ContainersTest, GiveAndTakeArchives) {
  const std::string id = idle();
  std::string archive;
  ByteSink keep = [&archive](std::string piece) -> Task<Result<void>> {
    archive += piece;
    co_return Result<void>();
  };
  EXPECT_OK(await(containers().get_archive(id, "/www", keep)));
  ASSERT_THAT(archive, HasSubstr("from the container"));
  bool is_given = false;
  ByteSource give = [&archive, &is_given]() -> Task<Result<std::string>> {
    co_return std::exchange(is_given, true) ? std::string() : archive;
  };
  EXPECT_OK(await(containers().put_archive(id, "/tmp", give)));
  const Result<Written> read = exec({.container = id, .command = {"cat", "/tmp/www/index.html"}});
  ASSERT_TRUE(read) << read.error().describe();
  EXPECT_EQ(read->out, "from the container\n");
  const Error absent = error_of(await(containers().get_archive(id, "/absent", keep)));
  EXPECT_EQ(absent.code(), ErrorCode::NotFound);
}

TEST_F(ContainersTest, RefuseAnArchiveBeforeAllOfItIsSent) {
  int pieces = 0;
  ByteSource endless = [&pieces]() -> Task<Result<std::string>> {
    ++pieces;
    co_return std::string(64 << 10, '\0');
  };
  EXPECT_EQ(error_of(await(containers().put_archive("nobody", "/tmp", endless))).code(),
            ErrorCode::NotFound);
  EXPECT_GT(pieces, 0);
}

TEST_F(ContainersTest, AnArchiveThatCannotBeMadeIsItsMakersError) {
  const std::string id = idle();
  ByteSource broken = []() -> Task<Result<std::string>> {
    co_return fail(ErrorCode::Internal, "the source broke");
  };
  const Error error = error_of(await(containers().put_archive(id, "/tmp", broken)));
  EXPECT_THAT(error.describe(), HasSubstr("the source broke"));
}

}  // namespace
}  // namespace croft::docker
