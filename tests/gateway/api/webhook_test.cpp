// Webhooks through the API: who may see and ask for what.
#include "gateway/api/webhook_forms.hpp"
#include "tests/gateway/api/api_fixture.hpp"

namespace croft {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

class WebhookApiTest : public ApiTest {
 protected:
  void SetUp() override {
    ApiTest::SetUp();
    engine.hooks.add("alice/Webhook/ops").waiting = 3;
    engine.hooks.add("bob/Webhook/chat").url = "";
    engine.hooks.add("Webhook/ops");
    DeliveryRow row;
    row.id = "d1";
    row.notification.type = "croft.resource.ready";
    row.notification.subject = "alice/Site/blog";
    row.state = DeliveryState::Failed;
    row.attempts = 11;
    row.status = 503;
    row.answer = "it answered 503";
    row.ended_at = clock.now();
    engine.hooks.sent = {row};
    start();
    alice = make_token("alice");
  }

  static std::vector<std::string> refs(const Value& answer) {
    std::vector<std::string> all;
    const auto list = list_from_form<WebhookSummary>(answer, "webhooks", webhook_from_form).value();
    for (const WebhookSummary& one : list) all.push_back(to_string(one.ref));
    return all;
  }

  std::string alice;
};

TEST_F(WebhookApiTest, ListsWhatMayBeSeen) {
  EXPECT_THAT(refs(json("GET", "/v1/webhooks")),
              ElementsAre("alice/Webhook/ops", "bob/Webhook/chat", "Webhook/ops"));
  EXPECT_THAT(refs(json("GET", "/v1/webhooks?tenant=-")), ElementsAre("Webhook/ops"));
  EXPECT_THAT(refs(parse_json(ask_with(alice, "GET", "/v1/webhooks").body).value()),
              ElementsAre("alice/Webhook/ops"));
}

TEST_F(WebhookApiTest, FormsReadBackAsWhatTheyWere) {
  const WebhookSummary webhook = summary_of(engine.hooks.all.front());
  EXPECT_EQ(webhook_from_form(to_form(webhook)).value(), webhook);
  const DeliverySummary delivery = summary_of(engine.hooks.sent.front());
  EXPECT_EQ(delivery_from_form(to_form(delivery)).value(), delivery);
}

TEST_F(WebhookApiTest, ATenantAsksOfItsOwnOnly) {
  const auto asked = [&](const std::string& method, const std::string& path) {
    return ask_with(alice, method, path).status;
  };
  EXPECT_EQ(asked("GET", "/v1/webhooks/alice/ops/deliveries"), 200);
  EXPECT_EQ(asked("POST", "/v1/webhooks/alice/ops/test"), 200);
  engine.hooks.asked.clear();
  for (const std::string path : {"/v1/webhooks/bob/chat", "/v1/webhooks/-/ops"}) {
    EXPECT_EQ(asked("GET", path + "/deliveries"), 404);
    EXPECT_EQ(asked("POST", path + "/test"), 404);
    EXPECT_EQ(asked("POST", path + "/rotate"), 404);
    EXPECT_EQ(ask_with(alice, "POST", path + "/replay", "{}").status, 404);
  }
  EXPECT_THAT(engine.hooks.asked, IsEmpty());
  EXPECT_EQ(asked("POST", "/v1/webhooks/alice/other/test"), 404);
}

TEST_F(WebhookApiTest, ANewKeyIsShownOnceAndInNoAudit) {
  const Value answer = json("POST", "/v1/webhooks/-/ops/rotate");
  EXPECT_EQ(answer.text_or("secret", ""), engine.hooks.key);
  EXPECT_THAT(audit(), HasSubstr("POST /v1/webhooks/-/ops/rotate"));
  EXPECT_THAT(audit(), Not(HasSubstr(engine.hooks.key)));
}

TEST_F(WebhookApiTest, ReplaysOneOrAllThatWereGivenUp) {
  EXPECT_EQ(
      json("POST", "/v1/webhooks/alice/ops/replay", R"({"delivery":"d1"})").integer_or("count", 0),
      1);
  json("POST", "/v1/webhooks/alice/ops/replay", "{}");
  ASSERT_EQ(engine.hooks.asked.size(), 2U);
  EXPECT_EQ(engine.hooks.asked[0].second, "replay d1");
  EXPECT_EQ(engine.hooks.asked[1].second, "replay ");
}

}  // namespace
}  // namespace croft
