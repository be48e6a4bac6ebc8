#include <arpa/inet.h>
#include <atomic>
#include <fstream>
#include <netinet/in.h>
#include <sys/socket.h>
#include <thread>
#include <unistd.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/base/child.hpp"
#include "tests/core/git/background_process.hpp"
#include "tests/core/git/mirror_fixture.hpp"

namespace croft {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;
using testing::Not;

constexpr const char* kPassword = "correct-horse-battery";

bool has_program(const std::string& name) {
  return run_child_checked({.arguments = {"sh", "-c", "command -v " + name}}).has_value();
}

/// The work repository's commits, served over TLS with a certificate that the test signs itself.
class HttpsTest : public MirrorFixture {
 protected:
  void SetUp() override {
    if (!has_program("openssl") || !has_program("python3"))
      GTEST_SKIP() << "openssl or python3 is not installed";
    certificate_ = (home_.path() / "server.pem").string();
    const std::string key = (home_.path() / "server.key").string();
    ASSERT_TRUE(run_child_checked(
        {.arguments = {"openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                       "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj",
                       "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", "-keyout", key,
                       "-out", certificate_}}));
    work_.commit({{"a", "over https"}});
    work_.push();
    server_ = std::make_unique<BackgroundProcess>(std::vector<std::string>{
        "python3", CROFT_TEST_DIRECTORY "/https_git_server.py", bare_.path().parent_path().string(),
        certificate_, key, "deploy", kPassword});
  }

  RemoteRepository https(const std::string& path = "/repository") const {
    RemoteRepository remote;
    remote.url = "https://localhost:" + server_->first_line() + path;
    remote.ref = "main";
    remote.https_user = "deploy";
    remote.https_password = Secret<std::string>(kPassword);
    remote.ca_file = certificate_;
    return remote;
  }

  std::string certificate_;
  std::unique_ptr<BackgroundProcess> server_;
};

TEST_F(HttpsTest, FetchesWithAPassword) {
  const auto id = fetch(https());
  ASSERT_TRUE(id) << id.error().describe();
  EXPECT_EQ(content(*id, "a"), "over https");
  work_.commit({{"a", "again"}});
  work_.push();
  RemoteRepository with_user = https();
  with_user.https_user.clear();
  with_user.url.replace(0, 8, "https://deploy@");
  EXPECT_EQ(content(fetch(with_user).value(), "a"), "again");
  EXPECT_EQ(fetch(https("/moved/repository")).value(), work_.id_of())
      << "a redirect on the same host is followed";
}

TEST_F(HttpsTest, WrongOrNoPasswordIsDenied) {
  RemoteRepository wrong = https();
  wrong.https_password = Secret<std::string>("not-the-password");
  const auto refused = fetch(wrong);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), ErrorCode::Denied) << refused.error().describe();
  EXPECT_THAT(refused.error().describe(), Not(HasSubstr("not-the-password")));
  RemoteRepository none = https();
  none.https_password.reset();
  const auto asked = fetch(none);
  ASSERT_FALSE(asked);
  EXPECT_EQ(asked.error().code(), ErrorCode::Denied) << asked.error().describe();
  EXPECT_THAT(asked.error().describe(), HasSubstr("credentials"));
}

TEST_F(HttpsTest, PasswordWithALineEndIsInvalid) {
  RemoteRepository evil = https();
  evil.https_password = Secret<std::string>("x\nhost=evil.example.com");
  EXPECT_EQ(fetch(evil).error().code(), ErrorCode::Invalid);
}

TEST_F(HttpsTest, UnknownCertificateIsDenied) {
  RemoteRepository remote = https();
  remote.ca_file.clear();
  const auto refused = fetch(remote);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), ErrorCode::Denied) << refused.error().describe();
  remote.ca_file = "/nowhere/ca.pem";
  EXPECT_EQ(fetch(remote).error().code(), ErrorCode::NotFound);
}

