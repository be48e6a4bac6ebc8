#include "reconciler/notify/template.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/base/files.hpp"

namespace croft::notify {
namespace {

using testing::HasSubstr;

Value event() {
  return Value::map(
      {{"type", "croft.resource.failed"},
       {"subject", "alice/Instance/api"},
       {"id", "m1"},
       {"time", "2026-11-28T16:20:15.120Z"},
       {"data",
        Value::map({{"severity", "Warning"}, {"reason", "CrashLoop"}, {"message", "exit 1"}})}});
}

/// A template whose message is that.
std::string returning(const std::string& message) {
  return "return {api = 1, message = function(event)\n  return " + message + "\nend}";
}

std::string complaint(const std::string& text) {
  const auto made = Template::make("templates/x.lua", text);
  return made ? "" : made.error().describe();
}

TEST(TemplateTest, MakesBodyTypeAndHeaders) {
  const auto made =
      Template::make("t.lua", returning("{body = event.subject .. '!', content_type = "
                                        "'text/x-pager', headers = {['X-Key'] = "
                                        "event.id, Title = 'hello'}}"));
  ASSERT_TRUE(made) << made.error().describe();
  const auto message = (*made)->compose(event());
  ASSERT_TRUE(message) << message.error().describe();
  EXPECT_EQ(message->body, "alice/Instance/api!");
  EXPECT_EQ(message->headers.value_or("Content-Type", ""), "text/x-pager");
  EXPECT_EQ(message->headers.value_or("X-Key", ""), "m1");
  EXPECT_EQ(message->headers.value_or("Title", ""), "hello");
}

TEST(TemplateTest, WritesTablesAsJson) {
  const auto made =
      Template::make("t.lua", returning("{body = {text = event.data.message, n = 1}}"));
  ASSERT_TRUE(made) << made.error().describe();
  const auto message = (*made)->compose(event());
  ASSERT_TRUE(message) << message.error().describe();
  EXPECT_EQ(message->body, R"({"n":1,"text":"exit 1"})");
  EXPECT_EQ(message->headers.value_or("Content-Type", ""), "application/json");
}

TEST(TemplateTest, SaysWhereItIsWrong) {
  EXPECT_THAT(complaint("return {"), HasSubstr("templates/x.lua:1:"));
  EXPECT_THAT(complaint("return {message = function() end}"), HasSubstr("says `api = nil`"));
  EXPECT_THAT(complaint("return {api = 1}"), HasSubstr("message"));
  EXPECT_THAT(complaint(returning("{body = event.nothing.more}")), HasSubstr("templates/x.lua:2:"));
  EXPECT_THAT(complaint(returning("nil")), HasSubstr("it returned no message"));
  EXPECT_THAT(complaint(returning("{}")), HasSubstr("it returned no message"));
  EXPECT_THAT(complaint(returning("{headers = {['X-A'] = 'b'}}")), HasSubstr("returned no body"));
  EXPECT_THAT(complaint(returning("{body = ('x'):rep(300000)}")), HasSubstr("larger than 256 KiB"));
}

TEST(TemplateTest, CannotSayHowTheRequestIsRead) {
  for (const char* name : {"Host", "Content-Length", "Transfer-Encoding", "webhook-signature",
                           "Content-Type", "X-A: b", "", "Authorization"}) {
    EXPECT_THAT(
        complaint(returning("{body = 'x', headers = {['" + std::string(name) + "'] = 'y'}}")),
        HasSubstr("may not set the header"))
        << name;
  }
  EXPECT_THAT(complaint(returning("{body = 'x', headers = {['X-A'] = 'b\\r\\nHost: c'}}")),
              HasSubstr("no line of printable ASCII"));
  EXPECT_THAT(complaint(returning("{body = 'x', content_type = 'a\\nb'}")),
              HasSubstr("no line of printable ASCII"));
}

// Whatever it does, the next event is told as well as the first.
TEST(TemplateTest, IsStoppedWhenItTakesTooMuch) {
  const auto made = Template::make("t.lua",
                                   "return {api = 1, message = function(event)\n"
                                   "  if event.subject == 'loop' then while true do end end\n"
                                   "  if event.subject == 'eat' then\n"
                                   "    local all = {}\n"
                                   "    for i = 1, 1e9 do all[i] = ('x'):rep(1e6) .. i end\n"
                                   "  end\n"
                                   "  return {body = event.subject}\nend}");
  ASSERT_TRUE(made) << made.error().describe();
  for (const char* subject : {"loop", "eat"}) {
    Value bad = event();
    bad.set("subject", subject);
    EXPECT_FALSE((*made)->compose(bad)) << subject;
    EXPECT_EQ((*made)->compose(event()).value().body, "alice/Instance/api");
  }
}

TEST(TemplateTest, TheOneInTheExamplesIsRight) {
  const auto text =
      read_file(CROFT_SOURCE "/examples/webhooks/platform/templates/pager.lua", 65536);
  ASSERT_TRUE(text);
  const auto made = Template::make("templates/pager.lua", *text);
  ASSERT_TRUE(made) << made.error().describe();
  const auto message = (*made)->compose(event());
  ASSERT_TRUE(message) << message.error().describe();
  EXPECT_EQ(message->body,
            R"({"dedup_key":"alice/Instance/api","event_action":"trigger","payload":{)"
            R"("severity":"error","source":"alice/Instance/api","summary":)"
            R"("alice/Instance/api: CrashLoop, exit 1","timestamp":"2026-11-28T16:20:15.120Z"}})");
}

}  // namespace
}  // namespace croft::notify
