#include "cli/serve/mail_settings.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace croft {
namespace {

using testing::HasSubstr;

Settings with_server() {
  Settings settings;
  settings.smtp_server = "mail.example.com";
  settings.smtp_encryption = "starttls";
  settings.smtp_from = "croft@example.com";
  settings.smtp_per_hour = 60;
  return settings;
}

std::string complaint(const Settings& settings) {
  const auto mail = mail_settings(settings);
  return mail ? "" : mail.error().describe();
}

TEST(MailSettingsTest, SendNoMailUnlessAServerIsNamed) {
  EXPECT_FALSE(mail_settings(Settings{}).value().is_on());
  const auto mail = mail_settings(with_server());
  ASSERT_TRUE(mail) << mail.error().describe();
  EXPECT_TRUE(mail->is_on());
  EXPECT_EQ(mail->server.port, 587);
  EXPECT_EQ(mail->server.encryption, SmtpServer::Encryption::StartTls);
}

TEST(MailSettingsTest, NeverSendAPasswordInTheClear) {
  Settings settings = with_server();
  settings.smtp_user = "croft";
  EXPECT_THAT(complaint(settings), HasSubstr("smtp.user and smtp.password go together"));
  settings.smtp_password = "smtp";
  EXPECT_EQ(complaint(settings), "");
  settings.smtp_encryption = "none";
  EXPECT_THAT(complaint(settings), HasSubstr("would be sent in the clear"));
  settings.smtp_user.clear();
  settings.smtp_password.clear();
  EXPECT_EQ(complaint(settings), "");
}

TEST(MailSettingsTest, NameASenderAndAHost) {
  Settings settings = with_server();
  for (const char* from : {"", "croft", "@example.com", "croft@", "Croft <croft@example.com>",
                           "croft@example.com\r\nBcc: x@y.example"}) {
    settings.smtp_from = from;
    EXPECT_THAT(complaint(settings), HasSubstr("smtp.from must be an address")) << from;
  }
  settings = with_server();
  settings.smtp_server = "smtp://mail.example.com";
  EXPECT_THAT(complaint(settings), HasSubstr("is no HOST[:PORT]"));
}

}  // namespace
}  // namespace croft
