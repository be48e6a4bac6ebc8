#include "reconciler/engine/observer.hpp"

#include <boost/asio/as_tuple.hpp>

#include "core/base/log.hpp"

namespace croft {

namespace {

std::string_view name_of(Health health) {
  if (health == Health::Passing) return "Passing";
  return health == Health::Failing ? "Failing" : "Unknown";
}

Health health_from(std::string_view name) {
  if (name == "Passing") return Health::Passing;
  return name == "Failing" ? Health::Failing : Health::Unknown;
}

}  // namespace

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
      if (rule_) judge(item);
      item.fields = shared(item);
      std::string uid = item.uid;
      snapshot->uids_of[item.ref.tenant].push_back(uid);
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

void Observer::judge(Observed& item) const {
  const Result<std::optional<plans::HealthVerdict>> verdict =
      rule_->judge({.ref = item.ref,
                    .phase = std::string(to_string(item.phase)),
                    .health = std::string(name_of(item.health)),
                    .reason = item.reason,
                    .message = item.message,
                    .restarts = item.restarts,
                    .started_at = item.started_at,
                    .fields = item.fields});
  if (!verdict) {
    log_warning("reconciler", "a health rule failed; the provider's word holds",
                {{"ref", to_string(item.ref)}, {"error", verdict.error().describe()}});
  } else if (*verdict) {
    item.health = health_from((*verdict)->health);
    if (!(*verdict)->message.empty()) item.message = (*verdict)->message;
  }
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
