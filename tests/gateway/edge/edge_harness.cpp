#include "tests/gateway/edge/edge_harness.hpp"

#include <algorithm>
#include <arpa/inet.h>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <gtest/gtest.h>

#include "core/git/tree.hpp"

namespace croft::edge {

namespace {

constexpr int kPatienceSeconds = 10;

void set_patience(int fd) {
  const timeval patience{kPatienceSeconds, 0};
  ::setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
  ::setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
}

UniqueFd connect_to(const std::string& address) {
  const std::size_t colon = address.rfind(':');
  sockaddr_in peer{};
  peer.sin_family = AF_INET;
  peer.sin_port = htons(static_cast<std::uint16_t>(std::stoi(address.substr(colon + 1))));
  ::inet_pton(AF_INET, address.substr(0, colon).c_str(), &peer.sin_addr);
  UniqueFd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  set_patience(fd.get());
  if (::connect(fd.get(), reinterpret_cast<sockaddr*>(&peer), sizeof(peer)) != 0) fd.reset();
  return fd;
}

std::string lower(std::string text) {
  std::ranges::transform(text, text.begin(),
                         [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return text;
}

}  // namespace

std::string Answer::field(const std::string& name) const {
  const auto found = fields.find(name);
  return found == fields.end() ? "" : found->second;
}

RawClient::RawClient(const std::string& address) {
  if (address.starts_with("fd:")) {
    fd_ = UniqueFd(std::stoi(address.substr(3)));
    set_patience(fd_.get());
  } else {
    fd_ = connect_to(address);
  }
}

bool RawClient::send(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t sent = ::send(fd_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent <= 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(sent));
  }
  return true;
}

bool RawClient::fill() {
  char bytes[65536];
  const ssize_t count = ::recv(fd_.get(), bytes, sizeof(bytes), 0);
  if (count <= 0) return false;
  buffer_.append(bytes, static_cast<std::size_t>(count));
  return true;
}

std::string RawClient::line() {
  for (;;) {
    const std::size_t end = buffer_.find("\r\n");
    if (end != std::string::npos) {
      std::string text = buffer_.substr(0, end);
      buffer_.erase(0, end + 2);
      return text;
    }
    if (!fill()) return "";
  }
}

std::string RawClient::read(std::size_t most) {
  while (buffer_.size() < most && fill()) {
  }
  std::string bytes = buffer_.substr(0, most);
  buffer_.erase(0, bytes.size());
  return bytes;
}

bool RawClient::is_closed() {
  while (fill()) {
  }
  return errno != EAGAIN && errno != EWOULDBLOCK;
}

void RawClient::finish_sending() { ::shutdown(fd_.get(), SHUT_WR); }

Answer RawClient::receive(bool to_head) {
  Answer answer;
  const std::string status = line();
  if (!status.starts_with("HTTP/1.1 ") || status.size() < 12) return answer;
  answer.status = std::stoi(status.substr(9, 3));
  for (std::string text = line(); !text.empty(); text = line()) {
    const std::size_t colon = text.find(": ");
    if (colon == std::string::npos) continue;
    answer.fields.emplace(lower(text.substr(0, colon)), text.substr(colon + 2));
  }
  const bool has_no_body =
      to_head || answer.status < 200 || answer.status == 204 || answer.status == 304;
  if (has_no_body) {
    answer.is_whole = true;
  } else if (answer.field("transfer-encoding") == "chunked") {
    for (;;) {
      const std::string head = line();
      std::size_t size = 0;
      const auto [end, error] = std::from_chars(head.data(), head.data() + head.size(), size, 16);
      if (head.empty() || error != std::errc()) return answer;
      const std::string data = read(size + 2);
      if (data.size() != size + 2) return answer;
      answer.body += data.substr(0, size);
      if (size == 0) break;
    }
    answer.is_whole = true;
  } else if (const std::string length = answer.field("content-length"); !length.empty()) {
    const std::size_t size = std::stoul(length);
    answer.body = read(size);
    answer.is_whole = answer.body.size() == size;
  } else {
    answer.body = read();
    answer.is_whole = true;
  }
  return answer;
}

Answer RawClient::ask(std::string_view request, bool to_head) {
  send(request);
  return receive(to_head);
}

TestApp::TestApp(std::function<void(RawClient&)> serve) : serve_(std::move(serve)) {
  listener_ = UniqueFd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(address);
  ::bind(listener_.get(), reinterpret_cast<sockaddr*>(&address), size);
  ::listen(listener_.get(), 256);
  ::getsockname(listener_.get(), reinterpret_cast<sockaddr*>(&address), &size);
  address_ = "127.0.0.1:" + std::to_string(ntohs(address.sin_port));
  acceptor_ = std::thread([this] { accept_all(); });
}

TestApp::~TestApp() { stop(); }

void TestApp::stop() {
  if (is_stopped_.exchange(true)) return;
  ::shutdown(listener_.get(), SHUT_RDWR);
  acceptor_.join();
  listener_.reset();
}

std::string TestApp::endpoint() const { return "tcp:" + address_; }

void TestApp::accept_all() {
  std::vector<std::thread> threads;
  std::vector<int> open;
  while (!is_stopped_) {
    const int fd = ::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC);
    if (fd < 0) break;
    ++connections_;
    // A second descriptor, so that stop() can end what still waits.
    open.push_back(::dup(fd));
    threads.emplace_back([this, fd] {
      RawClient client("fd:" + std::to_string(fd));
      serve_(client);
      ::shutdown(fd, SHUT_RDWR);
    });
  }
  for (const int fd : open) {
    if (is_stopped_) ::shutdown(fd, SHUT_RDWR);
  }
  for (std::thread& thread : threads) thread.join();
  for (const int fd : open) ::close(fd);
}

std::string TestApp::read_head(RawClient& client) {
  std::string head;
  while (!head.ends_with("\r\n\r\n")) {
    const std::string byte = client.read(1);
    if (byte.empty()) return "";
    head += byte;
  }
  return head;
}

EdgeHarness::EdgeHarness() : directory(TemporaryDirectory::make("croft-edge-").value()) {
  settings.listen = {"127.0.0.1:0"};
  settings.routes_file = directory.path() / "routes.json";
  settings.release_store = directory.path() / "store";
  settings.handover_time = Duration(50);
  settings.idle_grace = Duration(200);
  settings.drain_time = Duration(5'000);
}

EdgeHarness::~EdgeHarness() = default;

void EdgeHarness::start() {
  if (!std::filesystem::exists(settings.routes_file)) write_routes_file();
  auto started = Edge::start(settings);
  ASSERT_TRUE(started) << started.error().describe();
  edge_ = std::move(*started);
  EXPECT_TRUE(eventually([&] { return edge_->counters().generation == table.generation; }));
}

std::string EdgeHarness::publish(const Files& files, Release release) {
  const auto tree = make_memory_tree(files);
  release.id = release_id(tree->id(), release.index, release.not_found);
  for (const auto& [path, content] : files) {
    const std::string id = tree->entry(path).value().id;
    const auto blob = release_blob_path(settings.release_store, id);
    EXPECT_TRUE(make_directory(blob.parent_path(), 0755));
    EXPECT_TRUE(write_file_atomic(blob, content, 0444));
    release.files[path] = {id, content.size()};
  }
  const auto index = release_index_path(settings.release_store, release.id);
  EXPECT_TRUE(make_directory(index.parent_path(), 0755));
  EXPECT_TRUE(write_file_atomic(index, write_release(release), 0444));
  return release.id;
}

Route EdgeHarness::site(const std::string& release) {
  return {"alice/Site/blog", {Endpoint::Scheme::Release, release}, "Running", ""};
}

void EdgeHarness::route_app(const std::string& host, const std::string& endpoint,
                            std::string state) {
  route(host, {"alice/Instance/api", parse_endpoint(endpoint).value(), std::move(state), ""});
}

void EdgeHarness::route(const std::string& host, Route wanted) {
  table.hosts[host] = std::move(wanted);
  ++table.generation;
  write_routes_file();
  if (!edge_) return;
  EXPECT_TRUE(eventually([&] { return edge_->counters().generation == table.generation; }));
}

void EdgeHarness::write_routes_file() {
  EXPECT_TRUE(write_file_atomic(settings.routes_file, write_routes(table), 0600));
}

std::string get(std::string_view host, std::string_view path, std::string_view fields) {
  return std::string("GET ")
      .append(path)
      .append(" HTTP/1.1\r\nHost: ")
      .append(host)
      .append("\r\n")
      .append(fields)
      .append("\r\n");
}

bool eventually(const std::function<bool()>& claim) {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  while (!claim()) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  return true;
}

}  // namespace croft::edge
