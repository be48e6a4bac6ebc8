#include "gateway/edge/stream.hpp"

#include <cerrno>
#include <cstring>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/basic_stream_socket.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/generic/stream_protocol.hpp>

namespace croft::edge {

namespace {

constexpr auto kAwait = asio::as_tuple(asio::use_awaitable);
// The concrete executor spares a virtual call and an allocation in each operation.
using NativeSocket =
    asio::basic_stream_socket<asio::generic::stream_protocol, asio::io_context::executor_type>;

int family_of(int fd) {
  int family = AF_UNIX;
  socklen_t size = sizeof(family);
  ::getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &family, &size);
  return family;
}

}  // namespace

struct Stream::Socket {
  Socket(asio::io_context& io, int fd, int family)
      : native(io, asio::generic::stream_protocol(family, family == AF_UNIX ? 0 : IPPROTO_TCP),
               fd) {}
  NativeSocket native;
};

Stream::Stream(asio::io_context& io, UniqueFd socket) : fd_(socket.get()) {
  const int family = family_of(fd_);
  if (family != AF_UNIX) {
    const int on = 1;
    ::setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
  }
  socket_ = std::make_unique<Socket>(io, socket.release(), family);
  socket_->native.native_non_blocking(true);
}

Stream::~Stream() = default;

Task<Stream::ReadResult> Stream::read(std::span<char> space) {
  return socket_->native.async_read_some(asio::mutable_buffer(space.data(), space.size()), kAwait);
}

Task<Stream::WaitResult> Stream::writable() {
  return socket_->native.async_wait(asio::socket_base::wait_write, kAwait);
}

long Stream::send_some(std::span<const iovec> parts, bool has_more) {
  msghdr message{};
  message.msg_iov = const_cast<iovec*>(parts.data());
  message.msg_iovlen = parts.size();
  for (;;) {
    const ssize_t count =
        ::sendmsg(fd_, &message, MSG_NOSIGNAL | MSG_DONTWAIT | (has_more ? MSG_MORE : 0));
    if (count >= 0) return count;
    if (errno == EINTR) continue;
    return errno == EAGAIN || errno == EWOULDBLOCK ? 0 : -1;
  }
}

Task<bool> Stream::send_all(std::string_view text, Duration patience) {
  while (!text.empty()) {
    const iovec part{const_cast<char*>(text.data()), text.size()};
    const long count = send_some({&part, 1});
    if (count < 0) co_return false;
    text.remove_prefix(static_cast<std::size_t>(count));
    if (text.empty()) break;
    set_write_deadline(std::chrono::steady_clock::now() + patience);
    const auto [error] = co_await writable();
    clear_write_deadline();
    if (error) co_return false;
  }
  co_return true;
}

void Stream::on_tick(SteadyTime now) {
  if (now < read_deadline_ && now < write_deadline_) return;
  has_timed_out_ = true;
  clear_read_deadline();
  clear_write_deadline();
  cancel();
}

void Stream::cancel() {
  boost::system::error_code ignored;
  socket_->native.cancel(ignored);
}

void Stream::shutdown_send() {
  boost::system::error_code ignored;
  socket_->native.shutdown(asio::socket_base::shutdown_send, ignored);
}

bool Stream::is_quiet() const {
  char byte = 0;
  return ::recv(fd_, &byte, 1, MSG_PEEK | MSG_DONTWAIT) < 0 &&
         (errno == EAGAIN || errno == EWOULDBLOCK);
}

bool Stream::has_ended() const {
  char byte = 0;
  const ssize_t count = ::recv(fd_, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
  return count == 0 || (count < 0 && errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR);
}

std::span<char> InputBuffer::space(std::size_t wanted) {
  if (capacity_ - end_ < wanted) {
    const std::size_t used = end_ - begin_;
    if (capacity_ < used + wanted) {
      const std::size_t capacity = std::max(used + wanted, capacity_ * 2);
      auto data = std::make_unique_for_overwrite<char[]>(capacity);
      if (used > 0) std::memcpy(data.get(), data_.get() + begin_, used);
      data_ = std::move(data);
      capacity_ = capacity;
    } else {
      std::memmove(data_.get(), data_.get() + begin_, used);
    }
    begin_ = 0;
    end_ = used;
  }
  return {data_.get() + end_, capacity_ - end_};
}

void InputBuffer::consume(std::size_t count) {
  begin_ += count;
  if (begin_ == end_) begin_ = end_ = 0;
}

void InputBuffer::append(std::string_view text) {
  if (text.empty()) return;
  std::memcpy(space(text.size()).data(), text.data(), text.size());
  add(text.size());
}

}  // namespace croft::edge
