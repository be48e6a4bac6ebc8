#include "providers/script/vendor_client.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/write.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/net/server.hpp"
#include "tests/support/run_task.hpp"

namespace croft::script {
namespace {

using testing::HasSubstr;
using testing::Not;

constexpr std::string_view kSecret = "top-secret-token/with+signs";

HttpResponse answer(int status, std::string body = "", HttpHeaders headers = {}) {
  HttpResponse response;
  response.status = status;
  response.body = std::move(body);
  response.headers = std::move(headers);
  return response;
}

lua::AdapterRequest get(std::string path) {
  lua::AdapterRequest request;
  request.path = std::move(path);
  request.is_idempotent = true;
  return request;
}

lua::AdapterRequest post(std::string path) {
  lua::AdapterRequest request;
  request.method = "POST";
  request.path = std::move(path);
  request.body = "{}";
  return request;
}

/// A server that answers what a test says, and a client of it whose time stands still.
class VendorClientTest : public testing::Test {
 protected:
  VendorClientTest()
      : server(io.get_executor(),
               [this](HttpRequest request) { return serve(std::move(request)); }) {
    port = server.listen_tcp("127.0.0.1", 0).value();
    settings.url = url();
    settings.auth.kind = VendorAuth::Kind::Bearer;
    settings.credential = Secret<std::string>(std::string(kSecret));
  }

  std::string url() const { return "http://127.0.0.1:" + std::to_string(port) + "/v1"; }
  std::shared_ptr<VendorClient> client() {
    VendorClient::Sleep sleep = [this](Duration time) { return advance(time); };
    auto made = VendorClient::make(settings, gate, clock, std::move(sleep));
    EXPECT_TRUE(made) << made.error().describe();
    return *made;
  }
  Result<HttpResponse> send(lua::AdapterRequest request) {
    return send(client(), std::move(request));
  }
  Result<HttpResponse> send(const std::shared_ptr<VendorClient>& with,
                            lua::AdapterRequest request) {
    return run_task(io, with->send(std::move(request)));
  }

  asio::io_context io;
  ManualClock clock;
  std::vector<Duration> slept;
  std::vector<HttpRequest> seen;
  std::function<HttpResponse(const HttpRequest&)> handler = [](const HttpRequest&) {
    return answer(200, "ok");
  };
  HttpServer server;
  int port = 0;
  VendorSettings settings;
  std::shared_ptr<VendorGate> gate = std::make_shared<VendorGate>(0, 0, 100);

 private:
  Task<HttpResponse> serve(HttpRequest request) {
    seen.push_back(request);
    co_return handler(request);
  }
  Task<> advance(Duration time) {
    slept.push_back(time);
    clock.advance(time);
    co_return;
  }
};

/// Takes connections, reads a request, writes these bytes, closes.
class RawServer {
 public:
  RawServer(asio::io_context& io, std::string bytes)
      : acceptor_(io, {asio::ip::address_v4::loopback(), 0}), bytes_(std::move(bytes)) {
    spawn(io.get_executor(), run(), "raw server");
  }
  std::string url() const {
    return "http://127.0.0.1:" + std::to_string(acceptor_.local_endpoint().port());
  }
  int connections = 0;
  bool stays_silent = false;