TEST_F(HttpsTest, MissingRepositoryAndBrokenServerAreToldApart) {
  const auto missing = fetch(https("/nowhere"));
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code(), ErrorCode::NotFound) << missing.error().describe();
  const auto broken = fetch(https("/broken"));
  ASSERT_FALSE(broken);
  EXPECT_EQ(broken.error().code(), ErrorCode::Unavailable) << broken.error().describe();
  RemoteRepository away = https();
  away.url = "https://localhost:1/repository";
  EXPECT_EQ(fetch(away).error().code(), ErrorCode::Unavailable);
}

TEST_F(HttpsTest, ServerThatNeverAnswersTimesOut) {
  const auto late = mirror().fetch(https("/hang"), FetchLimits{.deadline = Duration(500)}, {});
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().code(), ErrorCode::Timeout);
}

/// Looks at every process of this user while a fetch runs: nobody has the password where `ps e`
/// shows it.
TEST_F(HttpsTest, PasswordIsOnNoCommandLineInNoEnvironmentAndInNoFile) {
  std::atomic<bool> done = false;
  std::atomic<int> leaks = 0;
  std::atomic<int> looks = 0;
  const auto look = [&] {
    for (const auto& process : fs::directory_iterator("/proc")) {
      std::error_code error;
      const auto command = read_file(process.path() / "cmdline", 1 << 20);
      if (!command || command->find("https_git_server") != command->npos) continue;
      const auto environment = read_file(process.path() / "environ", 1 << 20);
      if (command->find(kPassword) != command->npos) ++leaks;
      if (environment && environment->find(kPassword) != environment->npos) ++leaks;
    }
    const auto grep =
        std::vector<std::string>{"grep", "-rlsD", "skip", kPassword, store().string()};
    const auto found = run_child({.arguments = grep});
    if (found && !found->output.empty()) ++leaks;
    ++looks;
  };
  mirror();
  std::jthread watcher([&] {
    while (!done) look();
  });
  for (int i = 0; i < 3; ++i) {
    work_.commit({{"a", std::to_string(i)}});
    work_.push();
    EXPECT_TRUE(fetch(https()));
  }
  done = true;
  watcher.join();
  look();
  EXPECT_GT(looks, 3);
  EXPECT_EQ(leaks, 0);
}

/// The work repository's commits behind a real OpenSSH server with a key made for the test.
class SshTest : public MirrorFixture {
 protected:
  void SetUp() override {
    if (::geteuid() != 0) GTEST_SKIP() << "sshd needs root to take a login of this user";
    if (::access("/usr/sbin/sshd", X_OK) != 0) GTEST_SKIP() << "openssh-server is not installed";
    fs::create_directories("/run/sshd");
    make_key("host");
    make_key("client");
    make_key("stranger");
    fs::copy_file(file("client.pub"), file("authorized_keys"));
    work_.commit({{"a", "over ssh"}});
    work_.push();
    start_server();
  }

  std::string file(const std::string& name) const { return (home_.path() / name).string(); }

  void make_key(const std::string& name) const {
    ASSERT_TRUE(run_child_checked(
        {.arguments = {"ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", file(name)}}));
  }

  static int free_port() {
    const UniqueFd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    auto* generic = reinterpret_cast<sockaddr*>(&address);
    if (::bind(fd.get(), generic, size) != 0 || ::getsockname(fd.get(), generic, &size) != 0)
      return 0;
    return ntohs(address.sin_port);
  }

