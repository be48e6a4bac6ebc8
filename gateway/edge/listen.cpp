#include "gateway/edge/listen.hpp"

#include <cerrno>
#include <charconv>
#include <cstdlib>
#include <fcntl.h>
#include <linux/filter.h>
#include <memory>
#include <netdb.h>
#include <optional>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <fmt/format.h>

#include "gateway/edge/peer.hpp"

namespace croft::edge {

namespace {

constexpr int kBacklog = 4096;
constexpr int kFirstInherited = 3;

struct AddressListDeleter {
  void operator()(addrinfo* list) const { ::freeaddrinfo(list); }
};
using AddressList = std::unique_ptr<addrinfo, AddressListDeleter>;

struct HostPort {
  std::string host;
  std::string port;
};

std::optional<HostPort> split(const std::string& address) {
  const std::size_t colon = address.rfind(':');
  if (colon == std::string::npos || colon + 1 == address.size()) return std::nullopt;
  HostPort split{address.substr(0, colon), address.substr(colon + 1)};
  if (split.host.starts_with('[') && split.host.ends_with(']'))
    split.host = split.host.substr(1, split.host.size() - 2);
  if (split.host == "*") split.host = "::";
  std::uint16_t port = 0;  // getaddrinfo would cut a larger number short
  const char* end = split.port.data() + split.port.size();
  const auto [stop, error] = std::from_chars(split.port.data(), end, port);
  if (error != std::errc() || stop != end) return std::nullopt;
  return split;
}

Result<AddressList> resolve(const std::string& address) {
  const std::optional<HostPort> wanted = split(address);
  if (!wanted)
    return fail(ErrorCode::Invalid,
                "'" + address + "' is no address to listen on; write HOST:PORT");
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_PASSIVE;
  addrinfo* list = nullptr;
  const int error = ::getaddrinfo(wanted->host.c_str(), wanted->port.c_str(), &hints, &list);
  if (error != 0)
    return fail(ErrorCode::Invalid, fmt::format("'{}': {}", address, ::gai_strerror(error)));
  return AddressList(list);
}

std::string print_bound_address(int fd) {
  sockaddr_storage address{};
  socklen_t size = sizeof(address);
  if (::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size) != 0) return "?";
  if (address.ss_family == AF_UNIX)
    return std::string("unix:") + reinterpret_cast<sockaddr_un&>(address).sun_path;
  std::array<char, NI_MAXHOST> host{};
  std::array<char, NI_MAXSERV> port{};
  ::getnameinfo(reinterpret_cast<sockaddr*>(&address), size, host.data(), host.size(), port.data(),
                port.size(), NI_NUMERICHOST | NI_NUMERICSERV);
  return address.ss_family == AF_INET6 ? fmt::format("[{}]:{}", host.data(), port.data())
                                       : fmt::format("{}:{}", host.data(), port.data());
}

// Of two sockets on one address the kernel would choose by a hash, and what waits in the old one's
// queue when it closes is lost. This program, which belongs to the address and not to a socket,
// always chooses the second, which is the newer one; while there is no second the kernel falls back
// to the one there is.
void prefer_newest(int fd) {
  sock_filter choose_second[] = {BPF_STMT(BPF_RET | BPF_K, 1)};
  const sock_fprog program{1, choose_second};
  // Without it only the few connections are at risk that come in while the old edge closes.
  (void)::setsockopt(fd, SOL_SOCKET, SO_ATTACH_REUSEPORT_CBPF, &program, sizeof(program));
}

Result<Listener> bind_one(const addrinfo& address, const std::string& text) {
  UniqueFd fd(::socket(address.ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd.is_open()) return fail(system_error(errno, "making a socket for " + text));
  const int on = 1;
  const int off = 0;
  ::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
  ::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on));
  if (address.ai_family == AF_INET6)
    ::setsockopt(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off));
  if (::bind(fd.get(), address.ai_addr, address.ai_addrlen) != 0 ||
      ::listen(fd.get(), kBacklog) != 0) {
    return fail(system_error(errno, "listening on " + text));
  }
  prefer_newest(fd.get());
  std::string bound = print_bound_address(fd.get());
  return Listener{std::move(fd), std::move(bound)};
}

}  // namespace

Result<std::vector<Listener>> listen_on(const std::vector<std::string>& addresses) {
  std::vector<Listener> listeners;
  for (const std::string& address : addresses) {
    TRY_ASSIGN(const AddressList list, resolve(address));
    // "localhost" is two addresses; "::" without IPv6 in the kernel falls back to the first that
    // works.
    std::optional<Error> failure;
    const std::size_t before = listeners.size();
    for (const addrinfo* one = list.get(); one != nullptr; one = one->ai_next) {
      Result<Listener> bound = bind_one(*one, address);
      if (bound) {
        listeners.push_back(std::move(*bound));
      } else {
        failure = std::move(bound).error();
      }
    }
    if (listeners.size() == before && failure) return fail(*std::move(failure));
  }
  return listeners;
}

Result<std::vector<Listener>> adopt_listeners(const std::vector<int>& fds) {
  std::vector<Listener> listeners;
  for (const int number : fds) {
    UniqueFd fd(number);
    int listens = 0;
    socklen_t size = sizeof(listens);
    if (::getsockopt(number, SOL_SOCKET, SO_ACCEPTCONN, &listens, &size) != 0 || listens == 0) {
      return fail(ErrorCode::Invalid,
                  fmt::format("descriptor {} is not a socket that listens", number));
    }
    ::fcntl(number, F_SETFL, ::fcntl(number, F_GETFL) | O_NONBLOCK);
    ::fcntl(number, F_SETFD, FD_CLOEXEC);
    std::string bound = print_bound_address(number);
    listeners.push_back({std::move(fd), std::move(bound)});
  }
  return listeners;
}

std::vector<int> inherited_listen_fds() {
  const auto number = [](const char* name) {
    const char* text = std::getenv(name);
    long value = 0;
    if (text != nullptr) std::from_chars(text, text + std::char_traits<char>::length(text), value);
    return value;
  };
  std::vector<int> fds;
  if (number("LISTEN_PID") != ::getpid()) return fds;
  for (int i = 0; i < number("LISTEN_FDS"); ++i) fds.push_back(kFirstInherited + i);
  return fds;
}

}  // namespace croft::edge
