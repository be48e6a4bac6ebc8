// A name whose answer changes between two lookups, or mixes addresses that may be reached with such
// that may not.

#include <algorithm>
#include <memory>
#include <optional>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "core/net/client.hpp"
#include "core/net/server.hpp"
#include "tests/support/run_task.hpp"

namespace croft {
namespace {

using Addresses = std::vector<std::string>;

constexpr const char* kInside = "127.0.0.1";
constexpr const char* kAllowed = "127.0.0.2";  ///< stands for the Internet

/// Two servers on the same port: one that may be reached, and one that must not.
class RebindingTest : public testing::Test {
 protected:
  RebindingTest() {
    for (int i = 0; i < 20 && port == 0; ++i) {
      outside.emplace(io.get_executor(), answering("outside"));
      inside.emplace(io.get_executor(), answering("inside"));
      const int chosen = outside->listen_tcp(kAllowed, 0).value();
      if (inside->listen_tcp(kInside, chosen)) port = chosen;
    }
    EXPECT_NE(port, 0);
  }
  HttpHandler answering(const std::string& name) {
    return [this, name](HttpRequest) -> Task<HttpResponse> {
      asked.push_back(name);
      HttpResponse response;
      response.body = name;
      co_return response;
    };
  }
  /// The answers come one after the other; the last one stays.
  HttpClient client(std::vector<Addresses> answers, bool has_pool = true) {
    HttpClientSettings settings;
    settings.only_public = true;
    settings.allowed_networks = {"127.0.0.2/32"};
    settings.connect_timeout = Duration(2'000);
    if (has_pool) settings.resolver = std::make_shared<BlockingPool>(1);
    settings.lookup = [this, answers](const std::string& host) {
      EXPECT_EQ(host, "rebinding.example");
      const std::size_t which = std::min(lookups++, answers.size() - 1);
      return answers[which];
    };
    const std::string url = fmt::format("http://rebinding.example:{}", port);
    return HttpClient(parse_server_address(url).value(), std::move(settings));
  }
  Result<HttpResponse> get(const HttpClient& from) {
    HttpRequest request;
    request.headers.set("Host", "rebinding.example");
    return run_task(io, from.send(std::move(request)));
  }

  asio::io_context io;
  std::vector<std::string> asked;
  std::size_t lookups = 0;
  int port = 0;
  std::optional<HttpServer> outside;
  std::optional<HttpServer> inside;
};

TEST_F(RebindingTest, ANameThatMovesInsideIsNotFollowedThere) {
  for (const bool has_pool : {true, false}) {
    asked.clear();
    lookups = 0;
    const HttpClient moving = client({{kAllowed}, {kInside}}, has_pool);
    const Result<HttpResponse> first = get(moving);
    ASSERT_TRUE(first.has_value()) << first.error().describe();
    EXPECT_EQ(first->body, "outside");
    EXPECT_EQ(lookups, 1U) << "what was judged is what is connected to";
    const Result<HttpResponse> second = get(moving);
    ASSERT_FALSE(second.has_value());
    EXPECT_EQ(second.error().code(), ErrorCode::Denied);
    EXPECT_EQ(asked, (std::vector<std::string>{"outside"}));
  }
}

TEST_F(RebindingTest, OfMixedAddressesOnlyThoseThatMayAreTried) {
  const HttpClient mixed = client({{kInside, "10.0.0.1", "::1", kAllowed, kInside}});
  const Result<HttpResponse> reply = get(mixed);
  ASSERT_TRUE(reply.has_value()) << reply.error().describe();
  EXPECT_EQ(reply->body, "outside");
  // Nor if that one does not answer.
  outside.reset();
  const Result<HttpResponse> nobody = get(mixed);
  ASSERT_FALSE(nobody.has_value());
  EXPECT_EQ(nobody.error().code(), ErrorCode::Unavailable);
  EXPECT_EQ(asked, (std::vector<std::string>{"outside"}));
}

TEST_F(RebindingTest, NoPrivateAddressOfANameIsTried) {
  for (const char* address :
       {"127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1",
        "0.0.0.0", "::1", "::", "fe80::1", "fd00::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1"}) {
    const Result<HttpResponse> reply = get(client({{address}}));
    ASSERT_FALSE(reply.has_value()) << address;
    EXPECT_EQ(reply.error().code(), ErrorCode::Denied) << address;
  }
  EXPECT_TRUE(asked.empty());
}

TEST_F(RebindingTest, ANameOfNothingOrNonsenseIsUnavailable) {
  for (const Addresses& answer : {Addresses{}, Addresses{"no address"}}) {
    const Result<HttpResponse> reply = get(client({answer}));
    ASSERT_FALSE(reply.has_value());
    EXPECT_EQ(reply.error().code(), ErrorCode::Unavailable);
  }
}

}  // namespace
}  // namespace croft
