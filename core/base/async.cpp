#include "core/base/async.hpp"

#include <exception>

#include <boost/asio/as_tuple.hpp>

#include "core/base/log.hpp"

namespace croft {

void spawn(const asio::any_io_executor& executor, Task<> task, std::string name) {
  asio::co_spawn(executor, std::move(task), [name = std::move(name)](std::exception_ptr failure) {
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

Task<Semaphore::Permit> Semaphore::acquire() {
  while (free_ == 0) {
    timer_.expires_at(asio::steady_timer::time_point::max());
    co_await timer_.async_wait(asio::as_tuple(asio::use_awaitable));
  }
  --free_;
  co_return Permit(this);
}

void Semaphore::release() {
  ++free_;
  timer_.cancel_one();
}

}  // namespace croft
