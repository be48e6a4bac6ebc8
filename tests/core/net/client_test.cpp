#include "core/net/client.hpp"

#include <future>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/ssl.hpp>
#include <boost/asio/write.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/base/child.hpp"
#include "core/base/files.hpp"
#include "tests/support/run_task.hpp"

namespace croft {
namespace {

namespace ssl = boost::asio::ssl;
using asio::ip::tcp;
using testing::EndsWith;
using testing::HasSubstr;
using testing::StartsWith;
constexpr auto kAwait = asio::as_tuple(asio::use_awaitable);

/// A server that does with a connection exactly what a test says.
class HttpClientTest : public testing::Test {
 protected:
  using Script = std::function<Task<>(tcp::socket&)>;

  void serve(Script script) {
    const auto run = [](tcp::acceptor& from, Script with) -> Task<> {
      for (;;) {
        auto [failure, socket] = co_await from.async_accept(kAwait);
        if (failure) co_return;
        co_await with(socket);
      }
    };
    spawn(io.get_executor(), run(acceptor, std::move(script)), "server");
  }
  HttpClient client(HttpClientSettings settings = {}) const {
    const std::string url = "http://127.0.0.1:" + std::to_string(acceptor.local_endpoint().port());
    return HttpClient(parse_server_address(url).value(), std::move(settings));
  }
  HttpClient by_name(HttpClientSettings settings) const {
    const std::string url = "http://localhost:" + std::to_string(acceptor.local_endpoint().port());
    return HttpClient(parse_server_address(url).value(), std::move(settings));
  }
  /// Keeps a thread of the pool busy.
  static Task<> occupy(std::shared_ptr<BlockingPool> pool, std::shared_future<void> until) {
    auto work = [until] { return until.wait_for(std::chrono::seconds(10)); };
    co_await pool->run(std::move(work));
  }
  static Task<std::string> read_head(tcp::socket& socket) {
    std::string text;
    co_await asio::async_read_until(socket, asio::dynamic_buffer(text), "\r\n\r\n", kAwait);
    co_return text;
  }
  static Task<> say(tcp::socket& socket, std::string text) {
    co_await asio::async_write(socket, asio::buffer(text), kAwait);
  }
  /// Neither reads nor writes until the client has gone.
  static Task<> stay(tcp::socket& socket) {
    co_await socket.async_wait(tcp::socket::wait_error, kAwait);
  }
  static HttpRequest request_with(ByteSource source) {
    HttpRequest request;
    request.method = "POST";
    request.source = std::move(source);
    return request;
  }
  /// The pieces, then the end.
  static ByteSource source_of(std::vector<std::string> pieces) {
    auto left = std::make_shared<std::vector<std::string>>(std::move(pieces));
    return [left]() -> Task<Result<std::string>> {
      if (left->empty()) co_return std::string();
      std::string piece = std::move(left->front());
      left->erase(left->begin());
      co_return piece;
    };
  }

