#include <fmt/format.h>
#include <gmock/gmock.h>

#include "tests/reconciler/notify/dispatcher_fixture.hpp"
#include "tests/support/mail_server.hpp"

namespace croft::notify {
namespace {

using testing::HasSubstr;

constexpr const char* kApi = "alice/Instance/api";

/// Webhooks that send mail, through a real server.
class MailDeliveryTest : public DispatcherTest {
 protected:
  void SetUp() override {
    if (const std::string missing = MailServer::missing(); !missing.empty())
      GTEST_SKIP() << missing << " is not installed";
    server_ = std::make_unique<MailServer>();
    use(60);
  }
  /// Sends mail from now on, at most so much.
  void use(std::int64_t per_hour) {
    mail_settings_.server.host = "localhost";
    mail_settings_.server.port = server_->port();
    mail_settings_.server.encryption = SmtpServer::Encryption::None;
    mail_settings_.from = "croft@example.com";
    const auto may_write = [this](const Ref&, const std::string& address) {
      return may_write_to(address, contacts_, mail_settings_);
    };
    mail_ = Mailing{mail_sender(mail_settings_, [] { return Secret<std::string>("opensesame"); }),
                    may_write, MailRate(per_hour)};
    restart();
  }
  static WebhookDeclaration letter(const std::string& name, const std::string& address) {
    WebhookDeclaration declaration = webhook(name, "mailto:" + address);
    declaration.format = MessageFormat::Email;
    return declaration;
  }
  bool has_ended(const std::string& name) {
    return runs_until([&] {
      const WebhookStatus now = status(name);
      return now.waiting == 0 && now.last;
    });
  }
  std::string mail_text_of(std::size_t index) const {
    return server_->mails().at(index).text_or("text", "");
  }

