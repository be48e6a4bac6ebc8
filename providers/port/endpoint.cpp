#include "providers/port/endpoint.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <memory>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <fmt/format.h>

namespace croft {

namespace {

using SteadyClock = std::chrono::steady_clock;
using Tcp = asio::ip::tcp;

constexpr std::array<std::pair<std::string_view, Endpoint::Scheme>, 5> kSchemes = {{
    {"unix", Endpoint::Scheme::Unix},
    {"shim", Endpoint::Scheme::Shim},
    {"tcp", Endpoint::Scheme::Tcp},
    {"https", Endpoint::Scheme::Https},
    {"release", Endpoint::Scheme::Release},
}};

Duration left_until(SteadyClock::time_point until) {
  return std::max(Duration(0), std::chrono::duration_cast<Duration>(until - SteadyClock::now()));
}

/// A unix socket's connect succeeds or fails at once. Its path may be longer than an address holds,
/// so it is taken below its directory's descriptor.
Result<UniqueFd> connect_unix(const std::string& text) {
  const std::filesystem::path path(text);
  const std::string what = "connecting to " + text;
  const UniqueFd directory(::open(path.parent_path().c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!directory.is_open()) return fail(system_error(errno, what));
  const std::string name =
      text.size() < sizeof(sockaddr_un::sun_path)
          ? text
          : fmt::format("/proc/self/fd/{}/{}", directory.get(), path.filename().string());
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (name.size() >= sizeof address.sun_path)
    return fail(ErrorCode::Invalid, "the name of the socket is too long");
  name.copy(static_cast<char*>(address.sun_path), name.size());
  UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!fd.is_open()) return fail(system_error(errno, what));
  if (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0)
    return fd;  // NOLINT
  const int problem = errno;
  if (problem == ENOENT || problem == ECONNREFUSED) {
    return fail(Error(ErrorCode::Unavailable, "nothing listens there").while_doing(what));
  }
  return fail(system_error(problem, what));
}

/// Waits until the descriptor is ready; Timeout past the time.
Task<Result<void>> wait_ready(int fd, asio::posix::stream_descriptor::wait_type what,
                              Duration timeout) {
  const asio::any_io_executor executor = co_await asio::this_coro::executor;
  const auto waited = std::make_shared<asio::posix::stream_descriptor>(executor, fd);
  const auto is_late = std::make_shared<bool>(false);
  asio::steady_timer timer(executor, timeout);
  timer.async_wait([waited, is_late](const boost::system::error_code& error) {
    if (error) return;
    *is_late = true;
    if (waited->is_open()) waited->cancel();
  });
  auto [error] = co_await waited->async_wait(what, asio::as_tuple(asio::use_awaitable));
  timer.cancel();
  waited->release();  // the caller owns it
  if (*is_late) co_return fail(ErrorCode::Timeout, "there was no connection in time");
  if (error) co_return fail(ErrorCode::Unavailable, error.message());
  co_return Result<void>{};
}

struct Reply {
  std::string text;
  UniqueFd fd;
};

/// One read with the descriptor that may come with it; nothing yet is an empty reply.
Result<Reply> receive(int fd) {
  Reply reply;
  std::array<char, 4096> buffer;
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> control{};
  iovec part{buffer.data(), buffer.size()};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control.data();
  message.msg_controllen = control.size();
  const ssize_t count = ::recvmsg(fd, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
  if (count < 0 && (errno == EAGAIN || errno == EINTR)) return reply;
  if (count <= 0) return fail(ErrorCode::Unavailable, "the app's supervisor is gone");
  for (cmsghdr* header = CMSG_FIRSTHDR(&message); header != nullptr;
       header = CMSG_NXTHDR(&message, header)) {
    if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS) continue;
    int passed = -1;
    std::memcpy(&passed, CMSG_DATA(header), sizeof passed);
    reply.fd = UniqueFd(passed);
  }
  reply.text.assign(buffer.data(), static_cast<std::size_t>(count));
  return reply;
}

/// "error code=Unavailable message=nothing%20listens" as the Error that it says.
Error read_refusal(std::string_view line) {
  const auto field = [line](std::string_view key) {
    std::string value;
    std::size_t at = line.find(fmt::format(" {}=", key));
    if (at == std::string_view::npos) return value;
    for (at += key.size() + 2; at < line.size() && line[at] != ' ' && line[at] != '\n'; ++at) {
      const bool is_space = line.substr(at, 3) == "%20";
      value += is_space ? ' ' : line[at];
      if (is_space) at += 2;
    }
    return value;
  };
  return Error(error_code_from(field("code")).value_or(ErrorCode::Unavailable), field("message"));
}

/// Asks a croft-shim for a connection into its app's network: the protocol's `dial`
/// (providers/process/shim/wire.hpp).
Task<Result<UniqueFd>> dial_shim(std::string path, Duration timeout) {
  const auto until = SteadyClock::now() + timeout;
  CO_TRY_ASSIGN(const UniqueFd shim, connect_unix(path));
  const std::string request = fmt::format("dial timeout={}\n", timeout.count());
  if (::send(shim.get(), request.data(), request.size(), MSG_NOSIGNAL) !=
      static_cast<ssize_t>(request.size())) {
    co_return fail(system_error(errno, "asking the app's supervisor for a connection"));
  }
  std::string said;
  UniqueFd passed;
  while (said.find('\n') == std::string::npos) {
    CO_TRY(co_await wait_ready(shim.get(), asio::posix::stream_descriptor::wait_read,
                               left_until(until)));
    CO_TRY_ASSIGN(Reply reply, receive(shim.get()));
    said += reply.text;
    if (reply.fd.is_open()) passed = std::move(reply.fd);
  }
  if (!passed.is_open()) co_return fail(read_refusal(said));
  co_return passed;
}

Task<Result<UniqueFd>> connect_address(Tcp::endpoint address, Duration timeout) {
  const std::string what =
      fmt::format("connecting to {}:{}", address.address().to_string(), address.port());
  UniqueFd fd(::socket(address.protocol().family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!fd.is_open()) co_return fail(system_error(errno, what));
  if (::connect(fd.get(), address.data(), static_cast<socklen_t>(address.size())) == 0)
    co_return fd;
  if (errno != EINPROGRESS) co_return fail(system_error(errno, what));
  CO_TRY(co_await wait_ready(fd.get(), asio::posix::stream_descriptor::wait_write, timeout));
  int problem = 0;
  socklen_t size = sizeof problem;
  ::getsockopt(fd.get(), SOL_SOCKET, SO_ERROR, &problem, &size);
  if (problem != 0) co_return fail(system_error(problem, what));
  co_return fd;
}

Task<Result<UniqueFd>> dial_tcp(std::string address, Duration timeout) {
  const auto until = SteadyClock::now() + timeout;
  const std::size_t colon = address.rfind(':');
  if (colon == std::string::npos)
    co_return fail(ErrorCode::Invalid, fmt::format("'{}' has no port", address));
  std::string host = address.substr(0, colon);
  const std::string port = address.substr(colon + 1);
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  const auto resolver = std::make_shared<Tcp::resolver>(co_await asio::this_coro::executor);
  asio::steady_timer timer(resolver->get_executor(), timeout);
  timer.async_wait([resolver](const boost::system::error_code& error) {
    if (!error) resolver->cancel();
  });
  auto [error, found] =
      co_await resolver->async_resolve(host, port, asio::as_tuple(asio::use_awaitable));
  timer.cancel();
  if (error)
    co_return fail(ErrorCode::Unavailable,
                   fmt::format("cannot find {}: {}", host, error.message()));
  Error last(ErrorCode::Unavailable, fmt::format("{} has no address", host));
  for (const auto& entry : found) {
    const Tcp::endpoint one = entry.endpoint();
    Result<UniqueFd> fd = co_await connect_address(one, left_until(until));
    if (fd) co_return fd;
    last = std::move(fd.error());
  }
  co_return fail(std::move(last));
}

}  // namespace

namespace {

/// "//HOST[:PORT]", and nothing behind it.
bool is_https_address(std::string_view text) {
  return text.starts_with("//") && text.size() > 2 &&
         text.find_first_of("/?#@", 2) == std::string_view::npos;
}

}  // namespace

std::string to_string(const Endpoint& endpoint) {
  for (const auto& [name, scheme] : kSchemes) {
    if (scheme == endpoint.scheme) return fmt::format("{}:{}", name, endpoint.address);
  }
  return {};
}

Result<Endpoint> parse_endpoint(std::string_view text) {
  if (text.empty()) return Endpoint{};
  // It is shown, and sent in a header; it comes from a provider's server.
  const bool is_clean =
      std::ranges::all_of(text, [](char c) { return c > ' ' && c < '\x7f' && c != '"'; });
  const bool is_of_https = text.starts_with("https:");
  if (is_of_https && (!is_clean || !is_https_address(text.substr(6))))
    return fail(ErrorCode::Invalid, fmt::format("'{}' is no endpoint: https://HOST[:PORT]", text));
  const std::size_t colon = text.find(':');
  for (const auto& [name, scheme] : kSchemes) {
    if (colon != std::string_view::npos && text.substr(0, colon) == name &&
        colon + 1 < text.size()) {
      return Endpoint{scheme, std::string(text.substr(colon + 1))};
    }
  }
  return fail(ErrorCode::Invalid, fmt::format("'{}' is no endpoint", text));
}

Task<Result<UniqueFd>> dial(Endpoint endpoint, Duration timeout) {
  switch (endpoint.scheme) {
    case Endpoint::Scheme::Unix:
      co_return connect_unix(endpoint.address);
    case Endpoint::Scheme::Shim: {
      Result<UniqueFd> fd = co_await dial_shim(endpoint.address, timeout);
      co_return fd;
    }
    case Endpoint::Scheme::Tcp: {
      Result<UniqueFd> fd = co_await dial_tcp(endpoint.address, timeout);
      co_return fd;
    }
    case Endpoint::Scheme::None:
    case Endpoint::Scheme::Https:
    case Endpoint::Scheme::Release:
      break;
  }
  co_return fail(ErrorCode::Invalid,
                 fmt::format("'{}' is not something to connect to", to_string(endpoint)));
}

}  // namespace croft