  asio::io_context io;
  tcp::acceptor acceptor{io, tcp::endpoint(asio::ip::address_v4::loopback(), 0)};
};

constexpr const char* kOk = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

TEST_F(HttpClientTest, ABodyFromASourceIsSentChunked) {
  std::string got;
  serve([&got](tcp::socket& socket) -> Task<> {
    co_await asio::async_read_until(socket, asio::dynamic_buffer(got), "\r\n0\r\n\r\n", kAwait);
    co_await say(socket, kOk);
  });
  HttpRequest request = request_with(source_of({"first", std::string(300, 'x')}));
  const auto reply = run_task(io, client().send(std::move(request)));
  ASSERT_TRUE(reply) << reply.error().describe();
  EXPECT_EQ(reply->body, "ok");
  EXPECT_THAT(got, HasSubstr("Transfer-Encoding: chunked"));
  EXPECT_THAT(got, HasSubstr("\r\n\r\n5\r\nfirst\r\n12c\r\n" + std::string(300, 'x') + "\r\n"));
}

TEST_F(HttpClientTest, ARefusalEndsTheSendingOfABody) {
  serve([](tcp::socket& socket) -> Task<> {
    co_await read_head(socket);
    co_await say(socket, "HTTP/1.1 404 Not Found\r\nContent-Length: 4\r\n\r\nnone");
    // Reads nothing more and stays: only the client's own attention ends this.
    co_await stay(socket);
  });
  ByteSource endless = []() -> Task<Result<std::string>> { co_return std::string(4096, 'x'); };
  const auto reply = run_task(io, client().send(request_with(endless)));
  ASSERT_TRUE(reply) << reply.error().describe();
  EXPECT_EQ(reply->status, 404);
  EXPECT_EQ(reply->body, "none");
}

TEST_F(HttpClientTest, AnEarlyGoodReplyDoesNotEndTheSendingOfABody) {
  std::string got;
  serve([&got](tcp::socket& socket) -> Task<> {
    got = co_await read_head(socket);
    co_await say(socket, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
    co_await asio::async_read_until(socket, asio::dynamic_buffer(got), "\r\n0\r\n\r\n", kAwait);
    co_await say(socket, "3\r\nend\r\n0\r\n\r\n");
  });
  std::vector<std::string> pieces(200, std::string(1000, 'y'));
  const auto reply = run_task(io, client().send(request_with(source_of(std::move(pieces)))));
  ASSERT_TRUE(reply) << reply.error().describe();
  EXPECT_EQ(reply->body, "end");
  EXPECT_GT(got.size(), 200'000U);
}

TEST_F(HttpClientTest, ASourceThatFailsIsTheError) {
  serve([](tcp::socket& socket) -> Task<> { co_await read_head(socket); });
  ByteSource broken = []() -> Task<Result<std::string>> {
    co_return fail(ErrorCode::Conflict, "no more tape");
  };
  const auto reply = run_task(io, client().send(request_with(broken)));
  ASSERT_FALSE(reply);
  EXPECT_THAT(reply.error().describe(), HasSubstr("no more tape"));
}

TEST_F(HttpClientTest, AServerThatTakesNoBodyEndsInTimeout) {
  serve([](tcp::socket& socket) -> Task<> { co_await stay(socket); });
  HttpClientSettings settings;
  settings.idle_timeout = Duration(100);
  ByteSource endless = []() -> Task<Result<std::string>> { co_return std::string(1 << 20, 'x'); };
  const auto reply = run_task(io, client(settings).send(request_with(endless)));
  ASSERT_FALSE(reply);
  EXPECT_EQ(reply.error().code(), ErrorCode::Timeout);
}

TEST_F(HttpClientTest, ALookupThatHangsEndsInTimeout) {
  serve([](tcp::socket& socket) -> Task<> {
    co_await read_head(socket);
    co_await say(socket, "HTTP/1.1 204 No Content\r\n\r\n");
  });
  HttpClientSettings settings;
  settings.connect_timeout = Duration(100);
  settings.resolver = std::make_shared<BlockingPool>(1);
  std::promise<void> end;
  spawn(io.get_executor(), occupy(settings.resolver, end.get_future().share()), "a lookup");
  EXPECT_EQ(run_task(io, by_name(settings).send({})).error().code(), ErrorCode::Timeout);
  end.set_value();
  settings.connect_timeout = Duration(10'000);
  EXPECT_TRUE(run_task(io, by_name(settings).send({})).has_value());
}

TEST_F(HttpClientTest, LookupsThatHangArePutInALine) {
  serve([](tcp::socket& socket) -> Task<> {
    co_await read_head(socket);
    co_await say(socket, "HTTP/1.1 204 No Content\r\n\r\n");
  });
  HttpClientSettings settings;
  settings.connect_timeout = Duration(100);
  settings.resolver = std::make_shared<BlockingPool>(2);
  settings.lookups = std::make_shared<Semaphore>(io.get_executor(), 1);
  Semaphore::Permit of_another = run_task(io, settings.lookups->acquire());
  EXPECT_EQ(run_task(io, by_name(settings).send({})).error().code(), ErrorCode::Timeout);
  of_another = Semaphore::Permit();
  settings.connect_timeout = Duration(10'000);
  EXPECT_TRUE(run_task(io, by_name(settings).send({})).has_value());
}

TEST_F(HttpClientTest, WhatBoundsAReadCanBeChangedOnceTheHeadIsThere) {
  serve([](tcp::socket& socket) -> Task<> {
    co_await read_head(socket);
    co_await say(socket, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
    co_await sleep_for(Duration(300));
    co_await say(socket, "4\r\nlate\r\n");
    co_await stay(socket);
  });
  const auto scenario = [](HttpClient from) -> Task<Result<std::string>> {
    HttpRequest request;
    const auto soon = std::chrono::steady_clock::now() + Duration(200);
    CO_TRY_ASSIGN(const auto reply, co_await from.open(std::move(request), soon));
    reply->deadline = HttpClient::Deadline::max();
    reply->idle_timeout = Duration(0);
    CO_TRY_ASSIGN(const std::string piece, co_await reply->read());
    reply->idle_timeout = Duration(50);
    const auto next = co_await reply->read();
    EXPECT_TRUE(!next && next.error().code() == ErrorCode::Timeout);
    co_return piece;
  };
  const auto piece = run_task(io, scenario(client()));
  ASSERT_TRUE(piece) << piece.error().describe();
  EXPECT_EQ(*piece, "late");
}

TEST_F(HttpClientTest, AReadThatIsCalledOffIsCancelled) {
  serve([](tcp::socket& socket) -> Task<> {
    co_await read_head(socket);
    co_await say(socket, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
    co_await stay(socket);
  });
  const auto scenario = [](HttpClient from) -> Task<Result<std::string>> {
    HttpRequest request;
    CO_TRY_ASSIGN(const auto reply, co_await from.open(std::move(request)));
    const auto leave = [](HttpReply& which) -> Task<> {
      co_await sleep_for(Duration(20));
      which.cancel();
    };
    spawn(co_await asio::this_coro::executor, leave(*reply), "leave");
    const auto first = co_await reply->read();
    EXPECT_FALSE(first);
    co_return co_await reply->read();
  };
  const auto piece = run_task(io, scenario(client()));
  ASSERT_FALSE(piece);
  EXPECT_EQ(piece.error().code(), ErrorCode::Cancelled);
}

/// Says what it reads until the end, and then its own end.
Task<> echo(tcp::socket& socket) {
  std::string text;
  co_await asio::async_read(socket, asio::dynamic_buffer(text), kAwait);
  text += "!";
  co_await asio::async_write(socket, asio::buffer(text), kAwait);
}

TEST_F(HttpClientTest, AnUpgradeGivesTheRawConnection) {
  std::string head;
  serve([&head](tcp::socket& socket) -> Task<> {
    head = co_await read_head(socket);
    // The first bytes come with the reply.
    co_await say(socket, "HTTP/1.1 101 UPGRADED\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\nhi ");
    co_await echo(socket);
    socket.close();
  });
  const auto scenario = [](HttpClient from) -> Task<Result<std::string>> {
    HttpRequest request;
    request.method = "POST";
    CO_TRY_ASSIGN(const HttpUpgrade upgrade, co_await from.upgrade(std::move(request), "tcp"));
    CO_TRY(co_await upgrade.stream->write("there"));
    CO_TRY(co_await upgrade.stream->close_write());
    std::string all;
    for (;;) {
      CO_TRY_ASSIGN(const std::string piece, co_await upgrade.stream->read());
      if (piece.empty()) co_return all;
      all += piece;
    }
  };
  const auto said = run_task(io, scenario(client()));
  ASSERT_TRUE(said) << said.error().describe();
  EXPECT_EQ(*said, "hi there!");
  EXPECT_THAT(head, HasSubstr("Connection: Upgrade\r\nUpgrade: tcp\r\n"));
  EXPECT_THAT(head, testing::Not(HasSubstr("close")));
}

TEST_F(HttpClientTest, ARefusedUpgradeSaysWhy) {
  serve([](tcp::socket& socket) -> Task<> {
    co_await read_head(socket);
    co_await say(socket, "HTTP/1.1 409 Conflict\r\nContent-Length: 3\r\n\r\nwhy");
  });
  HttpRequest request;
  const auto upgrade = run_task(io, client().upgrade(std::move(request), "tcp"));
  ASSERT_TRUE(upgrade) << upgrade.error().describe();
  EXPECT_EQ(upgrade->status, 409);
  EXPECT_EQ(upgrade->body, "why");
  EXPECT_EQ(upgrade->stream, nullptr);
}

TEST_F(HttpClientTest, AWriterWhomNobodyReadsEndsInTimeout) {
  serve([](tcp::socket& socket) -> Task<> {
    co_await read_head(socket);
    co_await say(socket, "HTTP/1.1 101 UPGRADED\r\n\r\n");
    co_await stay(socket);
  });
  HttpClientSettings settings;
  settings.idle_timeout = Duration(100);
  const auto scenario = [](HttpClient from) -> Task<Result<void>> {
    HttpRequest request;
    CO_TRY_ASSIGN(const HttpUpgrade upgrade, co_await from.upgrade(std::move(request), "tcp"));
    std::string much(64 << 20, 'x');
    co_return co_await upgrade.stream->write(std::move(much));
  };
  const auto written = run_task(io, scenario(client(settings)));
  ASSERT_FALSE(written);
  EXPECT_EQ(written.error().code(), ErrorCode::Timeout);
}

/// Both sides show a certificate.
class MutualTlsTest : public testing::Test {
 protected:
  void SetUp() override {
    const std::string script =
        "set -e; new='openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days "
        "2'\n"
        "$new -x509 -subj /CN=authority -keyout ca.key -out ca.pem\n"
        "$new -x509 -CA ca.pem -CAkey ca.key -subj /CN=server -keyout server.key -out server.pem "
        "-addext subjectAltName=DNS:localhost\n"
        "$new -x509 -CA ca.pem -CAkey ca.key -subj /CN=client -keyout client.key -out client.pem\n"
        "$new -x509 -subj /CN=stranger -keyout stranger.key -out stranger.pem\n";
    const auto made =
        run_child_checked({.arguments = {"sh", "-c", script}, .directory = directory.path()});
    ASSERT_TRUE(made) << made.error().describe();
    context.use_certificate_chain_file(file("server.pem"));
    context.use_private_key_file(file("server.key"), ssl::context::pem);
    context.load_verify_file(file("ca.pem"));
    context.set_verify_mode(ssl::verify_peer | ssl::verify_fail_if_no_peer_cert);
    spawn(io.get_executor(), serve(acceptor, context), "tls server");
  }
  /// Answers each request with 101 and what it reads until the end.
  static Task<> serve(tcp::acceptor& from, ssl::context& with) {
    for (;;) {
      auto [failure, socket] = co_await from.async_accept(kAwait);
      if (failure) co_return;
      ssl::stream<tcp::socket> stream(std::move(socket), with);
      auto [refused] = co_await stream.async_handshake(ssl::stream_base::server, kAwait);
      if (refused) continue;
      std::string head;
      co_await asio::async_read_until(stream, asio::dynamic_buffer(head), "\r\n\r\n", kAwait);
      std::string reply = "HTTP/1.1 101 UPGRADED\r\n\r\n";
      co_await asio::async_write(stream, asio::buffer(reply), kAwait);
      std::string text;
      co_await asio::async_read(stream, asio::dynamic_buffer(text), kAwait);
      text += "!";
      co_await asio::async_write(stream, asio::buffer(text), kAwait);
      co_await stream.async_shutdown(kAwait);
    }
  }
  std::string file(const std::string& name) const { return (directory.path() / name).string(); }
  HttpClient client(const std::string& certificate, const std::string& key) const {
    HttpClientSettings settings;
    settings.certificate_authorities = file("ca.pem");
    settings.trusts_system = false;
    settings.certificate = certificate;
    settings.key = key;
    const std::string url = "https://localhost:" + std::to_string(acceptor.local_endpoint().port());
    return HttpClient(parse_server_address(url).value(), settings);
  }
  static Task<Result<std::string>> talk(HttpClient from) {
    HttpRequest request;
    CO_TRY_ASSIGN(const HttpUpgrade upgrade, co_await from.upgrade(std::move(request), "tcp"));
    for (int i = 0; i < 100; ++i) {
      std::string piece(10'000, static_cast<char>('a' + i % 26));
      CO_TRY(co_await upgrade.stream->write(std::move(piece)));
    }
    CO_TRY(co_await upgrade.stream->close_write());
    std::string all;
    for (;;) {
      CO_TRY_ASSIGN(const std::string piece, co_await upgrade.stream->read());
      if (piece.empty()) co_return all;
      all += piece;
    }
  }

  TemporaryDirectory directory = TemporaryDirectory::make("croft-mtls").value();
  asio::io_context io;
  ssl::context context{ssl::context::tls_server};
  tcp::acceptor acceptor{io, tcp::endpoint(asio::ip::address_v4::loopback(), 0)};
};

TEST_F(MutualTlsTest, ARawConnectionHasTwoEndsOverTlsToo) {
  const auto said = run_task(io, talk(client(file("client.pem"), file("client.key"))));
  ASSERT_TRUE(said) << said.error().describe();
  EXPECT_EQ(said->size(), 1'000'001U);
  EXPECT_THAT(*said, testing::AllOf(StartsWith("aaa"), EndsWith("v!")));
}

TEST_F(MutualTlsTest, AStrangerIsDenied) {
  const auto none = run_task(io, talk(client("", "")));
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().code(), ErrorCode::Denied) << none.error().describe();
  const auto stranger = run_task(io, talk(client(file("stranger.pem"), file("stranger.key"))));
  ASSERT_FALSE(stranger);
  EXPECT_EQ(stranger.error().code(), ErrorCode::Denied) << stranger.error().describe();
}

TEST_F(MutualTlsTest, FilesThatCannotBeUsedAreNamed) {
  const auto absent = run_task(io, talk(client("/nonexistent.pem", file("client.key"))));
  ASSERT_FALSE(absent);
  EXPECT_THAT(absent.error().describe(), HasSubstr("/nonexistent.pem"));
  const auto other = run_task(io, talk(client(file("client.pem"), file("stranger.key"))));
  ASSERT_FALSE(other);
  EXPECT_EQ(other.error().code(), ErrorCode::Invalid);
  EXPECT_THAT(other.error().describe(), HasSubstr("stranger.key"));
}

}  // namespace
}  // namespace croft
