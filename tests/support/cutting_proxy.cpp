#include "tests/support/cutting_proxy.hpp"

#include <algorithm>
#include <array>
#include <netinet/in.h>
#include <poll.h>
#include <stdexcept>
#include <sys/socket.h>
#include <unistd.h>

namespace croft {

namespace {

sockaddr_in loopback(int port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  return address;
}

UniqueFd make_socket() { return UniqueFd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)); }

/// The other side gets a reset, as from a network that lost the connection.
void close_hard(UniqueFd& socket) {
  const linger now{.l_onoff = 1, .l_linger = 0};
  ::setsockopt(socket.get(), SOL_SOCKET, SO_LINGER, &now, sizeof now);
  socket = UniqueFd();
}

bool send_all(int socket, const char* bytes, std::size_t count) {
  while (count > 0) {
    const ssize_t sent = ::send(socket, bytes, count, MSG_NOSIGNAL);
    if (sent <= 0) return false;
    bytes += sent;
    count -= static_cast<std::size_t>(sent);
  }
  return true;
}

}  // namespace

CuttingProxy::CuttingProxy(int server_port) : server_port_(server_port), listener_(make_socket()) {
  sockaddr_in address = loopback(0);
  socklen_t size = sizeof address;
  if (::bind(listener_.get(), reinterpret_cast<const sockaddr*>(&address), size) != 0 ||
      ::listen(listener_.get(), 64) != 0)
    throw std::runtime_error("the proxy cannot listen");
  ::getsockname(listener_.get(), reinterpret_cast<sockaddr*>(&address), &size);
  port_ = ntohs(address.sin_port);
  thread_ = std::thread([this] { run(); });
}

CuttingProxy::~CuttingProxy() {
  is_stopping_ = true;
  thread_.join();
}

void CuttingProxy::cut_after(Direction direction, std::int64_t bytes) {
  direction_ = direction;
  bytes_left_ = bytes;
}

void CuttingProxy::run() {
  while (!is_stopping_) {
    std::vector<pollfd> polled{{.fd = listener_.get(), .events = POLLIN, .revents = 0}};
    const bool is_hold = is_hold_wanted_.exchange(false);
    const bool is_release = is_release_wanted_.exchange(false);
    for (Pair& pair : pairs_) {
      pair.is_held = (pair.is_held || is_hold) && !is_release;
      const int client = pair.is_held ? -1 : pair.client.get();
      polled.push_back({.fd = client, .events = POLLIN, .revents = 0});
      polled.push_back({.fd = pair.server.get(), .events = POLLIN, .revents = 0});
    }
    ::poll(polled.data(), polled.size(), 5);
    if ((polled[0].revents & POLLIN) != 0) accept_one();
    for (std::size_t i = 0; 2 * i + 2 < polled.size(); ++i) {
      if (polled[2 * i + 1].revents != 0) forward(pairs_[i], Direction::ToServer);
      if (!pairs_[i].is_over && polled[2 * i + 2].revents != 0)
        forward(pairs_[i], Direction::ToClient);
    }
    std::erase_if(pairs_, [](const Pair& pair) { return pair.is_over; });
  }
}

void CuttingProxy::accept_one() {
  UniqueFd client(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
  UniqueFd server = make_socket();
  const sockaddr_in address = loopback(server_port_);
  if (::connect(server.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
    return;
  pairs_.push_back({std::move(client), std::move(server)});
}

void CuttingProxy::forward(Pair& pair, Direction direction) {
  const bool is_request = direction == Direction::ToServer;
  const int from = is_request ? pair.client.get() : pair.server.get();
  const int to = is_request ? pair.server.get() : pair.client.get();
  std::array<char, 16384> buffer;
  std::size_t room = buffer.size();
  const bool is_counted = bytes_left_ >= 0 && direction_ == direction;
  if (is_counted)
    room = std::clamp<std::size_t>(static_cast<std::size_t>(bytes_left_.load()), 1, room);
  const ssize_t count = ::recv(from, buffer.data(), room, 0);
  bool is_good = count > 0 && send_all(to, buffer.data(), static_cast<std::size_t>(count));
  if (is_good && is_counted && (bytes_left_ -= count) <= 0) {
    bytes_left_ = -1;
    ++cuts_;
    is_good = false;
  }
  if (is_good) return;
  pair.is_over = true;
  if (count == 0) return;  // an end that was meant: what went before it arrives
  close_hard(pair.client);
  close_hard(pair.server);
}

}  // namespace croft
