#pragma once

#include <deque>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "core/base/async.hpp"
#include "core/store/postgres/handle.hpp"
#include "core/store/sql/session.hpp"

namespace croft::postgres {

/// Whether statements are prepared by name. A pool of transactions (pgbouncer) gives a client
/// another server connection each time, where those names are unknown: the first such answer turns
/// it off for all links that share this. Names are made from the texts, so that a name which is
/// known there already means the same statement.
struct Preparing {
  bool is_on = true;
};

/// What became of statements that were sent at once.
struct Reply {
  enum class Fate {
    Done,     ///< all of them
    Refused,  ///< the server refused one, and did not run the rest
    Lost,     ///< the connection broke or was too slow: nobody knows
  };
  Fate fate = Fate::Done;
  std::vector<Answer> answers;  ///< one a statement, if Done
  std::size_t refused = 0;      ///< the index of the statement that was refused
  std::string state;            ///< the server's code for why ("23505")
  Error error;                  ///< if not Done
};

/// A connection that suspends instead of blocking, on one executor. Several runs of statements may
/// be under way; the server takes them one after the other.
class Link {
 public:
  /// Unavailable if there is no file descriptor left to watch the connection by. Borrows all but
  /// the handle.
  static Result<std::unique_ptr<Link>> over(const asio::any_io_executor& executor,
                                            const Target& target, Handle handle,
                                            Preparing& preparing);
  ~Link();
  Link(const Link&) = delete;
  Link& operator=(const Link&) = delete;

  /// False if the server has closed the connection: nothing that is sent now would reach it. Not
  /// while a run is under way.
  bool is_open();

  /// Sends all statements in one go (libpq's pipeline) and waits for all answers, for `timeout` at
  /// most. After Lost the link is of no use any more, and what else was under way is lost as well.
  Task<Reply> run(std::vector<sql::Statement> statements, Duration timeout);

  struct Run;  ///< statements that were sent
  /// The halves of run(), so that others can be sent before the answers are there.
  std::shared_ptr<Run> send(const std::vector<sql::Statement>& statements, Duration timeout);
  Task<Reply> answer_to(std::shared_ptr<Run> run);

  /// Waits until the server has something to say by itself, or until the timeout. The payloads of
  /// notifications are appended to `payloads`. False if the connection broke.
  Task<bool> listen(Duration timeout, std::vector<std::string>& payloads);

 private:
  struct Socket;  ///< libpq's, as Asio watches it

  Link(const asio::any_io_executor& executor, const Target& target, Handle handle,
       Preparing& preparing, std::unique_ptr<Socket> socket);
  bool send(const sql::Statement& statement, Run& run);
  Task<bool> wait(bool also_writable, asio::steady_timer& deadline);
  /// Takes what has arrived, and tells the runs that have all their answers.
  void take();
  void note(Answer answer, Run& run);
  /// What was to be prepared after the command that was refused has not been.
  void forget_unprepared(const Run& run);
  void lose_all();

  asio::any_io_executor executor_;
  const Target& target_;
  Handle handle_;
  Preparing& preparing_;
  std::unique_ptr<Socket> socket_;
  std::deque<std::shared_ptr<Run>> runs_;  ///< those under way, in the order of their answers
  bool is_lost_ = false;
  std::unordered_map<std::string_view, std::string> prepared_;  ///< text → name
};

}  // namespace croft::postgres
