#include "reconciler/notify/message.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace croft::notify {
namespace {

using testing::HasSubstr;
using testing::Not;

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

TEST(MessageTest, IsACloudEvent) {
  const Message message = compose(MessageFormat::CloudEvents, failed("exit 1"), "example.com");
  EXPECT_EQ(message.headers.value_or("Content-Type", ""),
            "application/cloudevents+json; charset=utf-8");
  EXPECT_EQ(message.body,
            R"({"data":{"message":"exit 1","reason":"CrashLoop","revision":"8d1c0aa1234567",)"
            R"("severity":"Warning"},"datacontenttype":"application/json","id":"m1",)"
            R"("source":"croft://example.com/alice","specversion":"1.0",)"
            R"("subject":"alice/Instance/api","time":"2023-11-14T22:13:20.000Z",)"
            R"("type":"croft.resource.failed"})");
}

TEST(MessageTest, ReadsLikeAMessageInChats) {
  const auto text = [](MessageFormat format) {
    return compose(format, failed("exit 1"), "example.com").body;
  };
  EXPECT_EQ(
      text(MessageFormat::Slack),
      R"({"text":":warning: *alice/Instance/api failed*\n`CrashLoop: exit 1 (at 8d1c0aa)`"})");
  EXPECT_EQ(
      text(MessageFormat::Mattermost),
      R"({"text":":warning: **alice/Instance/api failed**\n`CrashLoop: exit 1 (at 8d1c0aa)`"})");
  EXPECT_EQ(text(MessageFormat::Discord),
            R"({"allowed_mentions":{"parse":[]},"content":)"
            R"(":warning: **alice/Instance/api failed**\n`CrashLoop: exit 1 (at 8d1c0aa)`"})");
  const Message ntfy = compose(MessageFormat::Ntfy, failed("exit 1"), "example.com");
  EXPECT_EQ(ntfy.headers.value_or("Title", ""), "alice/Instance/api failed");
  EXPECT_EQ(ntfy.headers.value_or("Priority", ""), "high");
  EXPECT_EQ(ntfy.body, "CrashLoop: exit 1 (at 8d1c0aa)");
}

// What a stranger's program prints must neither call anybody nor lead anywhere.
TEST(MessageTest, LetsNobodySpeakInChats) {
  const std::string evil = "`<!channel> <https://evil.example|click> @here & **x**";
  const std::string slack = compose(MessageFormat::Slack, failed(evil), "d").body;
  EXPECT_THAT(slack, Not(HasSubstr("<")));
  EXPECT_THAT(slack, HasSubstr("&lt;!channel&gt;"));
  EXPECT_THAT(slack, Not(HasSubstr("``")));
  const std::string discord =
      compose(MessageFormat::Discord, failed(evil + "\n@everyone"), "d").body;
  EXPECT_THAT(discord, HasSubstr(R"("allowed_mentions":{"parse":[]})"));
  EXPECT_THAT(discord, HasSubstr("```\\nCrashLoop: '<!channel>"));
  NotificationRow split = failed("x");
  split.subject = "alice/Instance/a\r\nX-Evil: 1";
  EXPECT_THAT(compose(MessageFormat::Ntfy, split, "d").headers.value_or("Title", ""),
              Not(HasSubstr("\n")));
}

TEST(MessageTest, IsCutBetweenCharacters) {
  std::string long_text;
  for (int i = 0; i < 2'000; ++i) long_text += "\xC3\xA4";
  const std::string body = compose(MessageFormat::Ntfy, failed(long_text), "d").body;
  EXPECT_LT(body.size(), 1'600U);
  EXPECT_TRUE(body.ends_with("\xA4 ..."));
}

}  // namespace
}  // namespace croft::notify
