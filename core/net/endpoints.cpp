#include "core/net/endpoints.hpp"

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <sys/un.h>
#include <utility>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/local/stream_protocol.hpp>

#include "core/net/address.hpp"

namespace croft::net {

namespace {

using boost::system::error_code;
using Deadline = HttpClient::Deadline;

constexpr auto kAwait = asio::as_tuple(asio::use_awaitable);
constexpr Duration kLongestLookup{60'000};

Result<asio::generic::stream_protocol::endpoint> unix_endpoint(const std::string& path) {
  if (path.size() >= sizeof(sockaddr_un::sun_path)) {
    return fail(ErrorCode::Invalid, "the socket's path is longer than the system allows: " + path);
  }
  return asio::generic::stream_protocol::endpoint(asio::local::stream_protocol::endpoint(path));
}

std::string address_of(const Endpoints::value_type& endpoint) {
  asio::ip::tcp::endpoint tcp;
  tcp.resize(endpoint.size());
  std::memcpy(tcp.data(), endpoint.data(), endpoint.size());
  return tcp.address().to_string();
}

/// Leaves those that may be connected to.
Result<void> keep_allowed(Endpoints& endpoints, const ServerAddress& server,
                          const HttpClientSettings& settings) {
  if (!settings.only_public) return {};
  std::string refused = "it is a unix socket";
  std::erase_if(endpoints, [&](const Endpoints::value_type& endpoint) {
    if (server.scheme == ServerAddress::Scheme::Unix) return true;
    const std::string address = address_of(endpoint);
    if (is_in_networks(address, settings.allowed_networks)) return false;
    if (is_public_address(address) && !is_own_address(address)) return false;
    // Which one it is says how the network behind us looks.
    refused = "its address is not one of the public Internet, or is this machine's own";
    return true;
  });
  if (!endpoints.empty()) return {};
  return fail(Error(ErrorCode::Denied, std::move(refused))
                  .while_doing("connecting to " + to_string(server)));
}

using Found = asio::ip::tcp::resolver::results_type;

using Answer = std::pair<error_code, Endpoints>;

Endpoints endpoints_in(const Found& found) {
  Endpoints endpoints;
  for (const auto& entry : found) endpoints.emplace_back(entry.endpoint());
  return endpoints;
}

Endpoints::value_type endpoint_at(const asio::ip::address& address, const ServerAddress& server) {
  const auto port = static_cast<std::uint16_t>(std::atoi(server.port.c_str()));
  return asio::ip::tcp::endpoint(address, port);
}

Answer look_up_with(const NameLookup& lookup, const ServerAddress& server) {
  Answer answer;
  const std::vector<std::string> addresses = lookup(server.host);
  for (const std::string& text : addresses) {
    const asio::ip::address address = asio::ip::make_address(text, answer.first);
    if (answer.first) return answer;
    answer.second.push_back(endpoint_at(address, server));
  }
  if (addresses.empty()) answer.first = asio::error::host_not_found;
  return answer;
}

/// What is said of a name, by the system's resolver if by nobody else.
Task<Answer> look_up(ServerAddress server, std::shared_ptr<BlockingPool> pool, NameLookup lookup) {
  if (!pool && lookup) co_return look_up_with(lookup, server);
  if (!pool) {
    asio::ip::tcp::resolver resolver(co_await asio::this_coro::executor);
    auto [code, found] = co_await resolver.async_resolve(server.host, server.port, kAwait);
    co_return Answer(code, endpoints_in(found));
  }
  auto work = [server, lookup] {
    if (lookup) return look_up_with(lookup, server);
    asio::io_context io;
    error_code code;
    const Found found = asio::ip::tcp::resolver(io).resolve(server.host, server.port, code);
    return Answer(code, endpoints_in(found));
  };
  co_return co_await pool->run(std::move(work));
}

/// Shared by who waits for the answer and who looks it up: either may end first.
struct Lookup {
  explicit Lookup(asio::any_io_executor executor) : has_ended(std::move(executor)) {}

  Signal has_ended;
  bool is_wanted = true;
  Answer answer{asio::error::timed_out, {}};
};

Task<> answer(std::shared_ptr<Lookup> lookup, ServerAddress server, HttpClientSettings settings) {
  Semaphore::Permit permit;
  if (settings.lookups) permit = co_await settings.lookups->acquire();
  if (!lookup->is_wanted) co_return;
  lookup->answer = co_await look_up(std::move(server), settings.resolver, settings.lookup);
  lookup->has_ended.notify();
}

/// asio::error::timed_out if there is no answer at the deadline.
Task<Answer> look_up_until(ServerAddress server, HttpClientSettings settings, Deadline deadline) {
  const auto executor = co_await asio::this_coro::executor;
  auto lookup = std::make_shared<Lookup>(executor);
  spawn(executor, answer(lookup, std::move(server), std::move(settings)), "lookup of a name");
  const auto left = std::chrono::ceil<Duration>(deadline - std::chrono::steady_clock::now());
  co_await lookup->has_ended.wait(std::clamp(left, Duration::zero(), kLongestLookup));
  lookup->is_wanted = false;
  co_return std::move(lookup->answer);
}

Task<Result<Endpoints>> resolve(ServerAddress server, HttpClientSettings settings,
                                Deadline deadline) {
  Endpoints endpoints;
  if (server.scheme == ServerAddress::Scheme::Unix) {
    CO_TRY_ASSIGN(auto endpoint, unix_endpoint(server.path));
    endpoints.push_back(endpoint);
    co_return endpoints;
  }
  error_code is_name;
  const asio::ip::address address = asio::ip::make_address(server.host, is_name);
  if (!is_name) {
    endpoints.push_back(endpoint_at(address, server));
    co_return endpoints;
  }
  auto [code, found] = co_await look_up_until(server, std::move(settings), deadline);
  if (code == asio::error::timed_out) {
    co_return fail(Error(ErrorCode::Timeout, "its name is not resolved in time")
                       .while_doing("connecting to " + to_string(server)));
  }
  if (code) {
    co_return fail(Error(ErrorCode::Unavailable, "cannot resolve its name: " + code.message())
                       .while_doing("connecting to " + to_string(server)));
  }
  co_return std::move(found);
}

}  // namespace

Task<Result<Endpoints>> endpoints_of(ServerAddress server, HttpClientSettings settings,
                                     Deadline deadline) {
  CO_TRY_ASSIGN(Endpoints endpoints, co_await resolve(server, settings, deadline));
  CO_TRY(keep_allowed(endpoints, server, settings));
  co_return endpoints;
}

}  // namespace croft::net
