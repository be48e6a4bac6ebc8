#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/gateway/edge/edge_harness.hpp"

namespace croft::edge {
namespace {

using testing::HasSubstr;

constexpr std::string_view kHost = "alice-api.localhost";
const std::string kHostField = "Host: alice-api.localhost\r\n";

// An app that records everything it was sent.
class HostileTest : public testing::Test {
 protected:
  HostileTest()
      : app_([this](RawClient& client) {
          for (std::string head = TestApp::read_head(client); !head.empty();
               head = TestApp::read_head(client)) {
            ++requests_;
            client.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
          }
        }) {
    harness_.settings.limits.header_time = Duration(400);
    harness_.settings.limits.idle_time = Duration(600);
    harness_.settings.limits.body_time = Duration(400);
    harness_.settings.limits.head_bytes = 8 * 1024;
    harness_.settings.limits.header_fields = 50;
    harness_.settings.limits.body_bytes = 1'000'000;
  }
  void start() {
    harness_.route_app(std::string(kHost), app_.endpoint());
    harness_.route_site("alice-blog.localhost", {{"index.html", "hello"}});
    harness_.start();
  }
  ~HostileTest() override { harness_.stop(); }

  // The status of the answer to these bytes; then the connection must be closed, whatever stands
  // behind them.
  int refusal(const std::string& bytes) {
    RawClient client = harness_.client();
    client.send(bytes);
    const Answer answer = client.receive();
    if (answer.status >= 400) {
      EXPECT_EQ(answer.field("connection"), "close") << bytes.substr(0, 200);
      client.finish_sending();
      EXPECT_TRUE(client.is_closed());
    }
    return answer.status;
  }

