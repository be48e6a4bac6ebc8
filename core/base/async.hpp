#pragma once

#include <functional>
#include <list>
#include <memory>
#include <string>
#include <type_traits>
#include <utility>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "core/base/units.hpp"

namespace croft {

// How Croft is concurrent: a role (control, edge) runs its coroutines on an io_context of one
// thread, so that they need no locks among themselves; libraries that block (libgit2, SQLite, child
// processes) run on a BlockingPool, and only values cross over. Coroutine parameters are taken by
// value, or refer to something that provably outlives the call.

namespace asio = boost::asio;

/// A coroutine that gives a T. Starts when awaited.
template <typename T = void>
using Task = asio::awaitable<T>;

/// Starts a coroutine on its own. An exception that leaves it is a bug: it is logged with `name`,
/// and the rest goes on.
void spawn(const asio::any_io_executor& executor, Task<> task, std::string name);

/// Suspends for that long (steady time).
Task<> sleep_for(Duration duration);

/// Threads for calls that block. `co_await pool.run(f)` runs f on one of them and resumes on the
/// caller's executor.
class BlockingPool {
 public:
  explicit BlockingPool(std::size_t threads) : pool_(threads) {}
  ~BlockingPool() { stop(); }
  BlockingPool(const BlockingPool&) = delete;
  BlockingPool& operator=(const BlockingPool&) = delete;

  template <typename Function>
  Task<std::invoke_result_t<Function>> run(Function function) {
    using Output = std::invoke_result_t<Function>;
    // A local: GCC 12 destroys a temporary with captures twice in a co_await expression. co_spawn
    // keeps its own copy. NOLINTNEXTLINE(cppcoreguidelines-avoid-capturing-lambda-coroutines)
    auto entry = [work = std::move(function)]() mutable -> Task<Output> { co_return work(); };
    co_return co_await asio::co_spawn(pool_.get_executor(), std::move(entry), asio::use_awaitable);
  }

  /// Lets running calls end, drops those not begun, joins the threads. Idempotent.
  void stop();

 private:
  asio::thread_pool pool_;
};

/// Wakes coroutines of one executor: wait() suspends until the next notify(), or until the timeout;
/// returns at once if a notify() came since the last wait() returned. Not thread safe.
class Signal {
 public:
  explicit Signal(asio::any_io_executor executor) : timer_(std::move(executor)) {}
  void notify();
  /// True if notified, false if the time ran out.
  Task<bool> wait(Duration timeout);

 private:
  asio::steady_timer timer_;
  bool is_set_ = false;
};

/// At most `permits` holders at a time, first come first served, on one executor. Not thread safe.
class Semaphore {
  struct State;

 public:
  Semaphore(asio::any_io_executor executor, int permits)
      : executor_(std::move(executor)), state_(std::make_shared<State>(permits)) {}

  /// Gives its permit back when it goes; it may outlive the semaphore.
  class Permit {
   public:
    Permit() = default;
    explicit Permit(std::shared_ptr<State> state) : state_(std::move(state)) {}
    Permit(Permit&& other) noexcept : state_(std::exchange(other.state_, nullptr)) {}
    Permit& operator=(Permit&& other) noexcept {
      std::swap(state_, other.state_);
      return *this;
    }
    Permit(const Permit&) = delete;
    Permit& operator=(const Permit&) = delete;
    ~Permit() {
      if (state_) state_->release();
    }

   private:
    std::shared_ptr<State> state_;
  };
  Task<Permit> acquire();

 private:
  struct Waiter;
  /// Shared with those who hold or wait: a coroutine that never ended may go after its semaphore.
  struct State {
    explicit State(int permits) : free(permits) {}
    /// Hands the permit to the first who waits, so that nobody who comes later is quicker.
    void release();
    int free;
    std::list<Waiter*> waiters;
  };

  asio::any_io_executor executor_;
  std::shared_ptr<State> state_;
};

}  // namespace croft
