#include <algorithm>

#include <fmt/format.h>
#include <gmock/gmock.h>

#include "tests/reconciler/notify/dispatcher_fixture.hpp"

namespace croft::notify {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::StartsWith;

constexpr const char* kApi = "alice/Instance/api";
constexpr const char* kBlog = "alice/Site/blog";

TEST_F(DispatcherTest, TellsWhatIsWantedAndSigned) {
  WebhookDeclaration picky = webhook("picky", serve("picky"));
  picky.events = {"croft.resource.failed"};
  picky.resources = {"Instance/*"};
  declare({picky, webhook("all", serve("all"))});
  tell(kApi);
  tell(kBlog, "croft.resource.failed");
  tell(kApi, "croft.resource.failed");
  tell("bob/Instance/api", "croft.resource.failed", "bob");
  tell("alice/Instance/last", "croft.resource.failed");
  expect_received("picky", 2);
  expect_received("all", 4);
  EXPECT_THAT(subjects("picky"), ElementsAre(kApi, "alice/Instance/last"));
  const Received& got = received_["picky"].front();
  EXPECT_EQ(got.event.text_or("type", ""), "croft.resource.failed");
  EXPECT_EQ(got.event.text_or("source", ""), "croft://example.com/alice");
  EXPECT_EQ(got.event.text_or("id", ""), got.headers.value_or("webhook-id", "?"));
  const std::int64_t at = std::stoll(got.headers.value_or("webhook-timestamp", "0"));
  const std::vector<SigningKey> keys{parse_signing_key(key_of("picky")).value()};
  EXPECT_EQ(
      got.headers.value_or("webhook-signature", ""),
      sign(keys, got.headers.value_or("webhook-id", ""), Timestamp(Duration(at * 1000)), got.body));
}

TEST_F(DispatcherTest, OperatorsHearOfEverybody) {
  WebhookDeclaration ops = webhook("ops", serve("ops"));
  ops.ref.tenant.clear();
  declare({ops});
  tell(kApi);
  tell("bob/Instance/api", "croft.resource.ready", "bob");
  tell("platform", "croft.revision.applied", "");
  expect_received("ops", 3);
}

TEST_F(DispatcherTest, AFailureHoldsBackLaterOnesOfItsResourceOnly) {
  int refusals = 2;
  settings_.schedule.delays = {Duration(800), Duration(800), Duration(800)};
  restart();
  declare({webhook("ops", serve("ops", [&](HttpRequest request) -> Task<HttpResponse> {
                     HttpResponse response;
                     const bool is_api = request.body.find(kApi) != std::string::npos;
                     response.status = is_api && refusals-- > 0 ? 500 : 204;
                     co_return response;
                   }))});
  tell(kApi, "croft.resource.failed");
  tell(kApi, "croft.resource.ready");
  tell(kBlog);
  expect_received("ops", 5);
  EXPECT_THAT(subjects("ops"), ElementsAre(kApi, kBlog, kApi, kApi, kApi));
  const auto& got = received_["ops"];
  EXPECT_EQ(got[0].headers.value_or("webhook-id", ""), got[3].headers.value_or("webhook-id", "?"));
  EXPECT_EQ(got[4].event.text_or("type", ""), "croft.resource.ready");
  ASSERT_TRUE(runs_until([&] { return status("ops").waiting == 0; }));
  const auto rows = deliveries("ops");
  ASSERT_EQ(rows.size(), 3U);
  EXPECT_EQ(rows[0].attempts, 3);
  EXPECT_EQ(rows[0].state, DeliveryState::Delivered);
  EXPECT_EQ(status("ops").ready.status, ConditionStatus::True);
}

TEST_F(DispatcherTest, OneThatHangsOrIsDeadKeepsNobodyWaiting) {
  sender_.timeout = Duration(60'000);
  restart();
  declare({webhook("hangs", serve("hangs",
                                  [this](HttpRequest) -> Task<HttpResponse> {
                                    co_await sleep_for(Duration(60'000));
                                    co_return HttpResponse{};
                                  })),
           webhook("dead", "http://127.0.0.1:1/"), webhook("well", serve("well"))});
  for (int i = 0; i < 30; ++i) tell(fmt::format("alice/Instance/i{}", i));
  expect_received("well", 30);
  EXPECT_LE(received_["hangs"].size(), 4U);
  EXPECT_EQ(status("hangs").waiting, 30U);
}

TEST_F(DispatcherTest, OneThatIsGoneIsDisabledWithANoticeAndEnabledByATest) {
  int status_code = 410;
  declare({webhook("gone", serve("gone",
                                 [&](HttpRequest) -> Task<HttpResponse> {
                                   HttpResponse response;
                                   response.status = status_code;
                                   co_return response;
                                 })),
           webhook("ops", serve("ops"))});
  tell(kApi);
  ASSERT_TRUE(runs_until([&] { return status("gone").row.disabled_at.has_value(); }));
  EXPECT_EQ(status("gone").ready.reason, "Gone");
  expect_received("ops", 2);
  EXPECT_EQ(received_["ops"][1].event.text_or("type", ""), "croft.webhook.disabled");
  EXPECT_EQ(received_["ops"][1].event.text_or("data.ref", ""), "alice/Webhook/gone");
  const auto events = run(store_->events({}));
  EXPECT_EQ(events.value().back().reason, "WebhookDisabled");
  tell(kBlog);
  expect_received("ops", 3);
  EXPECT_EQ(received_["gone"].size(), 1U) << "what is disabled is left alone";

  EXPECT_FALSE(run(dispatcher_->test(ref("gone"))).value().is_taken);
  EXPECT_FALSE(run(dispatcher_->replay(ref("gone"), "")).has_value());
  status_code = 204;
  EXPECT_TRUE(run(dispatcher_->test(ref("gone"))).value().is_taken);
  expect_received("gone", 6);
  std::vector<std::string> at_last = subjects("gone");
  at_last.erase(at_last.begin(), at_last.begin() + 3);
  EXPECT_THAT(at_last, testing::UnorderedElementsAre(kApi, "alice/Webhook/gone", kBlog));
  EXPECT_FALSE(status("gone").row.disabled_at.has_value());
}

TEST_F(DispatcherTest, ADisabledOneIsEnabledByAnotherSpec) {
  int status_code = 410;
  WebhookDeclaration gone = webhook("gone", serve("gone", [&](HttpRequest) -> Task<HttpResponse> {
                                      HttpResponse response;
                                      response.status = status_code;
                                      co_return response;
                                    }));
  declare({gone});
  tell(kApi);
  ASSERT_TRUE(runs_until([&] { return status("gone").row.disabled_at.has_value(); }));
  status_code = 204;
  declare({gone});
  gone.resources = {"Instance/*"};
  declare({gone});
  ASSERT_TRUE(runs_until([&] { return !status("gone").row.disabled_at; }));
  expect_received("gone", 2);
  EXPECT_EQ(subjects("gone").back(), kApi) << "what it refused is sent again";
}

TEST_F(DispatcherTest, OneThatKeepsFailingIsDisabled) {
  declare({webhook("bad", serve("bad", always(500, {}, "the\ndatabase is away")))});
  tell(kApi);
  ASSERT_TRUE(runs_until([&] { return status("bad").row.disabled_at.has_value(); }));
  EXPECT_EQ(status("bad").ready.reason, "KeepsFailing");
  EXPECT_EQ(received_["bad"].size(), 4U);
  const auto rows = deliveries("bad");
  EXPECT_EQ(rows.front().state, DeliveryState::Failed);
  EXPECT_EQ(rows.front().answer, "it answered 500 Internal Server Error: the database is away");
}

TEST_F(DispatcherTest, SendsGivenUpOnesOnceMoreWhenAsked) {
  bool is_well = false;
  declare({webhook("ops", serve("ops", [&](HttpRequest request) -> Task<HttpResponse> {
                     HttpResponse response;
                     const bool is_api = request.body.find(kApi) != std::string::npos;
                     response.status = is_api && !is_well ? 500 : 204;
                     co_return response;
                   }))});
  tell(kApi);
  // Others get through meanwhile: it is not disabled for one that it does not take.
  ASSERT_TRUE(runs_until([&] {
    tell(kBlog);
    const auto rows = deliveries("ops");
    return !rows.empty() && rows.front().state == DeliveryState::Failed;
  }));
  EXPECT_FALSE(status("ops").row.disabled_at.has_value());
  is_well = true;
  EXPECT_FALSE(run(dispatcher_->replay(ref("ops"), "nonsense")).has_value());
  EXPECT_EQ(run(dispatcher_->replay(ref("ops"), "")).value(), 1U);
  ASSERT_TRUE(
      runs_until([&] { return deliveries("ops").front().state == DeliveryState::Delivered; }));
  EXPECT_EQ(deliveries("ops").front().attempts, 1);
}

TEST_F(DispatcherTest, WaitsAsLongAsItIsAskedTo) {
  std::vector<std::chrono::steady_clock::time_point> times;
  declare({webhook("busy", serve("busy", [&](HttpRequest) -> Task<HttpResponse> {
                     times.push_back(std::chrono::steady_clock::now());
                     HttpResponse response;
                     response.status = times.size() == 1 ? 503 : 204;
                     response.headers = {{"Retry-After", "1"}};
                     co_return response;
                   }))});
  tell(kApi);
  ASSERT_TRUE(runs_until([&] { return times.size() == 1; }));
  tell(kBlog);
  expect_received("busy", 3);
  EXPECT_GE(times[1] - times[0], Duration(950));
  EXPECT_GE(times[2] - times[0], Duration(950)) << "the wish is the endpoint's, not one delivery's";
}

TEST_F(DispatcherTest, FollowsNoRedirect) {
  declare({webhook("moved", serve("moved", always(307, {{"Location", serve("elsewhere")}})))});
  tell(kApi);
  expect_received("moved", 2);
  EXPECT_THAT(received_["elsewhere"], IsEmpty());
  EXPECT_THAT(deliveries("moved").front().answer, HasSubstr("redirects are not followed"));
}

TEST_F(DispatcherTest, ReadsLittleOfAnAnswer) {
  declare({webhook("loud", serve("loud", always(200, {}, std::string(8U << 20U, 'x')))),
           webhook("rude", serve("rude", always(400, {}, std::string(8U << 20U, 'x'))))});
  tell(kApi);
  ASSERT_TRUE(runs_until([&] { return status("loud").last.has_value() && status("rude").last; }));
  EXPECT_EQ(status("loud").last->state, DeliveryState::Delivered);
  EXPECT_LT(status("rude").last->answer.size(), 400U);
}

TEST_F(DispatcherTest, ReachesPrivateAddressesOnlyIfItMay) {
  settings_.schedule.delays.assign(50, Duration(500));
  restart();
  std::vector<WebhookDeclaration> all;
  const std::vector<std::string> hosts{"127.0.0.1", "localhost", "[::ffff:127.0.0.1]",
                                       "2130706433"};
  for (std::size_t i = 0; i < hosts.size(); ++i) {
    const std::string url = fmt::format("http://{}:{}/inside", hosts[i], port_);
    all.push_back(webhook(fmt::format("n{}", i), url));
    all.back().allow_private = false;
  }
  declare(all);
  tell(kApi);
  for (const WebhookDeclaration& one : all) {
    ASSERT_TRUE(runs_until([&] { return status(one.ref.name).last.has_value(); })) << one.url;
    EXPECT_THAT(status(one.ref.name).last->answer, HasSubstr("is not one of the public Internet"))
        << one.url;
  }
  EXPECT_THAT(received_["inside"], IsEmpty());
  sender_.allowed_networks = {"127.0.0.0/8"};
  restart();
  expect_received("inside", 3);
}

TEST_F(DispatcherTest, SignsWithBothKeysAfterARotation) {
  declare({webhook("ops", serve("ops"))});
  const std::string old_key = key_of("ops");
  const std::string new_key = run(dispatcher_->rotate(ref("ops"))).value();
  EXPECT_NE(new_key, old_key);
  EXPECT_EQ(new_key, key_of("ops"));
  tell(kApi);
  expect_received("ops", 1);
  const Received& got = received_["ops"].front();
  const std::vector<SigningKey> both{parse_signing_key(new_key).value(),
                                     parse_signing_key(old_key).value()};
  const std::int64_t at = std::stoll(got.headers.value_or("webhook-timestamp", "0"));
  EXPECT_EQ(
      got.headers.value_or("webhook-signature", ""),
      sign(both, got.headers.value_or("webhook-id", ""), Timestamp(Duration(at * 1000)), got.body));
}

TEST_F(DispatcherTest, SignsWithTheKeysThatItIsGiven) {
  WebhookDeclaration own = webhook("own", serve("own"));
  own.key_secret = "ops-hook";
  declare({own});
  tell(kApi);
  ASSERT_TRUE(runs_until([&] { return status("own").last.has_value(); }));
  EXPECT_THAT(status("own").last->answer, HasSubstr("there is no secret ops-hook"));
  secrets_["ops-hook"] = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n";
  expect_received("own", 1);
  EXPECT_THAT(received_["own"].front().headers.value_or("webhook-signature", ""),
              StartsWith("v1,"));
  EXPECT_EQ(run(dispatcher_->rotate(ref("own"))).error().code(), ErrorCode::Conflict);
}

TEST_F(DispatcherTest, AUrlMayBeASecretThatNobodyIsShown) {
  WebhookDeclaration chat = webhook("chat", "");
  chat.url_secret = "chat-url";
  chat.format = MessageFormat::Slack;
  secrets_["chat-url"] = serve("services-T0-very-secret", always(403)) + "\n";
  declare({chat});
  tell(kApi);
  expect_received("services-T0-very-secret", 1);
  EXPECT_THAT(received_["services-T0-very-secret"].front().event.text_or("text", ""),
              HasSubstr("*alice/Instance/api ready*"));
  ASSERT_TRUE(runs_until([&] { return status("chat").last.has_value(); }));
  EXPECT_THAT(status("chat").last->answer, Not(HasSubstr("very-secret")));
  EXPECT_EQ(status("chat").url, "");
}

TEST_F(DispatcherTest, GoesOnWhereItWasAfterARestart) {
  int status_code = 503;
  settings_.schedule.delays = {Duration(2'000), Duration(60'000)};
  restart();
  declare({webhook("ops", serve("ops", [&](HttpRequest) -> Task<HttpResponse> {
                     HttpResponse response;
                     response.status = status_code;
                     co_return response;
                   }))});
  tell(kApi);
  tell(kBlog);
  expect_received("ops", 2);
  dispatcher_->stop();
  tell("alice/Instance/meanwhile");
  status_code = 204;
  restart();
  expect_received("ops", 5);  // two that were refused, again, and the one of meanwhile
  ASSERT_TRUE(runs_until([&] { return status("ops").waiting == 0; }));
  const auto rows = deliveries("ops");
  ASSERT_EQ(rows.size(), 3U);
  for (const DeliveryRow& row : rows) EXPECT_EQ(row.state, DeliveryState::Delivered);
  EXPECT_THAT(subjects("ops"), testing::Contains("alice/Instance/meanwhile"));
}

TEST_F(DispatcherTest, HearsOfWhatHappensSinceItIsDeclared) {
  tell("alice/Instance/before");
  declare({webhook("ops", serve("ops"))});
  tell(kApi);
  expect_received("ops", 1);
  EXPECT_THAT(subjects("ops"), ElementsAre(kApi));
}

TEST_F(DispatcherTest, IsForgottenWhenItIsDeclaredNoMore) {
  declare({webhook("ops", serve("ops", always(500)))});
  tell(kApi);
  expect_received("ops", 1);
  declare({}, {"alice/main"});
  runs_until([] { return false; }, Duration(100));
  EXPECT_EQ(run(store_->webhooks()).value().size(), 1U) << "its source could not be read";
  declare({});
  ASSERT_TRUE(runs_until([&] { return dispatcher_->list("").empty(); }));
  EXPECT_THAT(run(store_->webhooks()).value(), IsEmpty());
  DeliveryQuery query;
  query.webhook = ref("ops");
  EXPECT_THAT(run(store_->deliveries(query)).value(), IsEmpty());
  EXPECT_EQ(run(dispatcher_->test(ref("ops"))).error().code(), ErrorCode::NotFound);
}

TEST_F(DispatcherTest, SendsNothingWhileItIsPausedAndAllOfItAfterwards) {
  WebhookDeclaration paused = webhook("ops", serve("ops"));
  paused.is_paused = true;
  declare({paused});
  tell(kApi);
  EXPECT_FALSE(runs_until([&] { return !received_["ops"].empty(); }, Duration(300)));
  paused.is_paused = false;
  declare({paused});
  expect_received("ops", 1);
}

TEST_F(DispatcherTest, TakesNoMoreThanItsWindow) {
  settings_.window = 200;
  settings_.schedule.delays = {Duration(60'000)};
  restart();
  declare({webhook("dead", "http://127.0.0.1:1/")});
  Transaction many;
  for (int i = 0; i < 450; ++i) {
    NotificationRow row;
    row.id = random_.id();
    row.tenant = "alice";
    row.type = "croft.resource.ready";
    row.subject = fmt::format("alice/Instance/i{}", i);
    many.add(AppendNotification{std::move(row)});
  }
  ASSERT_TRUE(run(store_->commit(std::move(many))).has_value());
  dispatcher_->wake("alice");
  ASSERT_TRUE(runs_until([&] { return status("dead").waiting == 200; }));
  EXPECT_FALSE(runs_until([&] { return status("dead").waiting > 200; }, Duration(300)));
}

TEST_F(DispatcherTest, TellsInTheWordsOfATemplateAndSigns) {
  WebhookDeclaration pager = webhook("pager", serve("pager"));
  pager.format = MessageFormat::Template;
  pager.template_name = "templates/pager.lua";
  pager.template_text =
      "return {api = 1, message = function(event)\n"
      "  return {body = {what = event.subject .. event.data.nothing}, headers = {['X-Id'] = 'a'}}\n"
      "end}";
  declare({pager, webhook("other", serve("other"))});
  tell(kApi);
  expect_received("other", 1);
  ASSERT_TRUE(runs_until([&] { return status("pager").row.failing_since.has_value(); }));
  EXPECT_THAT(status("pager").ready.message, HasSubstr("templates/pager.lua:2: "));
  EXPECT_THAT(received_["pager"], IsEmpty());
  // Once it is mended what waits is told.
  pager.template_text = pager.template_text.replace(
      pager.template_text.find(" .. event.data"), std::string(" .. event.data.nothing").size(), "");
  declare({pager, webhook("other", serve("other"))});
  expect_received("pager", 1);
  const Received& got = received_["pager"].front();
  EXPECT_EQ(got.body, R"({"what":"alice/Instance/api"})");
  EXPECT_EQ(got.headers.value_or("X-Id", ""), "a");
  EXPECT_EQ(got.headers.value_or("Content-Type", ""), "application/json");
  EXPECT_THAT(got.headers.value_or("webhook-signature", ""), StartsWith("v1,"));
}

}  // namespace
}  // namespace croft::notify
