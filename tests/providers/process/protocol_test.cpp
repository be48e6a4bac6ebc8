// An old shim works with a new Croft, and the reverse: what version 1 said is recorded here and
// must go on working.
#include <array>
#include <fcntl.h>
#include <fstream>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <thread>
#include <unistd.h>

#include <fmt/format.h>

#include "providers/process/layout.hpp"
#include "providers/process/shim_client.hpp"
#include "tests/providers/process/fixture.hpp"

namespace croft {
namespace {

UniqueFd unix_socket(const std::filesystem::path& path, bool listens) {
  UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path.string().copy(static_cast<char*>(address.sun_path), sizeof address.sun_path - 1);
  const auto* name = reinterpret_cast<const sockaddr*>(&address);  // NOLINT
  const int done =
      listens ? ::bind(fd.get(), name, sizeof address) : ::connect(fd.get(), name, sizeof address);
  EXPECT_EQ(done, 0) << path;
  if (listens) {
    EXPECT_EQ(::listen(fd.get(), 8), 0);
  }
  return fd;
}

std::string read_line(int fd) {
  std::string line;
  char c = 0;
  for (pollfd ready{fd, POLLIN, 0};
       ::poll(&ready, 1, 5'000) > 0 && ::read(fd, &c, 1) == 1 && c != '\n';)
    line += c;
  return line;
}

/// Answers each line that begins as recorded with the recorded answer.
class RecordedShim {
 public:
  using Recording = std::vector<std::pair<std::string, std::string>>;
  RecordedShim(const std::filesystem::path& path, Recording recording)
      : listener_(unix_socket(path, true)),
        thread_([this, recording = std::move(recording)] { serve(recording); }) {}
  ~RecordedShim() { thread_.join(); }
  RecordedShim(const RecordedShim&) = delete;
  RecordedShim& operator=(const RecordedShim&) = delete;

 private:
  void serve(const Recording& recording) const {
    const UniqueFd fd(::accept(listener_.get(), nullptr, nullptr));
    for (const auto& [question, answer] : recording) {
      const std::string line = read_line(fd.get());
      EXPECT_TRUE(line.starts_with(question)) << "'" << line << "' instead of '" << question << "'";
      (void)!::write(fd.get(), answer.data(), answer.size());
    }
  }
  UniqueFd listener_;
  std::thread thread_;
};

class RecordingTest : public testing::Test {
 protected:
  Result<ShimClient> connect(Duration timeout = Duration(5'000)) {
    std::optional<Result<ShimClient>> client;
    run_task(io_, connect_into(path(), timeout, client));
    return std::move(*client);
  }
  static Task<bool> connect_into(std::filesystem::path path, Duration timeout,
                                 std::optional<Result<ShimClient>>& client) {
    Result<ShimClient> made = co_await ShimClient::connect(std::move(path), timeout);
    client.emplace(std::move(made));
    co_return true;
  }
  Result<shim::Line> ask(ShimClient& client, shim::Line line) {
    return run_task(io_, client.request(std::move(line), Duration(5'000)));
  }
  std::filesystem::path path() const { return directory_.path() / "control.sock"; }

  asio::io_context io_;
  TemporaryDirectory directory_ = std::move(*TemporaryDirectory::make("croft-protocol-"));
};

TEST_F(RecordingTest, ClientUnderstandsAShimOfVersionOne) {
  const RecordedShim shim(
      path(), {{"hello version=", "ok version=1 pid=4711\n"},
               {"status",
                "ok phase=Failed reason=CrashLoop "
                "message=exit%20status%201,%20next%20try%20in%208s restarts=4 "
                "started=0 exit=1 next=1795230717018 pid=-1 digest=abc\n"},
               {"exec arg=true timeout=", "ok status=0\n"},
               {"stop grace=500", "ok\n"},
               {"quit", "error code=Conflict message=the%20app%20still%20runs\n"},
               {"subscribe", "ok phase=Running\nchanged phase=Stopped reason= message=\n"}});
  Result<ShimClient> client = connect();
  ASSERT_TRUE(client) << client.error().describe();
  EXPECT_EQ(client->version(), 1);
  EXPECT_EQ(client->shim_pid(), 4711);
  const Result<shim::Line> status = ask(*client, shim::Line("status"));
  ASSERT_TRUE(status);
  EXPECT_EQ(status->text("message"), "exit status 1, next try in 8s");
  EXPECT_EQ(ask(*client, shim::Line("exec").add("arg", "true").add("timeout", 1000))
                ->number("status", -1),
            0);
  EXPECT_TRUE(ask(*client, shim::Line("stop").add("grace", 500)));
  const Result<shim::Line> refused = ask(*client, shim::Line("quit"));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), ErrorCode::Conflict);
  EXPECT_EQ(refused.error().message(), "the app still runs");
  ASSERT_TRUE(ask(*client, shim::Line("subscribe")));
  EXPECT_EQ(run_task(io_, client->next())->text("phase"), "Stopped");
  EXPECT_EQ(run_task(io_, client->next()).error().code(), ErrorCode::Unavailable);
}

TEST_F(RecordingTest, ClientTakesWhatALaterShimAddsLightly) {
  const RecordedShim shim(
      path(),
      {{"hello version=1", "ok version=1 pid=1 colour=blue\n"},
       {"status", "ok phase=Running mood=fine restarts=many\n"},
       {"dance", "error code=Unsupported message=this%20shim%20does%20not%20know%20'dance'\n"}});
  Result<ShimClient> client = connect();
  ASSERT_TRUE(client);
  const Result<shim::Line> status = ask(*client, shim::Line("status"));
  EXPECT_EQ(status->text("phase"), "Running");
  EXPECT_EQ(status->number("restarts", 0), 0);
  EXPECT_EQ(ask(*client, shim::Line("dance")).error().code(), ErrorCode::Invalid);
}

TEST_F(RecordingTest, ClientGivesUpOnASilentShim) {
  const UniqueFd listener = unix_socket(path(), true);
  const Result<ShimClient> client = connect(Duration(100));
  ASSERT_FALSE(client);
  EXPECT_EQ(client.error().code(), ErrorCode::Timeout);
}

TEST_F(RecordingTest, ClientSaysWhenNobodyListens) {
  EXPECT_EQ(connect().error().code(), ErrorCode::Unavailable);
  (void)unix_socket(path(), true);
  EXPECT_EQ(connect().error().code(), ErrorCode::Unavailable);
}

class LiveShimTest : public ProcessTest {};

/// What Croft of version 1 sends, line by line, and how each answer begins.
TEST_F(LiveShimTest, PresentShimAnswersACroftOfVersionOne) {
  if (!needs_sandbox()) return;
  ASSERT_TRUE(create("app", shell("sleep 1000")));
  const UniqueFd fd = unix_socket(ProcessLayout{data()}.control("app"), false);
  const std::vector<std::pair<std::string, std::string>> recording = {
      {"hello version=1", "ok version=1 pid="},
      {"hello version=99 future=yes", "ok version=1 pid="},
      {"status", "ok phase=Running reason= message= restarts=0 started="},
      {"start", "ok"},
      {"exec arg=sh arg=-c arg=exit%203 timeout=5000", "ok status=3"},
      {"juggle balls=3",
       "error code=Unsupported message=this%20shim%20does%20not%20know%20'juggle'"},
      {"nonsense without equals", "error code=Invalid"},
      {"quit", "error code=Conflict"},
      {"restart grace=2000", "ok"},
      {"stop grace=2000", "ok"},
      {"status", "ok phase=Stopped"},
      {"dial timeout=100", "error code=Unavailable"},
      {"quit", "ok"},
  };
  for (const auto& [question, answer] : recording) {
    const std::string line = question + "\n";
    ASSERT_EQ(::write(fd.get(), line.data(), line.size()), static_cast<ssize_t>(line.size()));
    const std::string said = read_line(fd.get());
    EXPECT_TRUE(said.starts_with(answer)) << question << " -> " << said;
  }
}

TEST_F(LiveShimTest, HostileLinesDoNotHarmTheSupervisor) {
  if (!needs_sandbox()) return;
  ASSERT_TRUE(create("app", web_app("well")));
  const auto control = ProcessLayout{data()}.control("app");
  {
    const UniqueFd fd = unix_socket(control, false);
    const std::string flood(2 << 20, 'x');
    (void)::send(fd.get(), flood.data(), flood.size(),
                 MSG_NOSIGNAL);  // longer than any line: it hangs up
  }
  std::vector<UniqueFd> silent;
  for (int i = 0; i < 200; ++i) silent.push_back(unix_socket(control, false));
  const UniqueFd fd = unix_socket(control, false);
  const std::string many =
      "\n\n   \nexec\nexec arg=\nstop grace=abc%\ndial timeout=-5\nstatus x=%00\n";
  (void)::send(fd.get(), many.data(), many.size(), MSG_NOSIGNAL);
  EXPECT_TRUE(eventually([&] { return get("app") == "well"; })) << get("app");
}

TEST_F(LiveShimTest, LongDataDirectoriesAreNoProblem) {
  if (!needs_sandbox()) return;
  drop_croft();
  settings_.data = directory_->path() / std::string(120, 'd') / "process";
  restart_croft();
  ASSERT_TRUE(create("app", web_app("far away")));
  EXPECT_TRUE(eventually([&] { return get("app") == "far away"; })) << get("app");
}

TEST_F(LiveShimTest, DialFailsAtOnceWhereNothingListens) {
  if (!needs_sandbox()) return;
  ASSERT_TRUE(create("app", shell("sleep 1000")));
  const Result<UniqueFd> fd = await(dial(seen("app")->endpoint, Duration(5'000)));
  ASSERT_FALSE(fd);
  EXPECT_EQ(fd.error().code(), ErrorCode::Unavailable);
  EXPECT_NE(fd.error().message().find("8080"), std::string::npos);
  EXPECT_EQ(await(dial({Endpoint::Scheme::Shim, "/no/such.sock"}, Duration(100))).error().code(),
            ErrorCode::NotFound);
  EXPECT_EQ(await(dial({Endpoint::Scheme::Release, "abc"}, Duration(100))).error().code(),
            ErrorCode::Invalid);
}

TEST_F(LiveShimTest, AppThatListensOnOneLoopbackOnlyIsReached) {
  if (!needs_sandbox()) return;
  for (const char* address : {"127.0.0.1", "::1"}) {
    const std::string script = fmt::format(
        "import socket, os\ns = socket.create_server(('{}', int(os.environ['PORT'])), "
        "family=socket.{})\n"
        "while True:\n  c, a = s.accept(); c.recv(100); c.sendall(b'HTTP/1.0 200 "
        "OK\\r\\n\\r\\nfine'); c.close()\n",
        address, address[0] == ':' ? "AF_INET6" : "AF_INET");
    ASSERT_TRUE(create("app", python(script)));
    EXPECT_TRUE(eventually([&] { return get("app") == "fine"; })) << address << get("app");
    ASSERT_TRUE(destroy("app"));
  }
}

class UnsandboxedTest : public ProcessTest {
 protected:
  void adjust(ProcessSettings& settings) override {
    settings.isolation = ProcessSettings::Isolation::None;
  }
};

TEST_F(UnsandboxedTest, RunsWithoutASandboxAndSaysWhatIsMissing) {
  bool says_so = false;
  for (const auto& one : provider_->capabilities().missing)
    says_so = says_so || one.what == "namespaces";
  EXPECT_TRUE(says_so);
  ASSERT_TRUE(create("one", web_app("one"), 1));
  ASSERT_TRUE(create("two", web_app("two"), 2));
  EXPECT_TRUE(eventually([&] { return get("one") == "one" && get("two") == "two"; }))
      << get("one") << log_of("one");
  EXPECT_EQ(exec("one", {"sh", "-c", "exit 5"}), 5);
  restart_croft();
  EXPECT_EQ(get("one"), "one");
  ASSERT_TRUE(stop("one"));
  EXPECT_EQ(seen("one")->phase, Phase::Stopped);
  EXPECT_EQ(get("two"), "two");
}

TEST_F(UnsandboxedTest, StopEndsDescendantsThatLeftTheGroup) {
  Value spec = shell(
      "setsid sh -c 'trap \"\" TERM; echo $$; sleep 1000' & sleep 0.2; echo ready; sleep 1000");
  spec.set("grace", 300);
  ASSERT_TRUE(create("app", spec));
  ASSERT_TRUE(says("app", "ready"));
  const pid_t daemon = std::stoi(log_of("app"));
  ASSERT_TRUE(stop("app"));
  const Result<std::string> left = read_file(fmt::format("/proc/{}/cmdline", daemon), 4096);
  EXPECT_TRUE(!left || left->empty());
}

TEST_F(UnsandboxedTest, SaysWhichDirectoryIsClosedToTenants) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root runs apps as other users";
  ::chmod(directory_->path().c_str(), 0700);
  const Result<void> created = create("app", shell("sleep 1000"));
  ASSERT_FALSE(created);
  EXPECT_NE(created.error().describe().find("chmod o+x " + directory_->path().string()),
            std::string::npos);
}

class UnenforcedTest : public ProcessTest {
 protected:
  void adjust(ProcessSettings& settings) override { settings.bubblewrap = "/no/such/bwrap"; }
};

TEST_F(UnenforcedTest, WorkloadsAreRefusedWhereTheyCannotBeKeptApart) {
  bool says_so = false;
  for (const auto& one : provider_->capabilities().missing)
    says_so = says_so || one.what == "namespaces";
  EXPECT_TRUE(says_so);
  const Result<void> created = create("app", shell("sleep 1000"));
  ASSERT_FALSE(created);
  EXPECT_NE(created.error().describe().find("isolation: none"), std::string::npos)
      << created.error().describe();
  EXPECT_FALSE(provider_->normalize(order("app").ref, shell("true")));
  EXPECT_TRUE(observe().empty());
}

}  // namespace
}  // namespace croft
