#include "providers/process/shim/server.hpp"

#include <algorithm>
#include <arpa/inet.h>
#include <array>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

namespace croft::shim {

namespace {

constexpr std::size_t kMaximumClients = 4096;
constexpr std::size_t kMaximumPending = 1 << 20;

Line error_line(std::string_view code, std::string_view message) {
  return Line("error").add("code", code).add("message", message);
}

Line answer_line(const std::string& problem) {
  return problem.empty() ? Line("ok") : error_line("Unavailable", problem);
}

Line nothing_listens(int port) {
  return error_line("Unavailable", "nothing listens on port " + std::to_string(port));
}

/// A socket's name of any length: the directory is opened, and the name taken below it.
struct SocketName {
  Descriptor directory;
  sockaddr_un address{};
};

SocketName name_socket(const std::string& path) {
  SocketName name;
  const std::size_t slash = path.rfind('/');
  name.directory =
      Descriptor(::open(path.substr(0, slash).c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  const std::string short_path =
      "/proc/self/fd/" + std::to_string(name.directory.get()) + path.substr(slash);
  name.address.sun_family = AF_UNIX;
  short_path.copy(name.address.sun_path, sizeof name.address.sun_path - 1);
  return name;
}

bool is_allowed(int fd, const Launch& launch, bool is_dial) {
  ucred peer{};
  socklen_t size = sizeof peer;
  if (::getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0) return false;
  if (peer.uid == ::geteuid() || peer.uid == 0) return true;
  return is_dial && std::find(launch.dial_peers.begin(), launch.dial_peers.end(), peer.uid) !=
                        launch.dial_peers.end();
}

Descriptor connect_loopback(int family, int port) {
  Descriptor fd(::socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  sockaddr_in four{};
  four.sin_family = AF_INET;
  four.sin_port = htons(static_cast<std::uint16_t>(port));
  four.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  sockaddr_in6 six{};
  six.sin6_family = AF_INET6;
  six.sin6_port = four.sin_port;
  six.sin6_addr = in6addr_loopback;
  const auto* address =
      family == AF_INET ? static_cast<const void*>(&four) : static_cast<const void*>(&six);
  const socklen_t size = family == AF_INET ? sizeof four : sizeof six;
  if (fd.is_open() && ::connect(fd.get(), static_cast<const sockaddr*>(address), size) != 0 &&
      errno != EINPROGRESS) {
    fd.reset();
  }
  return fd;
}

/// All of the line with the descriptors, or nothing.
bool send_with_descriptors(int fd, const std::string& text, const std::vector<int>& passed) {
  constexpr std::size_t kMost = 3;
  iovec part{const_cast<char*>(text.data()), text.size()};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(kMost * sizeof(int))> control{};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control.data();
  message.msg_controllen = CMSG_SPACE(passed.size() * sizeof(int));
  cmsghdr* header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN(passed.size() * sizeof(int));
  std::memcpy(CMSG_DATA(header), passed.data(), passed.size() * sizeof(int));
  return ::sendmsg(fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT) == static_cast<ssize_t>(text.size());
}

SessionRequest read_session(const Line& line) {
  const auto size = [&line](const char* key, long long fallback) {
    return static_cast<unsigned short>(std::clamp<long long>(line.number(key, fallback), 1, 9999));
  };
  SessionRequest request;
  request.command = line.all("arg");
  request.environment = line.all("env");
  std::erase_if(request.environment,
                [](const std::string& entry) { return entry.find('=') == std::string::npos; });
  request.directory = line.text("directory");
  request.has_terminal = line.number("terminal") == 1;
  request.rows = size("rows", 24);
  request.columns = size("columns", 80);
  return request;
}

}  // namespace

struct Server::Client {
  Descriptor fd;
  Access access = Access::Dial;
  std::string input;
  std::string output;
  bool is_subscribed = false;
  int session = 0;  ///< ends with the connection
};

Server::Server(Loop& loop, Supervisor& supervisor) : loop_(loop), supervisor_(supervisor) {
  supervisor_.on_change([this] { tell_subscribers(); });
}

bool Server::listen(const std::string& control_socket) {
  if (!bind_socket(control_socket, Access::Control)) return false;
  const std::string& dial_socket = supervisor_.launch().dial_socket;
  return dial_socket.empty() || bind_socket(dial_socket, Access::Dial);
}

bool Server::bind_socket(const std::string& path, Access access) {
  Descriptor fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  const SocketName name = name_socket(path);
  ::unlink(path.c_str());  // of a shim that is gone: we hold the lock
  const mode_t mask = ::umask(access == Access::Control ? 0177 : 0117);
  const bool is_bound = ::bind(fd.get(), reinterpret_cast<const sockaddr*>(&name.address),
                               sizeof name.address) == 0;  // NOLINT
  ::umask(mask);
  if (!is_bound) return false;
  if (access == Access::Dial && supervisor_.launch().dial_gid != 0) {
    (void)!::chown(path.c_str(), static_cast<uid_t>(-1), supervisor_.launch().dial_gid);
  }
  if (::listen(fd.get(), 1024) != 0) return false;
  paths_.insert(path);
  const int listener = fd.get();
  listeners_[listener] = std::move(fd);
  loop_.watch(listener, EPOLLIN,
              [this, listener, access](std::uint32_t) { accept_from(listener, access); });
  return true;
}

void Server::close() {
  for (const std::string& path : paths_) ::unlink(path.c_str());
  listeners_.clear();
}

void Server::accept_from(int listener, Access access) {
  Descriptor fd(::accept4(listener, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
  if (!fd.is_open() || clients_.size() >= kMaximumClients) return;
  if (!is_allowed(fd.get(), supervisor_.launch(), access == Access::Dial)) return;
  const auto client = std::make_shared<Client>();
  client->fd = std::move(fd);
  client->access = access;
  clients_.insert(client);
  loop_.watch(client->fd.get(), EPOLLIN, [this, client](std::uint32_t) { read_from(client); });
  read_from(client);  // a request is usually there already
}

void Server::drop(const ClientPtr& client) {
  if (!client->fd.is_open()) return;
  loop_.unwatch(client->fd.get());
  client->fd.reset();
  if (client->session != 0) supervisor_.hang_up(client->session);
  clients_.erase(client);
}

void Server::read_from(const ClientPtr& client) {
  if (!client->fd.is_open()) return;
  std::array<char, 4096> buffer;
  const ssize_t count = ::recv(client->fd.get(), buffer.data(), buffer.size(), MSG_DONTWAIT);
  if (count < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (count <= 0) return drop(client);
  client->input.append(buffer.data(), static_cast<std::size_t>(count));
  if (client->input.size() > kMaximumLine) return drop(client);
  for (std::size_t end = client->input.find('\n'); end != std::string::npos && client->fd.is_open();
       end = client->input.find('\n')) {
    const std::optional<Line> line = parse_line(std::string_view(client->input).substr(0, end));
    client->input.erase(0, end + 1);
    if (line) handle(client, *line);
    if (!line) send(client, error_line("Invalid", "this is not a line of the protocol"));
  }
}

void Server::handle(const ClientPtr& client, const Line& line) {
  if (line.verb == "dial") {
    if (!supervisor_.has_app())
      return send(client, error_line("Unavailable", "the app does not run"));
    return dial(client, AF_INET,
                std::clamp<std::int64_t>(line.number("timeout", 5000), 1, 600'000));
  }
  if (client->access == Access::Dial)
    return send(client, error_line("Denied", "this socket only takes dial"));
  handle_control(client, line);
}

void Server::handle_control(const ClientPtr& client, const Line& line) {
  const auto answer = [this, client](const std::string& problem) {
    send(client, answer_line(problem));
  };
  const long long grace = line.number("grace", supervisor_.launch().grace);
  if (line.verb == "hello") {
    const long long version = std::min<long long>(line.number("version", 1), kProtocolVersion);
    send(client, Line("ok").add("version", version).add("pid", ::getpid()));
  } else if (line.verb == "status") {
    send(client, supervisor_.state_line("ok"));
  } else if (line.verb == "secret") {
    answer(supervisor_.take_secret(line.text("name"), line.text("value")));
  } else if (line.verb == "subscribe") {
    client->is_subscribed = true;
    send(client, supervisor_.state_line("ok"));
  } else if (line.verb == "start") {
    supervisor_.start(answer);
  } else if (line.verb == "stop") {
    supervisor_.stop(grace, answer);
  } else if (line.verb == "restart") {
    supervisor_.restart(grace, answer);
  } else if (line.verb == "exec") {
    supervisor_.execute(
        line.all("arg"), line.number("timeout", 30'000), [this, client](int status) {
          send(client, status < 0 ? error_line("Unavailable", "the app does not run")
                                  : Line("ok").add("status", status));
        });
  } else if (line.verb == "open") {
    open_session(client, read_session(line), line.number("timeout", 10'000));
  } else if (line.verb == "quit") {
    if (!supervisor_.is_idle()) return send(client, error_line("Conflict", "the app still runs"));
    close();  // before the answer: who hears it may start the next shim
    send(client, Line("ok"));
    loop_.end();
  } else {
    send(client, error_line("Unsupported", "this shim does not know '" + line.verb + "'"));
  }
}

void Server::open_session(const ClientPtr& client, const SessionRequest& request,
                          std::int64_t timeout) {
  constexpr std::int64_t kAskAgain = 5;
  if (!client->fd.is_open()) return;
  if (client->session != 0)
    return send(client, error_line("Conflict", "a command runs on this connection already"));
  if (supervisor_.is_starting() && timeout > 0) {
    loop_.after(kAskAgain, [this, client, request, timeout] {
      open_session(client, request, timeout - kAskAgain);
    });
    return;
  }
  const auto opened = [this, client](std::vector<Descriptor> streams, const std::string& problem) {
    if (!problem.empty()) return send(client, error_line("Unavailable", problem));
    std::vector<int> passed;
    for (const Descriptor& stream : streams) passed.push_back(stream.get());
    if (client->fd.is_open() && !send_with_descriptors(client->fd.get(), "ok\n", passed))
      drop(client);
  };
  const auto ended = [this, client](int status) {
    client->session = 0;
    send(client, Line("exited").add("status", status));
  };
  const int session = supervisor_.open_session(request, opened, ended);
  if (client->fd.is_open()) {
    client->session = session;
  } else if (session != 0) {
    supervisor_.hang_up(session);
  }
}

void Server::dial(const ClientPtr& client, int family, std::int64_t timeout) {
  Descriptor socket = connect_loopback(family, supervisor_.launch().port);
  if (socket.is_open())
    return finish_dial(client, family, std::move(socket), steady_now() + timeout);
  // An app may listen on one of the two loopback addresses only.
  if (family == AF_INET) return dial(client, AF_INET6, timeout);
  send(client, error_line("Unavailable",
                          "nothing listens on port " + std::to_string(supervisor_.launch().port)));
}

void Server::finish_dial(const ClientPtr& client, int family, Descriptor socket,
                         std::int64_t until) {
  sockaddr_storage peer{};
  socklen_t size = sizeof peer;
  if (::getpeername(socket.get(), reinterpret_cast<sockaddr*>(&peer), &size) == 0) {  // NOLINT
    if (client->fd.is_open() && !send_with_descriptors(client->fd.get(), "ok\n", {socket.get()}))
      drop(client);
    return;
  }
  // Still connecting: the app's queue of new connections is full.
  const auto waiting = std::make_shared<Descriptor>(std::move(socket));
  const auto timer = std::make_shared<int>(0);
  *timer = loop_.after(until - steady_now(), [this, client, waiting] {
    loop_.unwatch(waiting->get());
    waiting->reset();
    send(client, error_line("Timeout", "the app did not take the connection in time"));
  });
  loop_.watch(waiting->get(), EPOLLOUT,
              [this, client, waiting, timer, family, until](std::uint32_t) {
                loop_.cancel(*timer);
                loop_.unwatch(waiting->get());
                int error = 0;
                socklen_t length = sizeof error;
                ::getsockopt(waiting->get(), SOL_SOCKET, SO_ERROR, &error, &length);
                if (error == 0) return finish_dial(client, family, std::move(*waiting), until);
                if (family == AF_INET) return dial(client, AF_INET6, until - steady_now());
                send(client, nothing_listens(supervisor_.launch().port));
              });
}

void Server::send(const ClientPtr& client, const Line& line) {
  if (!client->fd.is_open()) return;
  client->output += format_line(line);
  if (client->output.size() > kMaximumPending) return drop(client);
  const ssize_t count = ::send(client->fd.get(), client->output.data(), client->output.size(),
                               MSG_NOSIGNAL | MSG_DONTWAIT);
  if (count < 0 && errno != EAGAIN && errno != EINTR) return drop(client);
  if (count > 0) client->output.erase(0, static_cast<std::size_t>(count));
  const std::uint32_t events = client->output.empty() ? EPOLLIN : EPOLLIN | EPOLLOUT;
  loop_.watch(client->fd.get(), events, [this, client](std::uint32_t ready) {
    if ((ready & EPOLLOUT) != 0U && !client->output.empty()) {
      const ssize_t more = ::send(client->fd.get(), client->output.data(), client->output.size(),
                                  MSG_NOSIGNAL | MSG_DONTWAIT);
      if (more > 0) client->output.erase(0, static_cast<std::size_t>(more));
    }
    read_from(client);
  });
}

void Server::tell_subscribers() {
  const Line line = supervisor_.state_line("changed");
  const std::set<ClientPtr> clients = clients_;
  for (const ClientPtr& client : clients) {
    if (client->is_subscribed) send(client, line);
  }
}

}  // namespace croft::shim
