// The pure parts of the edge, one by one.

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "gateway/edge/host.hpp"
#include "gateway/edge/message.hpp"
#include "gateway/edge/mime.hpp"
#include "gateway/edge/page.hpp"
#include "gateway/edge/path.hpp"
#include "gateway/edge/peer.hpp"
#include "gateway/edge/routes.hpp"
#include "gateway/edge/stream.hpp"

namespace croft::edge {
namespace {

TEST(RoutesTest, ComeBackAsTheyWere) {
  RouteTable table;
  table.generation = 7;
  table.hosts["a.localhost"] = {
      "a/Site/x", {Endpoint::Scheme::Release, std::string(40, 'a')}, "Running", ""};
  table.hosts["b.localhost"] = {
      "b/Instance/y", {Endpoint::Scheme::Shim, "/run/x.sock"}, "CrashLoop", "exit status 1"};
  table.hosts["c.localhost"] = {"c/Instance/z", {}, "Suspended", "\"quoted\" & <b>"};
  const auto read = read_routes(write_routes(table));
  ASSERT_TRUE(read) << read.error().describe();
  EXPECT_EQ(*read, table);
}

TEST(HostTest, IsNormalised) {
  HostBuffer buffer;
  EXPECT_EQ(normalize_host("A.b.C:80", buffer), "a.b.c");
  EXPECT_EQ(normalize_host("a.", buffer), "a");
  EXPECT_EQ(normalize_host("[::1]:8080", buffer), "[::1]");
  EXPECT_EQ(normalize_host("a:", buffer), "a");
  for (const std::string& bad :
       {std::string(), std::string("."), std::string("a:x"), std::string("a:123456"),
        std::string("a\xc3\xa9"), std::string(300, 'a'), std::string("[::1"), std::string(":80")}) {
    EXPECT_EQ(normalize_host(bad, buffer), std::nullopt) << bad;
  }
}

TEST(PathTest, IsDecodedExactlyOnce) {
  std::string out;
  EXPECT_EQ(decode_path("/a%2520b", out), PathVerdict::Fine);
  EXPECT_EQ(out, "a%20b");
  EXPECT_EQ(decode_path("/caf%C3%A9", out), PathVerdict::Fine);
  EXPECT_EQ(out, "caf\xc3\xa9");
  EXPECT_EQ(decode_path("/..a/b..", out), PathVerdict::Fine);
  EXPECT_EQ(decode_path("/a/..", out), PathVerdict::Unsafe);
  EXPECT_EQ(decode_path("/%2E%2e/x", out), PathVerdict::Unsafe);
  EXPECT_EQ(decode_path("", out), PathVerdict::Malformed);
}

TEST(MimeTest, GoesByTheLastExtension) {
  EXPECT_EQ(content_type_of("a/b.min.JS"), "text/javascript; charset=utf-8");
  EXPECT_EQ(content_type_of("a.html/b"), "application/octet-stream");
  EXPECT_EQ(content_type_of("x.woff2"), "font/woff2");
  EXPECT_EQ(content_type_of("x.averyveryverylongone"), "application/octet-stream");
}

TEST(PeerTest, NetworksContainTheirAddresses) {
  const auto peer = [](const char* text) {
    sockaddr_storage address{};
    auto& v4 = reinterpret_cast<sockaddr_in&>(address);
    auto& v6 = reinterpret_cast<sockaddr_in6&>(address);
    if (inet_pton(AF_INET, text, &v4.sin_addr) == 1) {
      address.ss_family = AF_INET;
    } else {
      address.ss_family = AF_INET6;
      inet_pton(AF_INET6, text, &v6.sin6_addr);
    }
    return peer_of(address);
  };
  const auto proxies = TrustedProxies::parse({"10.1.0.0/20", "2001:db8::/33", "192.0.2.1"});
  ASSERT_TRUE(proxies);
  for (const char* in :
       {"10.1.15.255", "2001:db8:7fff::1", "192.0.2.1", "::ffff:192.0.2.1", "::ffff:10.1.0.9"}) {
    EXPECT_TRUE(proxies->contains(peer(in))) << in;
  }
  for (const char* out : {"10.1.16.0", "2001:db8:8000::1", "192.0.2.2", "::1"}) {
    EXPECT_FALSE(proxies->contains(peer(out))) << out;
  }
  EXPECT_EQ(peer("::ffff:10.1.0.9").text, "10.1.0.9");
  EXPECT_FALSE(TrustedProxies::parse({"example.com"}));
}

TEST(MessageTest, IsTheSameInWhateverPiecesItArrives) {
  const std::string bytes =
      "POST /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: "
      "chunked\r\n\r\n5\r\nhello\r\n1;x=y\r\n!\r\n0\r\nT: x\r\n\r\nGET";
  for (std::size_t step = 1; step < bytes.size(); ++step) {
    RequestReader reader({});
    InputBuffer input;
    std::string body;
    std::size_t head = 0;
    std::size_t body_used = 0;
    for (std::size_t at = 0; at < bytes.size() && reader.state() != ReadState::Done; at += step) {
      input.append(std::string_view(bytes).substr(at, step));
      if (reader.state() == ReadState::Head) head = reader.read_head(input.view());
      if (reader.state() == ReadState::Body) {
        std::vector<std::string_view> pieces;
        body_used += reader.read_body(input.view().substr(head + body_used), pieces);
        for (const std::string_view piece : pieces) body += piece;
      }
      ASSERT_NE(reader.state(), ReadState::Failed) << step;
    }
    EXPECT_EQ(reader.state(), ReadState::Done) << step;
    EXPECT_EQ(body, "hello!") << step;
    EXPECT_EQ(head + body_used, bytes.size() - 3) << step;
  }
}

TEST(PageTest, TakesTheFormThatTheClientNamesFirst) {
  const Page page{503, "a/Instance/b", "Starting", ""};
  EXPECT_EQ(write_page(page, "text/html, application/json").content_type,
            "text/html; charset=utf-8");
  EXPECT_EQ(write_page(page, "application/json, text/html").content_type, "application/json");
  EXPECT_EQ(write_page(page, "application/problem+json").content_type, "application/json");
  EXPECT_EQ(write_page(page, "*/*").content_type, "text/plain; charset=utf-8");
  EXPECT_EQ(write_page(page, "").content_type, "text/plain; charset=utf-8");
  EXPECT_THAT(write_page(page, "text/html").content, testing::HasSubstr("http-equiv=\"refresh\""));
}

TEST(InputBufferTest, KeepsWhatIsThereWhenItGrows) {
  InputBuffer input;
  input.append("hello");
  input.consume(2);
  const auto space = input.space(100'000);
  EXPECT_GE(space.size(), 100'000u);
  EXPECT_EQ(input.view(), "llo");
  input.append(" world");
  input.drop_behind(3);
  EXPECT_EQ(input.view(), "llo");
}

}  // namespace
}  // namespace croft::edge
