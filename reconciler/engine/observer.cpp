#include "reconciler/engine/observer.hpp"

#include <boost/asio/as_tuple.hpp>

namespace croft {

Task<Result<std::shared_ptr<const ProviderSnapshot>>> Observer::observe(SteadyTime not_before) {
  while (!latest_ || latest_->begun < not_before) {
    if (is_calling_) {
      const int failures_before = failures_;
      done_.expires_at(asio::steady_timer::time_point::max());
      co_await done_.async_wait(asio::as_tuple(asio::use_awaitable));
      if (failures_ != failures_before) co_return std::unexpected(last_error_);
      continue;
    }
    CO_TRY(co_await call());
  }
  co_return latest_;
}

Task<Result<void>> Observer::call() {
  is_calling_ = true;
  const SteadyTime begun = std::chrono::steady_clock::now();
  Result<std::vector<Observed>> seen = co_await provider_->observe();
  is_calling_ = false;
  if (seen) {
    auto snapshot = std::make_shared<ProviderSnapshot>();
    snapshot->begun = begun;
    for (Observed& item : *seen) {
      item.fields = shared(item);
      std::string uid = item.uid;
      snapshot->by_uid.emplace(std::move(uid), std::move(item));
    }
    latest_ = std::move(snapshot);
  } else {
    last_error_ = seen.error();
    ++failures_;
  }
  done_.cancel();
  if (!seen) co_return std::unexpected(last_error_);
  co_return Result<void>();
}

std::shared_ptr<const Value> Observer::shared(const Observed& item) const {
  if (!item.fields) return nullptr;
  if (latest_) {
    const auto before = latest_->by_uid.find(item.uid);
    const bool is_same =
        before != latest_->by_uid.end() && before->second.fields &&
        (before->second.fields == item.fields || *before->second.fields == *item.fields);
    if (is_same) return before->second.fields;
  }
  return specs_.share(*item.fields);
}

}  // namespace croft
