#include "tests/e2e/support/http_client.hpp"

#include <arpa/inet.h>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <optional>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <fmt/format.h>

namespace croft::e2e {

namespace {

constexpr time_t kPatience = 10;  // seconds until a silent server counts as a failure

std::optional<std::size_t> content_length(const std::string& headers) {
  const char* name = ::strcasestr(headers.c_str(), "\r\ncontent-length:");
  if (name == nullptr) return std::nullopt;
  name += std::strlen("\r\ncontent-length:");
  while (*name == ' ') ++name;
  std::size_t length = 0;
  std::from_chars(name, headers.c_str() + headers.size(), length);
  return length;
}

}  // namespace

bool HttpClient::connect(std::string& failure) {
  socket_ = UniqueFd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const timeval patience{kPatience, 0};
  const int on = 1;
  ::setsockopt(socket_.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  ::setsockopt(socket_.get(), SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
  ::setsockopt(socket_.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(port_));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (::connect(socket_.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) == 0)
    return true;
  failure = fmt::format("connect: {}", std::strerror(errno));
  socket_.reset();
  return false;
}

Answer HttpClient::attempt(const std::string& request, bool& was_silent) {
  Answer answer;
  was_silent = true;
  if (::send(socket_.get(), request.data(), request.size(), MSG_NOSIGNAL) < 0) {
    answer.failure = fmt::format("send: {}", std::strerror(errno));
    return answer;
  }
  std::string text;
  std::size_t head = std::string::npos;
  std::optional<std::size_t> length;
  std::array<char, 16384> buffer{};
  for (;;) {
    const ssize_t count = ::recv(socket_.get(), buffer.data(), buffer.size(), 0);
    if (count < 0) {
      answer.failure = fmt::format("receive: {}", std::strerror(errno));
      // Waiting in vain is a failure of the server; a reset of an idle connection is none.
      if (errno == EAGAIN || errno == EWOULDBLOCK) was_silent = false;
      return answer;
    }
    if (count > 0) was_silent = false;
    text.append(buffer.data(), static_cast<std::size_t>(count));
    if (head == std::string::npos && (head = text.find("\r\n\r\n")) != std::string::npos) {
      answer.headers = text.substr(0, head + 2);
      length = content_length(answer.headers);
    }
    const bool is_whole = head != std::string::npos && length && text.size() >= head + 4 + *length;
    if (is_whole) break;
    if (count > 0) continue;
    if (head == std::string::npos || length) {
      answer.failure = fmt::format("closed after {} bytes", text.size());
      return answer;
    }
    break;  // the end of the connection is the end of the answer
  }
  answer.body = text.substr(head + 4);
  std::from_chars(text.data() + 9, text.data() + 12, answer.status);
  const bool stays = length && ::strcasestr(answer.headers.c_str(), "connection: close") == nullptr;
  if (connections_ == Connections::Fresh || !stays) socket_.reset();
  return answer;
}

Answer HttpClient::get(const std::string& path, const std::string& more_headers) {
  const std::string request =
      fmt::format("GET {} HTTP/1.1\r\nHost: {}\r\n{}{}\r\n", path, host_, more_headers,
                  connections_ == Connections::Fresh ? "Connection: close\r\n" : "");
  const bool was_kept = socket_.is_open();
  Answer answer;
  if (!was_kept && !connect(answer.failure)) return answer;
  bool was_silent = false;
  answer = attempt(request, was_silent);
  if (!answer.failure.empty()) socket_.reset();
  // A server may end an idle connection just as the next request comes: every client then tries
  // again on a new one (RFC 9112, section 9.3.1).
  if (was_kept && !answer.failure.empty() && was_silent) {
    answer = Answer();
    if (!connect(answer.failure)) return answer;
    answer = attempt(request, was_silent);
    if (!answer.failure.empty()) socket_.reset();
  }
  return answer;
}

Answer http_get(int port, const std::string& host, const std::string& path) {
  return HttpClient(port, host).get(path);
}

}  // namespace croft::e2e
