#pragma once

#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/store/store.hpp"

namespace croft {

/// Where something falls, seen from a commit.
enum class KillPoint {
  Before,  ///< nothing of the commit is there
  After,   ///< the commit is there, but whoever asked never hears of it
};

/// A store that fails on order, over a real one. Commits count from 1. For a kill matrix: run once
/// without orders, read commits(), then run again for each n up to that and both points.
class FaultyStore final : public Store {
 public:
  explicit FaultyStore(Store& real) : real_(real) {}

  /// The n-th commit fails with this error and leaves nothing. Several may be ordered.
  void fail_commit(int n, Error error) { failures_.emplace_back(n, std::move(error)); }
  /// At the n-th commit `die` is called: it is to end the process.
  void kill_at(int n, KillPoint point, std::function<void()> die) {
    kill_.emplace(Kill{n, point, std::move(die)});
  }
  /// Called after each real commit with its transaction: for tests that watch what is journaled,
  /// and when.
  void on_commit(std::function<void(int, const Transaction&)> watcher) {
    watcher_ = std::move(watcher);
  }

  int commits() const { return commits_; }

  Task<Result<void>> commit(Transaction transaction) override {
    const int n = ++commits_;
    for (const auto& [failing, error] : failures_) {
      if (failing == n) co_return std::unexpected(error);
    }
    kill_if_ordered(n, KillPoint::Before);
    const Transaction copy = watcher_ ? transaction : Transaction{};
    Result<void> result = co_await real_.commit(std::move(transaction));
    kill_if_ordered(n, KillPoint::After);
    if (watcher_ && result) watcher_(n, copy);
    co_return result;
  }

  Task<Result<std::vector<TenantRow>>> tenants() override { return real_.tenants(); }
  Task<Result<std::vector<SourceRow>>> sources() override { return real_.sources(); }
  Task<Result<std::vector<ResourceRow>>> resources(std::string tenant) override {
    return real_.resources(std::move(tenant));
  }
  Task<Result<std::vector<ResourceRow>>> all_resources() override { return real_.all_resources(); }
  Task<Result<std::vector<IntentRow>>> open_intents() override { return real_.open_intents(); }
  Task<Result<std::vector<DirectiveRow>>> directives() override { return real_.directives(); }
  Task<Result<std::vector<EventRow>>> events(EventQuery query) override {
    return real_.events(std::move(query));
  }
  Task<Result<std::vector<UsageRow>>> usage(std::string tenant_uid, Timestamp from,
                                            Timestamp to) override {
    return real_.usage(std::move(tenant_uid), from, to);
  }
  Task<Result<std::vector<UsageRow>>> open_usage() override { return real_.open_usage(); }
  Task<Result<std::vector<TokenRow>>> tokens() override { return real_.tokens(); }
  Task<Result<std::vector<AcknowledgementRow>>> acknowledgements() override {
    return real_.acknowledgements();
  }
  Task<Result<std::vector<NotificationRow>>> notifications(NotificationQuery query) override {
    return real_.notifications(std::move(query));
  }
  Task<Result<std::vector<WebhookRow>>> webhooks() override { return real_.webhooks(); }
  Task<Result<std::vector<DeliveryRow>>> deliveries(DeliveryQuery query) override {
    return real_.deliveries(std::move(query));
  }
  Task<Result<std::vector<DeliveryRow>>> delivery(std::string id) override {
    return real_.delivery(std::move(id));
  }
  Task<bool> foreign_orders(Duration at_most) override { return real_.foreign_orders(at_most); }

 private:
  struct Kill {
    int commit;
    KillPoint point;
    std::function<void()> die;
  };

  void kill_if_ordered(int n, KillPoint point) const {
    if (kill_ && kill_->commit == n && kill_->point == point) kill_->die();
  }

  Store& real_;
  int commits_ = 0;
  std::vector<std::pair<int, Error>> failures_;
  std::optional<Kill> kill_;
  std::function<void(int, const Transaction&)> watcher_;
};

}  // namespace croft
