#pragma once

#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/store/store.hpp"

namespace croft {

/// What a coroutine meets when the store "dies" under it. It is no std::exception, so that
/// croft::spawn lets it through: it leaves io_context::run() (and run_task()) at once, as a kill
/// would end everything at once. The test catches it, throws away the io_context with whatever hung
/// in it, and starts anew on the real store.
struct StoreKilled {
  int commit = 0;  ///< the number of the commit at which it happened
};

/// Where a kill falls, seen from the commit.
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
  /// The n-th commit throws StoreKilled, and so does every call after it: a dead process does
  /// nothing more.
  void kill_at(int n, KillPoint point) { kill_.emplace(n, point); }
  /// Called after each real commit with its transaction: for tests that watch what is journaled,
  /// and when.
  void on_commit(std::function<void(int, const Transaction&)> watcher) {
    watcher_ = std::move(watcher);
  }

  int commits() const { return commits_; }
  bool is_killed() const { return is_killed_; }

  Task<Result<void>> commit(Transaction transaction) override {
    throw_if_killed();
    const int n = ++commits_;
    for (const auto& [failing, error] : failures_) {
      if (failing == n) co_return std::unexpected(error);
    }
    if (is_killed_at(n, KillPoint::Before)) die(n);
    const Transaction copy = watcher_ ? transaction : Transaction{};
    Result<void> result = co_await real_.commit(std::move(transaction));
    if (is_killed_at(n, KillPoint::After)) die(n);
    throw_if_killed();
    if (watcher_ && result) watcher_(n, copy);
    co_return result;
  }

  Task<Result<std::vector<TenantRow>>> tenants() override { return alive().tenants(); }
  Task<Result<std::vector<SourceRow>>> sources() override { return alive().sources(); }
  Task<Result<std::vector<ResourceRow>>> resources(std::string tenant) override {
    return alive().resources(std::move(tenant));
  }
  Task<Result<std::vector<ResourceRow>>> all_resources() override {
    return alive().all_resources();
  }
  Task<Result<std::vector<IntentRow>>> open_intents() override { return alive().open_intents(); }
  Task<Result<std::vector<DirectiveRow>>> directives() override { return alive().directives(); }
  Task<Result<std::vector<EventRow>>> events(EventQuery query) override {
    return alive().events(std::move(query));
  }
  Task<Result<std::vector<UsageRow>>> usage(std::string tenant_uid, Timestamp from,
                                            Timestamp to) override {
    return alive().usage(std::move(tenant_uid), from, to);
  }
  Task<Result<std::vector<UsageRow>>> open_usage() override { return alive().open_usage(); }
  Task<Result<std::vector<TokenRow>>> tokens() override { return alive().tokens(); }
  Task<Result<std::vector<AcknowledgementRow>>> acknowledgements() override {
    return alive().acknowledgements();
  }

 private:
  bool is_killed_at(int n, KillPoint point) const { return kill_ == std::pair(n, point); }
  [[noreturn]] void die(int n) {
    is_killed_ = true;
    throw StoreKilled{n};
  }
  void throw_if_killed() const {
    if (is_killed_) throw StoreKilled{commits_};
  }
  Store& alive() {
    throw_if_killed();
    return real_;
  }

  Store& real_;
  int commits_ = 0;
  bool is_killed_ = false;
  std::vector<std::pair<int, Error>> failures_;
  std::optional<std::pair<int, KillPoint>> kill_;
  std::function<void(int, const Transaction&)> watcher_;
};

}  // namespace croft
