#include "core/base/async.hpp"

#include <exception>

#include <boost/asio/as_tuple.hpp>

#include "core/base/log.hpp"
#include "core/base/work.hpp"

namespace croft {

void spawn(const asio::any_io_executor& executor, Task<> task, std::string name) {
  // It may begin at once, inside of work that it is no part of.
  const WorkScope scope(nullptr);
  asio::co_spawn(carrying_nothing(executor), std::move(task),
                 [name = std::move(name)](std::exception_ptr failure) {
                   if (!failure) return;
                   try {
                     std::rethrow_exception(failure);
                   } catch (const std::exception& error) {
                     log_error("async", "a coroutine ended with an exception",
                               {{"coroutine", name}, {"what", error.what()}});
                   }
                 });
}

Task<> sleep_for(Duration duration) {
  asio::steady_timer timer(co_await asio::this_coro::executor, duration);
  co_await timer.async_wait(asio::as_tuple(asio::use_awaitable));
}

void BlockingPool::stop() {
  pool_.stop();
  pool_.join();
}

void Signal::notify() {
  is_set_ = true;
  timer_.cancel();
}

Task<bool> Signal::wait(Duration timeout) {
  if (!is_set_) {
    timer_.expires_after(timeout);
    co_await timer_.async_wait(asio::as_tuple(asio::use_awaitable));
  }
  co_return std::exchange(is_set_, false);
}

struct Semaphore::Waiter {
  Waiter(std::shared_ptr<State> semaphore, const asio::any_io_executor& executor)
      : state(std::move(semaphore)), timer(executor, asio::steady_timer::time_point::max()) {
    state->waiters.push_back(this);
  }
  ~Waiter() {
    // Cancelled while it waited, or with a permit that it could not take any more.
    state->waiters.remove(this);
    if (has_permit) state->release();
  }
  Waiter(const Waiter&) = delete;
  Waiter& operator=(const Waiter&) = delete;

  std::shared_ptr<State> state;
  asio::steady_timer timer;
  bool has_permit = false;
};

Task<Semaphore::Permit> Semaphore::acquire() {
  // A copy: the semaphore may be gone when the wait ends.
  const std::shared_ptr<State> state = state_;
  if (state->free > 0) {
    --state->free;
    co_return Permit(state);
  }
  Waiter waiter(state, executor_);
  while (!waiter.has_permit) {
    co_await waiter.timer.async_wait(asio::as_tuple(asio::use_awaitable));
  }
  waiter.has_permit = false;
  co_return Permit(state);
}

void Semaphore::State::release() {
  if (waiters.empty()) {
    ++free;
    return;
  }
  Waiter* const next = waiters.front();
  waiters.pop_front();
  next->has_permit = true;
  next->timer.cancel();
}

}  // namespace croft
