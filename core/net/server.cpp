#include "core/net/server.hpp"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/basic_socket_acceptor.hpp>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/local/stream_protocol.hpp>

#include "core/base/files.hpp"
#include "core/base/log.hpp"
#include "core/net/connection.hpp"

namespace croft {

namespace {

using boost::system::error_code;
using Protocol = asio::generic::stream_protocol;
using Acceptor = asio::basic_socket_acceptor<Protocol>;

constexpr auto kAwait = asio::as_tuple(asio::use_awaitable);
constexpr Duration kPauseWithoutDescriptors{100};
constexpr Duration kAfterCut{1'000};

/// A socket that is listened on, and how many connections it may have.
struct Listener {
  Listener(const asio::any_io_executor& executor, int connections)
      : acceptor(executor), slots(executor, connections) {}

  Acceptor acceptor;
  Semaphore slots;
  bool is_unix = false;
  std::filesystem::path path;  ///< unix only
  ino_t inode = 0;
};

/// A connection's place among those of its listener; gives the place back before it lets go of the
/// listener.
struct Place {
  std::shared_ptr<Listener> listener;
  Semaphore::Permit permit;
};

HttpPeer unix_peer(int fd) {
  HttpPeer peer;
  peer.is_unix = true;
  ucred credentials{};
  socklen_t size = sizeof credentials;
  if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &credentials, &size) != 0) {
    credentials = {0, static_cast<uid_t>(-1), static_cast<gid_t>(-1)};
  }
  peer.uid = credentials.uid;
  peer.gid = credentials.gid;
  peer.pid = credentials.pid;
  peer.address = "unix uid " + std::to_string(peer.uid);
  return peer;
}

HttpPeer tcp_peer(Protocol::socket& socket) {
  HttpPeer peer;
  error_code ignored;
  const Protocol::endpoint remote = socket.remote_endpoint(ignored);
  asio::ip::tcp::endpoint endpoint;
  if (!ignored && remote.size() <= endpoint.capacity()) {
    std::copy_n(reinterpret_cast<const char*>(remote.data()), remote.size(),
                reinterpret_cast<char*>(endpoint.data()));
    peer.address = endpoint.address().to_string() + ":" + std::to_string(endpoint.port());
  }
  socket.set_option(asio::ip::tcp::no_delay(true), ignored);
  return peer;
}

Task<> serve(std::shared_ptr<net::Connection> connection, Place place) {
  (void)place;
  co_await connection->run();
}

void start_connection(const std::shared_ptr<net::Shared>& shared, Place place,
                      Protocol::socket socket) {
  HttpPeer peer = place.listener->is_unix ? unix_peer(socket.native_handle()) : tcp_peer(socket);
  auto connection = net::make_connection(shared, std::move(socket), std::move(peer));
  shared->connections.insert(connection);
  const auto ended = [shared, connection](const std::exception_ptr& failure) {
    // A connection that was cut off ends with the exception of a cancelled wait.
    if (failure && !shared->is_stopping) log_error("http", "a connection ended with an exception");
    shared->connections.erase(connection);
    if (shared->connections.empty()) shared->drained.notify();
  };
  asio::co_spawn(shared->executor, serve(connection, std::move(place)),
                 asio::bind_cancellation_slot(connection->cancellation.slot(), ended));
}

Task<> accept_connections(std::shared_ptr<net::Shared> shared, std::shared_ptr<Listener> listener) {
  while (!shared->is_stopping) {
    Semaphore::Permit permit = co_await listener->slots.acquire();
    if (shared->is_stopping) break;
    auto [code, socket] = co_await listener->acceptor.async_accept(kAwait);
    if (code == asio::error::operation_aborted || code == asio::error::bad_descriptor) break;
    if (code) {
      log_warning("http", "cannot accept a connection", {{"what", code.message()}});
      co_await sleep_for(kPauseWithoutDescriptors);
      continue;
    }
    start_connection(shared, Place{listener, std::move(permit)}, std::move(socket));
  }
}

/// Closes a listener without losing who already stands in its backlog.
void close_listener(const std::shared_ptr<net::Shared>& shared,
                    const std::shared_ptr<Listener>& listener) {
  struct stat now{};
  if (listener->is_unix && lstat(listener->path.c_str(), &now) == 0 &&
      now.st_ino == listener->inode) {
    unlink(listener->path.c_str());
  }
  error_code code;
  listener->acceptor.cancel(code);
  listener->acceptor.non_blocking(true, code);
  while (!code) {
    Protocol::socket socket(shared->executor);
    listener->acceptor.accept(socket, code);
    if (!code) start_connection(shared, Place{listener, {}}, std::move(socket));
  }
  listener->acceptor.close(code);
}

/// Waits until the last connection has ended, at most that long.
Task<> wait_for_end(std::shared_ptr<net::Shared> shared, Duration timeout) {
  using SteadyClock = std::chrono::steady_clock;
  const auto deadline = SteadyClock::now() + timeout;
  while (!shared->connections.empty() && SteadyClock::now() < deadline) {
    const auto left = std::chrono::ceil<Duration>(deadline - SteadyClock::now());
    co_await shared->drained.wait(left);
  }
}

Result<sockaddr_un> unix_address(const std::filesystem::path& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.native().size() >= sizeof address.sun_path) {
    return fail(Error(ErrorCode::Invalid,
                      "the socket's path is longer than the system allows: " + path.string())
                    .with_hint("it may have 107 characters"));
  }
  path.native().copy(address.sun_path, sizeof address.sun_path - 1);
  return address;
}

