// `croft exec`, `croft shell` and `croft volume`: the real binary, the process provider, real
// terminals.

#include <cerrno>
#include <csignal>
#include <fstream>
#include <poll.h>
#include <pty.h>
#include <sstream>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>
#include <utmp.h>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "tests/e2e/support/platform.hpp"

namespace croft::e2e {

namespace {

constexpr const char* kManifest = R"(apiVersion: croft/v1
kind: Instance
metadata: {name: api}
spec:
  command: [sh, -c, "echo up; while :; do sleep 1; done"]
  volumes: [{name: data, path: /data, size: 24MiB}]
)";

bool has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

/// Processes whose command line holds the text.
int processes(const std::string& text) {
  int count = 0;
  for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
    const Result<std::string> line = read_file(entry.path() / "cmdline", 1 << 20);
    // Not the client, which names the command, too.
    if (line && has(*line, text) && !has(*line, "exec")) ++count;
  }
  return count;
}

/// A program at a real terminal.
class AtTerminal {
 public:
  AtTerminal(const std::vector<std::string>& command, const std::vector<std::string>& environment) {
    winsize size{31, 97, 0, 0};
    int slave = -1;
    EXPECT_EQ(::openpty(&master_, &slave, nullptr, nullptr, &size), 0);
    ::tcgetattr(slave, &before_);
    pid_ = ::fork();
    if (pid_ == 0) {
      ::close(master_);
      ::login_tty(slave);
      for (const std::string& entry : environment) ::putenv(const_cast<char*>(entry.c_str()));
      std::vector<char*> words;
      for (const std::string& word : command) words.push_back(const_cast<char*>(word.c_str()));
      words.push_back(nullptr);
      ::execv(words[0], words.data());
      ::_exit(99);
    }
    slave_ = slave;  // kept open: its settings are looked at afterwards
  }
  ~AtTerminal() {
    if (pid_ > 0) {
      ::kill(pid_, SIGKILL);
      ::waitpid(pid_, nullptr, 0);
    }
    ::close(master_);
    ::close(slave_);
  }
  AtTerminal(const AtTerminal&) = delete;
  AtTerminal& operator=(const AtTerminal&) = delete;

  void type(const std::string& text) const {
    EXPECT_EQ(::write(master_, text.data(), text.size()), static_cast<ssize_t>(text.size()));
  }
  /// Reads until the text has come; what came since the last time.
  bool shows(const std::string& text) {
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(30);
    while (std::chrono::steady_clock::now() < end) {
      if (const std::size_t at = seen_.find(text); at != std::string::npos) {
        seen_.erase(0, at + text.size());
        return true;
      }
      pollfd ready{master_, POLLIN, 0};
      if (::poll(&ready, 1, 100) <= 0) continue;
      std::array<char, 4096> buffer;
      const ssize_t count = ::read(master_, buffer.data(), buffer.size());
      if (count > 0) seen_.append(buffer.data(), static_cast<std::size_t>(count));
    }
    return false;
  }
  void resize(unsigned short rows, unsigned short columns) const {
    const winsize size{rows, columns, 0, 0};
    ::ioctl(master_, TIOCSWINSZ, &size);
  }
  void signal(int number) const { ::kill(pid_, number); }
  /// Its exit status, or 128 and the signal.
  int status() {
    int status = 0;
    const bool ended = wait_until([&] { return ::waitpid(pid_, &status, WNOHANG) == pid_; });
    if (!ended) return -1;
    pid_ = -1;
    return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
  }
  bool is_raw() const {
    termios now{};
    ::tcgetattr(slave_, &now);
    return (now.c_lflag & ICANON) == 0;
  }
  bool is_as_before() const {
    termios now{};
    ::tcgetattr(slave_, &now);
    return now.c_lflag == before_.c_lflag && now.c_iflag == before_.c_iflag &&
           now.c_oflag == before_.c_oflag;
  }
  const std::string& seen() const { return seen_; }

 private:
  int master_ = -1;
  int slave_ = -1;
  pid_t pid_ = -1;
  termios before_{};
  std::string seen_;
};

