#include <semaphore>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/base/value.hpp"
#include "tests/gateway/edge/edge_harness.hpp"

namespace croft::edge {
namespace {

using testing::HasSubstr;
using testing::Not;

constexpr std::string_view kHost = "alice-api.localhost";

std::string ok(std::string_view body, std::string_view fields = "") {
  return std::string("HTTP/1.1 200 OK\r\nContent-Length: ") + std::to_string(body.size()) + "\r\n" +
         std::string(fields) + "\r\n" + std::string(body);
}

// An app that answers each request with the head it saw.
void echo_heads(RawClient& client) {
  for (std::string head = TestApp::read_head(client); !head.empty();
       head = TestApp::read_head(client)) {
    if (!client.send(ok(head))) return;
  }
}

// Reads a whole message; a response would do as well, so the client's own reader is used by way of
// its framing fields.
std::string read_body(RawClient& client, const std::string& head) {
  if (head.find("Transfer-Encoding: chunked") != std::string::npos) {
    std::string body;
    for (;;) {
      std::string line;
      while (!line.ends_with("\r\n")) {
        const std::string byte = client.read(1);
        if (byte.empty()) return body + "[cut]";
        line += byte;
      }
      const std::size_t size = std::stoul(line, nullptr, 16);
      const std::string data = client.read(size + 2);
      if (data.size() != size + 2) return body + "[cut]";
      body += data.substr(0, size);
      if (size == 0) return body;
    }
  }
  const std::size_t at = head.find("Content-Length: ");
  return at == std::string::npos ? "" : client.read(std::stoul(head.substr(at + 16)));
}

class ProxyTest : public testing::Test {
 protected:
  void serve(std::function<void(RawClient&)> app) {
    app_ = std::make_unique<TestApp>(std::move(app));
    harness_.route_app(std::string(kHost), app_->endpoint());
    harness_.start();
  }
  // An app that answers each connection's first request with these bytes and closes.
  void serve_raw(std::string answer) {
    serve([answer = std::move(answer)](RawClient& client) {
      if (!TestApp::read_head(client).empty()) client.send(answer);
    });
  }
  Answer fetch(std::string_view path = "/", std::string_view fields = "") {
    return harness_.client().ask(get(kHost, path, fields));
  }
  EdgeHarness harness_;
  std::unique_ptr<TestApp> app_;
};

TEST_F(ProxyTest, SendsVisitorsToWhatRunsElsewhere) {
  harness_.route_app(std::string(kHost), "https://web.fly.example.com:8443");
  harness_.start();
  const Answer answer = fetch("/a/b?x=1");
  EXPECT_EQ(answer.status, 307);
  EXPECT_EQ(answer.field("location"), "https://web.fly.example.com:8443/a/b?x=1");
}

TEST_F(ProxyTest, PassesRequestsOnWithTheTruthAboutTheirOrigin) {
  serve(echo_heads);
  const std::string head =
      fetch("/a%2Fb?q=1",
            "X-Forwarded-For: 6.6.6.6\r\nX-Forwarded-Proto: https\r\nX-Real-IP: 6.6.6.6\r\n"
            "Forwarded: for=6.6.6.6\r\nX_Forwarded_For: 6.6.6.6\r\nCookie: a=b\r\n")
          .body;
  EXPECT_THAT(head,
              testing::StartsWith("GET /a%2Fb?q=1 HTTP/1.1\r\nHost: alice-api.localhost\r\n"));
  EXPECT_THAT(head, HasSubstr("X-Forwarded-For: 127.0.0.1\r\n"));
  EXPECT_THAT(head, HasSubstr("X-Forwarded-Proto: http\r\n"));
  EXPECT_THAT(head, HasSubstr("X-Forwarded-Host: alice-api.localhost\r\n"));
  EXPECT_THAT(head, HasSubstr("X-Real-IP: 127.0.0.1\r\n"));
  EXPECT_THAT(head, HasSubstr("Cookie: a=b\r\n"));
  EXPECT_THAT(head, Not(HasSubstr("6.6.6.6")));
}

TEST_F(ProxyTest, BelievesTrustedProxies) {
  harness_.settings.trusted_proxies = {"10.0.0.0/8", "127.0.0.0/8"};
  serve(echo_heads);
  const std::string head = fetch("/",
                                 "X-Forwarded-For: 192.0.2.7\r\nX-Forwarded-Proto: https\r\n"
                                 "X-Forwarded-Host: www.example.com\r\nX-Real-IP: 192.0.2.7\r\n")
                               .body;
  EXPECT_THAT(head, HasSubstr("X-Forwarded-For: 192.0.2.7, 127.0.0.1\r\n"));
  EXPECT_THAT(head, HasSubstr("X-Forwarded-Proto: https\r\n"));
  EXPECT_THAT(head, HasSubstr("X-Forwarded-Host: www.example.com\r\n"));
  EXPECT_THAT(head, HasSubstr("X-Real-IP: 192.0.2.7\r\n"));
}

TEST_F(ProxyTest, KeepsFieldsBetweenNeighboursToThem) {
  serve([](RawClient& client) {
    for (std::string head = TestApp::read_head(client); !head.empty();
         head = TestApp::read_head(client)) {
      client.send(
          ok(head,
             "Keep-Alive: timeout=5\r\nConnection: x-private\r\nX-Private: 1\r\nX-Public: 2\r\n"));
    }
  });
  const Answer answer =
      fetch("/",
            "Connection: keep-alive, X-Secret\r\nX-Secret: 1\r\nTE: trailers\r\nKeep-Alive: 5\r\n"
            "Proxy-Authorization: x\r\nUpgrade: h2c\r\nX-Other: 2\r\n");
  EXPECT_THAT(answer.body, Not(HasSubstr("X-Secret")));
  EXPECT_THAT(answer.body, Not(HasSubstr("TE:")));
  EXPECT_THAT(answer.body, Not(HasSubstr("Proxy-Authorization")));
  EXPECT_THAT(answer.body, Not(HasSubstr("h2c")));
  EXPECT_THAT(answer.body, Not(HasSubstr("Connection")));
  EXPECT_THAT(answer.body, HasSubstr("X-Other: 2"));
  EXPECT_EQ(answer.fields.count("x-private"), 0u);
  EXPECT_EQ(answer.fields.count("keep-alive"), 0u);
  EXPECT_EQ(answer.field("x-public"), "2");
  EXPECT_THAT(answer.field("date"), HasSubstr("GMT"));
}

TEST_F(ProxyTest, KeepsConnectionsToTheApp) {
  serve(echo_heads);
  RawClient client = harness_.client();
  for (int i = 0; i < 20; ++i) EXPECT_EQ(client.ask(get(kHost, "/")).status, 200);
  for (int i = 0; i < 5; ++i) EXPECT_EQ(fetch().status, 200);
  EXPECT_EQ(app_->connections(), 1);
}

TEST_F(ProxyTest, TriesOnceMoreWhenAWaitingConnectionCloses) {
  // Closes after each answer without saying so.
  serve_raw(ok("hello"));
  for (int i = 0; i < 20; ++i) {
    EXPECT_EQ(fetch().body, "hello") << i;
    EXPECT_EQ(harness_.client()
                  .ask("POST / HTTP/1.1\r\nHost: alice-api.localhost\r\nContent-Length: 1\r\n\r\nx")
                  .status,
              200);
  }
  EXPECT_EQ(harness_.edge().counters().upstream_failures, 0u);
}

// The connection still looks open when it is taken, and closes once the request is on its way.
TEST_F(ProxyTest, TriesOnceMoreWhenAWaitingConnectionClosesOnTheRequest) {
  serve([](RawClient& client) {
    if (TestApp::read_head(client).empty()) return;
    client.send(ok("first on a connection"));
    (void)TestApp::read_head(client);
  });
  for (int i = 0; i < 10; ++i) EXPECT_EQ(fetch().body, "first on a connection") << i;
}

TEST_F(ProxyTest, DoesNotRepeatWhatIsNotIdempotent) {
  std::atomic<int> posts = 0;
  serve([&](RawClient& client) {
    for (std::string head = TestApp::read_head(client); !head.empty();
         head = TestApp::read_head(client)) {
      if (head.starts_with("POST")) {
        ++posts;
        return;
      }
      client.send(ok("x"));
    }
  });
  EXPECT_EQ(fetch().status, 200);
  EXPECT_EQ(harness_.client()
                .ask("POST / HTTP/1.1\r\nHost: alice-api.localhost\r\nContent-Length: 0\r\n\r\n")
                .status,
            502);
  EXPECT_EQ(posts, 1);
}

TEST_F(ProxyTest, StreamsRequestBodiesOfEitherFraming) {
  serve([](RawClient& client) {
    for (std::string head = TestApp::read_head(client); !head.empty();
         head = TestApp::read_head(client)) {
      const std::string body = read_body(client, head);
      client.send(
          ok(std::to_string(body.size()) + ":" + std::to_string(std::hash<std::string>{}(body))));
    }
  });
  std::string body(2'000'000, ' ');
  for (std::size_t i = 0; i < body.size(); ++i) body[i] = static_cast<char>(i * 7 % 251);
  const std::string expected = "2000000:" + std::to_string(std::hash<std::string>{}(body));
  RawClient client = harness_.client();
  client.send("POST / HTTP/1.1\r\nHost: alice-api.localhost\r\nContent-Length: 2000000\r\n\r\n");
  client.send(body);
  EXPECT_EQ(client.receive().body, expected);
  client.send("PUT / HTTP/1.1\r\nHost: alice-api.localhost\r\nTransfer-Encoding: chunked\r\n\r\n");
  char head[32];
  for (std::size_t at = 0; at < body.size(); at += 7'777) {
    const std::string piece = body.substr(at, 7'777);
    std::snprintf(head, sizeof(head), "%zX;ext=\"x\"\r\n", piece.size());
    client.send(head + piece + "\r\n");
  }
  client.send("0\r\nTrailer: x\r\n\r\n" + get(kHost, "/next"));
  EXPECT_EQ(client.receive().body, expected);
  EXPECT_EQ(client.receive().status, 200) << "the request behind the body";
}

TEST_F(ProxyTest, StreamsAnswersPieceByPiece) {
  std::binary_semaphore go(0);
  serve([&](RawClient& client) {
    if (TestApp::read_head(client).empty()) return;
    client.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nfirst\r\n");
    go.acquire();
    client.send("6\r\nsecond\r\n0\r\n\r\n");
  });
  RawClient client = harness_.client();
  client.send(get(kHost, "/"));
  std::string seen;
  while (seen.find("first") == std::string::npos) seen += client.read(1);
  go.release();
  while (!seen.ends_with("0\r\n\r\n")) {
    const std::string more = client.read(1);
    ASSERT_FALSE(more.empty());
    seen += more;
  }
  EXPECT_THAT(seen, HasSubstr("5\r\nfirst\r\n6\r\nsecond\r\n"));
}

TEST_F(ProxyTest, HoldsTheAppBackWhenTheClientIsSlow) {
  std::atomic<std::size_t> sent = 0;
  constexpr std::size_t kTotal = 200'000'000;
  serve([&](RawClient& client) {
    if (TestApp::read_head(client).empty()) return;
    client.send("HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(kTotal) + "\r\n\r\n");
    const std::string piece(1 << 16, 'x');
    while (sent < kTotal && client.send(piece)) sent += piece.size();
  });
  RawClient client = harness_.client();
  client.send(get(kHost, "/"));
  (void)client.read(1000);
  std::size_t before = 0;
  EXPECT_TRUE(eventually([&] {
    const std::size_t now = sent;
    const bool stands_still = now > 0 && now == before;
    before = now;
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
    return stands_still;
  }));
  EXPECT_LT(sent, 60'000'000u) << "only what the sockets' buffers take";
}

TEST_F(ProxyTest, TranslatesFramingForEitherSide) {
  serve([](RawClient& client) {
    const std::string head = TestApp::read_head(client);
    if (head.starts_with("GET /to-end")) {
      client.send("HTTP/1.1 200 OK\r\n\r\nuntil the end");
    } else {
      client.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n");
    }
  });
  const Answer rechunked = fetch("/to-end");
  EXPECT_EQ(rechunked.field("transfer-encoding"), "chunked");
  EXPECT_EQ(rechunked.body, "until the end");
  EXPECT_TRUE(rechunked.is_whole);
  RawClient old = harness_.client();
  old.send("GET /chunked HTTP/1.0\r\nHost: alice-api.localhost\r\nConnection: keep-alive\r\n\r\n");
  const std::string all = old.read();
  EXPECT_THAT(all, HasSubstr("Connection: close\r\n"));
  EXPECT_THAT(all, testing::EndsWith("\r\n\r\nabc"));
}

TEST_F(ProxyTest, AnswersToHeadAndWithoutContentHaveNoBody) {
  serve([](RawClient& client) {
    for (std::string head = TestApp::read_head(client); !head.empty();
         head = TestApp::read_head(client)) {
      if (head.starts_with("HEAD")) client.send("HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n");
      if (head.starts_with("GET /204")) client.send("HTTP/1.1 204 No Content\r\n\r\n");
      if (head.starts_with("GET /304"))
        client.send("HTTP/1.1 304 Not Modified\r\nETag: \"x\"\r\n\r\n");
      if (head.starts_with("GET /zero"))
        client.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    }
  });
  RawClient client = harness_.client();
  EXPECT_EQ(client.ask("HEAD / HTTP/1.1\r\nHost: alice-api.localhost\r\n\r\n", true)
                .field("content-length"),
            "500");
  EXPECT_EQ(client.ask(get(kHost, "/204")).status, 204);
  EXPECT_EQ(client.ask(get(kHost, "/304")).field("etag"), "\"x\"");
  EXPECT_TRUE(client.ask(get(kHost, "/zero")).is_whole);
  EXPECT_EQ(app_->connections(), 1);
}

TEST_F(ProxyTest, SaysContinueWhenTheBodyIsWanted) {
  serve([](RawClient& client) {
    const std::string head = TestApp::read_head(client);
    client.send(ok(head + read_body(client, head)));
  });
  RawClient client = harness_.client();
  client.send(
      "POST / HTTP/1.1\r\nHost: alice-api.localhost\r\nExpect: 100-continue\r\nContent-Length: "
      "4\r\n\r\n");
  EXPECT_EQ(client.receive().status, 100);
  client.send("body");
  const Answer answer = client.receive();
  EXPECT_THAT(answer.body, testing::EndsWith("body"));
  EXPECT_THAT(answer.body, Not(HasSubstr("Expect")));
  EXPECT_EQ(harness_.client()
                .ask("POST / HTTP/1.1\r\nHost: alice-api.localhost\r\nExpect: "
                     "tea\r\nContent-Length: 4\r\n\r\nbody")
                .status,
            417);
}

TEST_F(ProxyTest, PassesInterimAnswersOn) {
  serve_raw("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\n" +
            ok("x"));
  RawClient client = harness_.client();
  const Answer hints = client.ask(get(kHost, "/"));
  EXPECT_EQ(hints.status, 103);
  EXPECT_EQ(hints.field("link"), "</a.css>");
  EXPECT_EQ(client.receive().body, "x");
  EXPECT_EQ(harness_.client().ask("GET / HTTP/1.0\r\nHost: alice-api.localhost\r\n\r\n").status,
            200);
}

TEST_F(ProxyTest, AnAnswerBeforeTheEndOfTheBodyIsPassedOn) {
  serve([](RawClient& client) {
    if (TestApp::read_head(client).empty()) return;
    client.send(
        "HTTP/1.1 413 Content Too Large\r\nContent-Length: 3\r\nConnection: close\r\n\r\nbig");
    (void)client.read();
  });
  RawClient client = harness_.client();
  client.send("POST / HTTP/1.1\r\nHost: alice-api.localhost\r\nContent-Length: 100000000\r\n\r\n");
  client.send(std::string(100'000, 'x'));
  const Answer answer = client.receive();
  EXPECT_EQ(answer.status, 413);
  EXPECT_EQ(answer.body, "big");
  EXPECT_EQ(answer.field("connection"), "");
  EXPECT_TRUE(client.is_closed());
}

TEST_F(ProxyTest, TunnelsUpgradedConnections) {
  serve([](RawClient& client) {
    const std::string head = TestApp::read_head(client);
    if (head.find("Connection: Upgrade\r\nUpgrade: websocket\r\n") == std::string::npos) return;
    client.send(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: "
        "Upgrade\r\nX-Accept: y\r\n\r\nhi");
    for (std::string byte = client.read(1); !byte.empty(); byte = client.read(1)) client.send(byte);
    client.send("bye");
  });
  RawClient client = harness_.client();
  const Answer answer = client.ask(
      get(kHost, "/", "Connection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n") + "early");
  ASSERT_EQ(answer.status, 101);
  EXPECT_EQ(answer.field("upgrade"), "websocket");
  EXPECT_EQ(answer.field("x-accept"), "y");
  EXPECT_EQ(client.read(7), "hiearly");
  const std::string large(300'000, 'z');
  std::thread writer([&] { client.send(large); });
  EXPECT_EQ(client.read(large.size()), large);
  writer.join();
  client.finish_sending();
  EXPECT_EQ(client.read(), "bye") << "what the app says after the client's end still comes";
}

TEST_F(ProxyTest, AnAppMayRefuseToUpgrade) {
  serve_raw(ok("no"));
  EXPECT_EQ(fetch("/", "Connection: Upgrade\r\nUpgrade: websocket\r\n").body, "no");
}

TEST_F(ProxyTest, AnUpgradeThatNobodyAskedForIsRefused) {
  serve_raw("HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n");
  EXPECT_EQ(fetch().status, 502);
  EXPECT_EQ(fetch("/", "Connection: Upgrade\r\nUpgrade: h2c\r\n").status, 502);
}

TEST_F(ProxyTest, SaysWhatStateItIsInWhenNothingListens) {
  std::string endpoint;
  {
    TestApp gone([](RawClient&) {});
    endpoint = gone.endpoint();
  }
  harness_.route(std::string(kHost), {"alice/Instance/api", parse_endpoint(endpoint).value(),
                                      "CrashLoop", "exit status 1, next try in 40s <b>"});
  harness_.start();
  const Answer html = fetch("/", "Accept: text/html,application/xhtml+xml,*/*;q=0.8\r\n");
  EXPECT_EQ(html.status, 503);
  EXPECT_EQ(html.field("content-type"), "text/html; charset=utf-8");
  EXPECT_THAT(html.body, HasSubstr("CrashLoop"));
  EXPECT_THAT(html.body, HasSubstr("next try in 40s &lt;b&gt;"));
  const Answer json = fetch("/", "Accept: application/json\r\n");
  EXPECT_EQ(json.field("content-type"), "application/json");
  EXPECT_EQ(parse_json(json.body)->text_or("error.state", ""), "CrashLoop");
  EXPECT_EQ(parse_json(json.body)->text_or("error.ref", ""), "alice/Instance/api");
  EXPECT_THAT(fetch().body, HasSubstr("alice/Instance/api: CrashLoop\n"));
  EXPECT_EQ(fetch().field("retry-after"), "5");
  harness_.route_app(std::string(kHost), endpoint, "Running");
  EXPECT_EQ(fetch().status, 502);
}

TEST_F(ProxyTest, ARouteWithoutAnEndpointIsItsState) {
  harness_.route(std::string(kHost),
                 {"alice/Instance/api", {}, "Suspended", "The operator suspended it."});
  harness_.start();
  const Answer answer = fetch();
  EXPECT_EQ(answer.status, 503);
  EXPECT_THAT(answer.body, HasSubstr("Suspended"));
  EXPECT_THAT(answer.body, HasSubstr("The operator suspended it."));
}

TEST_F(ProxyTest, NeverHangsOnAnAppThatDoesNotAnswer) {
  harness_.settings.limits.answer_time = Duration(300);
  serve([](RawClient& client) {
    (void)TestApp::read_head(client);
    (void)client.read();
  });
  RawClient client = harness_.client();
  EXPECT_EQ(client.ask(get(kHost, "/")).status, 504);
  EXPECT_EQ(client.ask(get(kHost, "/")).status, 504) << "the client's connection goes on";
}

TEST_F(ProxyTest, WhatIsNotHttpIsABadGateway) {
  for (const std::string& bad :
       {std::string("SSH-2.0-OpenSSH\r\n\r\n"), std::string("HTTP/1.1 200\r\nBad Header\r\n\r\n"),
        std::string("HTTP/1.1 20"),
        std::string("HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxx"),
        std::string("HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\nxx"),
        std::string("HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n"),
        "HTTP/1.1 200 OK\r\nX: " + std::string(100'000, 'x') + "\r\n\r\n", std::string()}) {
    EdgeHarness harness;
    TestApp app([&](RawClient& client) {
      if (!TestApp::read_head(client).empty()) client.send(bad);
    });
    harness.route_app(std::string(kHost), app.endpoint());
    harness.start();
    RawClient client = harness.client();
    EXPECT_EQ(client.ask(get(kHost, "/")).status, 502) << bad.substr(0, 80);
    harness.stop();
  }
}

TEST_F(ProxyTest, ATruncatedAnswerNeverLooksWhole) {
  for (const std::string& cut :
       {std::string("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc"),
        std::string("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab")}) {
    EdgeHarness harness;
    TestApp app([&](RawClient& client) {
      if (!TestApp::read_head(client).empty()) client.send(cut);
    });
    harness.route_app(std::string(kHost), app.endpoint());
    harness.start();
    RawClient client = harness.client();
    const Answer answer = client.ask(get(kHost, "/"));
    EXPECT_FALSE(answer.is_whole) << cut;
    harness.stop();
  }
}

TEST_F(ProxyTest, TheAppHearsThatTheClientHasGone) {
  std::binary_semaphore ended(0);
  serve([&](RawClient& client) {
    (void)TestApp::read_head(client);
    if (client.is_closed()) ended.release();
  });
  {
    RawClient client = harness_.client();
    client.send(get(kHost, "/"));
    ASSERT_TRUE(eventually([&] { return app_->connections() == 1; }));
  }
  EXPECT_TRUE(ended.try_acquire_for(std::chrono::seconds(5)));
}

TEST_F(ProxyTest, ManyAtOnceGetTheirOwnAnswers) {
  serve([](RawClient& client) {
    for (std::string head = TestApp::read_head(client); !head.empty();
         head = TestApp::read_head(client)) {
      const std::string body = read_body(client, head);
      client.send(ok(head.substr(0, head.find(" HTTP")) + body));
    }
  });
  std::vector<std::thread> threads;
  std::atomic<int> good = 0;
  for (int t = 0; t < 8; ++t) {
    threads.emplace_back([&, t] {
      RawClient client = harness_.client();
      for (int i = 0; i < 50; ++i) {
        const std::string path = "/" + std::to_string(t) + "/" + std::to_string(i);
        good += client.ask(get(kHost, path)).body == "GET " + path;
        const std::string body(static_cast<std::size_t>(i * 1000), 'b');
        good +=
            client
                .ask("POST " + path + " HTTP/1.1\r\nHost: alice-api.localhost\r\nContent-Length: " +
                     std::to_string(body.size()) + "\r\n\r\n" + body)
                .body == "POST " + path + body;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(good, 800);
}

}  // namespace
}  // namespace croft::edge