const sockaddr* generic_address(const sockaddr_un& address) {
  return reinterpret_cast<const sockaddr*>(&address);
}

bool answers(const sockaddr_un& address) {
  const UniqueFd probe(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  // EAGAIN: its backlog is full, so somebody is there.
  return connect(probe.get(), generic_address(address), sizeof address) == 0 || errno == EAGAIN;
}

/// Bound beside its place, given its mode, and moved there in one step: nobody connects before the
/// mode holds.
Result<UniqueFd> bind_unix(const std::filesystem::path& path, unsigned mode) {
  TRY_ASSIGN(const sockaddr_un address, unix_address(path));
  if (answers(address)) {
    return fail(Error(ErrorCode::Conflict, "another process listens on " + path.string())
                    .with_hint("stop it, or choose another socket"));
  }
  const std::filesystem::path beside = path.string() + ".new";
  TRY_ASSIGN(const sockaddr_un first, unix_address(beside));
  UniqueFd fd(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  unlink(beside.c_str());
  const bool is_bound = fd.is_open() && bind(fd.get(), generic_address(first), sizeof first) == 0 &&
                        chmod(beside.c_str(), static_cast<mode_t>(mode)) == 0 &&
                        listen(fd.get(), SOMAXCONN) == 0 &&
                        rename(beside.c_str(), path.c_str()) == 0;
  if (!is_bound) return fail(system_error(errno, "listening on " + path.string()));
  return fd;
}

/// What make_address() reads.
std::string numeric(const std::string& host) {
  if (host == "localhost") return "127.0.0.1";
  if (host == "*") return "0.0.0.0";
  const bool is_bracketed = host.starts_with('[') && host.ends_with(']');
  return is_bracketed ? host.substr(1, host.size() - 2) : host;
}

}  // namespace

struct HttpServer::Core {
  std::shared_ptr<net::Shared> shared;
  std::vector<std::shared_ptr<Listener>> listeners;

  void add(std::shared_ptr<Listener> listener) {
    listeners.push_back(listener);
    spawn(shared->executor, accept_connections(shared, std::move(listener)), "http accept");
  }
};

HttpServer::HttpServer(asio::any_io_executor executor, HttpHandler handler,
                       HttpServerSettings settings)
    : core_(std::make_shared<Core>()) {
  core_->shared =
      std::make_shared<net::Shared>(std::move(executor), std::move(handler), std::move(settings));
}

HttpServer::~HttpServer() {
  core_->shared->is_stopping = true;
  for (const auto& listener : core_->listeners) {
    error_code ignored;
    listener->acceptor.close(ignored);
  }
  // A copy, for a connection that ends leaves the set.
  const auto connections = core_->shared->connections;
  for (const auto& connection : connections) connection->cut_off();
  core_->shared->connections.clear();
}

Result<void> HttpServer::listen_unix(const std::filesystem::path& path, unsigned mode) {
  TRY_ASSIGN(UniqueFd fd, bind_unix(path, mode));
  auto listener =
      std::make_shared<Listener>(core_->shared->executor, core_->shared->settings.connections);
  listener->is_unix = true;
  listener->path = path;
  struct stat made{};
  if (lstat(path.c_str(), &made) == 0) listener->inode = made.st_ino;
  listener->acceptor.assign(Protocol(AF_UNIX, 0), fd.release());
  core_->add(std::move(listener));
  return {};
}

Result<int> HttpServer::listen_tcp(const std::string& host, int port) {
  error_code code;
  const auto address = asio::ip::make_address(numeric(host), code);
  if (code || port < 0 || port > 65535) {
    return fail(ErrorCode::Invalid,
                "no address to listen on: " + host + ":" + std::to_string(port));
  }
  if (!address.is_loopback() && !core_->shared->settings.any_address) {
    return fail(Error(ErrorCode::Denied, "will not listen on " + host + " without TLS")
                    .with_hint("listen on 127.0.0.1 and put a TLS proxy before it"));
  }
  const asio::ip::tcp::endpoint endpoint(address, static_cast<std::uint16_t>(port));
  auto listener =
      std::make_shared<Listener>(core_->shared->executor, core_->shared->settings.connections);
  Acceptor& acceptor = listener->acceptor;
  acceptor.open(endpoint.protocol(), code);
  if (!code) acceptor.set_option(asio::socket_base::reuse_address(true), code);
  if (!code) acceptor.bind(endpoint, code);
  if (!code) acceptor.listen(asio::socket_base::max_listen_connections, code);
  if (code) {
    return fail(system_error(code.value(), "listening on " + host + ":" + std::to_string(port)));
  }
  sockaddr_storage bound{};
  socklen_t size = sizeof bound;
  getsockname(acceptor.native_handle(), reinterpret_cast<sockaddr*>(&bound), &size);
  core_->add(std::move(listener));
  return ntohs(address.is_v4() ? reinterpret_cast<const sockaddr_in&>(bound).sin_port
                               : reinterpret_cast<const sockaddr_in6&>(bound).sin6_port);
}

Task<> HttpServer::stop(Duration grace) {
  const std::shared_ptr<Core> core = core_;
  const std::shared_ptr<net::Shared> shared = core->shared;
  shared->is_stopping = true;
  for (const auto& listener : core->listeners) close_listener(shared, listener);
  core->listeners.clear();
  const auto stopped = shared->connections;
  for (const auto& connection : stopped) connection->stop();
  co_await wait_for_end(shared, grace);
  const auto late = shared->connections;
  for (const auto& connection : late) connection->cut_off();
  co_await wait_for_end(shared, kAfterCut);
}

}  // namespace croft
