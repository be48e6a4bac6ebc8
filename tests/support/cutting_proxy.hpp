#pragma once

#include <atomic>
#include <cstdint>
#include <thread>
#include <vector>

#include "core/base/files.hpp"

namespace croft {

/// Stands between a client and a server on loopback and does to their connections what networks do.
/// A thread of its own; its methods may be called from any.
class CuttingProxy {
 public:
  enum class Direction { ToServer, ToClient };

  explicit CuttingProxy(int server_port);
  ~CuttingProxy();
  CuttingProxy(const CuttingProxy&) = delete;
  CuttingProxy& operator=(const CuttingProxy&) = delete;

  int port() const { return port_; }
  /// Once so many more bytes have passed in that direction, over all connections together, the
  /// connection that carries the last of them is cut in both (RST).
  void cut_after(Direction direction, std::int64_t bytes);
  /// What clients of connections that are there now say stays here until release(); new connections
  /// are not concerned.
  /// Both have taken effect when they return.
  void hold() { ask(is_hold_wanted_); }
  void release() { ask(is_release_wanted_); }
  /// How many connections were cut.
  int cuts() const { return cuts_; }
  bool is_cut_pending() const { return bytes_left_ >= 0; }

 private:
  struct Pair {
    UniqueFd client;
    UniqueFd server;
    bool is_held = false;
    bool is_over = false;
  };
  static void ask(std::atomic<bool>& wanted) {
    wanted = true;
    while (wanted) std::this_thread::yield();
  }
  void run();
  void accept_one();
  void forward(Pair& pair, Direction direction);

  int server_port_;
  int port_ = 0;
  UniqueFd listener_;
  std::vector<Pair> pairs_;
  std::atomic<bool> is_stopping_ = false;
  std::atomic<bool> is_hold_wanted_ = false;
  std::atomic<bool> is_release_wanted_ = false;
  std::atomic<int> cuts_ = 0;
  std::atomic<Direction> direction_ = Direction::ToServer;
  std::atomic<std::int64_t> bytes_left_ = -1;  ///< until the cut; negative: none is wanted
  std::thread thread_;
};

}  // namespace croft
