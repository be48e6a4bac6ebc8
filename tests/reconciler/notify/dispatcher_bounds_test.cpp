// What keeps endpoints, tenants and troubles of one from being those of others.
#include <algorithm>

#include <fmt/format.h>
#include <gmock/gmock.h>

#include "tests/reconciler/notify/dispatcher_fixture.hpp"

namespace croft::notify {
namespace {

using testing::IsEmpty;
using testing::SizeIs;

constexpr const char* kApi = "alice/Instance/api";

class DispatcherBoundsTest : public DispatcherTest {
 protected:
  /// Takes a while, and counts how many of that name are under way.
  Answer counted(const std::string& name) {
    return [this, name](HttpRequest) -> Task<HttpResponse> {
      most_[name] = std::max(most_[name], ++now_[name]);
      most_["all"] = std::max(most_["all"], ++now_["all"]);
      co_await sleep_for(Duration(50));
      --now_[name];
      --now_["all"];
      HttpResponse response;
      response.status = 204;
      co_return response;
    };
  }
  WebhookRow only_row() {
    const auto rows = run(store_->webhooks()).value();
    EXPECT_THAT(rows, SizeIs(1));
    return rows.empty() ? WebhookRow() : rows.front();
  }
  /// Into the outbox, and nobody is told.
  void append(const std::vector<std::string>& subjects) {
    Transaction all;
    for (const std::string& subject : subjects) {
      NotificationRow row;
      row.id = random_.id();
      row.tenant = subject.substr(0, subject.find('/'));
      row.type = "croft.resource.ready";
      row.subject = subject;
      all.add(AppendNotification{std::move(row)});
    }
    ASSERT_TRUE(run(store_->commit(std::move(all))).has_value());
  }
  /// An endpoint that does not take what is about kApi, for so long as it is picky.
  Answer picky() {
    return [this](HttpRequest request) -> Task<HttpResponse> {
      HttpResponse response;
      const bool is_taken = !is_picky_ || request.body.find(kApi) == std::string::npos;
      response.status = is_taken ? 204 : 500;
      co_return response;
    };
  }
  static Answer hanging() {
    return [](HttpRequest) -> Task<HttpResponse> {
      co_await sleep_for(Duration(600'000));
      co_return HttpResponse{};
    };
  }
  /// So many endpoints of that tenant that take what they are sent, and never answer.
  void add_hanging(std::vector<WebhookDeclaration>& all, const std::string& tenant, int count) {
    for (int i = 0; i < count; ++i) {
      const std::string name = fmt::format("hangs{}", i);
      all.push_back(webhook(name, serve(tenant + "-" + name, hanging())));
      all.back().ref.tenant = tenant;
    }
  }
  /// Of "alice/Webhook/well", which has shown that it answers.
  WebhookDeclaration proven() {
    const WebhookDeclaration well = webhook("well", serve("well"));
    declare({well});
    tell("alice/Instance/first");
    expect_received("well", 1);
    return well;
  }

  bool is_picky_ = true;
  std::map<std::string, int> now_;
  std::map<std::string, int> most_;
};

TEST_F(DispatcherBoundsTest, SoManyAttemptsOfATenantAndOverAll) {
  settings_.attempts_of_tenant = 3;
  settings_.attempts_at_once = 4;
  restart();
  std::vector<WebhookDeclaration> all;
  for (const std::string tenant : {"alice", "bob"}) {
    for (const std::string name : {"one", "two"}) {
      all.push_back(webhook(name, serve(tenant + "-" + name, counted(tenant))));
      all.back().ref.tenant = tenant;
    }
  }
  declare(all);
  std::vector<std::string> subjects;
  for (int i = 0; i < 12; ++i)
    subjects.push_back(fmt::format("{}/Instance/i{}", i % 2 == 0 ? "alice" : "bob", i));
  append(subjects);
  dispatcher_->wake("alice");
  dispatcher_->wake("bob");
  for (const std::string name : {"alice-one", "alice-two", "bob-one", "bob-two"})
    expect_received(name, 6);
  EXPECT_LE(most_["alice"], 3);
  EXPECT_LE(most_["bob"], 3);
  EXPECT_LE(most_["all"], 4);
}

TEST_F(DispatcherBoundsTest, ASecretThatIsNotThereYetCostsNoAttempt) {
  settings_.schedule.delays = {Duration(10)};
  settings_.ask_again = Duration(50);
  restart();
  WebhookDeclaration hidden = webhook("ops", "");
  hidden.url_secret = "ops-url";
  secrets_["ops-url"] = serve("ops");
  are_secrets_open_ = false;
  declare({hidden});
  tell(kApi);
  ASSERT_TRUE(runs_until([&] { return secrets_asked_for_ > 4; }));
  EXPECT_EQ(status("ops").ready.reason, "SecretUnavailable");
  are_secrets_open_ = true;
  expect_received("ops", 1);
  ASSERT_TRUE(runs_until([&] { return status("ops").waiting == 0; }));
  EXPECT_EQ(deliveries("ops").front().attempts, 1);
  EXPECT_EQ(status("ops").ready.reason, "Delivering");
}

TEST_F(DispatcherBoundsTest, OneThatMovesToAnotherSourceIsOfThatOne) {
  WebhookDeclaration moving = webhook("ops", serve("ops"));
  declare({moving});
  const std::string id = only_row().id;
  moving.source = "alice/second";
  declare({moving});
  EXPECT_EQ(only_row().source, "alice/second");
  declared_.webhooks.front().source = "alice/third";
  restart();
  EXPECT_EQ(only_row().source, "alice/third");
  declared_ = {{}, {"alice/third"}};
  restart();
  runs_until([] { return false; }, Duration(100));
  EXPECT_EQ(only_row().id, id) << "what its source cannot say now it said before";
}

TEST_F(DispatcherBoundsTest, ASubjectThatIsNotTakenKeepsNoOthersBack) {
  settings_.window = 200;
  settings_.schedule.delays = {Duration(60'000)};
  restart();
  declare({webhook("ops", serve("ops", picky()))});
  append(std::vector<std::string>(300, kApi));
  tell("alice/Instance/other");
  expect_received("ops", 2);
  EXPECT_EQ(subjects("ops").back(), "alice/Instance/other");
}

TEST_F(DispatcherBoundsTest, ManyHangingEndpointsOfATenantDoNotSlowItsOthers) {
  settings_.attempts_of_tenant = 4;
  sender_.timeout = Duration(60'000);
  restart();
  std::vector<WebhookDeclaration> all{proven()};
  add_hanging(all, "alice", 8);
  declare(all);
  tell("alice/Instance/second");
  // They hang by now, and each of what follows makes more of them want to.
  EXPECT_TRUE(runs_until([&] { return received_["alice-hangs0"].size() == 1; }));
  std::vector<std::string> subjects;
  for (int i = 0; i < 20; ++i) subjects.push_back(fmt::format("alice/Instance/i{}", i));
  append(subjects);
  dispatcher_->wake("alice");
  EXPECT_TRUE(runs_until([&] { return received_["well"].size() == 22; }, Duration(20'000)))
      << received_["well"].size();
}

TEST_F(DispatcherBoundsTest, ManyTenantsWithHangingEndpointsDoNotSlowAnother) {
  settings_.attempts_of_tenant = 4;
  settings_.attempts_at_once = 8;
  sender_.timeout = Duration(60'000);
  restart();
  std::vector<WebhookDeclaration> all{proven()};
  std::vector<std::string> subjects;
  for (int tenant = 0; tenant < 8; ++tenant) {
    add_hanging(all, fmt::format("t{}", tenant), 4);
    subjects.push_back(fmt::format("t{}/Instance/x", tenant));
  }
  declare(all);
  append(subjects);
  for (int tenant = 0; tenant < 8; ++tenant) dispatcher_->wake(fmt::format("t{}", tenant));
  const auto hanging_ones = [&] {
    return std::ranges::count_if(received_, [](const auto& one) {
      return one.first.find("hangs") != std::string::npos && !one.second.empty();
    });
  };
  EXPECT_TRUE(runs_until([&] { return hanging_ones() == 4; }));
  for (int i = 0; i < 20; ++i) tell(fmt::format("alice/Instance/i{}", i));
  EXPECT_TRUE(runs_until([&] { return received_["well"].size() == 21; }, Duration(20'000)))
      << received_["well"].size();
  EXPECT_EQ(hanging_ones(), 4) << "half of all attempts";
}

TEST_F(DispatcherBoundsTest, ThousandsThatWaitOfOneSubjectKeepNoOthersBack) {
  settings_.schedule.delays = {Duration(600'000)};
  restart();
  declare({webhook("ops", serve("ops", picky()))});
  append(std::vector<std::string>(5'000, kApi));
  tell("alice/Instance/other");
  expect_received("ops", 2);
  EXPECT_EQ(subjects("ops").back(), "alice/Instance/other");
  EXPECT_TRUE(runs_until([&] { return status("ops").waiting == 5'000; }));
  // And after a restart, from all that waits.
  restart();
  tell("alice/Instance/third");
  EXPECT_TRUE(runs_until([&] { return subjects("ops").back() == "alice/Instance/third"; }));
  EXPECT_TRUE(runs_until([&] { return status("ops").waiting == 5'000; }));
}

TEST_F(DispatcherBoundsTest, WhatWaitsInTheStoreOnlyIsSentInItsOrder) {
  constexpr std::size_t kCount = 130;
  settings_.of_subject = 4;
  settings_.schedule.delays.assign(1'000, Duration(20));
  restart();
  declare({webhook("ops", serve("ops", picky()))});
  append(std::vector<std::string>(kCount, kApi));
  tell("alice/Instance/other");
  ASSERT_TRUE(runs_until([&] { return status("ops").waiting == kCount; }));
  restart();
  is_picky_ = false;
  ASSERT_TRUE(runs_until(
      [&] { return received_["ops"].size() > kCount + 1 && status("ops").waiting == 0; }));
  const std::vector<DeliveryRow> sent = deliveries("ops");
  ASSERT_THAT(sent, SizeIs(kCount + 1));
  std::vector<std::string> ids;
  std::vector<std::string> expected;
  for (const DeliveryRow& row : sent) {
    EXPECT_EQ(row.state, DeliveryState::Delivered);
    if (row.notification.subject == kApi) expected.push_back(row.notification.id);
  }
  for (const Received& one : received_["ops"]) {
    const std::string id = one.headers.value_or("webhook-id", "");
    const bool is_again = !ids.empty() && ids.back() == id;
    if (one.subject() == kApi && !is_again) ids.push_back(id);
  }
  EXPECT_EQ(ids, expected);
}

TEST_F(DispatcherBoundsTest, WhatCannotBeWrittenIsTriedAgain) {
  settings_.ask_again = Duration(500);
  restart();
  int status_code = 410;
  WebhookDeclaration gone = webhook("ops", serve("ops", [&](HttpRequest) -> Task<HttpResponse> {
                                      HttpResponse response;
                                      response.status = status_code;
                                      co_return response;
                                    }));
  declare({gone});
  tell(kApi);
  ASSERT_TRUE(runs_until([&] { return status("ops").row.disabled_at.has_value(); }));
  status_code = 204;
  gone.resources = {"Instance/*"};
  fail_next_commit();
  declare({gone});
  EXPECT_TRUE(runs_until([&] { return !status("ops").row.disabled_at; }));

  ASSERT_TRUE(runs_until([&] { return status("ops").waiting == 0; }));
  const int commits = faults_->commits();
  fail_next_commit();
  dispatcher_->declare({});
  ASSERT_TRUE(runs_until([&] { return faults_->commits() > commits; }));
  declare({gone});
  tell("alice/Instance/after");
  EXPECT_TRUE(runs_until([&] { return subjects("ops").back() == "alice/Instance/after"; }));
  dispatcher_->declare({});
  EXPECT_TRUE(runs_until([&] { return dispatcher_->list("").empty(); }));
  EXPECT_THAT(run(store_->webhooks()).value(), IsEmpty());
}

TEST_F(DispatcherBoundsTest, LooksIntoTheOutboxWhileItWaitsToTryAgain) {
  settings_.look_again = Duration(100);
  settings_.schedule.delays.assign(1'000, Duration(50));
  restart();
  declare({webhook("ops", serve("ops", picky()))});
  tell(kApi);
  expect_received("ops", 2);
  append({"alice/Instance/unheard-of"});
  EXPECT_TRUE(runs_until(
      [&] { return std::ranges::count(subjects("ops"), "alice/Instance/unheard-of") == 1; },
      Duration(3'000)));
}

TEST_F(DispatcherBoundsTest, AfterItsEndItAsksForNothingAndWritesNothing) {
  settings_.attempts_of_tenant = 1;
  restart();
  WebhookDeclaration own = webhook("own", serve("own"));
  own.key_secret = "own-key";
  secrets_["own-key"] = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
  bool is_free = false;
  const WebhookDeclaration slow =
      webhook("slow", serve("slow", [&](HttpRequest) -> Task<HttpResponse> {
                while (!is_free) co_await sleep_for(Duration(10));
                co_return HttpResponse{};
              }));
  declare({slow});
  tell(kApi);
  expect_received("slow", 1);
  declare({slow, own});
  tell("alice/Instance/other");
  ASSERT_TRUE(
      runs_until([&] { return status("slow").waiting == 2 && status("own").waiting == 1; }));
  const int commits = faults_->commits();
  dispatcher_->stop();
  is_free = true;
  EXPECT_FALSE(run(dispatcher_->replay(ref("slow"), "")).has_value());
  runs_until([] { return false; }, Duration(300));
  EXPECT_EQ(secrets_asked_for_, 0);
  EXPECT_EQ(faults_->commits(), commits);
}

}  // namespace
}  // namespace croft::notify
