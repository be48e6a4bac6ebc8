#include "providers/process/shim_client.hpp"

#include <array>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/write.hpp>
#include <fmt/format.h>

#include "core/base/error.hpp"
#include "core/base/files.hpp"

namespace croft {

namespace {

using Socket = asio::local::stream_protocol::socket;

/// A unix socket's connect either succeeds at once or fails. The name may be longer than an address
/// holds, so it is taken below its directory's descriptor.
Result<UniqueFd> connect_now(const std::filesystem::path& path) {
  const std::string what = "connecting to " + path.string();
  const UniqueFd directory(::open(path.parent_path().c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!directory.is_open()) return fail(system_error(errno, what));
  const std::string name =
      fmt::format("/proc/self/fd/{}/{}", directory.get(), path.filename().string());
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (name.size() >= sizeof address.sun_path)
    return fail(ErrorCode::Invalid, "the name of the socket is too long");
  name.copy(static_cast<char*>(address.sun_path), name.size());
  UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!fd.is_open()) return fail(system_error(errno, what));
  if (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) !=
      0) {  // NOLINT
    const int problem = errno;
    // No file and nobody behind it are the same thing: no shim runs.
    if (problem == ENOENT || problem == ECONNREFUSED) {
      return fail(Error(ErrorCode::Unavailable, "no supervisor listens").while_doing(what));
    }
    return fail(system_error(problem, what));
  }
  return fd;
}

/// Whoever could plant a socket there could lie about the app.
Result<void> check_owner(int fd) {
  ucred peer{};
  socklen_t size = sizeof peer;
  if (::getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0)
    return fail(system_error(errno, "asking who listens"));
  if (peer.uid == ::geteuid()) return {};
  return fail(ErrorCode::Denied,
              fmt::format("the supervisor's socket belongs to uid {}", peer.uid));
}

}  // namespace

struct ShimClient::Connection {
  Connection(const asio::any_io_executor& executor, UniqueFd fd)
      : socket(executor, asio::local::stream_protocol(), fd.release()), timer(executor) {}
  Socket socket;
  asio::steady_timer timer;
  std::string input;
  bool is_late = false;
  std::vector<UniqueFd> descriptors;
  pid_t pid = -1;
  int version = 1;

  static void limit(const std::shared_ptr<Connection>& self, Duration timeout) {
    self->is_late = false;
    self->timer.expires_after(timeout);
    self->timer.async_wait([self](const boost::system::error_code& error) {
      if (error) return;
      self->is_late = true;
      boost::system::error_code ignored;
      self->socket.close(ignored);
    });
  }
};

namespace {

/// What has come, with the descriptors that came along; 0 at the end.
ssize_t receive(int fd, std::array<char, 4096>& buffer, std::vector<UniqueFd>& descriptors) {
  constexpr std::size_t kMost = 8;
  iovec part{buffer.data(), buffer.size()};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(kMost * sizeof(int))> control{};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control.data();
  message.msg_controllen = control.size();
  const ssize_t count = ::recvmsg(fd, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
  if (count < 0) return count;
  for (cmsghdr* header = CMSG_FIRSTHDR(&message); header != nullptr;
       header = CMSG_NXTHDR(&message, header)) {
    if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS) continue;
    const std::size_t bytes = header->cmsg_len - CMSG_LEN(0);
    for (std::size_t at = 0; at + sizeof(int) <= bytes; at += sizeof(int)) {
      int passed = -1;
      std::memcpy(&passed, CMSG_DATA(header) + at, sizeof passed);
      descriptors.emplace_back(passed);
    }
  }
  return count;
}

/// One line from the socket, what came with it kept for the next.
template <typename ConnectionPtr>
Task<Result<shim::Line>> read_line(ConnectionPtr connection) {
  std::array<char, 4096> buffer;
  for (;;) {
    const std::size_t end = connection->input.find('\n');
    if (end != std::string::npos) {
      std::optional<shim::Line> line =
          shim::parse_line(std::string_view(connection->input).substr(0, end));
      connection->input.erase(0, end + 1);
      if (line) co_return std::move(*line);
      co_return fail(ErrorCode::Internal,
                     "the supervisor said something that is no line of the protocol");
    }
    if (connection->input.size() > shim::kMaximumLine) {
      co_return fail(ErrorCode::Internal, "the supervisor's line is too long");
    }
    auto [error] = co_await connection->socket.async_wait(Socket::wait_read,
                                                          asio::as_tuple(asio::use_awaitable));
    const ssize_t count =
        error ? 0 : receive(connection->socket.native_handle(), buffer, connection->descriptors);
    if (count < 0 && (errno == EAGAIN || errno == EINTR)) continue;
    if (count <= 0) {
      if (connection->is_late)
        co_return fail(ErrorCode::Timeout, "the supervisor did not answer in time");
      co_return fail(ErrorCode::Unavailable, "the supervisor is gone");
    }
    connection->input.append(buffer.data(), static_cast<std::size_t>(count));
  }
}

Result<shim::Line> as_result(shim::Line line) {
  if (line.verb == "ok") return line;
  const ErrorCode code = error_code_from(line.text("code")).value_or(ErrorCode::Invalid);
  return fail(code, line.text("message", "the supervisor refused"));
}

}  // namespace

Task<Result<ShimClient>> ShimClient::connect(std::filesystem::path path, Duration timeout) {
  CO_TRY_ASSIGN(UniqueFd fd, connect_now(path));
  CO_TRY(check_owner(fd.get()));
  const asio::any_io_executor executor = co_await asio::this_coro::executor;
  ShimClient client(std::make_shared<Connection>(executor, std::move(fd)));
  shim::Line hello("hello");
  hello.add("version", shim::kProtocolVersion);
  CO_TRY_ASSIGN(const shim::Line answer, co_await client.request(std::move(hello), timeout));
  client.connection_->version = static_cast<int>(answer.number("version", 1));
  client.connection_->pid = static_cast<pid_t>(answer.number("pid", -1));
  co_return client;
}

Task<Result<shim::Line>> ShimClient::request(shim::Line line, Duration timeout) {
  const std::shared_ptr<Connection> connection = connection_;
  Connection::limit(connection, timeout);
  const std::string text = shim::format_line(line);
  auto [error, count] = co_await asio::async_write(connection->socket, asio::buffer(text),
                                                   asio::as_tuple(asio::use_awaitable));
  if (error) {
    connection->timer.cancel();
    co_return fail(ErrorCode::Unavailable, "the supervisor is gone");
  }
  Result<shim::Line> answer = co_await read_line(connection);
  connection->timer.cancel();
  if (!answer) co_return fail(std::move(answer.error()));
  co_return as_result(std::move(*answer));
}

std::vector<UniqueFd> ShimClient::take_descriptors() {
  return std::exchange(connection_->descriptors, {});
}

Task<Result<shim::Line>> ShimClient::next() {
  const std::shared_ptr<Connection> connection = connection_;
  Result<shim::Line> line = co_await read_line(connection);
  co_return line;
}

void ShimClient::cancel() {
  boost::system::error_code ignored;
  connection_->socket.close(ignored);
  connection_->timer.cancel();
}

pid_t ShimClient::shim_pid() const { return connection_->pid; }
int ShimClient::version() const { return connection_->version; }

}  // namespace croft
