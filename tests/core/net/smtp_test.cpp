#include "core/net/smtp.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/base/json.hpp"
#include "tests/support/free_port.hpp"
#include "tests/support/mail_server.hpp"

namespace croft {
namespace {

using testing::HasSubstr;
using testing::Not;
using Encryption = SmtpServer::Encryption;
using Step = SmtpReply::Step;

SmtpServer to(const MailServer& server, Encryption encryption = Encryption::None) {
  SmtpServer smtp;
  smtp.host = "localhost";
  smtp.port = server.port();
  smtp.encryption = encryption;
  if (encryption == Encryption::None) return smtp;
  smtp.user = "croft";
  smtp.password = Secret<std::string>("opensesame");
  smtp.certificate_authorities = server.certificate();
  return smtp;
}

SmtpMail mail_to(std::vector<std::string> addresses) {
  return {"croft@example.com", std::move(addresses), "Subject: hello\r\n\r\n.one\r\n.\r\ntwo\r\n"};
}

class SmtpTest : public testing::Test {
 protected:
  void SetUp() override {
    if (const std::string missing = MailServer::missing(); !missing.empty())
      GTEST_SKIP() << missing << " is not installed";
  }
};

TEST_F(SmtpTest, HandsOverAMail) {
  const MailServer server;
  const auto reply = send_mail(to(server), mail_to({"ops@example.com", "eve@example.com"}));
  ASSERT_TRUE(reply) << reply.error().describe();
  EXPECT_TRUE(reply->is_taken()) << reply->text;
  ASSERT_EQ(server.mails().size(), 1U);
  const Value mail = server.mails().front();
  EXPECT_EQ(mail.text_or("from", ""), "croft@example.com");
  EXPECT_EQ(to_json(*mail.find("to")), R"(["ops@example.com","eve@example.com"])");
  EXPECT_EQ(mail.text_or("text", ""), "Subject: hello\r\n\r\n.one\r\n.\r\ntwo\r\n");
}

TEST_F(SmtpTest, SignsInOverTls) {
  for (const auto& [encryption, theirs] :
       {std::pair{Encryption::StartTls, MailServer::Encryption::StartTls},
        std::pair{Encryption::Tls, MailServer::Encryption::Tls}}) {
    const MailServer server(theirs);
    const auto reply = send_mail(to(server, encryption), mail_to({"ops@example.com"}));
    ASSERT_TRUE(reply) << reply.error().describe();
    EXPECT_TRUE(reply->is_taken()) << reply->text;
    ASSERT_EQ(server.mails().size(), 1U);
    EXPECT_EQ(server.mails().front().text_or("user", ""), "croft");
    EXPECT_TRUE(server.mails().front().boolean_or("tls", false) || encryption == Encryption::Tls);
  }
}

TEST_F(SmtpTest, TrustsNoStrangersCertificate) {
  const MailServer server(MailServer::Encryption::StartTls);
  SmtpServer smtp = to(server, Encryption::StartTls);
  smtp.certificate_authorities.clear();
  const auto reply = send_mail(smtp, mail_to({"ops@example.com"}));
  ASSERT_FALSE(reply);
  EXPECT_EQ(reply.error().code(), ErrorCode::Denied) << reply.error().describe();
  SmtpServer other_name = to(server, Encryption::StartTls);
  other_name.host = "127.0.0.1";
  EXPECT_FALSE(send_mail(other_name, mail_to({"ops@example.com"})));
}

// A server that cannot encrypt, or somebody in between who says so, gets neither mail nor password.
TEST_F(SmtpTest, SendsNothingInTheClearThatIsToBeEncrypted) {
  const MailServer server;
  SmtpServer smtp = to(server, Encryption::StartTls);
  smtp.certificate_authorities.clear();
  const auto reply = send_mail(smtp, mail_to({"ops@example.com"}));
  ASSERT_FALSE(reply);
  EXPECT_EQ(reply.error().code(), ErrorCode::Denied) << reply.error().describe();
  EXPECT_TRUE(server.mails().empty());
}

TEST_F(SmtpTest, SaysThatAPasswordIsWrongAndNotWhich) {
  const MailServer server(MailServer::Encryption::StartTls);
  SmtpServer smtp = to(server, Encryption::StartTls);
  smtp.password = Secret<std::string>("wrong-password");
  const auto reply = send_mail(smtp, mail_to({"ops@example.com"}));
  ASSERT_FALSE(reply);
  EXPECT_EQ(reply.error().code(), ErrorCode::Denied);
  EXPECT_THAT(reply.error().describe(), HasSubstr("535"));
  EXPECT_THAT(reply.error().describe(), Not(HasSubstr("wrong-password")));
}

TEST_F(SmtpTest, TellsWhatWasRefusedAndWhen) {
  const MailServer server;
  const auto sent = [&](const std::string& address) {
    return send_mail(to(server), mail_to({"ops@example.com", address})).value();
  };
  const SmtpReply nobody = sent("nobody@example.com");
  EXPECT_EQ(nobody.step, Step::Recipient);
  EXPECT_EQ(nobody.code, 550);
  EXPECT_EQ(nobody.text, "550 5.1.1 there is no such mailbox");
  EXPECT_EQ(sent("busy@example.com").code, 451);
  const SmtpReply spam = sent("spam@example.com");
  EXPECT_EQ(spam.step, Step::Content);
  EXPECT_EQ(spam.code, 554);
  EXPECT_FALSE(spam.is_taken());
  // Where one is refused, nobody gets it.
  EXPECT_TRUE(server.mails().empty());
}

TEST_F(SmtpTest, WaitsForNoServerThatIsAwayOrHangs) {
  const MailServer server;
  SmtpServer smtp = to(server);
  smtp.timeout = Duration(300);
  const auto slow = send_mail(smtp, mail_to({"slow@example.com"}));
  ASSERT_FALSE(slow);
  EXPECT_EQ(slow.error().code(), ErrorCode::Timeout);
  smtp.port = free_port();
  const auto away = send_mail(smtp, mail_to({"ops@example.com"}));
  ASSERT_FALSE(away);
  EXPECT_EQ(away.error().code(), ErrorCode::Unavailable);
}

TEST_F(SmtpTest, CanBeStopped) {
  const MailServer server;
  std::stop_source stop;
  stop.request_stop();
  const auto reply = send_mail(to(server), mail_to({"ops@example.com"}), stop.get_token());
  ASSERT_FALSE(reply);
  EXPECT_EQ(reply.error().code(), ErrorCode::Cancelled);
}

// An answer that got lost may stand for a mail that was taken: it must count as not sent.
TEST_F(SmtpTest, CountsALostAnswerAsNone) {
  const MailServer server;
  const auto reply = send_mail(to(server), mail_to({"lost@example.com"}));
  ASSERT_FALSE(reply);
  EXPECT_EQ(reply.error().code(), ErrorCode::Unavailable) << reply.error().describe();
  EXPECT_EQ(server.mails().size(), 1U);
}

TEST(SmtpServerTest, IsReadFromAHostAndPerhapsAPort) {
  const auto read = [](std::string_view text, Encryption encryption) {
    const auto server = parse_smtp_server(text, encryption);
    return server ? server->host + " " + std::to_string(server->port) : server.error().message();
  };
  EXPECT_EQ(read("mail.example.com", Encryption::StartTls), "mail.example.com 587");
  EXPECT_EQ(read("mail.example.com", Encryption::Tls), "mail.example.com 465");
  EXPECT_EQ(read("[::1]", Encryption::None), "::1 25");
  EXPECT_EQ(read("[::1]:2525", Encryption::None), "::1 2525");
  for (const char* wrong : {"", ":25", "mail:", "mail:0", "mail:65536", "mail:25x", "a/b", "u@h"})
    EXPECT_THAT(read(wrong, Encryption::None), HasSubstr("is no HOST[:PORT]"));
}

}  // namespace
}  // namespace croft
