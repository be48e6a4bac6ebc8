#include "reconciler/engine/effect_permits.hpp"

#include <algorithm>
#include <chrono>
#include <list>
#include <map>

namespace croft {

/// Shared with those who hold or wait: an effect that never ended may go after the permits.
struct EffectPermits::State {
  explicit State(EffectLimits given) : limits(given) {}

  bool may_start(const std::string& tenant) const {
    const auto own = held.find(tenant);
    return counted < limits.of_all && (own == held.end() || own->second < limits.of_tenant);
  }
  void take(const std::string& tenant) {
    ++counted;
    ++held[tenant];
  }
  void give_back(const std::string& tenant, bool is_counted) {
    if (is_counted) --counted;
    const auto own = held.find(tenant);
    if (--own->second == 0) held.erase(own);
    hand_out();
  }
  /// Wakes those who may start now, with their permits taken for them.
  void hand_out();
  Waiter* next() const;

  EffectLimits limits;
  int counted = 0;                  ///< those that do not only wait
  std::map<std::string, int> held;  ///< by tenant, those that only wait too
  std::list<Waiter*> waiters;       ///< first come first
};

struct EffectPermits::Grant {
  Grant(std::shared_ptr<State> given, std::string of, const asio::any_io_executor& executor)
      : state(std::move(given)),
        tenant(std::move(of)),
        is_counted(std::make_shared<bool>(true)),
        timer(executor, std::chrono::milliseconds(state->limits.waits_after.count())) {
    timer.async_wait([state = state, counted = is_counted](const boost::system::error_code& error) {
      if (error || !*counted) return;
      *counted = false;
      --state->counted;
      state->hand_out();
    });
  }
  ~Grant() { state->give_back(tenant, std::exchange(*is_counted, false)); }
  Grant(const Grant&) = delete;
  Grant& operator=(const Grant&) = delete;

  std::shared_ptr<State> state;
  std::string tenant;
  std::shared_ptr<bool> is_counted;  ///< shared with the timer, which may fire as the grant goes
  asio::steady_timer timer;
};

struct EffectPermits::Waiter {
  Waiter(std::shared_ptr<State> given, std::string of, const asio::any_io_executor& executor)
      : state(std::move(given)),
        tenant(std::move(of)),
        timer(executor, asio::steady_timer::time_point::max()) {
    state->waiters.push_back(this);
  }
  ~Waiter() {
    // Cancelled while it waited, or with a permit that it could not take any more.
    state->waiters.remove(this);
    if (has_permit) state->give_back(tenant, true);
  }
  Waiter(const Waiter&) = delete;
  Waiter& operator=(const Waiter&) = delete;

  std::shared_ptr<State> state;
  std::string tenant;
  asio::steady_timer timer;
  bool has_permit = false;
};

EffectPermits::Waiter* EffectPermits::State::next() const {
  Waiter* best = nullptr;
  int fewest = 0;
  for (Waiter* const waiter : waiters) {
    if (!may_start(waiter->tenant)) continue;
    const auto own = held.find(waiter->tenant);
    const int has = own == held.end() ? 0 : own->second;
    if (best != nullptr && has >= fewest) continue;
    best = waiter;
    fewest = has;
  }
  return best;
}

void EffectPermits::State::hand_out() {
  while (Waiter* const waiter = next()) {
    waiters.remove(waiter);
    take(waiter->tenant);
    waiter->has_permit = true;
    waiter->timer.cancel();
  }
}

EffectPermits::EffectPermits(asio::any_io_executor executor, EffectLimits limits)
    : executor_(std::move(executor)), state_(std::make_shared<State>(limits)) {}

EffectPermits::Permit::Permit(std::unique_ptr<Grant> grant) : grant_(std::move(grant)) {}
EffectPermits::Permit::Permit(Permit&&) noexcept = default;
EffectPermits::Permit::~Permit() = default;

Task<EffectPermits::Permit> EffectPermits::acquire(std::string tenant) {
  // Copies: the permits may be gone when the wait ends.
  const std::shared_ptr<State> state = state_;
  const asio::any_io_executor executor = executor_;
  if (state->may_start(tenant)) {
    state->take(tenant);
  } else {
    Waiter waiter(state, tenant, executor);
    while (!waiter.has_permit) {
      co_await waiter.timer.async_wait(asio::as_tuple(asio::use_awaitable));
    }
    waiter.has_permit = false;
  }
  co_return Permit(std::make_unique<Grant>(state, std::move(tenant), executor));
}

}  // namespace croft