  EdgeHarness harness_;
  std::atomic<int> requests_{0};
  TestApp app_;
};

TEST_F(HostileTest, RefusesWhatTwoParsersCouldReadDifferently) {
  start();
  const std::string smuggled = "0\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n";
  const std::string post = "POST / HTTP/1.1\r\n" + kHostField;
  const std::string bad[] = {
      post + "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n" + smuggled,
      post + "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n" + smuggled,
      post + "Content-Length: 5\r\nContent-Length: 6\r\n\r\n" + smuggled,
      post + "Content-Length: 5, 6\r\n\r\n" + smuggled,
      post + "Content-Length: +5\r\n\r\n" + smuggled,
      post + "Content-Length: -5\r\n\r\n" + smuggled,
      post + "Content-Length: 0x5\r\n\r\n" + smuggled,
      post + "Content-Length: 5 5\r\n\r\n" + smuggled,
      post + "Content-Length: 99999999999999999999999\r\n\r\n" + smuggled,
      post + "Content-Length:\r\n\r\n" + smuggled,
      post + "Content-Length : 5\r\n\r\n" + smuggled,
      post + "Transfer-Encoding: xchunked\r\n\r\n" + smuggled,
      post + "Transfer-Encoding: chunked, identity\r\n\r\n" + smuggled,
      post + "Transfer-Encoding: identity\r\n\r\n" + smuggled,
      post + "Transfer-Encoding: gzip, chunked\r\n\r\n" + smuggled,
      post + "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n" + smuggled,
      post + "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n" + smuggled,
      post +
          "Transfer-Encoding: \x0b"
          "chunked\r\n\r\n" +
          smuggled,
      post + "Transfer-Encoding\t: chunked\r\n\r\n" + smuggled,
      post + "X: y\r\n Transfer-Encoding: chunked\r\n\r\n" + smuggled,
      post + "Transfer-Encoding:\r\n chunked\r\n\r\n" + smuggled,
      post + " Content-Length: 5\r\n\r\n" + smuggled,
      "POST / HTTP/1.0\r\n" + kHostField + "Transfer-Encoding: chunked\r\n\r\n" + smuggled,
      post + "Host: other\r\n\r\n",
      "GET / HTTP/1.1\r\n\r\n",
      "GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n",
      "GET / HTTP/1.1\nHost: alice-api.localhost\n\r\n\r\n",
      "GET / HTTP/1.1\r\n" + kHostField + "X: a\nb\r\n\r\n",
      "GET / HTTP/1.1\r\n" + kHostField + "X: a\rb\r\n\r\n",
      "GET / HTTP/1.1\r\n" + kHostField + std::string("X: a\0b\r\n\r\n", 10),
      "GET  / HTTP/1.1\r\n" + kHostField + "\r\n",
      "GET / HTTP/1.1 \r\n" + kHostField + "\r\n",
      "GET /a b HTTP/1.1\r\n" + kHostField + "\r\n",
      "GET\t/ HTTP/1.1\r\n" + kHostField + "\r\n",
      "GET / HTTP/1.1\r\n" + kHostField + "no colon\r\n\r\n",
      "GET / HTTP/1.1\r\n" + kHostField + ": no name\r\n\r\n",
      "GET / HTTP/1.1\r\n" + kHostField + "b@d: x\r\n\r\n",
      "GET example.com HTTP/1.1\r\n" + kHostField + "\r\n",
      "GET * HTTP/1.1\r\n" + kHostField + "\r\n",
      "GET http://user@alice-api.localhost/ HTTP/1.1\r\n" + kHostField + "\r\n",
      "GET ftp://alice-api.localhost/ HTTP/1.1\r\n" + kHostField + "\r\n",
      "CONNECT alice-api.localhost:80 HTTP/1.1\r\n" + kHostField + "\r\n",
      "GET / HTTP/2.0\r\n" + kHostField + "\r\n",
      "GET / HTTP/1.9\r\n" + kHostField + "\r\n",
      "GET / http/1.1\r\n" + kHostField + "\r\n",
      "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
      std::string("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 11),
  };
  for (const std::string& bytes : bad) {
    const int status = refusal(bytes);
    EXPECT_TRUE(status == 400 || status == 501 || status == 505 || status == 413)
        << status << " for " << bytes;
  }
  EXPECT_EQ(requests_, 0) << "none of it may reach the app";
}

TEST_F(HostileTest, BadChunksNeverReachTheApp) {
  start();
  const std::string post =
      "POST / HTTP/1.1\r\n" + kHostField + "Transfer-Encoding: chunked\r\n\r\n";
  for (const std::string& bytes :
       {std::string("x\r\n"), std::string("-1\r\n"), std::string("3\r\nabcd\r\n0\r\n\r\n"),
        std::string("3\nabc\r\n0\r\n\r\n"), std::string("ffffffffffffffffff\r\n"),
        std::string("0\r\nContent-Length: 5\r\n\r\n"), std::string("0x3\r\nabc\r\n0\r\n\r\n"),
        "3;" + std::string(50'000, 'x')}) {
    const int status = refusal(post + bytes);
    EXPECT_TRUE(status == 400 || status == 0 || status == 200)
        << status << " " << bytes.substr(0, 80);
    // The head has gone out already; what matters is that the app never sees a second request or a
    // whole body.
    EXPECT_NE(status, 200) << bytes.substr(0, 80);
  }
}

TEST_F(HostileTest, BoundsHeads) {
  start();
  EXPECT_EQ(refusal("GET /" + std::string(9'000, 'x') + " HTTP/1.1\r\n" + kHostField + "\r\n"),
            414);
  EXPECT_EQ(
      refusal("GET / HTTP/1.1\r\n" + kHostField + "X: " + std::string(9'000, 'x') + "\r\n\r\n"),
      431);
  std::string many;
  for (int i = 0; i < 60; ++i) many += "X" + std::to_string(i) + ": y\r\n";
  EXPECT_EQ(refusal("GET / HTTP/1.1\r\n" + kHostField + many + "\r\n"), 431);
  EXPECT_EQ(refusal("GET / HTTP/1.1\r\n" + kHostField + std::string(9'000, 'x')), 431)
      << "without an end";
}

TEST_F(HostileTest, BoundsBodies) {
  start();
  EXPECT_EQ(refusal("POST / HTTP/1.1\r\n" + kHostField + "Content-Length: 1000001\r\n\r\n"), 413);
  RawClient client = harness_.client();
  client.send("POST / HTTP/1.1\r\n" + kHostField + "Transfer-Encoding: chunked\r\n\r\n");
  for (int i = 0; i < 20 && client.send("186a0\r\n" + std::string(100'000, 'x') + "\r\n"); ++i) {
  }
  const int status = client.receive().status;
  EXPECT_TRUE(status == 413 || status == 200 || status == 0) << status;
}

TEST_F(HostileTest, SlowHeadsRunOutOfTime) {
  start();
  RawClient slow = harness_.client();
  const auto begin = std::chrono::steady_clock::now();
  slow.send("GET / HTTP/1.1\r\n");
  std::thread drip([&] {
    while (slow.send("X") && std::chrono::steady_clock::now() - begin < std::chrono::seconds(3)) {
      std::this_thread::sleep_for(std::chrono::milliseconds(50));
    }
  });
  EXPECT_EQ(slow.receive().status, 408);
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(2));
  drip.join();
}

TEST_F(HostileTest, SilentConnectionsAreClosed) {
  start();
  RawClient silent = harness_.client();
  EXPECT_EQ(silent.read(), "");
  RawClient kept = harness_.client();
  EXPECT_EQ(kept.ask(get("alice-blog.localhost", "/")).status, 200);
  EXPECT_EQ(kept.read(), "");
}

TEST_F(HostileTest, SlowBodiesRunOutOfTime) {
  start();
  RawClient slow = harness_.client();
  slow.send("POST / HTTP/1.1\r\n" + kHostField + "Content-Length: 100\r\n\r\nx");
  const auto begin = std::chrono::steady_clock::now();
  (void)slow.read();
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(5));
}

TEST_F(HostileTest, ClientsThatDoNotReadAreClosed) {
  harness_.settings.limits.send_time = Duration(300);
  harness_.route_site("big.localhost", {{"big.bin", std::string(30'000'000, 'x')}});
  start();
  RawClient client = harness_.client();
  client.send(get("big.localhost", "/big.bin"));
  EXPECT_TRUE(eventually([&] { return harness_.edge().counters().open_connections == 0; }));
}

TEST_F(HostileTest, IdleConnectionsGiveWayToNewOnes) {
  harness_.settings.limits.connections = 10;
  harness_.settings.limits.idle_time = Duration(60'000);
  start();
  std::vector<RawClient> clients;
  for (int i = 0; i < 30; ++i) {
    clients.push_back(harness_.client());
    EXPECT_EQ(clients.back().ask(get("alice-blog.localhost", "/")).status, 200) << i;
  }
  EXPECT_LE(harness_.edge().counters().open_connections, 11u);
}

TEST_F(HostileTest, RandomBytesNeverBreakIt) {
  start();
  unsigned state = 12345;
  const auto random = [&] { return state = state * 1664525 + 1013904223; };
  const std::string seed = "POST /a/%2e/b?x HTTP/1.1\r\n" + kHostField +
                           "Transfer-Encoding: chunked\r\nConnection: upgrade\r\nUpgrade: "
                           "websocket\r\nRange: bytes=0-\r\n\r\n3\r\nabc\r\n0\r\n\r\n";
  for (int i = 0; i < 300; ++i) {
    std::string bytes = seed;
    for (int m = 0; m < 4; ++m)
      bytes[random() / 7 % bytes.size()] = static_cast<char>(random() >> 16);
    RawClient client = harness_.client();
    client.send(bytes);
    client.finish_sending();
    (void)client.read();
  }
  EXPECT_EQ(harness_.client().ask(get("alice-blog.localhost", "/")).body, "hello");
}

}  // namespace
}  // namespace croft::edge
