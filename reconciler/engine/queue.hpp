#pragma once

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <variant>

#include "core/base/async.hpp"
#include "core/base/clock.hpp"
#include "core/base/id.hpp"
#include "core/base/result.hpp"

namespace croft {

/// How a pass ended: exactly one of these.
struct Done {};
/// Look again after that long.
struct After {
  Duration delay;
};
/// It failed and may work later: exponential back-off with jitter.
struct Retry {
  Error error;
};
/// It failed and stays so until the input changes.
struct Terminal {
  Error error;
};
using Outcome = std::variant<Done, After, Retry, Terminal>;

/// How a queue fares at a moment.
struct QueueVitals {
  std::string name;
  std::size_t waiting = 0;  ///< keys that are wanted now and not worked on yet
  int running = 0;
  Duration oldest{0};  ///< how long the key has waited that waits longest
};

/// A work queue of keys. A key waits at most once, and is never worked on twice at a time: one
/// added while it is worked on runs once more afterwards. Keys are independent; at most
/// `concurrency` run at a time. On one executor; it is destroyed after stop(), or when the executor
/// runs no more.
class Queue {
 public:
  using Work = std::function<Task<Outcome>(std::string key)>;

  Queue(asio::any_io_executor executor, RandomSource& random, int concurrency, Work work);

  /// Counts its passes under that name from now on. Before the first key.
  void measure_as(std::string name);
  QueueVitals vitals() const;

  /// Wants the key worked on now; takes away a wait for later.
  void add(const std::string& key);
  /// Wants it after that long, unless it is wanted earlier already.
  void add_after(const std::string& key, Duration delay);
  /// Forgets the key; a running pass of it ends undisturbed.
  void forget(const std::string& key);

  /// True if no key runs or waits to run now.
  bool is_idle() const;
  /// Starts nothing any more; returns when the last running pass has ended.
  Task<> stop();

  /// The delay before try number `failures` (1, 2, ...): 1 s doubled each time up to 5 min, less up
  /// to a quarter.
  static Duration backoff(int failures, std::uint8_t jitter);

 private:
  using SteadyTime = std::chrono::steady_clock::time_point;
  struct Measures;

  struct Key {
    bool is_running = false;
    bool is_wanted = false;   ///< stands in ready_, or is running and wanted again
    SteadyTime wanted_since;  ///< while it stands in ready_
    int failures = 0;
    std::unique_ptr<asio::steady_timer> timer;
    asio::steady_timer::time_point due = asio::steady_timer::time_point::max();
  };

  void make_ready(const std::string& key, Key& state);
  void pump();
  Task<> run(std::string key);
  void measure(const Outcome& outcome, SteadyTime begun) const;
  void finish(const std::string& key, const Outcome& outcome);

  asio::any_io_executor executor_;
  RandomSource& random_;
  int concurrency_;
  Work work_;
  std::shared_ptr<const Measures> measures_;  ///< null: it is not measured
  std::map<std::string, Key> keys_;
  std::vector<std::string> ready_;
  int running_ = 0;
  bool is_stopping_ = false;
  Signal idle_;
};

}  // namespace croft