  bool answers() const {
    const UniqueFd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(static_cast<std::uint16_t>(port_));
    return ::connect(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
  }

  void start_server() {
    // Another test may take the port between looking and binding: try again then.
    for (int attempt = 0; attempt < 5; ++attempt) {
      port_ = free_port();
      std::ofstream(file("sshd_config"))
          << "ListenAddress 127.0.0.1:" << port_ << "\nHostKey " << file("host")
          << "\nAuthorizedKeysFile " << file("authorized_keys")
          << "\nPidFile none\nStrictModes no\nUsePAM no\nPermitRootLogin yes\n"
             "PasswordAuthentication no\nLogLevel QUIET\n";
      server_ = std::make_unique<BackgroundProcess>(
          std::vector<std::string>{"/usr/sbin/sshd", "-D", "-f", file("sshd_config")}, false);
      const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(10);
      while (std::chrono::steady_clock::now() < until) {
        if (answers()) return write_known_hosts();
        std::this_thread::sleep_for(std::chrono::milliseconds(10));
      }
    }
    FAIL() << "sshd does not answer";
  }

  void write_known_hosts() const {
    const std::string key = read_file(file("host.pub"), 1000).value();
    std::ofstream(file("known_hosts")) << "[127.0.0.1]:" << port_ << " " << key;
  }

  RemoteRepository ssh() const {
    RemoteRepository remote;
    remote.url = "ssh://root@127.0.0.1:" + std::to_string(port_) + bare_.path().string();
    remote.ref = "main";
    remote.ssh_key_file = file("client");
    remote.ssh_known_hosts_file = file("known_hosts");
    return remote;
  }

  int port_ = 0;
  std::unique_ptr<BackgroundProcess> server_;
};

TEST_F(SshTest, FetchesWithAKey) {
  const auto id = fetch(ssh());
  ASSERT_TRUE(id) << id.error().describe();
  EXPECT_EQ(content(*id, "a"), "over ssh");
  work_.commit({{"a", "again"}});
  work_.push();
  EXPECT_EQ(content(fetch(ssh()).value(), "a"), "again");
}

TEST_F(SshTest, KeyThatTheServerDoesNotKnowIsDenied) {
  RemoteRepository remote = ssh();
  remote.ssh_key_file = file("stranger");
  const auto refused = fetch(remote);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), ErrorCode::Denied) << refused.error().describe();
  EXPECT_THAT(refused.error().describe(), HasSubstr("deploy keys"));
}

TEST_F(SshTest, UnknownHostKeyIsDeniedAndNeverLearned) {
  RemoteRepository remote = ssh();
  remote.ssh_known_hosts_file = file("empty");
  std::ofstream(file("empty")) << "";
  for (int i = 0; i < 2; ++i) {
    const auto refused = fetch(remote);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code(), ErrorCode::Denied) << refused.error().describe();
    EXPECT_THAT(refused.error().describe(), HasSubstr("host key"));
  }
  EXPECT_EQ(fs::file_size(file("empty")), 0U);
}

TEST_F(SshTest, KeyThatOthersMayReadIsDeniedWithWhatToDo) {
  fs::permissions(file("client"), fs::perms::all);
  const auto refused = fetch(ssh());
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), ErrorCode::Denied) << refused.error().describe();
  EXPECT_THAT(refused.error().describe(), HasSubstr("chmod 600 " + file("client")));
}

TEST_F(SshTest, MissingKeyRepositoryAndServerAreToldApart) {
  RemoteRepository remote = ssh();
  remote.ssh_key_file = file("nowhere");
  EXPECT_EQ(fetch(remote).error().code(), ErrorCode::NotFound);
  remote = ssh();
  remote.url += "-nowhere";
  EXPECT_EQ(fetch(remote).error().code(), ErrorCode::NotFound);
  server_.reset();
  EXPECT_EQ(fetch(ssh()).error().code(), ErrorCode::Unavailable);
}

TEST_F(SshTest, HostThatLooksLikeAnOptionRunsNothing) {
  RemoteRepository remote = ssh();
  const std::string trace = file("trace");
  remote.url = "ssh://-oProxyCommand=touch${IFS}" + trace + "/x";
  EXPECT_FALSE(fetch(remote));
  remote.url = "-oProxyCommand=touch " + trace + ":x";
  EXPECT_FALSE(fetch(remote));
  EXPECT_FALSE(fs::exists(trace));
}

}  // namespace
}  // namespace croft
