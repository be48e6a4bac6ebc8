#include "reconciler/notify/mail.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "reconciler/notify/webhook.hpp"

namespace croft::notify {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

const std::vector<std::string> kOps{"ops@example.com"};

NotificationRow failed(std::string message) {
  NotificationRow row;
  row.id = "m1";
  row.time = Timestamp(Duration(1'700'000'000'000));
  row.tenant = "alice";
  row.type = "croft.resource.failed";
  row.subject = "alice/Instance/api";
  row.data = std::make_shared<const Value>(Value::map({{"severity", "Warning"},
                                                       {"reason", "CrashLoop"},
                                                       {"message", std::move(message)},
                                                       {"revision", "8d1c0aa1234567"}}));
  return row;
}

std::string written(const NotificationRow& row) {
  return mail_text("croft@example.com", kOps, compose(MessageFormat::Email, row, "example.com"));
}

TEST(MailTest, IsALetterThatPeopleCanRead) {
  EXPECT_EQ(written(failed("exit 1")),
            "From: Croft <croft@example.com>\r\n"
            "To: ops@example.com\r\n"
            "Subject: [croft] Warning: alice/Instance/api failed\r\n"
            "Date: Tue, 14 Nov 2023 22:13:20 +0000\r\n"
            "Message-ID: <m1@example.com>\r\n"
            "MIME-Version: 1.0\r\n"
            "Content-Type: text/plain; charset=utf-8\r\n"
            "Content-Transfer-Encoding: quoted-printable\r\n"
            "Auto-Submitted: auto-generated\r\n"
            "\r\n"
            "alice/Instance/api failed.\r\n"
            "\r\n"
            "CrashLoop: exit 1 (at 8d1c0aa)\r\n"
            "\r\n"
            "When:   2023-11-14T22:13:20.000Z\r\n"
            "Event:  croft.resource.failed\r\n"
            "Tenant: alice\r\n"
            "\r\n");
}

TEST(MailTest, TakesNoHeadersFromStrangers) {
  NotificationRow row = failed("exit 1\r\nBcc: all@example.com");
  row.subject = "alice/Instance/a\r\nBcc: all@example.com";
  row.id = "m1>\r\nBcc: all@example.com";
  const std::string text = written(row);
  const std::string head = text.substr(0, text.find("\r\n\r\n"));
  EXPECT_THAT(head, Not(HasSubstr("\nBcc:")));
  EXPECT_THAT(head, HasSubstr("Auto-Submitted"));  // no line of theirs ended the headers
}

TEST(MailTest, IsAsciiInShortLines) {
  NotificationRow row = failed("");
  std::string message = "gr\xC3\xBC\xC3\x9F=x, \t\rend \n";
  for (int i = 0; i < 300; ++i) message += "\xC3\xA4 ";
  row.data = std::make_shared<const Value>(Value::map({{"message", message}}));
  const std::string text = written(row);
  EXPECT_THAT(text, HasSubstr("gr=C3=BC=C3=9F=3Dx, =09=0Dend=20\r\n"));
  std::size_t begin = 0;
  while (begin < text.size()) {
    const std::size_t end = text.find("\r\n", begin);
    ASSERT_NE(end, std::string::npos);
    EXPECT_LE(end - begin, 76U);
    begin = end + 2;
  }
  for (const char c : text) EXPECT_TRUE((c >= ' ' && c < 0x7f) || c == '\r' || c == '\n');
}

TEST(MailTest, GoesOnlyWhereTheOperatorAllows) {
  MailSettings settings;
  const auto may = [&](const std::string& address) {
    return may_write_to(address, {"alice@example.com", "https://alice.example"}, settings)
        .has_value();
  };
  EXPECT_TRUE(may("Alice@Example.com"));
  EXPECT_FALSE(may("bob@example.com"));
  EXPECT_EQ(may_write_to("a@example.com", {}, settings).error().code(), ErrorCode::Denied);
  settings.recipients = {"*@alice.example", "bob@example.com"};
  EXPECT_TRUE(may("bob@example.com"));
  EXPECT_TRUE(may("anybody@ALICE.example"));
  EXPECT_FALSE(may("anybody@alice.example.org"));
  EXPECT_FALSE(may("eve@example.com"));
}

TEST(MailTest, NamesItsAddresses) {
  EXPECT_THAT(addresses_of("mailto:a@x.example,b@y.example"),
              ElementsAre("a@x.example", "b@y.example"));
  EXPECT_THAT(addresses_of("mailto:"), IsEmpty());
  EXPECT_TRUE(is_mail("mailto:a@x.example"));
  EXPECT_FALSE(is_mail("https://x.example/mailto:a"));
}

TEST(MailRateTest, IsSoManyAnHourForEachTenant) {
  MailRate rate(60);
  Timestamp now(Duration(1'700'000'000'000));
  int sent = 0;
  const Timestamp end = now + Duration(3'600'000);
  while ((now = rate.next("alice", now)) < end) {
    rate.take("alice", now);
    ++sent;
  }
  // Ten at once, and one a minute.
  EXPECT_EQ(sent, 69);
  EXPECT_EQ(rate.next("bob", end - Duration(1)), end - Duration(1));
  MailRate slow(1);
  slow.take("alice", now);
  EXPECT_EQ(slow.next("alice", now), now + Duration(3'600'000));
}

}  // namespace
}  // namespace croft::notify
