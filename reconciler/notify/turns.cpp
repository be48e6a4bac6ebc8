#include "reconciler/notify/turns.hpp"

#include <utility>

namespace croft::notify {

AttemptTurns::AttemptTurns(asio::any_io_executor executor, int of_all, int of_tenant)
    : executor_(std::move(executor)), of_tenant_(of_tenant), all_(executor_, of_all) {}

Task<AttemptTurns::Turn> AttemptTurns::take(std::string tenant) {
  Semaphore& own = tenants_.try_emplace(std::move(tenant), executor_, of_tenant_).first->second;
  Turn turn;
  turn.of_tenant = co_await own.acquire();
  turn.of_all = co_await all_.acquire();
  co_return turn;
}

}  // namespace croft::notify