class ExecE2eTest : public testing::Test {
 protected:
  void SetUp() override {
    platform_.push("alice", {{"api.yaml", kManifest}});
    daemon().start();
    platform_.settle();
    ASSERT_TRUE(wait_until([&] { return has(daemon().croft({"get", "-A"}).output, "Running"); }))
        << daemon().log();
  }
  Daemon& daemon() { return platform_.daemon; }
  std::string socket() const {
    return "CROFT_SERVER=" + (platform_.daemon.data() / "api.sock").string();
  }
  ChildOutput croft(const std::vector<std::string>& words) { return daemon().croft(words); }
  /// A script in an empty directory of its own, in which $CROFT is the command.
  ChildOutput sh(const std::string& script) const {
    const ChildCommand command{
        .arguments = {"env", socket(), std::string("CROFT=") + CROFT_BINARY, "sh", "-c",
                      fmt::format("cd '{}'; {}", directory_.path().string(), script)},
        .deadline = Duration(120'000)};
    return run_child(command).value();
  }
  std::unique_ptr<AtTerminal> at_terminal(std::vector<std::string> words) const {
    words.insert(words.begin(), CROFT_BINARY);
    return std::make_unique<AtTerminal>(words, std::vector<std::string>{socket(), "TERM=xterm"});
  }
  std::string phase() { return daemon().croft({"get", "-A"}).output; }

  TemporaryDirectory directory_ = TemporaryDirectory::make("croft-exec-").value();
  Platform platform_{{"alice"}};
};

TEST_F(ExecE2eTest, PassesStatusOutputAndErrorsThrough) {
  const ChildOutput said =
      croft({"exec", "Instance/api", "sh", "-c", "echo out; echo err >&2; exit 42"});
  EXPECT_EQ(said.status, 42);
  EXPECT_EQ(said.output, "out\n");
  EXPECT_EQ(said.error, "err\n");
  EXPECT_EQ(croft({"exec", "api", "--", "true"}).status, 0);
  EXPECT_EQ(croft({"exec", "api", "no-such-program"}).status, 127);
  // What stands behind REF is the command's, whatever it looks like.
  EXPECT_EQ(croft({"exec", "api", "echo", "-t", "--help", "-o", "x"}).output, "-t --help -o x\n");
  const ChildOutput variable =
      croft({"exec", "-e", "A=b c", "-w", "/tmp", "api", "sh", "-c", "echo $A; pwd"});
  EXPECT_EQ(variable.output, "b c\n/tmp\n") << variable.error;
  // What croft itself could not do stands out.
  const ChildOutput nowhere = croft({"exec", "Instance/nothing", "true"});
  EXPECT_EQ(nowhere.status, 125);
  EXPECT_TRUE(has(nowhere.error, "nothing")) << nowhere.error;
  const ChildOutput events = croft({"events", "-A"});
  EXPECT_TRUE(has(events.output, "ExecStarted")) << events.output;
  EXPECT_TRUE(has(events.output, "exit status 42")) << events.output;
}

TEST_F(ExecE2eTest, CarriesBytesThroughBothWaysAndNoInputUnasked) {
  const ChildOutput done =
      sh("head -c 5000000 /dev/urandom > in; $CROFT exec -i api cat < in > out; echo status $?; "
         "cmp in out && echo same");
  EXPECT_EQ(done.output, "status 0\nsame\n") << done.error;
  EXPECT_EQ(sh("echo typed | $CROFT exec api cat").output, "");
  EXPECT_EQ(sh("echo 'echo from a script' | $CROFT shell api").output, "from a script\n");
  // A reader who leaves ends it.
  const ChildOutput head = sh("$CROFT exec api yes | head -n 1");
  EXPECT_EQ(head.output, "y\n");
}

TEST_F(ExecE2eTest, AShellAtATerminalIsOneAndLeavesItAsItWas) {
  const auto terminal = at_terminal({"shell", "api"});
  terminal->type("stty size; tty\n");
  EXPECT_TRUE(terminal->shows("31 97")) << terminal->seen();
  EXPECT_TRUE(terminal->shows("/dev/pts/")) << terminal->seen();
  EXPECT_TRUE(terminal->is_raw());
  terminal->resize(44, 133);
  terminal->type("sleep 0.3; stty size\n");
  EXPECT_TRUE(terminal->shows("44 133")) << terminal->seen();
  // Keys are the command's: this one ends the sleep, not the shell or us.
  terminal->type("sleep 300\n");
  EXPECT_TRUE(wait_until([] { return processes("300") > 0; }));
  terminal->type("\x03");
  terminal->type("echo still $((40+2))\n");
  EXPECT_TRUE(terminal->shows("still 42")) << terminal->seen();
  terminal->type("exit 9\n");
  EXPECT_EQ(terminal->status(), 9);
  EXPECT_TRUE(terminal->is_as_before());
}

TEST_F(ExecE2eTest, ASignalLeavesTheTerminalAsItWasAndEndsTheCommand) {
  const std::string marker = fmt::format("9{}.5", ::getpid());
  for (const int signal : {SIGTERM, SIGHUP, SIGINT}) {
    const auto terminal = at_terminal({"exec", "api", "sh", "-c", "echo go; sleep " + marker});
    ASSERT_TRUE(terminal->shows("go")) << terminal->seen();
    EXPECT_TRUE(wait_until([&] { return terminal->is_raw() && processes(marker) > 0; }));
    terminal->signal(signal);
    EXPECT_EQ(terminal->status(), 128 + signal);
    EXPECT_TRUE(terminal->is_as_before());
    EXPECT_TRUE(wait_until([&] { return processes(marker) == 0; })) << "signal " << signal;
  }
}

TEST_F(ExecE2eTest, AKilledClientsCommandEnds) {
  const std::string marker = fmt::format("6{}.5", ::getpid());
  const ChildOutput done = sh("$CROFT exec api sleep " + marker + " & sleep 1.5; kill -9 $!; wait");
  EXPECT_TRUE(wait_until([&] { return processes(marker) == 0; }));
  EXPECT_TRUE(wait_until([&] { return has(croft({"events", "-A"}).output, "was hung up"); }))
      << done.error;
}

TEST_F(ExecE2eTest, AKilledDaemonEndsTheCommandAndTheClientSaysWhy) {
  const std::string marker = fmt::format("5{}.5", ::getpid());
  const auto terminal = at_terminal({"exec", "api", "sh", "-c", "echo go; sleep " + marker});
  ASSERT_TRUE(terminal->shows("go")) << terminal->seen();
  const std::optional<pid_t> control = daemon().role("control");
  ASSERT_TRUE(control);
  ::kill(*control, SIGKILL);
  EXPECT_EQ(terminal->status(), 125);
  EXPECT_TRUE(terminal->is_as_before());
  EXPECT_TRUE(terminal->shows("was lost before the command ended")) << terminal->seen();
  EXPECT_TRUE(wait_until([&] { return processes(marker) == 0; }));
  // The app minded nothing.
  EXPECT_TRUE(wait_until([&] { return has(phase(), "Running"); })) << phase();
}

TEST_F(ExecE2eTest, AStoppingDaemonIsNotHeldUpByACommand) {
  const auto terminal = at_terminal({"exec", "api", "sh", "-c", "echo go; sleep 1000"});
  ASSERT_TRUE(terminal->shows("go")) << terminal->seen();
  const auto begun = std::chrono::steady_clock::now();
  EXPECT_EQ(daemon().stop(), 0);
  EXPECT_LT(std::chrono::steady_clock::now() - begun, std::chrono::seconds(8));
  EXPECT_EQ(terminal->status(), 125);
}

TEST_F(ExecE2eTest, AVolumeGoesOutAndComesBack) {
  ASSERT_EQ(
      croft({"exec", "api", "sh", "-c",
             "cd /data; mkdir sub; head -c 2000000 /dev/urandom > sub/random; ln -s sub link; "
             "sha256sum sub/random > sum"})
          .status,
      0);
  EXPECT_TRUE(has(croft({"volume", "ls"}).output, "Instance/api:data"))
      << croft({"volume", "ls"}).error;
  // While it runs, and to a pipe.
  const ChildOutput out =
      sh("$CROFT volume export api:data -o data.tar && tar -tf data.tar | sed s,/$,, | sort");
  EXPECT_TRUE(has(out.output, "link\nsub\nsub/random\nsum\n")) << out.output << out.error;
  EXPECT_EQ(sh("$CROFT volume export api | tar -xO -f - sum | wc -l").output, "1\n");
  // Not into what runs; with --quiesce it is stopped for the time and started again.
  const ChildOutput refused = sh("$CROFT volume import api data.tar");
  EXPECT_NE(refused.status, 0);
  EXPECT_TRUE(has(refused.error, "--quiesce")) << refused.error;
  ASSERT_EQ(croft({"exec", "api", "sh", "-c", "rm -r /data/sub; echo mine > /data/kept"}).status,
            0);
  const ChildOutput in = sh("$CROFT volume import api data.tar --quiesce");
  EXPECT_EQ(in.status, 0) << in.error << daemon().log();
  EXPECT_TRUE(wait_until([&] {
    return croft({"exec", "api", "sh", "-c", "cd /data && sha256sum -c sum && grep -q mine kept"})
               .status == 0;
  })) << phase();
  const std::string events = croft({"events", "-A"}).output;
  for (const char* reason : {"VolumeExported", "VolumeImported", "DirectiveWithdrawn"})
    EXPECT_TRUE(has(events, reason)) << reason << "\n" << events;
}

TEST_F(ExecE2eTest, AHostileArchiveIsRefusedAndTheAppRunsOn) {
  const ChildOutput done =
      sh("mkdir d; echo x > d/f; tar -cf up.tar --transform 's,^d,../../../../tmp/croft-escape,' "
         "-P d/f; "
         "tar -cf absolute.tar -P --transform 's,^d/f,/tmp/croft-escape,' d/f; mknod d/null c 1 3; "
         "tar -cf device.tar -C d null; ln -s /tmp d/out; tar -cf link.tar -C d out; rm d/out; "
         "mkdir d/out; "
         "echo x > d/out/croft-escape; tar -rf link.tar -C d out/croft-escape; "
         "for one in up absolute device link; do $CROFT volume import api $one.tar --quiesce; "
         "echo $one $?; done; ls /tmp | grep croft-escape");
  EXPECT_EQ(done.output, "up 2\nabsolute 2\ndevice 2\nlink 2\n") << done.error;
  for (const char* why : {"'..'", "absolute path", "is a device", "leads through 'out'"})
    EXPECT_TRUE(has(done.error, why)) << why << "\n" << done.error;
  EXPECT_TRUE(wait_until([&] { return croft({"exec", "api", "true"}).status == 0; })) << phase();
}

TEST_F(ExecE2eTest, DataThatIsKeptGoesWhenItIsSaid) {
  ASSERT_EQ(croft({"exec", "api", "sh", "-c", "echo precious > /data/file"}).status, 0);
  const ChildOutput declared = croft({"volume", "rm", "Instance/api", "--yes"});
  EXPECT_NE(declared.status, 0);
  EXPECT_TRUE(has(declared.error, "is declared")) << declared.error;
  platform_.clone("alice").remove("api.yaml");
  platform_.push("alice", site_files("blog", "something else"), "away with it\n\nCroft-Prune: yes");
  EXPECT_TRUE(wait_until([&] { return has(croft({"volume", "ls"}).output, "kept for"); }))
      << croft({"volume", "ls"}).output << croft({"prune", "show", "-A"}).output;
  EXPECT_EQ(sh("$CROFT volume export api | tar -xO -f - file").output, "precious\n");
  EXPECT_NE(croft({"volume", "rm", "api"}).status, 0) << "it was not said";
  const ChildOutput erased = croft({"volume", "rm", "api", "--yes"});
  EXPECT_EQ(erased.status, 0) << erased.error;
  EXPECT_FALSE(has(croft({"volume", "ls"}).output, "api"));
  EXPECT_TRUE(has(croft({"events", "-A"}).output, "VolumeErased"));
}

}  // namespace

}  // namespace croft::e2e
