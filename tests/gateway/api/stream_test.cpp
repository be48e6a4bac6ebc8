#include "core/net/sse.hpp"
#include "tests/gateway/api/api_fixture.hpp"

namespace croft {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::SizeIs;

/// A client of a stream whose text comes in as the test lets things run.
struct Listening {
  std::unique_ptr<HttpReply> reply;
  std::string text;
  std::vector<SseEvent> events;
  bool has_ended = false;
};

class StreamTest : public ApiTest {
 protected:
  void SetUp() override {
    ApiTest::SetUp();
    start();
    engine.add_resource("alice/Instance/api");
  }
  static Task<> listen(HttpClient from, HttpRequest request, std::shared_ptr<Listening> into) {
    auto reply = co_await from.open(std::move(request));
    EXPECT_TRUE(reply);
    if (!reply) co_return;
    into->reply = std::move(*reply);
    SseParser parser;
    for (;;) {
      const Result<std::string> piece = co_await into->reply->read();
      if (!piece || piece->empty()) break;
      into->text += *piece;
      const Result<std::vector<SseEvent>> events = parser.feed(*piece);
      into->events.insert(into->events.end(), events->begin(), events->end());
    }
    into->has_ended = true;
  }
  std::shared_ptr<Listening> open(std::string target, HttpHeaders headers = {}) {
    auto listening = std::make_shared<Listening>();
    HttpRequest request = request_of("GET", std::move(target));
    request.headers = std::move(headers);
    spawn(io.get_executor(), listen(local(), std::move(request), listening), "listen");
    EXPECT_TRUE(eventually([&] { return listening->reply != nullptr; }));
    return listening;
  }
  std::shared_ptr<Listening> open_events(std::string target = "/v1/events",
                                         const std::string& last_id = "") {
    HttpHeaders headers{{"Accept", "text/event-stream"}};
    if (!last_id.empty()) headers.set("Last-Event-ID", last_id);
    auto listening = open(std::move(target), std::move(headers));
    EXPECT_TRUE(eventually([&] { return listening->text.find(": croft") == 0; }));
    return listening;
  }
  void stop_server() {
    const auto stop = [](HttpServer& which) -> Task<bool> {
      co_await which.stop(Duration(10'000));
      co_return true;
    };
    EXPECT_TRUE(run_task(io, stop(*server)));
  }
};

std::vector<std::string> ids_of(const std::vector<SseEvent>& events) {
  std::vector<std::string> ids;
  for (const SseEvent& event : events) ids.push_back(event.id);
  return ids;
}

TEST_F(StreamTest, ListsHistoryInPages) {
  for (int i = 0; i < 10; ++i) engine.add_event("alice", "alice/Instance/api", "Ping");
  const auto sequences = [&](const std::string& query) {
    const Value answer = json("GET", "/v1/events" + query);
    const auto events = list_from_form(answer, "events", event_from_form).value();
    std::vector<std::int64_t> found;
    for (const EventRow& event : events) found.push_back(event.sequence);
    return found;
  };
  EXPECT_THAT(sequences("?limit=3"), ElementsAre(8, 9, 10));
  EXPECT_THAT(sequences("?limit=3&after=4"), ElementsAre(5, 6, 7));
  EXPECT_THAT(sequences("?limit=2&after=-1"), ElementsAre(1, 2));
  EXPECT_THAT(sequences("?subject=alice/Site/blog"), ElementsAre());
}

TEST_F(StreamTest, GivesEventsAsTheyComeFromNowOn) {
  engine.add_event("alice", "alice/Instance/api", "Old");
  const auto listening = open_events();
  EXPECT_EQ(listening->reply->headers.value_or("Content-Type", ""), "text/event-stream");
  engine.add_event("alice", "alice/Instance/api", "New");
  ASSERT_TRUE(eventually([&] { return listening->events.size() == 1; }));
  EXPECT_EQ(listening->events[0].id, "2");
  EXPECT_EQ(event_from_form(parse_json(listening->events[0].data).value())->reason, "New");
}

TEST_F(StreamTest, GivesOnlyWhatTheFilterLetsThrough) {
  for (int i = 0; i < 500; ++i) engine.add_event("alice", "alice/Instance/api", "Ping");
  engine.add_event("alice", "alice/Site/blog", "Published");
  const auto listening = open_events("/v1/events?resource=Site/*", "3");
  ASSERT_TRUE(eventually([&] { return listening->events.size() == 1; }));
  engine.add_event("alice", "alice/Instance/api", "Ping");
  engine.add_event("alice", "alice/Site/shop", "Published");
  ASSERT_TRUE(eventually([&] { return listening->events.size() == 2; }));
  EXPECT_THAT(ids_of(listening->events), ElementsAre("501", "503"));
}

TEST_F(StreamTest, FirstEventEverIsSeenByWhoListenedBefore) {
  const auto listening = open_events();
  engine.add_event("alice", "alice/Instance/api", "First");
  EXPECT_TRUE(eventually([&] { return listening->events.size() == 1; }));
}

TEST_F(StreamTest, ResumesAfterTheLastEventWithoutAGap) {
  for (int i = 0; i < 1'500; ++i) engine.add_event("alice", "alice/Instance/api", "Ping");
  const auto listening = open_events("/v1/events", "3");
  ASSERT_TRUE(eventually([&] { return listening->events.size() == 1'497; }));
  engine.add_event("alice", "alice/Instance/api", "Ping");
  ASSERT_TRUE(eventually([&] { return listening->events.size() == 1'498; }));
  std::vector<std::string> expected;
  for (int i = 4; i <= 1'501; ++i) expected.push_back(std::to_string(i));
  EXPECT_EQ(ids_of(listening->events), expected);
}

TEST_F(StreamTest, StreamsOnlyWhatWasAskedFor) {
  const auto listening = open_events("/v1/events?tenant=alice&subject=alice/Instance/api");
  engine.add_event("bob", "bob/Instance/api", "A");
  engine.add_event("alice", "alice/Site/blog", "B");
  engine.add_event("alice", "alice/Instance/api", "C");
  ASSERT_TRUE(eventually([&] { return !listening->events.empty(); }));
  EXPECT_THAT(ids_of(listening->events), ElementsAre("3"));
}

TEST_F(StreamTest, ATenantsStreamShowsNothingOfOthers) {
  HttpRequest request = request_of("GET", "/v1/events");
  request.headers = {{"Accept", "text/event-stream"},
                     {"Authorization", "Bearer " + make_token("alice")}};
  const auto listening = std::make_shared<Listening>();
  spawn(io.get_executor(), listen(remote(), std::move(request), listening), "listen");
  ASSERT_TRUE(eventually([&] { return !listening->text.empty(); }));
  engine.add_event("bob", "bob/Instance/shop", "A");
  engine.add_event("", "platform", "B");
  engine.add_event("alice", "alice/Instance/api", "C");
  ASSERT_TRUE(eventually([&] { return !listening->events.empty(); }));
  EXPECT_THAT(ids_of(listening->events), ElementsAre("3"));
}

TEST_F(StreamTest, RefusesALastEventIdThatIsNone) {
  for (const std::string id : {"x", "-7", "1x", "99999999999999999999"}) {
    HttpRequest request = request_of("GET", "/v1/events");
    request.headers = {{"Accept", "text/event-stream"}, {"Last-Event-ID", id}};
    EXPECT_EQ(run_task(io, local().send(std::move(request)))->status, 400) << id;
  }
}

TEST_F(StreamTest, KeepsAQuietStreamAlive) {
  const auto listening = open_events();
  EXPECT_TRUE(
      eventually([&] { return listening->text.find(": still here") != std::string::npos; }));
}

TEST_F(StreamTest, ForgetsAListenerThatHasGone) {
  const auto listening = open_events();
  EXPECT_EQ(engine.listener_count(), 1u);
  stop_server();
  EXPECT_TRUE(eventually([&] { return engine.listener_count() == 0; }));
}

TEST_F(StreamTest, TellsWhenHistoryCannotBeRead) {
  const auto listening = open_events();
  engine.failure = Error(ErrorCode::Unavailable, "the disk is gone");
  engine.tell();
  ASSERT_TRUE(eventually([&] { return listening->has_ended; }));
  ASSERT_THAT(listening->events, SizeIs(1));
  EXPECT_EQ(listening->events[0].event, "error");
  EXPECT_THAT(listening->events[0].data, HasSubstr("the disk is gone"));
}

TEST_F(StreamTest, GivesTheLastLinesOfALog) {
  engine.add_log("alice/Instance/api", "1\n2\n3\n4\n");
  const HttpResponse response = ask("GET", "/v1/logs/alice/Instance/api?lines=2");
  EXPECT_EQ(response.status, 200);
  EXPECT_EQ(response.body, "3\n4\n");
  EXPECT_EQ(ask("GET", "/v1/logs/alice/Instance/api?lines=0").body, "");
}

TEST_F(StreamTest, AnErrorOfTheLogIsAStatus) {
  engine.failure = Error(ErrorCode::Invalid, "this provider keeps no logs");
  const HttpResponse response = ask("GET", "/v1/logs/alice/Instance/api");
  EXPECT_EQ(response.status, 400);
  EXPECT_THAT(response.body, HasSubstr("keeps no logs"));
}

TEST_F(StreamTest, FollowsALogUntilTheClientLeaves) {
  engine.add_log("alice/Instance/api", "1\n");
  auto listening = open("/v1/logs/alice/Instance/api?follow=true");
  ASSERT_TRUE(eventually([&] { return listening->text == "1\n"; }));
  engine.add_log("alice/Instance/api", "2\n");
  ASSERT_TRUE(eventually([&] { return listening->text == "1\n2\n"; }));
  EXPECT_EQ(engine.followers, 1);
  const auto leave = [](HttpClient from, FakeEngine& of) -> Task<bool> {
    {
      auto reply =
          co_await from.open(request_of("GET", "/v1/logs/alice/Instance/api?follow=true&lines=1"));
      const Result<std::string> piece = co_await (*reply)->read();
      EXPECT_EQ(*piece, "2\n");
      EXPECT_EQ(of.followers, 2);
    }
    for (int i = 0; i < 1000 && of.followers == 2; ++i) co_await sleep_for(Duration(5));
    co_return of.followers == 1;
  };
  EXPECT_TRUE(run_task(io, leave(local(), engine)));
}

TEST_F(StreamTest, SaysWhatASlowReaderOfALogMissed) {
  settings.stream_buffer = 64U << 10U;
  api = make_api({engine, *store, clock, random, pool}, settings);
  const std::string line = std::string(1023, 'x') + "\n";
  const auto scenario = [](HttpClient from, FakeEngine& of, std::string text) -> Task<std::string> {
    auto reply =
        co_await from.open(request_of("GET", "/v1/logs/alice/Instance/api?follow=true&lines=0"));
    for (int i = 0; i < 1000 && of.followers == 0; ++i) co_await sleep_for(Duration(5));
    // Far more than sockets and the buffer hold, while nobody reads.
    for (int i = 0; i < 200; ++i) {
      std::string burst;
      for (int j = 0; j < 32; ++j) burst += text;
      of.add_log("alice/Instance/api", burst);
      co_await sleep_for(Duration(1));
    }
    std::string seen;
    while (seen.find("left out") == std::string::npos) {
      const Result<std::string> piece = co_await (*reply)->read();
      if (!piece || piece->empty()) break;
      seen += *piece;
    }
    co_return seen;
  };
  const std::string seen = run_task(io, scenario(local(), engine, line));
  EXPECT_THAT(seen, HasSubstr("bytes left out"));
}

TEST_F(StreamTest, StopEndsEveryStreamCleanly) {
  const auto events = open_events();
  const auto log = open("/v1/logs/alice/Instance/api?follow=true&lines=0");
  ASSERT_TRUE(eventually([&] { return engine.followers == 1; }));
  stop_server();
  EXPECT_TRUE(
      eventually([&] { return events->has_ended && log->has_ended && engine.followers == 0; }));
}

}  // namespace
}  // namespace croft
