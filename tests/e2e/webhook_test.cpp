// The daemon tells a receiver, the one of examples/webhooks, what becomes of a repository.

#include <csignal>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/e2e/support/platform.hpp"
#include "tests/support/mail_server.hpp"
#include "tests/support/server_process.hpp"

namespace croft::e2e {

namespace {

using testing::HasSubstr;
using testing::Not;

constexpr const char* kKey = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

/// examples/webhooks/receiver.py, which prints what it takes.
class Receiver {
 public:
  explicit Receiver(const std::string& key)
      : process_({"/usr/bin/env", "CROFT_WEBHOOK_KEY=" + key, "python3",
                  std::string(CROFT_EXAMPLES) + "/webhooks/receiver.py", std::to_string(port_)},
                 directory_.path() / "log", "", SIGTERM) {}

  int port() const { return port_; }
  std::string said() const { return read_file(directory_.path() / "log", 1U << 20U).value_or(""); }
  bool says(const std::string& text) const {
    return wait_until([&] { return said().find(text) != std::string::npos; });
  }

 private:
  int port_ = free_port();
  TemporaryDirectory directory_ = TemporaryDirectory::make("croft-e2e-").value();
  ServerProcess process_;
};

std::string manifest(int port) {
  return fmt::format(
      "apiVersion: croft/v1\nkind: Site\nmetadata: {{name: www}}\nspec: {{files: {{path: "
      "public}}}}\n"
      "---\napiVersion: croft/v1\nkind: Webhook\nmetadata: {{name: ops}}\n"
      "spec:\n  url: http://127.0.0.1:{}/hooks\n  allowPrivate: true\n  secret: {{secret: "
      "ops-hook}}\n",
      port);
}

class WebhookTest : public testing::Test {
 protected:
  WebhookTest() {
    EXPECT_TRUE(make_directory(daemon_.data(), 0700).has_value());
    EXPECT_TRUE(make_directory(daemon_.data() / "secrets", 0700).has_value());
    EXPECT_TRUE(write_file_atomic(daemon_.data() / "secrets" / "ops-hook", kKey, 0600).has_value());
    daemon_.flags = {"--solo", repository_.path().string()};
  }

  std::string output_of(const std::vector<std::string>& words) {
    const ChildOutput ran = daemon_.croft(words);
    EXPECT_EQ(ran.status, 0) << ran.error;
    return ran.output;
  }

  GitRepository repository_ = GitRepository::make();
  Daemon daemon_;
};

TEST_F(WebhookTest, TellsWhatBecomesOfCommitsAndGoesOnAfterAKill) {
  const Receiver receiver(kKey);
  repository_.commit({{"hosting.yaml", manifest(receiver.port())}, {"public/index.html", "1"}});
  daemon_.start();
  ASSERT_TRUE(wait_until([&] {
    return daemon_.croft({"get"}).output.find("Webhook/ops") != std::string::npos;
  })) << daemon_.log();
  EXPECT_TRUE(receiver.says("croft.resource.ready home/Site/www")) << daemon_.log();

  repository_.commit({{"broken.yaml",
                       "apiVersion: croft/v1\nkind: Site\nmetadata: {name: x}\n"
                       "spec: {fils: {path: public}}\n"}});
  EXPECT_TRUE(receiver.says("croft.revision.rejected home/home")) << daemon_.log();

  daemon_.kill();
  repository_.commit({{"broken.yaml", "# mended\n"}, {"public/index.html", "2"}});
  daemon_.start();
  EXPECT_TRUE(receiver.says("croft.revision.applied home/home")) << daemon_.log();
  EXPECT_TRUE(receiver.says("croft.resource.updated home/Site/www")) << daemon_.log();
}

TEST_F(WebhookTest, IsSteeredByTheCommandLine) {
  const Receiver receiver(kKey);
  repository_.commit({{"hosting.yaml", manifest(receiver.port())}, {"public/index.html", "1"}});
  daemon_.start();
  ASSERT_TRUE(receiver.says("croft.resource.ready home/Site/www")) << daemon_.log();
  EXPECT_THAT(output_of({"webhook", "test", "ops"}), HasSubstr("home/Webhook/ops took it: 204"));
  EXPECT_TRUE(receiver.says("croft.webhook.test home/Webhook/ops"));
  const std::string listed = output_of({"webhook", "ls"});
  EXPECT_THAT(listed, HasSubstr("home/Webhook/ops"));
  EXPECT_THAT(listed, HasSubstr("True"));
  const std::string sent = output_of({"webhook", "deliveries", "ops"});
  EXPECT_THAT(sent, HasSubstr("croft.resource.ready"));
  EXPECT_THAT(sent, HasSubstr("Delivered"));
  EXPECT_THAT(output_of({"describe", "webhook/ops"}), HasSubstr("Delivering"));
  EXPECT_EQ(daemon_.croft({"webhook", "rotate", "ops"}).status, 2) << "it brings its own key";
  EXPECT_THAT(daemon_.log(), Not(HasSubstr(kKey)));
}

TEST_F(WebhookTest, AReceiverRefusesWhatIsSignedByAnother) {
  const Receiver receiver("whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA");
  repository_.commit({{"hosting.yaml", manifest(receiver.port())}, {"public/index.html", "1"}});
  daemon_.start();
  ASSERT_TRUE(wait_until([&] {
    return daemon_.croft({"webhook", "deliveries", "ops"}).output.find("it answered 401") !=
           std::string::npos;
  })) << daemon_.log();
  const ChildOutput tried = daemon_.croft({"webhook", "test", "ops"});
  EXPECT_EQ(tried.status, 1);
  EXPECT_THAT(tried.error, HasSubstr("did not take it: it answered 401"));
  EXPECT_THAT(output_of({"get"}), HasSubstr("Failing"));
  EXPECT_EQ(receiver.said(), "");
}

TEST_F(WebhookTest, WritesToPeople) {
  if (const std::string missing = MailServer::missing(); !missing.empty())
    GTEST_SKIP() << missing << " is not installed";
  const MailServer server(MailServer::Encryption::Tls);
  EXPECT_TRUE(
      write_file_atomic(daemon_.data() / "secrets" / "smtp", "opensesame\n", 0600).has_value());
  daemon_.flags.insert(
      daemon_.flags.end(),
      {"--smtp-server", fmt::format("localhost:{}", server.port()), "--smtp-user", "croft",
       "--smtp-password", "smtp", "--smtp-encryption", "tls", "--smtp-authorities",
       server.certificate(), "--smtp-from", "croft@example.com"});
  repository_.commit({{"hosting.yaml",
                       "apiVersion: croft/v1\nkind: Site\nmetadata: {name: www}\n"
                       "spec: {files: {path: public}}\n---\n"
                       "apiVersion: croft/v1\nkind: Webhook\nmetadata: {name: letters}\n"
                       "spec: {url: \"mailto:ops@example.com\", events: [croft.resource.ready]}\n"},
                      {"public/index.html", "1"}});
  daemon_.start();
  ASSERT_TRUE(wait_until([&] { return !server.mails().empty(); })) << daemon_.log();
  EXPECT_THAT(server.mails().front().text_or("text", ""), HasSubstr("home/Site/www ready"));
  EXPECT_THAT(output_of({"webhook", "test", "letters"}), HasSubstr("took it: 250"));
  EXPECT_THAT(output_of({"webhook", "ls"}), HasSubstr("mailto:ops@example.com"));
  EXPECT_THAT(daemon_.log(), Not(HasSubstr("opensesame")));
}

}  // namespace

}  // namespace croft::e2e
