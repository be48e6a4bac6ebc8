#include "providers/script/lane.hpp"

#include <boost/asio/as_tuple.hpp>

namespace croft::script {

struct Lane::Waiter {
  Waiter(std::shared_ptr<State> lane, const asio::any_io_executor& executor, Duration at_most)
      : state(std::move(lane)), timer(executor, at_most) {
    state->waiters.push_back(this);
  }
  ~Waiter() {
    state->waiters.remove(this);
    if (has_place) state->leave();
  }
  Waiter(const Waiter&) = delete;
  Waiter& operator=(const Waiter&) = delete;

  std::shared_ptr<State> state;
  asio::steady_timer timer;
  bool has_place = false;
};

Lane::Place::~Place() {
  if (state_) state_->leave();
}

void Lane::State::leave() {
  if (waiters.empty()) {
    ++free;
    return;
  }
  Waiter* const next = waiters.front();
  waiters.pop_front();
  next->has_place = true;
  next->timer.cancel();
}

Task<Lane::Place> Lane::enter(Duration at_most) {
  const std::shared_ptr<State> state = state_;
  if (state->free > 0) {
    --state->free;
    co_return Place(state);
  }
  Waiter waiter(state, co_await asio::this_coro::executor, at_most);
  co_await waiter.timer.async_wait(asio::as_tuple(asio::use_awaitable));
  if (!std::exchange(waiter.has_place, false)) co_return Place();
  co_return Place(state);
}

}  // namespace croft::script
