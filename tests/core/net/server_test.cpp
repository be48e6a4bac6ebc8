#include "core/net/server.hpp"

#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/base/files.hpp"
#include "core/net/client.hpp"
#include "tests/support/run_task.hpp"

namespace croft {
namespace {

using testing::HasSubstr;
using testing::StartsWith;
using UnixSocket = asio::local::stream_protocol::socket;

HttpResponse text_response(std::string body) {
  HttpResponse response;
  response.headers.set("Content-Type", "text/plain");
  response.body = std::move(body);
  return response;
}

HttpRequest get(std::string target) {
  HttpRequest request;
  request.target = std::move(target);
  return request;
}

/// A server on a socket in a directory of its own.
class HttpServerTest : public testing::Test {
 protected:
  void start(HttpHandler handler, HttpServerSettings settings = {}) {
    server.emplace(io.get_executor(), std::move(handler), std::move(settings));
    const Result<void> listening = server->listen_unix(path(), 0600);
    ASSERT_TRUE(listening) << listening.error().describe();
  }
  std::string path() const { return (directory.path() / "api.sock").string(); }
  HttpClient client(HttpClientSettings settings = {}) const {
    return HttpClient(parse_server_address(path()).value(), std::move(settings));
  }
  Result<HttpResponse> send(HttpRequest request) {
    return run_task(io, client().send(std::move(request)));
  }

  Task<UnixSocket> connect() {
    UnixSocket socket(io);
    co_await socket.async_connect(asio::local::stream_protocol::endpoint(path()),
                                  asio::use_awaitable);
    co_return socket;
  }
  static Task<std::string> read_to_end(UnixSocket& socket) {
    std::string text;
    co_await asio::async_read(socket, asio::dynamic_buffer(text),
                              asio::as_tuple(asio::use_awaitable));
    co_return text;
  }
  /// Sends bytes as they are and gives all that comes back until the server closes.
  std::string raw(std::string bytes) {
    const auto exchange = [this](std::string sent) -> Task<std::string> {
      UnixSocket socket = co_await connect();
      co_await asio::async_write(socket, asio::buffer(sent), asio::as_tuple(asio::use_awaitable));
      co_return co_await read_to_end(socket);
    };
    return run_task(io, exchange(std::move(bytes)));
  }
  /// Lets the server run until the claim holds.
  bool eventually(std::function<bool()> claim) {
    const auto wait = [](std::function<bool()> holds) -> Task<bool> {
      for (int i = 0; i < 1000 && !holds(); ++i) co_await sleep_for(Duration(5));
      co_return holds();
    };
    return run_task(io, wait(std::move(claim)));
  }

