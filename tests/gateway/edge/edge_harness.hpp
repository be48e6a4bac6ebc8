#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "core/base/files.hpp"
#include "gateway/edge/edge.hpp"
#include "gateway/edge/routes.hpp"
#include "providers/port/release.hpp"

namespace croft::edge {

using Files = std::vector<std::pair<std::string, std::string>>;

/// One answer as it came over the wire.
struct Answer {
  int status = 0;                                  ///< 0: the connection ended before an answer
  std::multimap<std::string, std::string> fields;  ///< names in lower case
  std::string body;
  bool is_whole = false;  ///< its body ended as its framing said

  std::string field(const std::string& name) const;
};

/// A client that sends exactly the bytes it is told to. Blocks, but never longer than ten seconds.
class RawClient {
 public:
  explicit RawClient(const std::string& address);
  bool send(std::string_view bytes);
  /// Reads one answer; `to_head` if it has no body whatever its fields say.
  Answer receive(bool to_head = false);
  Answer ask(std::string_view request, bool to_head = false);
  /// Bytes until the other end closes, or so many.
  std::string read(std::size_t most = SIZE_MAX);
  bool is_closed();  ///< waits for the end
  void finish_sending();
  void close() { fd_.reset(); }
  int fd() const { return fd_.get(); }

 private:
  bool fill();
  std::string line();
  UniqueFd fd_;
  std::string buffer_;
};

/// What runs behind the edge: every connection gets a thread that calls `serve` with a client to
/// talk through.
class TestApp {
 public:
  explicit TestApp(std::function<void(RawClient&)> serve);
  ~TestApp();
  std::string endpoint() const;  ///< "tcp:127.0.0.1:PORT"
  int connections() const { return connections_; }
  void stop();

  /// Reads a request's head and gives it, empty at the end of the connection.
  static std::string read_head(RawClient& client);

 private:
  void accept_all();
  std::function<void(RawClient&)> serve_;
  UniqueFd listener_;
  std::string address_;
  std::atomic<int> connections_{0};
  std::atomic<bool> is_stopped_{false};
  std::thread acceptor_;
};

/// An edge in this process, with a release store and a snapshot file.
class EdgeHarness {
 public:
  EdgeHarness();
  ~EdgeHarness();

  EdgeSettings settings;  ///< change before start()
  void start();
  void stop() { edge_.reset(); }
  Edge& edge() { return *edge_; }
  RawClient client() { return RawClient(edge_->addresses().front()); }
  std::string address() { return edge_->addresses().front(); }

  /// Publishes a release and gives its id.
  std::string publish(const Files& files, Release release = {});
  /// Routes `host` and waits until the edge has it.
  void route(const std::string& host, Route route);
  void route_site(const std::string& host, const Files& files) {
    route(host, site(publish(files)));
  }
  void route_app(const std::string& host, const std::string& endpoint,
                 std::string state = "Running");
  static Route site(const std::string& release);
  /// Writes the snapshot without waiting.
  void write_routes_file();

  RouteTable table;
  TemporaryDirectory directory;

 private:
  std::unique_ptr<Edge> edge_;
};

/// "GET PATH" for a host, with more fields ("Name: value\r\n").
std::string get(std::string_view host, std::string_view path, std::string_view fields = "");

/// Polls until it is so, ten seconds at most.
bool eventually(const std::function<bool()>& claim);

}  // namespace croft::edge
