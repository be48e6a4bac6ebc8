#pragma once

#include <memory>
#include <span>
#include <string_view>
#include <tuple>

#include "core/base/async.hpp"
#include "core/base/files.hpp"

struct iovec;

namespace croft::edge {

using SteadyTime = std::chrono::steady_clock::time_point;

/// A connected stream socket with a deadline for each direction. The owner calls on_tick() now and
/// then; a wait that is past its deadline is then cancelled and ends with an error. One read and
/// one write at a time.
class Stream {
 public:
  Stream(asio::io_context& io, UniqueFd socket);
  ~Stream();
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;

  int fd() const { return fd_; }

  using ReadResult = std::tuple<boost::system::error_code, std::size_t>;
  using WaitResult = std::tuple<boost::system::error_code>;
  /// Reads at least a byte, or fails; the deadline is the one set last.
  Task<ReadResult> read(std::span<char> space);
  /// Suspends until something can be written.
  Task<WaitResult> writable();

  /// Sends what the socket takes without waiting. Bytes sent; 0 if it takes none now, -1 if it is
  /// broken.
  long send_some(std::span<const iovec> parts, bool has_more = false);
  /// Sends all of it, waiting as needed; false if the socket broke or the deadline of `patience`
  /// without progress passed.
  Task<bool> send_all(std::string_view text, Duration patience);

  void set_read_deadline(SteadyTime at) { read_deadline_ = at; }
  void set_write_deadline(SteadyTime at) { write_deadline_ = at; }
  void clear_write_deadline() { write_deadline_ = SteadyTime::max(); }
  void clear_read_deadline() { read_deadline_ = SteadyTime::max(); }
  bool has_timed_out() const { return has_timed_out_; }
  void on_tick(SteadyTime now);

  /// Ends pending waits with an error.
  void cancel();
  void shutdown_send();
  /// False if the other end has closed or sent something that nobody asked for: such a connection
  /// is of no more use.
  bool is_quiet() const;
  /// True if the other end has closed (data that is still unread may be before it).
  bool has_ended() const;

 private:
  struct Socket;
  std::unique_ptr<Socket> socket_;
  int fd_;
  SteadyTime read_deadline_ = SteadyTime::max();
  SteadyTime write_deadline_ = SteadyTime::max();
  bool has_timed_out_ = false;
};

/// Bytes that were received and not yet used.
class InputBuffer {
 public:
  std::string_view view() const { return {data_.get() + begin_, end_ - begin_}; }
  bool is_empty() const { return begin_ == end_; }
  /// Room behind what is there, at least `wanted` bytes; views taken before are invalid after this.
  std::span<char> space(std::size_t wanted);
  void add(std::size_t count) { end_ += count; }
  void consume(std::size_t count);
  void append(std::string_view text);
  /// Forgets all but the first `count` bytes, which stay where they are.
  void drop_behind(std::size_t count) { end_ = begin_ + count; }

 private:
  std::unique_ptr<char[]> data_;
  std::size_t capacity_ = 0;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
};

}  // namespace croft::edge
