#include <boost/asio/as_tuple.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/ssl.hpp>
#include <boost/asio/write.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/base/child.hpp"
#include "core/base/files.hpp"
#include "core/net/client.hpp"
#include "core/net/tls_context.hpp"
#include "tests/support/run_task.hpp"

namespace croft {
namespace {

namespace ssl = boost::asio::ssl;
using asio::ip::tcp;
constexpr auto kAwait = asio::as_tuple(asio::use_awaitable);

/// A TLS server with a certificate for "localhost" that signs itself.
class TlsTest : public testing::Test {
 protected:
  void SetUp() override {
    ChildCommand make;
    make.arguments = {"openssl",  "req",    "-x509",   "-newkey",
                      "rsa:2048", "-nodes", "-days",   "2",
                      "-subj",    "/CN=x",  "-addext", "subjectAltName=DNS:localhost",
                      "-keyout",  key(),    "-out",    certificate()};
    ASSERT_TRUE(run_child_checked(make));
    context.use_certificate_chain_file(certificate());
    context.use_private_key_file(key(), ssl::context::pem);
    spawn(io.get_executor(), serve(acceptor, context), "tls server");
  }
  static Task<> serve(tcp::acceptor& from, ssl::context& with) {
    for (;;) {
      auto [failure, socket] = co_await from.async_accept(kAwait);
      if (failure) co_return;
      ssl::stream<tcp::socket> stream(std::move(socket), with);
      auto [refused] = co_await stream.async_handshake(ssl::stream_base::server, kAwait);
      if (refused) continue;
      std::string head;
      co_await asio::async_read_until(stream, asio::dynamic_buffer(head), "\r\n\r\n", kAwait);
      const std::string reply = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
      co_await asio::async_write(stream, asio::buffer(reply), kAwait);
      co_await stream.async_shutdown(kAwait);
    }
  }
  std::string key() const { return (directory.path() / "key.pem").string(); }
  std::string certificate() const { return (directory.path() / "certificate.pem").string(); }
  Result<HttpResponse> ask(const std::string& host, const std::string& authorities) {
    HttpClientSettings settings;
    settings.certificate_authorities = authorities;
    const std::string address =
        "https://" + host + ":" + std::to_string(acceptor.local_endpoint().port());
    const HttpClient client(parse_server_address(address).value(), settings);
    HttpRequest request;
    return run_task(io, client.send(std::move(request)));
  }

  TemporaryDirectory directory = TemporaryDirectory::make("croft-tls").value();
  asio::io_context io;
  ssl::context context{ssl::context::tls_server};
  tcp::acceptor acceptor{io, tcp::endpoint(asio::ip::address_v4::loopback(), 0)};
};

TEST_F(TlsTest, AsksAServerWhoseCertificateItTrusts) {
  const Result<HttpResponse> response = ask("localhost", certificate());
  ASSERT_TRUE(response) << response.error().describe();
  EXPECT_EQ(response->body, "ok");
}

TEST_F(TlsTest, RefusesACertificateThatNobodyVouchesFor) {
  const Result<HttpResponse> response = ask("localhost", "");
  ASSERT_FALSE(response);
  EXPECT_EQ(response.error().code(), ErrorCode::Denied);
  EXPECT_THAT(response.error().describe(), testing::HasSubstr("certificate"));
}

TEST_F(TlsTest, RefusesACertificateOfAnotherName) {
  const Result<HttpResponse> response = ask("127.0.0.1", certificate());
  ASSERT_FALSE(response);
  EXPECT_EQ(response.error().code(), ErrorCode::Denied);
}

TEST_F(TlsTest, SaysWhenTheAuthoritiesCannotBeRead) {
  const Result<HttpResponse> response = ask("localhost", "/nonexistent.pem");
  ASSERT_FALSE(response);
  EXPECT_EQ(response.error().code(), ErrorCode::Invalid);
}

TEST_F(TlsTest, ClientsOfTheSameTrustShareWhatWasRead) {
  HttpClientSettings settings;
  settings.certificate_authorities = certificate();
  const auto first = net::tls_context(settings).value();
  EXPECT_EQ(net::tls_context(settings).value(), first);
  settings.trusts_system = false;
  const auto other = net::tls_context(settings).value();
  EXPECT_NE(other, first);
  const std::string text = read_file(certificate(), 1U << 20U).value();
  ASSERT_TRUE(write_file_atomic(certificate(), text, 0644));
  EXPECT_NE(net::tls_context(settings).value(), other) << "the file is another now";
}

}  // namespace
}  // namespace croft