 private:
  Task<> run() {
    for (;;) {
      auto [code, socket] = co_await acceptor_.async_accept(asio::as_tuple(asio::use_awaitable));
      if (code) co_return;
      ++connections;
      std::array<char, 4096> buffer{};
      co_await socket.async_read_some(asio::buffer(buffer), asio::as_tuple(asio::use_awaitable));
      if (stays_silent) {
        kept_.push_back(std::move(socket));
        continue;
      }
      co_await asio::async_write(socket, asio::buffer(bytes_), asio::as_tuple(asio::use_awaitable));
    }
  }
  asio::ip::tcp::acceptor acceptor_;
  std::string bytes_;
  std::vector<asio::ip::tcp::socket> kept_;
};

TEST_F(VendorClientTest, PutsTheCredentialInAndTheBaseBefore) {
  EXPECT_EQ(send(get("/boxes?x=1"))->body, "ok");
  EXPECT_EQ(send(get("boxes"))->body, "ok");
  EXPECT_EQ(send(get(""))->body, "ok");
  EXPECT_EQ(seen[0].target, "/v1/boxes?x=1");
  EXPECT_EQ(seen[1].target, "/v1/boxes");
  EXPECT_EQ(seen[2].target, "/v1");
  EXPECT_EQ(seen[0].headers.value_or("Authorization", ""), "Bearer " + std::string(kSecret));
  settings.auth = {VendorAuth::Kind::Header, "X-Token"};
  EXPECT_TRUE(send(get("/")));
  EXPECT_EQ(seen[3].headers.value_or("X-Token", ""), kSecret);
  EXPECT_EQ(seen[3].headers.find("Authorization"), nullptr);
  settings.auth = {VendorAuth::Kind::Basic, "key"};
  EXPECT_TRUE(send(get("/")));
  EXPECT_THAT(seen[4].headers.value_or("Authorization", ""),
              testing::StartsWith("Basic a2V5OnRvcC1z"));
}

TEST_F(VendorClientTest, ARequestCannotReplaceTheCredential) {
  lua::AdapterRequest request = get("/");
  request.headers.set("authorization", "Bearer mine");
  EXPECT_TRUE(send(std::move(request)));
  EXPECT_EQ(seen[0].headers.value_or("Authorization", ""), "Bearer " + std::string(kSecret));
}

TEST_F(VendorClientTest, WhatIsEchoedHasNoCredential) {
  for (const auto kind : {VendorAuth::Kind::Bearer, VendorAuth::Kind::Basic}) {
    settings.auth = {kind, "user"};
    handler = [](const HttpRequest& request) {
      const std::string sent = request.headers.value_or("Authorization", "");
      return answer(400,
                    "you sent " + sent + " and " + percent_encode(kSecret) +
                        " and top-secret-token\\/with+signs",
                    {{"X-Echo", sent}});
    };
    const Result<HttpResponse> echoed = send(get("/"));
    ASSERT_TRUE(echoed);
    EXPECT_THAT(echoed->body, HasSubstr("[redacted]"));
    EXPECT_THAT(echoed->body, Not(HasSubstr("top-secret-token/")));
    EXPECT_THAT(echoed->body, Not(HasSubstr("top-secret-token%2F")));
    const std::string credential = seen.back().headers.value_or("Authorization", "").substr(7);
    EXPECT_THAT(echoed->body, Not(HasSubstr(credential)));
    EXPECT_THAT(echoed->headers.value_or("X-Echo", ""), Not(HasSubstr(credential)));
  }
}

TEST_F(VendorClientTest, ADeadServerIsAskedAgainOnlyIfThatIsSafe) {
  settings.url = "http://127.0.0.1:1";
  const Result<HttpResponse> read = send(get("/"));
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().code(), ErrorCode::Unavailable);
  EXPECT_EQ(slept.size(), 2U);
  EXPECT_FALSE(send(post("/")));
  EXPECT_EQ(slept.size(), 2U);
  EXPECT_THAT(read.error().describe(), Not(HasSubstr("croft serve")));
}

TEST_F(VendorClientTest, ACutConnectionIsUnavailable) {
  for (const char* bytes :
       {"", "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf", "HTTP/1.1 2"}) {
    RawServer raw(io, bytes);
    settings.url = raw.url();
    const Result<HttpResponse> done = send(post("/"));
    ASSERT_FALSE(done) << bytes;
    EXPECT_EQ(done.error().code(), ErrorCode::Unavailable) << bytes;
    EXPECT_EQ(raw.connections, 1);
    EXPECT_FALSE(send(get("/")));
    EXPECT_EQ(raw.connections, 4);
    gate = std::make_shared<VendorGate>(0, 0, 100);
  }
}

TEST_F(VendorClientTest, WhatIsNoHttpIsInvalid) {
  RawServer raw(io, "SSH-2.0-OpenSSH_9.2\r\n\r\n");
  settings.url = raw.url();
  EXPECT_EQ(send(get("/")).error().code(), ErrorCode::Invalid);
}

TEST_F(VendorClientTest, ASlowServerIsGivenUp) {
  RawServer raw(io, "");
  raw.stays_silent = true;
  settings.url = raw.url();
  lua::AdapterRequest request = post("/");
  request.timeout = Duration(50);
  EXPECT_EQ(send(std::move(request)).error().code(), ErrorCode::Timeout);
  request = post("/");
  request.deadline = clock.steady() + Duration(50);
  EXPECT_EQ(send(std::move(request)).error().code(), ErrorCode::Timeout);
  request = post("/");
  request.deadline = clock.steady();
  EXPECT_EQ(send(std::move(request)).error().code(), ErrorCode::Timeout);
  EXPECT_EQ(raw.connections, 2) << "nothing is sent after the deadline";
}

TEST_F(VendorClientTest, AHugeBodyIsRefused) {
  settings.body_limit = 1000;
  handler = [](const HttpRequest&) { return answer(200, std::string(100'000, 'x')); };
  const Result<HttpResponse> done = send(get("/"));
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().code(), ErrorCode::Invalid);
  EXPECT_EQ(seen.size(), 1U);
}

TEST_F(VendorClientTest, ABadStatusIsTriedAgainThenGiven) {
  int left = 2;
  handler = [&](const HttpRequest&) { return left-- > 0 ? answer(502) : answer(200, "fine"); };
  EXPECT_EQ(send(get("/"))->body, "fine");
  EXPECT_EQ(seen.size(), 3U);
  left = 10;
  EXPECT_EQ(send(get("/"))->status, 502);
  EXPECT_EQ(seen.size(), 6U);
  EXPECT_EQ(send(post("/"))->status, 502);
  EXPECT_EQ(seen.size(), 7U);
  lua::AdapterRequest accepted = get("/");
  accepted.accept = {502};
  gate = std::make_shared<VendorGate>(0, 0, 100);
  EXPECT_EQ(send(std::move(accepted))->status, 502);
  EXPECT_EQ(seen.size(), 8U);
  handler = [&](const HttpRequest&) { return answer(404); };
  EXPECT_EQ(send(get("/"))->status, 404);
  EXPECT_EQ(seen.size(), 9U);
}

TEST_F(VendorClientTest, RetryAfterIsKeptByEverybody) {
  int left = 1;
  handler = [&](const HttpRequest&) {
    return left-- > 0 ? answer(429, "", {{"Retry-After", "7"}}) : answer(200, "fine");
  };
  const auto one = client();
  EXPECT_EQ(send(one, get("/"))->body, "fine");
  EXPECT_EQ(slept, std::vector<Duration>{Duration(7000)});
  left = 1;
  EXPECT_EQ(send(one, post("/"))->status, 429) << "nobody knows whether it was done";
  EXPECT_EQ(send(one, post("/"))->body, "fine");
  EXPECT_EQ(slept.back(), Duration(7000)) << "the next one waits";
  left = 1;
  lua::AdapterRequest hurried = get("/");
  hurried.deadline = clock.steady() + Duration(5'000);
  EXPECT_EQ(send(one, std::move(hurried))->status, 429) << "there is no time to wait";
}

TEST_F(VendorClientTest, RedirectsAreFollowedOnTheSameServerOnly) {
  HttpServer other(io.get_executor(), [](HttpRequest) -> Task<HttpResponse> {
    ADD_FAILURE() << "the other server was called";
    co_return HttpResponse{};
  });
  const int elsewhere = other.listen_tcp("127.0.0.1", 0).value();
  handler = [&](const HttpRequest& request) {
    if (request.target == "/v1/here") return answer(302, "", {{"Location", "/v1/there"}});
    if (request.target == "/v1/full") return answer(307, "", {{"Location", url() + "/there"}});
    if (request.target == "/v1/round") return answer(302, "", {{"Location", "/v1/round"}});
    if (request.target == "/v1/away")
      return answer(302, "", {{"Location", "http://127.0.0.1:" + std::to_string(elsewhere) + "/"}});
    if (request.target == "/v1/slashes")
      return answer(302, "", {{"Location", "//evil.example.com/"}});
    return answer(200, request.target);
  };
  EXPECT_EQ(send(get("/here"))->body, "/v1/there");
  EXPECT_EQ(send(get("/full"))->body, "/v1/there");
  for (const char* path : {"/away", "/slashes", "/round"}) {
    EXPECT_EQ(send(get(path)).error().code(), ErrorCode::Invalid) << path;
  }
  EXPECT_EQ(send(post("/here")).error().code(), ErrorCode::Invalid);
}

TEST_F(VendorClientTest, KeepsToTheRateOfEverySecondAndHour) {
  gate = std::make_shared<VendorGate>(2, 10, 100);
  const auto one = client();
  std::vector<Duration> times;
  for (int i = 0; i < 25; ++i) {
    lua::AdapterRequest request = get("/");
    request.deadline = clock.steady() + Duration(36'000'000);
    ASSERT_TRUE(send(one, std::move(request)));
    times.push_back(clock.steady());
  }
  for (std::size_t i = 0; i + 2 < times.size(); ++i)
    EXPECT_GE(times[i + 2] - times[i], Duration(1'000));
  for (std::size_t i = 0; i + 10 < times.size(); ++i)
    EXPECT_GE(times[i + 10] - times[i], Duration(3'600'000));
  EXPECT_LT(times.back(), Duration(2 * 3'600'000 + 60'000)) << "and no slower than it must";
}

TEST_F(VendorClientTest, WhatWouldBeTooLateIsRefusedAtOnce) {
  gate = std::make_shared<VendorGate>(0, 1, 100);
  const auto one = client();
  ASSERT_TRUE(send(one, get("/")));
  lua::AdapterRequest request = get("/");
  request.deadline = clock.steady() + Duration(60'000);
  const auto done = send(one, std::move(request));
  EXPECT_EQ(done.error().code(), ErrorCode::Unavailable);
  EXPECT_THAT(done.error().describe(), HasSubstr("the rate limit allows the next call in 1h"));
  EXPECT_EQ(seen.size(), 1U);
  EXPECT_TRUE(slept.empty());
}

TEST_F(VendorClientTest, ABrokenServerIsLeftAloneForAWhile) {
  settings.url = "http://127.0.0.1:1";
  const auto broken = client();
  for (int i = 0; i < CircuitBreaker::kFailures; ++i) EXPECT_FALSE(send(broken, post("/")));
  const auto refused = send(broken, post("/"));
  EXPECT_THAT(refused.error().describe(), HasSubstr("failed 5 times in a row; next try in 10s"));
  settings.url = url();
  const auto well = client();  // over the same gate
  EXPECT_FALSE(send(well, post("/")));
  EXPECT_TRUE(seen.empty());
  clock.advance(Duration(10'000));
  EXPECT_TRUE(send(well, post("/")));
  EXPECT_TRUE(send(well, post("/")));
}

TEST_F(VendorClientTest, OnlySoManyAreInFlight) {
  gate = std::make_shared<VendorGate>(0, 0, 3);
  int now = 0;
  int most = 0;
  asio::io_context& loop = io;
  HttpServer slow(io.get_executor(), [&](HttpRequest) -> Task<HttpResponse> {
    most = std::max(most, ++now);
    asio::steady_timer timer(loop, std::chrono::milliseconds(5));
    co_await timer.async_wait(asio::use_awaitable);
    --now;
    co_return HttpResponse{};
  });
  settings.url = "http://127.0.0.1:" + std::to_string(slow.listen_tcp("127.0.0.1", 0).value());
  const auto one = client();
  int ended = 0;
  for (int i = 0; i < 20; ++i) {
    asio::co_spawn(io, one->send(get("/")), [&](std::exception_ptr, Result<HttpResponse> done) {
      EXPECT_TRUE(done);
      ++ended;
    });
  }
  while (ended < 20) io.run_one();
  EXPECT_EQ(most, 3);
}

TEST_F(VendorClientTest, NobodyWaitsForAPlacePastTheDeadline) {
  gate = std::make_shared<VendorGate>(0, 0, 1);
  RawServer raw(io, "");
  raw.stays_silent = true;
  settings.url = raw.url();
  const auto one = client();
  lua::AdapterRequest first = post("/");
  first.timeout = Duration(10'000);
  asio::co_spawn(io, one->send(std::move(first)), [](std::exception_ptr, Result<HttpResponse>) {});
  io.poll();
  lua::AdapterRequest second = post("/");
  second.deadline = clock.steady() + Duration(30);
  EXPECT_EQ(send(one, std::move(second)).error().code(), ErrorCode::Timeout);
}

TEST_F(VendorClientTest, ConnectionsAreUsedAgain) {
  std::set<std::string> peers;
  handler = [&](const HttpRequest& request) {
    peers.insert(request.peer.address);
    return answer(200, "x");
  };
  const auto one = client();
  for (int i = 0; i < 5; ++i) EXPECT_TRUE(send(one, get("/")));
  EXPECT_EQ(peers.size(), 1U);
}

TEST_F(VendorClientTest, WhatWasCalledOffIsNotSent) {
  lua::AdapterRequest request = get("/");
  request.is_wanted = [] { return false; };
  EXPECT_EQ(send(std::move(request)).error().code(), ErrorCode::Cancelled);
  EXPECT_TRUE(seen.empty());
}

TEST_F(VendorClientTest, RefusesUrlsThatAreNoneOrUnsafe) {
  for (const char* bad : {"", "example.com", "http://example.com", "http://10.0.0.1/v1",
                          "https://example.com/?a=b", "https://", "ftp://x", "https://a b/"}) {
    VendorSettings one = settings;
    one.url = bad;
    EXPECT_FALSE(VendorClient::make(one, gate, clock, {})) << bad;
  }
  for (const char* good : {"https://example.com", "https://example.com:8443/v1/",
                           "http://localhost:80/x", "http://[::1]:80"}) {
    VendorSettings one = settings;
    one.url = good;
    EXPECT_TRUE(VendorClient::make(one, gate, clock, {})) << good;
  }
}

TEST(RetryAfterTest, ReadsSecondsAndDates) {
  const Timestamp now = parse_time("2026-11-21T10:00:00.000Z").value();
  EXPECT_EQ(parse_retry_after("120", now), Duration(120'000));
  EXPECT_EQ(parse_retry_after("0", now), Duration(0));
  EXPECT_EQ(parse_retry_after("Sat, 21 Nov 2026 10:00:30 GMT", now), Duration(30'000));
  EXPECT_EQ(parse_retry_after("Sat, 21 Nov 2026 09:00:30 GMT", now), Duration(0));
  EXPECT_EQ(parse_retry_after("999999999999", now), Duration(3'600'000));
  for (const char* bad : {"", "-1", "soon", "1.5", "12x"})
    EXPECT_EQ(parse_retry_after(bad, now), std::nullopt);
}

}  // namespace
}  // namespace croft::script
