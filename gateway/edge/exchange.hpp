#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "gateway/edge/edge.hpp"
#include "gateway/edge/forward.hpp"
#include "gateway/edge/message.hpp"
#include "gateway/edge/page.hpp"
#include "gateway/edge/upstream.hpp"

namespace croft::edge {

class Connection;
class Worker;

/// One request that what runs answers: passes the request on, and the answer back, piece by piece,
/// neither ever whole in memory; both directions at once where there is a request body or a tunnel.
/// Lives on its connection's coroutine.
///
/// If nothing of an answer has gone to the client, a failure becomes a page (502, 503, 504); after
/// that it breaks the client's connection, so that a truncated answer never looks whole.
class Exchange {
 public:
  Exchange(Connection& client, const EdgeRoute& route);

  Task<> run();
  void on_tick(SteadyTime now);
  void abort();

 private:
  enum class Failure {
    None,
    Unreachable,
    ConnectTimeout,
    AnswerTimeout,
    Ended,
    NotHttp,
    BadRequest,
    TooLarge,
    ClientGone
  };

  // Towards what runs.
  void write_request();
  bool may_use_waiting_connection() const;
  Task<bool> connect(bool may_be_reused);
  Task<bool> send_request();
  Task<> pump_body();
  bool frame_body_pieces(std::string& out);
  Task<> stop_pump();
  Task<> wait_for_pump();

  // Back to the client.
  Task<bool> receive_head();
  bool take_head();
  Task<bool> pass_interim_head();
  void begin_answer();
  Task<> pass_answer();
  void collect_pieces();
  Task<bool> send_to_client();
  void finish(bool is_whole);

  // Upgraded connections.
  Task<> run_tunnel();
  Task<> carry(Stream* from, Stream* to, InputBuffer* buffer);

  void fail(Failure failure);
  void answer_with_page();
  Page page_for_failure() const;

  Connection& client_;
  Worker& worker_;
  const EdgeRoute& route_;
  const EdgeLimits& limits_;
  std::unique_ptr<Upstream> upstream_;
  Failure failure_ = Failure::None;

  std::string request_;  // the head for what runs, and the body if it was all there
  Framing request_framing_ = Framing::None;
  InputBuffer body_;  // what of the client's body is read and not yet passed on
  std::vector<std::string_view> body_pieces_;
  bool is_pumping_ = false;
  bool is_body_cut_ = false;  // the request's body will not be passed on to its end
  Signal pump_ended_;

  ResponseShape shape_;
  std::vector<std::string_view> pieces_;
  std::string out_;  // for the client: head, chunk framing
  bool has_answer_begun_ = false;
  bool waits_for_answer_ = false;
  bool is_aborted_ = false;
};

}  // namespace croft::edge
