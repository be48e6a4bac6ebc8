#include "reconciler/engine/github_apps.hpp"

#include <functional>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/base/base64.hpp"
#include "core/base/child.hpp"
#include "core/base/files.hpp"
#include "core/base/json.hpp"
#include "core/net/server.hpp"
#include "tests/support/run_task.hpp"

namespace croft {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

std::string from_base64url(std::string text) {
  for (char& c : text) c = c == '-' ? '+' : c == '_' ? '/' : c;
  text.append((4 - text.size() % 4) % 4, '=');
  return from_base64(text).value_or("");
}

/// A GitHub on loopback that makes tokens for one App. Whether its proof is right, the program
/// `openssl` says.
class GithubAppsTest : public testing::Test {
 protected:
  GithubAppsTest() {
    port_ = server_.listen_tcp("127.0.0.1", 0).value();
    openssl({"genpkey", "-quiet", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048", "-out",
             file("app")});
    openssl({"pkey", "-in", file("app"), "-pubout", "-out", file("public")});
    app_.app = 12345;
    app_.installation = 678;
    app_.secret = "app";
    app_.url = fmt::format("http://127.0.0.1:{}/api/v3", port_);
  }

  std::string file(const std::string& name) const { return (directory_.path() / name).string(); }

  static int openssl(std::vector<std::string> words) {
    words.insert(words.begin(), "openssl");
    ChildCommand command;
    command.arguments = std::move(words);
    const auto done = run_child(command);
    return done ? done->status : -1;
  }

  bool is_proof(const std::string& jwt) {
    const std::size_t dot = jwt.rfind('.');
    if (dot == std::string::npos) return false;
    EXPECT_TRUE(write_file_atomic(file("text"), jwt.substr(0, dot), 0600));
    EXPECT_TRUE(write_file_atomic(file("sig"), from_base64url(jwt.substr(dot + 1)), 0600));
    const std::size_t first = jwt.find('.');
    EXPECT_EQ(from_base64url(jwt.substr(0, first)), R"({"alg":"RS256","typ":"JWT"})");
    claims_ = parse_json(from_base64url(jwt.substr(first + 1, dot - first - 1))).value();
    return openssl({"dgst", "-sha256", "-verify", file("public"), "-signature", file("sig"),
                    file("text")}) == 0;
  }

  Task<HttpResponse> answer(HttpRequest request) {
    ++asked_;
    HttpResponse response;
    const std::string proof = request.headers.value_or("Authorization", "");
    const bool is_right = request.method == "POST" &&
                          request.target == "/api/v3/app/installations/678/access_tokens" &&
                          proof.starts_with("Bearer ") && is_proof(proof.substr(7)) &&
                          claims_.text_or("iss", "") == "12345";
    response.status = is_right ? status_ : 401;
    response.body =
        response.status == 201
            ? fmt::format(R"({{"token":"ghs_{}","expires_at":"{}"}})", asked_,
                          format_time(clock_.now() + Duration(3'600'000)).substr(0, 19) + "Z")
            : R"({"message":"A JSON web token could not be decoded"})";
    co_return response;
  }

  std::string token() {
    const auto made = run_task(io_, apps_.token(app_));
    return made ? made->reveal() : made.error().describe();
  }

  TemporaryDirectory directory_ = TemporaryDirectory::make("croft-app-").value();
  asio::io_context io_;
  ManualClock clock_;
  HttpServer server_{io_.get_executor(),
                     [this](HttpRequest request) { return answer(std::move(request)); }};
  int port_ = 0;
  int asked_ = 0;
  int status_ = 201;
  Value claims_;
  GithubAppDeclaration app_;
  GithubApps apps_{std::make_shared<secret::OperatorSecrets>(directory_.path()), clock_};
};

TEST_F(GithubAppsTest, ATokenIsKeptUntilShortlyBeforeItsEnd) {
  EXPECT_EQ(token(), "ghs_1");
  clock_.advance(Duration(50 * 60'000));
  EXPECT_EQ(token(), "ghs_1");
  clock_.advance(Duration(6 * 60'000));
  EXPECT_EQ(token(), "ghs_2");
  apps_.forget(app_);
  EXPECT_EQ(token(), "ghs_3");
  EXPECT_EQ(asked_, 3);
}

TEST_F(GithubAppsTest, TheProofLastsLessThanTenMinutesAndBearsASlowClock) {
  ASSERT_EQ(token(), "ghs_1");
  const std::int64_t now = clock_.now().time_since_epoch().count() / 1000;
  EXPECT_EQ(claims_.integer_or("iat", 0), now - 60);
  EXPECT_EQ(claims_.integer_or("exp", 0), now + 540);
}

TEST_F(GithubAppsTest, RefusalsSayWhatToTry) {
  app_.app = 1;
  EXPECT_THAT(token(), HasSubstr("401 Unauthorized: A JSON web token could not be decoded"));
  EXPECT_THAT(token(), HasSubstr("appId, installationId and the private key"));
  app_.app = 12345;
  status_ = 503;
  const auto busy = run_task(io_, apps_.token(app_));
  ASSERT_FALSE(busy);
  EXPECT_EQ(busy.error().code(), ErrorCode::Unavailable);
}

TEST_F(GithubAppsTest, KeysThatAreNoneAreNamedAndNotSent) {
  ASSERT_TRUE(write_file_atomic(file("none"), "not a key\n", 0600));
  app_.secret = "none";
  EXPECT_THAT(token(), HasSubstr("no RSA private key of 2048 bits"));
  openssl({"genpkey", "-algorithm", "ED25519", "-out", file("other")});
  app_.secret = "other";
  EXPECT_THAT(token(), HasSubstr("no RSA private key"));
  openssl({"pkey", "-in", file("app"), "-aes256", "-passout", "pass:x", "-out", file("locked")});
  app_.secret = "locked";
  EXPECT_THAT(token(), HasSubstr("no passphrase"));
  app_.secret = "absent";
  EXPECT_THAT(token(), HasSubstr("absent"));
  EXPECT_EQ(asked_, 0);
}

TEST_F(GithubAppsTest, TheOldFormOfKeysIsTaken) {
  ASSERT_EQ(openssl({"rsa", "-traditional", "-in", file("app"), "-out", file("old")}), 0);
  EXPECT_THAT(read_file(file("old"), 10'000).value(), StartsWith("-----BEGIN RSA PRIVATE KEY"));
  app_.secret = "old";
  EXPECT_EQ(token(), "ghs_1");
}

}  // namespace
}  // namespace croft
