#include "reconciler/notify/turns.hpp"

#include <algorithm>
#include <utility>

namespace croft::notify {

AttemptTurns::Bound::Bound(asio::any_io_executor executor, int most)
    : whole(executor, most), doubtful(executor, std::max(1, most / 2)) {}

AttemptTurns::AttemptTurns(asio::any_io_executor executor, int of_all, int of_tenant)
    : executor_(std::move(executor)), of_tenant_(of_tenant), all_(executor_, of_all) {}

Task<AttemptTurns::Turn> AttemptTurns::take(std::string tenant, bool is_doubtful) {
  Bound& own = tenants_.try_emplace(std::move(tenant), executor_, of_tenant_).first->second;
  Turn turn;
  if (is_doubtful) turn.doubtful_of_tenant = co_await own.doubtful.acquire();
  turn.of_tenant = co_await own.whole.acquire();
  if (is_doubtful) turn.doubtful_of_all = co_await all_.doubtful.acquire();
  turn.of_all = co_await all_.whole.acquire();
  co_return turn;
}

}  // namespace croft::notify