  std::unique_ptr<MailServer> server_;
  MailSettings mail_settings_;
  std::vector<std::string> contacts_{"ops@example.com",  "busy@example.com", "nobody@example.com",
                                     "spam@example.com", "lost@example.com", "full@example.com"};
};

std::string line_of(const std::string& text, const std::string& name) {
  const std::size_t begin = text.find("\r\n" + name);
  return text.substr(begin + 2, text.find("\r\n", begin + 2) - begin - 2);
}

TEST_F(MailDeliveryTest, TellsPeople) {
  declare({letter("ops", "ops@example.com")});
  tell(kApi, "croft.resource.failed");
  ASSERT_TRUE(has_ended("ops"));
  ASSERT_EQ(server_->mails().size(), 1U);
  EXPECT_THAT(mail_text_of(0),
              HasSubstr("Subject: [croft] Warning: alice/Instance/api failed\r\n"));
  EXPECT_THAT(mail_text_of(0), HasSubstr("\r\nCrashLoop: exit 1\r\n"));
  EXPECT_THAT(mail_text_of(0), HasSubstr("Sent because alice/Webhook/ops names this address."));
  const DeliveryRow row = deliveries("ops").front();
  EXPECT_EQ(row.state, DeliveryState::Delivered);
  EXPECT_EQ(row.status, 250);
  EXPECT_EQ(status("ops").url, "mailto:ops@example.com");
}

TEST_F(MailDeliveryTest, TriesAgainWhatIsRefusedForNow) {
  declare({letter("ops", "busy@example.com")});
  tell(kApi);
  ASSERT_TRUE(has_ended("ops"));
  EXPECT_EQ(deliveries("ops").front().attempts, 2);
  EXPECT_EQ(server_->mails().size(), 1U);
}

TEST_F(MailDeliveryTest, GivesUpOnceWhatIsRefusedForGood) {
  declare({letter("spam", "spam@example.com"), letter("full", "full@example.com")});
  tell(kApi);
  for (const char* name : {"spam", "full"}) {
    ASSERT_TRUE(has_ended(name));
    EXPECT_EQ(deliveries(name).front().state, DeliveryState::Failed);
    EXPECT_EQ(deliveries(name).front().attempts, 1);
    EXPECT_FALSE(status(name).row.disabled_at.has_value());
  }
  EXPECT_THAT(status("spam").ready.message, HasSubstr("554 5.7.1 nobody wants to read that"));
}

TEST_F(MailDeliveryTest, LeavesAMailboxAloneThatDoesNotExist) {
  declare({letter("ops", "ops@example.com,nobody@example.com")});
  tell(kApi);
  ASSERT_TRUE(runs_until([&] { return status("ops").row.disabled_at.has_value(); }));
  EXPECT_EQ(status("ops").ready.reason, "Gone");
  EXPECT_TRUE(server_->mails().empty());
}

// Where the answer gets lost the mail is sent again; its id says that it is the same.
TEST_F(MailDeliveryTest, KeepsItsIdWhenItIsSentAgain) {
  declare({letter("ops", "lost@example.com")});
  tell(kApi);
  ASSERT_TRUE(has_ended("ops"));
  ASSERT_EQ(server_->mails().size(), 2U);
  EXPECT_EQ(line_of(mail_text_of(0), "Message-ID: "), line_of(mail_text_of(1), "Message-ID: "));
  EXPECT_THAT(line_of(mail_text_of(0), "Message-ID: "), HasSubstr("@example.com>"));
  EXPECT_EQ(mail_text_of(0), mail_text_of(1));
}

TEST_F(MailDeliveryTest, OutlivesAServerThatIsAway) {
  server_->end();
  declare({letter("ops", "ops@example.com")});
  tell(kApi);
  ASSERT_TRUE(runs_until([&] { return status("ops").row.failing_since.has_value(); }));
  server_ = std::make_unique<MailServer>();
  use(60);
  ASSERT_TRUE(has_ended("ops"));
  EXPECT_EQ(server_->mails().size(), 1U);
  EXPECT_EQ(status("ops").ready.status, ConditionStatus::True);
}

TEST_F(MailDeliveryTest, IsNobodysRelay) {
  declare({letter("ops", "ops@example.com,victim@example.com")});
  tell(kApi);
  ASSERT_TRUE(runs_until([&] { return status("ops").row.failing_since.has_value(); }));
  EXPECT_THAT(status("ops").ready.message, HasSubstr("may not send mail to victim@example.com"));
  EXPECT_TRUE(server_->mails().empty());
  // Once the operator allows it, what waits is sent.
  contacts_.emplace_back("victim@example.com");
  ASSERT_TRUE(run(dispatcher_->test(ref("ops"))).value().is_taken);
  ASSERT_TRUE(has_ended("ops"));
  EXPECT_EQ(server_->mails().size(), 2U);
}

TEST_F(MailDeliveryTest, SendsNoMoreThanItMayAndLosesNothing) {
  use(12);  // two at once, and one in five minutes
  declare({letter("ops", "ops@example.com")});
  for (int i = 0; i < 5; ++i) tell(fmt::format("alice/Instance/i{}", i));
  ASSERT_TRUE(
      runs_until([&] { return server_->mails().size() == 2 && status("ops").waiting == 3; }));
  const auto refused = run(dispatcher_->test(ref("ops")));
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().describe(), HasSubstr("too many mails"));
  for (const DeliveryRow& row : deliveries("ops")) {
    EXPECT_EQ(row.state == DeliveryState::Pending, row.attempts == 0);
  }
  EXPECT_EQ(status("ops").ready.status, ConditionStatus::True);
}

TEST_F(MailDeliveryTest, SaysSoWhereNoMailIsSent) {
  mail_.reset();
  restart();
  declare({letter("ops", "ops@example.com")});
  const TestOutcome outcome = run(dispatcher_->test(ref("ops"))).value();
  EXPECT_FALSE(outcome.is_taken);
  EXPECT_THAT(outcome.answer, HasSubstr("the operator has to set smtp.server"));
}

}  // namespace
}  // namespace croft::notify