  TemporaryDirectory directory = TemporaryDirectory::make("croft-net").value();
  asio::io_context io;
  std::optional<HttpServer> server;
};

Task<HttpResponse> echo(HttpRequest request) {
  HttpResponse response = text_response(request.method + " " + request.target + " " + request.body);
  response.headers.set("X-Peer", request.peer.address);
  co_return response;
}

TEST_F(HttpServerTest, AnswersOverAUnixSocketAndKnowsThePeer) {
  start(echo);
  HttpRequest request = get("/a?b=c");
  request.method = "POST";
  request.body = "hello";
  const Result<HttpResponse> response = send(std::move(request));
  ASSERT_TRUE(response) << response.error().describe();
  EXPECT_EQ(response->status, 200);
  EXPECT_EQ(response->body, "POST /a?b=c hello");
  EXPECT_EQ(response->headers.value_or("x-peer", ""), "unix uid " + std::to_string(getuid()));
}

TEST_F(HttpServerTest, AnswersOverLoopbackTcp) {
  start(echo);
  const Result<int> port = server->listen_tcp("127.0.0.1", 0);
  ASSERT_TRUE(port) << port.error().describe();
  const HttpClient tcp(parse_server_address("http://127.0.0.1:" + std::to_string(*port)).value());
  const Result<HttpResponse> response = run_task(io, tcp.send(get("/x")));
  ASSERT_TRUE(response) << response.error().describe();
  EXPECT_EQ(response->body, "GET /x ");
  EXPECT_THAT(response->headers.value_or("X-Peer", ""), StartsWith("127.0.0.1:"));
}

TEST_F(HttpServerTest, ListensOnNothingButLoopback) {
  start(echo);
  for (const std::string host : {"0.0.0.0", "::", "192.0.2.1"}) {
    const Result<int> port = server->listen_tcp(host, 0);
    ASSERT_FALSE(port);
    EXPECT_EQ(port.error().code(), ErrorCode::Denied) << host;
  }
  EXPECT_EQ(server->listen_tcp("example.com", 0).error().code(), ErrorCode::Invalid);
}

TEST_F(HttpServerTest, GivesTheSocketItsMode) {
  start(echo);
  struct stat found{};
  ASSERT_EQ(stat(path().c_str(), &found), 0);
  EXPECT_EQ(found.st_mode & 0777U, 0600U);
}

TEST_F(HttpServerTest, ReplacesASocketThatNobodyListensOnButNoOther) {
  start(echo);
  HttpServer second(io.get_executor(), echo);
  EXPECT_EQ(second.listen_unix(path(), 0600).error().code(), ErrorCode::Conflict);
  server.reset();  // leaves its socket behind, as a crash does
  ASSERT_TRUE(std::filesystem::exists(path()));
  EXPECT_TRUE(second.listen_unix(path(), 0600));
  EXPECT_EQ(send(get("/"))->status, 200);
}

TEST_F(HttpServerTest, RefusesAPathThatIsTooLong) {
  start(echo);
  const Result<void> listening =
      server->listen_unix(directory.path() / std::string(200, 'x'), 0600);
  EXPECT_EQ(listening.error().code(), ErrorCode::Invalid);
}

TEST_F(HttpServerTest, KeepsAConnectionForSeveralRequestsPipelinedToo) {
  start(echo);
  const std::string reply = raw(
      "GET /1 HTTP/1.1\r\nHost: x\r\n\r\nPOST /2 HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nab"
      "GET /3 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  EXPECT_THAT(reply, HasSubstr("GET /1 "));
  EXPECT_THAT(reply, HasSubstr("POST /2 ab"));
  EXPECT_THAT(reply, HasSubstr("GET /3 "));
}

TEST_F(HttpServerTest, AnswersHeadWithoutABody) {
  start(echo);
  const std::string reply = raw("HEAD /abc HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  EXPECT_THAT(reply, HasSubstr("Content-Length: 10\r\n"));
  EXPECT_THAT(reply, testing::EndsWith("\r\n\r\n"));
}

TEST_F(HttpServerTest, TheClientExpectsNoBodyAfterHead) {
  start(echo);
  HttpRequest request = get("/abc");
  request.method = "HEAD";
  const Result<HttpResponse> response = send(std::move(request));
  ASSERT_TRUE(response) << response.error().describe();
  EXPECT_EQ(response->body, "");
}

TEST_F(HttpServerTest, TurnsAHandlersExceptionInto500) {
  start([](HttpRequest) -> Task<HttpResponse> {
    throw std::runtime_error("bug");
    co_return HttpResponse{};
  });
  EXPECT_EQ(send(get("/"))->status, 500);
  EXPECT_EQ(send(get("/"))->status, 500);
}

TEST_F(HttpServerTest, RefusesWhatIsNotHttp) {
  start(echo);
  for (const std::string& bytes : std::vector<std::string>{
           "\x16\x03\x01\x02 hello\r\n\r\n", "GET\r\n\r\n", "GET / HTTP/9.9\r\n\r\n",
           "GET / HTTP/1.1\r\nbad header\r\n\r\n",
           "POST / HTTP/1.1\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
           "POST / HTTP/1.1\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
           "POST / HTTP/1.1\r\nContent-Length: -5\r\n\r\n",
           "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"}) {
    EXPECT_THAT(raw(bytes), StartsWith("HTTP/1.1 400 ")) << bytes;
  }
}

TEST_F(HttpServerTest, BoundsHeadersAndBodies) {
  HttpServerSettings settings;
  settings.header_limit = 2048;
  settings.body_limit = [](const HttpRequest& head) -> Task<std::size_t> {
    co_return head.target == "/large" ? 100'000 : 10;
  };
  start(echo, std::move(settings));
  EXPECT_THAT(raw("GET / HTTP/1.1\r\nX: " + std::string(5000, 'x') + "\r\n\r\n"),
              StartsWith("HTTP/1.1 431 "));
  EXPECT_THAT(raw("GET /" + std::string(500'000, 'x')), StartsWith("HTTP/1.1 431 "));
  EXPECT_THAT(raw("POST / HTTP/1.1\r\nContent-Length: 99999999999\r\n\r\n"),
              StartsWith("HTTP/1.1 413 "));
  EXPECT_THAT(raw("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n64\r\n" +
                  std::string(100, 'x') + "\r\n"),
              StartsWith("HTTP/1.1 413 "));
  HttpRequest large = get("/large");
  large.method = "POST";
  large.body = std::string(90'000, 'x');
  EXPECT_EQ(send(large)->body.size(), 90'012u);
  large.body = std::string(10'000'000, 'x');
  const Result<HttpResponse> refused = send(large);
  ASSERT_TRUE(refused) << refused.error().describe();
  EXPECT_EQ(refused->status, 413);
}

TEST_F(HttpServerTest, AsksForABodyThatAwaitsItsWord) {
  start(echo);
  const auto exchange = [this]() -> Task<std::string> {
    UnixSocket socket = co_await connect();
    const std::string head =
        "POST / HTTP/1.1\r\nContent-Length: 2\r\nExpect: 100-continue\r\nConnection: close\r\n\r\n";
    co_await asio::async_write(socket, asio::buffer(head), asio::use_awaitable);
    std::string go_on(25, ' ');
    co_await asio::async_read(socket, asio::buffer(go_on), asio::use_awaitable);
    EXPECT_EQ(go_on, "HTTP/1.1 100 Continue\r\n\r\n");
    co_await asio::async_write(socket, asio::buffer("ab", 2), asio::use_awaitable);
    co_return co_await read_to_end(socket);
  };
  EXPECT_THAT(run_task(io, exchange()), HasSubstr("POST / ab"));
}

TEST_F(HttpServerTest, DropsWhoIsTooSlow) {
  HttpServerSettings settings;
  settings.idle_timeout = settings.header_timeout = settings.body_timeout = Duration(50);
  start(echo, std::move(settings));
  EXPECT_EQ(raw(""), "");
  EXPECT_EQ(raw("GET / HT"), "");
  EXPECT_EQ(raw("POST / HTTP/1.1\r\nContent-Length: 5\r\n\r\nab"), "");
}

TEST_F(HttpServerTest, StreamsPiecesAsTheyCome) {
  asio::steady_timer gate(io, asio::steady_timer::time_point::max());
  start([&gate](HttpRequest) -> Task<HttpResponse> {
    HttpResponse response;
    response.stream = [&gate](BodyWriter& writer) -> Task<> {
      co_await writer.write("first");
      co_await gate.async_wait(asio::as_tuple(asio::use_awaitable));
      co_await writer.write("");
      co_await writer.write("second");
    };
    co_return response;
  });
  const auto read = [](HttpClient from, asio::steady_timer& opens) -> Task<std::string> {
    auto reply = co_await from.open(get("/"));
    EXPECT_TRUE(reply);
    const Result<std::string> first = co_await (*reply)->read();
    EXPECT_EQ(first.value(), "first");
    opens.cancel();
    const Result<std::string> second = co_await (*reply)->read();
    const Result<std::string> end = co_await (*reply)->read();
    EXPECT_EQ(end.value(), "");
    co_return second.value();
  };
  EXPECT_EQ(run_task(io, read(client(), gate)), "second");
}

TEST_F(HttpServerTest, StreamsToAnOldClientWithoutChunks) {
  start([](HttpRequest) -> Task<HttpResponse> {
    HttpResponse response;
    response.stream = [](BodyWriter& writer) -> Task<> {
      co_await writer.write("one");
      co_await writer.write("two");
    };
    co_return response;
  });
  EXPECT_THAT(raw("GET / HTTP/1.0\r\n\r\n"), testing::EndsWith("\r\n\r\nonetwo"));
}

struct StreamState {
  bool has_begun = false;
  bool was_closed = false;
  bool has_ended = false;
};

/// Streams nothing until it is closed.
HttpHandler quiet_stream(StreamState& state) {
  return [&state](HttpRequest) -> Task<HttpResponse> {
    HttpResponse response;
    response.stream = [&state](BodyWriter& writer) -> Task<> {
      Signal closed(co_await asio::this_coro::executor);
      writer.on_close([&] {
        state.was_closed = true;
        closed.notify();
      });
      state.has_begun = true;
      while (writer.is_open()) co_await closed.wait(Duration(60'000));
      state.has_ended = true;
    };
    co_return response;
  };
}

TEST_F(HttpServerTest, NoticesThatAClientOfAQuietStreamHasGone) {
  StreamState state;
  start(quiet_stream(state));
  {
    const auto open = [](HttpClient from) -> Task<Result<std::unique_ptr<HttpReply>>> {
      co_return co_await from.open(get("/"));
    };
    const auto reply = run_task(io, open(client()));
    ASSERT_TRUE(reply);
    EXPECT_TRUE(eventually([&] { return state.has_begun; }));
    EXPECT_FALSE(state.was_closed);
  }
  EXPECT_TRUE(eventually([&] { return state.has_ended; }));
  EXPECT_TRUE(state.was_closed);
}

TEST_F(HttpServerTest, DropsAStreamThatNobodyReads) {
  std::size_t written = 0;
  bool has_ended = false;
  HttpServerSettings settings;
  settings.write_timeout = Duration(100);
  start(
      [&](HttpRequest) -> Task<HttpResponse> {
        HttpResponse response;
        response.stream = [&](BodyWriter& writer) -> Task<> {
          bool goes_on = true;
          while (goes_on) {
            std::string piece(64U << 10U, 'x');
            goes_on = co_await writer.write(std::move(piece));
            written += 64U << 10U;
          }
          has_ended = true;
        };
        co_return response;
      },
      std::move(settings));
  const auto stall = [this, &has_ended]() -> Task<bool> {
    UnixSocket socket = co_await connect();
    const std::string request = "GET / HTTP/1.1\r\n\r\n";
    co_await asio::async_write(socket, asio::buffer(request), asio::use_awaitable);
    for (int i = 0; i < 1000 && !has_ended; ++i) co_await sleep_for(Duration(5));
    co_return has_ended;
  };
  EXPECT_TRUE(run_task(io, stall()));
  EXPECT_LT(written, 16U << 20U);
}

TEST_F(HttpServerTest, StopAnswersWhatIsUnderWayAndRefusesTheRest) {
  asio::steady_timer gate(io, asio::steady_timer::time_point::max());
  int running = 0;
  start([&](HttpRequest) -> Task<HttpResponse> {
    ++running;
    co_await gate.async_wait(asio::as_tuple(asio::use_awaitable));
    co_return text_response("done");
  });
  std::vector<int> answers;
  for (int i = 0; i < 5; ++i) {
    const auto ask = [](HttpClient from, std::vector<int>& out) -> Task<> {
      const Result<HttpResponse> response = co_await from.send(get("/"));
      out.push_back(response ? response->status : 0);
    };
    spawn(io.get_executor(), ask(client(), answers), "ask");
  }
  ASSERT_TRUE(eventually([&] { return running == 5; }));
  bool has_stopped = false;
  const auto stop = [](HttpServer& which, bool& done) -> Task<> {
    co_await which.stop(Duration(10'000));
    done = true;
  };
  spawn(io.get_executor(), stop(*server, has_stopped), "stop");
  ASSERT_TRUE(eventually([&] { return !std::filesystem::exists(path()); }));
  EXPECT_FALSE(has_stopped);
  EXPECT_EQ(send(get("/")).error().code(), ErrorCode::Unavailable);
  gate.cancel();
  EXPECT_TRUE(eventually([&] { return has_stopped; }));
  EXPECT_EQ(answers, std::vector<int>(5, 200));
}

TEST_F(HttpServerTest, StopAnswersWhoStillStandsInTheBacklog) {
  start(echo);
  std::vector<std::string> replies;
  // Connected and sent before the server runs for the first time, so that nobody was accepted yet.
  std::vector<UniqueFd> clients;
  for (int i = 0; i < 20; ++i) {
    UniqueFd& fd = clients.emplace_back(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path().copy(address.sun_path, sizeof address.sun_path - 1);
    ASSERT_EQ(::connect(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    const std::string request = "GET /" + std::to_string(i) + " HTTP/1.1\r\n\r\n";
    ASSERT_EQ(write(fd.get(), request.data(), request.size()),
              static_cast<ssize_t>(request.size()));
  }
  const auto stop = [](HttpServer& which) -> Task<bool> {
    co_await which.stop(Duration(10'000));
    co_return true;
  };
  run_task(io, stop(*server));
  for (std::size_t i = 0; i < clients.size(); ++i) {
    std::string reply(4096, '\0');
    reply.resize(static_cast<std::size_t>(
        std::max<ssize_t>(0, read(clients[i].get(), reply.data(), reply.size()))));
    EXPECT_THAT(reply, HasSubstr("GET /" + std::to_string(i) + " ")) << i;
    EXPECT_THAT(reply, HasSubstr("Connection: close"));
  }
}

TEST_F(HttpServerTest, StopEndsStreamsCleanlyAndIdleConnections) {
  StreamState state;
  start(quiet_stream(state));
  const auto scenario = [this, &state]() -> Task<std::string> {
    UnixSocket idle = co_await connect();
    UnixSocket streaming = co_await connect();
    const std::string request = "GET / HTTP/1.1\r\n\r\n";
    co_await asio::async_write(streaming, asio::buffer(request), asio::use_awaitable);
    for (int i = 0; i < 1000 && !state.has_begun; ++i) co_await sleep_for(Duration(5));
    co_await server->stop(Duration(10'000));
    const std::string nothing = co_await read_to_end(idle);
    EXPECT_EQ(nothing, "");
    co_return co_await read_to_end(streaming);
  };
  EXPECT_THAT(run_task(io, scenario()), testing::EndsWith("\r\n0\r\n\r\n"));
  EXPECT_TRUE(state.has_ended);
}

TEST_F(HttpServerTest, StopCutsOffWhatOutlivesTheGrace) {
  start([](HttpRequest) -> Task<HttpResponse> {
    co_await sleep_for(Duration(600'000));
    co_return HttpResponse{};
  });
  const auto scenario = [this]() -> Task<bool> {
    UnixSocket socket = co_await connect();
    const std::string request = "GET / HTTP/1.1\r\n\r\n";
    co_await asio::async_write(socket, asio::buffer(request), asio::use_awaitable);
    co_await sleep_for(Duration(20));
    co_await server->stop(Duration(50));
    const std::string nothing = co_await read_to_end(socket);
    co_return nothing.empty();
  };
  EXPECT_TRUE(run_task(io, scenario()));
}

TEST_F(HttpServerTest, HoldsBackConnectionsPastItsNumberButServesAll) {
  HttpServerSettings settings;
  settings.connections = 2;
  int now = 0;
  int most = 0;
  start(
      [&](HttpRequest) -> Task<HttpResponse> {
        most = std::max(most, ++now);
        co_await sleep_for(Duration(5));
        --now;
        co_return text_response("x");
      },
      std::move(settings));
  int answered = 0;
  for (int i = 0; i < 20; ++i) {
    const auto ask = [](HttpClient from, int& count) -> Task<> {
      const Result<HttpResponse> response = co_await from.send(get("/"));
      if (response && response->status == 200) ++count;
    };
    spawn(io.get_executor(), ask(client(), answered), "ask");
  }
  EXPECT_TRUE(eventually([&] { return answered == 20; }));
  EXPECT_LE(most, 2);
}

/// Answers with what was read of a streamed body, at most that much.
HttpHandler streaming(std::size_t most) {
  return [most](HttpRequest request) -> Task<HttpResponse> {
    std::string all;
    std::string end = "whole";
    while (request.source && all.size() < most) {
      const Result<std::string> piece = co_await request.source();
      if (!piece) end = std::string(to_string(piece.error().code()));
      if (!piece || piece->empty()) break;
      all += *piece;
      if (all.size() >= most) end = "enough";
    }
    co_return text_response(end + " " + std::to_string(all.size()) + request.body);
  };
}

HttpServerSettings streams_uploads() {
  HttpServerSettings settings;
  settings.streams_body = [](const HttpRequest& head) -> Task<bool> {
    co_return head.target == "/upload";
  };
  return settings;
}

TEST_F(HttpServerTest, GivesAStreamedBodyAsItComesWhateverItsLength) {
  start(streaming(SIZE_MAX), streams_uploads());
  const std::string chunked =
      "POST /upload HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: "
      "chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"
      "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
  const std::string answers = raw(chunked);
  EXPECT_THAT(answers, HasSubstr("whole 5"));
  EXPECT_THAT(answers, HasSubstr("whole 0")) << "the next request came through, too";
  HttpRequest large;
  large.method = "POST";
  large.target = "/upload";
  large.body = std::string(3U << 20U, 'x');
  EXPECT_EQ(send(large)->body, "whole " + std::to_string(large.body.size()));
  large.target = "/other";
  EXPECT_EQ(send(large)->status, 413);
}

TEST_F(HttpServerTest, AStreamedBodyThatAwaitsItsWordGetsItWhenItIsRead) {
  start(streaming(SIZE_MAX), streams_uploads());
  const auto exchange = [this]() -> Task<std::string> {
    UnixSocket socket = co_await connect();
    const std::string head =
        "POST /upload HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nExpect: 100-continue\r\n"
        "Connection: close\r\n\r\n";
    co_await asio::async_write(socket, asio::buffer(head), asio::use_awaitable);
    std::array<char, 25> word{};  // "HTTP/1.1 100 Continue\r\n\r\n"
    co_await asio::async_read(socket, asio::buffer(word), asio::use_awaitable);
    const std::string body = "hello";
    co_await asio::async_write(socket, asio::buffer(body), asio::use_awaitable);
    co_return std::string(word.data(), word.size()) + co_await read_to_end(socket);
  };
  const std::string answer = run_task(io, exchange());
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 100 Continue"));
  EXPECT_THAT(answer, HasSubstr("whole 5"));
}

TEST_F(HttpServerTest, WhatIsLeftOfAStreamedBodyIsNoRequest) {
  start(streaming(3), streams_uploads());
  const std::string smuggled = "GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n";
  const std::string answer =
      raw("POST /upload HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n" +
          std::string(60'000, 'x') + smuggled);
  EXPECT_THAT(answer, HasSubstr("enough"));
  EXPECT_EQ(answer.find("HTTP/1.1", 1), std::string::npos) << answer;
  const std::string broken =
      raw("POST /upload HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n");
  EXPECT_THAT(broken, testing::AnyOf(HasSubstr("Unavailable"), HasSubstr("400")));
}

Task<HttpResponse> upgrade_to_shouting(HttpRequest request) {
  HttpResponse response;
  response.status = 101;
  response.headers.set("Connection", "Upgrade");
  response.headers.set("Upgrade", request.headers.value_or("Upgrade", ""));
  response.upgraded = [](ByteStream& link) -> Task<> {
    for (;;) {
      Result<std::string> bytes = co_await link.read();
      if (!bytes || bytes->empty()) break;
      std::string loud = *bytes + "!";
      (void)co_await link.write(std::move(loud));
    }
    std::string last = "bye";
    (void)co_await link.write(std::move(last));
  };
  co_return response;
}

TEST_F(HttpServerTest, LeavesHttpForWhatTheHandlerDoes) {
  start(upgrade_to_shouting);
  HttpRequest request = get("/");
  Result<HttpUpgrade> upgrade = run_task(io, client().upgrade(std::move(request), "shout"));
  ASSERT_TRUE(upgrade) << upgrade.error().describe();
  EXPECT_EQ(upgrade->status, 101);
  EXPECT_EQ(upgrade->headers.value_or("Upgrade", ""), "shout");
  ASSERT_NE(upgrade->stream, nullptr);
  ASSERT_TRUE(run_task(io, upgrade->stream->write("hey")));
  EXPECT_EQ(run_task(io, upgrade->stream->read()).value_or(""), "hey!");
  ASSERT_TRUE(run_task(io, upgrade->stream->close_write()));
  EXPECT_EQ(run_task(io, upgrade->stream->read()).value_or(""), "bye");
  EXPECT_EQ(run_task(io, upgrade->stream->read()).value_or("?"), "");
}

TEST_F(HttpServerTest, TakesWhatCameRightBehindTheRequestToLeaveHttp) {
  start(upgrade_to_shouting);
  const auto exchange = [this]() -> Task<std::string> {
    UnixSocket socket = co_await connect();
    const std::string sent =
        "GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: shout\r\n\r\nearly";
    co_await asio::async_write(socket, asio::buffer(sent), asio::use_awaitable);
    socket.shutdown(UnixSocket::shutdown_send);
    co_return co_await read_to_end(socket);
  };
  const std::string answer = run_task(io, exchange());
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 101 Switching Protocols"));
  EXPECT_THAT(answer, testing::EndsWith("early!bye"));
}

TEST_F(HttpServerTest, StopEndsWhatHasLeftHttp) {
  start(upgrade_to_shouting);
  Result<HttpUpgrade> upgrade = run_task(io, client().upgrade(get("/"), "shout"));
  ASSERT_TRUE(upgrade && upgrade->stream);
  const auto stop = [](HttpServer& which) -> Task<bool> {
    co_await which.stop(Duration(10'000));
    co_return true;
  };
  const auto begun = std::chrono::steady_clock::now();
  EXPECT_TRUE(run_task(io, stop(*server)));
  EXPECT_LT(std::chrono::steady_clock::now() - begun, std::chrono::seconds(5));
  EXPECT_EQ(run_task(io, upgrade->stream->read()).value_or(""), "");
}

TEST_F(HttpServerTest, AStreamThatIsAbortedIsNotTakenForWhole) {
  start([](HttpRequest) -> Task<HttpResponse> {
    HttpResponse response;
    response.stream = [](BodyWriter& writer) -> Task<> {
      std::string half = "half";
      co_await writer.write(std::move(half));
      writer.abort();
    };
    co_return response;
  });
  const Result<HttpResponse> answer = send(get("/"));
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code(), ErrorCode::Unavailable);
}

TEST_F(HttpServerTest, TheClientSaysWhyItCannotConnect) {
  const Result<HttpResponse> absent = send(get("/"));
  ASSERT_FALSE(absent);
  EXPECT_EQ(absent.error().code(), ErrorCode::Unavailable);
  EXPECT_THAT(absent.error().describe(), HasSubstr(path()));
  EXPECT_THAT(absent.error().hint(), HasSubstr("croft serve"));
}

TEST_F(HttpServerTest, TheClientGivesUpOnASilentServer) {
  start([](HttpRequest) -> Task<HttpResponse> {
    co_await sleep_for(Duration(600'000));
    co_return HttpResponse{};
  });
  HttpClientSettings settings;
  settings.reply_timeout = Duration(50);
  const Result<HttpResponse> response = run_task(io, client(settings).send(get("/")));
  ASSERT_FALSE(response);
  EXPECT_EQ(response.error().code(), ErrorCode::Timeout);
}

TEST_F(HttpServerTest, TheClientBoundsAReply) {
  start([](HttpRequest) -> Task<HttpResponse> {
    co_return text_response(std::string(100'000, 'x'));
  });
  HttpClientSettings settings;
  settings.body_limit = 1000;
  const Result<HttpResponse> response = run_task(io, client(settings).send(get("/")));
  ASSERT_FALSE(response);
  EXPECT_EQ(response.error().code(), ErrorCode::Invalid);
}

}  // namespace
}  // namespace croft
