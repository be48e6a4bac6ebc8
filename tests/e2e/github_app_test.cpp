// A tenant's private repository that only a GitHub App may read: the real server and git, over TLS,
// against a GitHub of the test's own.

#include <sched.h>
#include <sys/mount.h>
#include <unistd.h>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "tests/core/git/background_process.hpp"
#include "tests/e2e/support/platform.hpp"

namespace croft::e2e {

namespace {

/// This machine trusts the test's certificate and no other, as far as this process and its children
/// see.
bool trust_only(const std::filesystem::path& certificates) {
  return ::unshare(CLONE_NEWNS) == 0 &&
         ::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0 &&
         ::mount(certificates.c_str(), "/etc/ssl/certs", nullptr, MS_BIND, nullptr) == 0;
}

class GithubAppTest : public testing::Test {
 protected:
  void SetUp() override {
    if (::geteuid() != 0) GTEST_SKIP() << "another set of trusted certificates needs root";
    certificates_ = directory_.path() / "certs";
    std::filesystem::create_directory(certificates_);
    const std::string certificate = (certificates_ / "ca-certificates.crt").string();
    openssl({"req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
             "-days", "2", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost",
             "-keyout", file("tls.key"), "-out", certificate});
    // OpenSSL looks for files by hash, GnuTLS (git) for the one above.
    std::filesystem::copy_file(certificate, certificates_ / "ca.pem");
    openssl({"rehash", certificates_.string()});
    openssl({"genpkey", "-quiet", "-algorithm", "RSA", "-out", file("app.pem")});
    openssl({"pkey", "-in", file("app.pem"), "-pubout", "-out", file("app.pub")});
    if (!trust_only(certificates_)) GTEST_SKIP() << "mounts are not allowed here";
    const std::filesystem::path repository =
        platform_.clone("alice").git({"remote", "get-url", "origin"});
    github_ = std::make_unique<BackgroundProcess>(
        std::vector<std::string>{"python3", CROFT_SOURCE_DIR "/tests/e2e/support/github.py",
                                 repository.parent_path().string(), certificate, file("tls.key"),
                                 file("app.pub"), "12345", "678", file("log")});
    url_ = fmt::format("https://localhost:{}/{}", github_->first_line(),
                       repository.filename().string());
    secrets_ = directory_.path() / "secrets";
    ASSERT_TRUE(make_directory(secrets_, 0700));
    std::filesystem::copy_file(file("app.pem"), secrets_ / "github-app");
    platform_.daemon.flags.insert(platform_.daemon.flags.end(),
                                  {"--secrets-dir", secrets_.string()});
  }

  std::string file(const std::string& name) const { return (directory_.path() / name).string(); }

  static void openssl(std::vector<std::string> words) {
    words.insert(words.begin(), "openssl");
    ChildCommand command;
    command.arguments = std::move(words);
    const auto done = run_child_checked(command);
    ASSERT_TRUE(done) << done.error().describe();
  }

  void declare(const std::string& app) {
    platform_.operate(
        "tenants.yaml",
        fmt::format("apiVersion: croft/v1\nkind: Tenant\nmetadata: {{name: alice}}\n"
                    "spec:\n  plan: studio\n  source:\n    url: {}\n    interval: 1s\n"
                    "    credentials: {{githubApp: {}}}\n"
                    "    commitStatus: {{type: github, repository: alice/hosting}}\n",
                    url_, app));
  }

  int count(const std::string& line) const {
    const std::string log = "\n" + read_file(file("log"), 10 << 20).value_or("");
    int found = 0;
    for (std::size_t at = log.find("\n" + line + "\n"); at != std::string::npos;
         at = log.find("\n" + line + "\n", at + 1))
      ++found;
    return found;
  }

  TemporaryDirectory directory_ = TemporaryDirectory::make("croft-github-").value();
  std::filesystem::path certificates_;
  std::filesystem::path secrets_;
  std::string url_;
  Platform platform_{{"alice"}};
  std::unique_ptr<BackgroundProcess> github_;
};

TEST_F(GithubAppTest, FetchesAndReportsWithOneTokenThatIsMadeAsNeeded) {
  platform_.push("alice", site_files("blog", "private"));
  declare("{appId: 1, installationId: 678, secret: github-app}");
  platform_.daemon.start();
  EXPECT_TRUE(wait_until([&] {
    return platform_.daemon.croft({"get", "-t", "alice"}).error.find("no such App") !=
           std::string::npos;
  })) << platform_.daemon.log();
  declare("{appId: 12345, installationId: 678, secret: github-app}");
  ASSERT_TRUE(platform_.shows("alice-blog.localhost", "private")) << platform_.daemon.log();
  EXPECT_TRUE(wait_until([&] { return count("status success") > 0; })) << platform_.daemon.log();
  platform_.push("alice", site_files("blog", "again"));
  EXPECT_TRUE(platform_.shows("alice-blog.localhost", "again")) << platform_.daemon.log();
  EXPECT_EQ(count("token"), 1);
  EXPECT_EQ(platform_.daemon.log().find("ghs_"), std::string::npos);
}

}  // namespace

}  // namespace croft::e2e
