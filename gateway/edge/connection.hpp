#pragma once

#include <list>
#include <memory>
#include <string>
#include <string_view>

#include "gateway/edge/message.hpp"
#include "gateway/edge/page.hpp"
#include "gateway/edge/peer.hpp"
#include "gateway/edge/prepared.hpp"
#include "gateway/edge/stream.hpp"
#include "gateway/edge/worker.hpp"

namespace croft::edge {

class Exchange;

/// One client: reads request after request and answers each. Lives on its worker's thread, owned by
/// its own coroutine.
class Connection {
 public:
  Connection(Worker& worker, UniqueFd socket, Peer peer);
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  /// The connection's whole life.
  static Task<> serve(std::unique_ptr<Connection> self);

  void on_tick(SteadyTime now);
  /// Ends it if no request is in flight; true if it was so.
  bool close_if_idle();
  void abort();

 private:
  friend class Exchange;
  enum class Phase { Idle, Head, Answering };

  // Reading requests.
  Task<> run();
  bool take_head();
  bool on_received(const boost::system::error_code& error, std::size_t size);
  void expect_input();

  // Deciding on the answer; what is decided stands in the outgoing members.
  enum class Next { Send, LoadRelease, Proxy };
  Next decide();
  Task<> answer_after_loading(const EdgeRoute* route);
  Task<> proxy(const EdgeRoute* route);
  const EdgeRoute* choose_route();
  void answer_site(const EdgeRoute& route, const std::shared_ptr<const Release>& release);
  void answer_site_path(const EdgeRoute& route, const std::shared_ptr<const Release>& release,
                        std::string_view path, std::string_view query);
  void answer_method_not_allowed();
  void send_prepared(std::shared_ptr<const Prepared> prepared);
  void send_part(std::shared_ptr<const Prepared> prepared, std::uint64_t first,
                 std::uint64_t length);
  void send_not_modified(const Prepared& prepared);
  void send_redirect(std::string_view location, std::string_view query);
  void send_elsewhere(const Endpoint& endpoint);
  void send_page(const Page& page);
  void send_failure(const EdgeRoute& route, const Error& error);

  // Sending.
  void begin_head(int status);
  void append_connection_fields();
  void set_content(std::shared_ptr<const Prepared> prepared, std::uint64_t first,
                   std::uint64_t length);
  enum class Sent { All, Some, Broken };
  Sent send_now();
  Task<bool> send_outgoing();
  void end_request();
  void measure_request();
  Task<> linger();

  Worker& worker_;
  std::list<Connection*>::iterator place_;
  Peer peer_;
  bool is_trusted_;
  Stream stream_;
  InputBuffer input_;
  RequestReader reader_;
  Phase phase_ = Phase::Idle;
  Exchange* exchange_ = nullptr;  // while an instance answers

  std::string leftover_;       // what an exchange read behind its request's body
  std::size_t head_size_ = 0;  // of the request, at the beginning of input_
  bool keep_alive_ = true;
  bool is_closing_ = false;
  bool has_unread_body_ = false;
  int status_ = 0;
  const EdgeRoute* route_ = nullptr;  // kept alive by routes_
  std::shared_ptr<const RouteMap> routes_;
  SteadyTime began_;

  // What is still to be sent: out_, then content_, then a part of a file.
  std::string out_;
  std::string_view content_;
  std::shared_ptr<const Prepared> owner_;
  std::uint64_t file_at_ = 0;
  std::uint64_t file_left_ = 0;
  std::size_t out_sent_ = 0;
  std::uint64_t bytes_sent_ = 0;
  std::string path_;  // the decoded path; a member to keep its capacity
};

}  // namespace croft::edge
