#include "core/store/measured.hpp"

#include <string>
#include <utility>

#include "core/base/metric_families.hpp"

namespace croft {

namespace {

void count(const char* call, const Error* error) {
  metrics::registry()
      .counter(metrics::kStoreCalls, {call, error ? std::string(to_string(error->code())) : "ok"})
      .add();
}

class MeasuredStore final : public Store {
 public:
  explicit MeasuredStore(std::unique_ptr<Store> store) : store_(std::move(store)) {}

  Task<Result<void>> commit(Transaction transaction) override {
    const auto begun = std::chrono::steady_clock::now();
    Result<void> done = co_await store_->commit(std::move(transaction));
    commit_seconds_.observe(std::chrono::steady_clock::now() - begun);
    count("commit", done ? nullptr : &done.error());
    co_return done;
  }

  Task<Result<std::vector<TenantRow>>> tenants() override { return read(store_->tenants()); }
  Task<Result<std::vector<SourceRow>>> sources() override { return read(store_->sources()); }
  Task<Result<std::vector<ResourceRow>>> resources(std::string tenant) override {
    return read(store_->resources(std::move(tenant)));
  }
  Task<Result<std::vector<ResourceRow>>> all_resources() override {
    return read(store_->all_resources());
  }
  Task<Result<std::vector<IntentRow>>> open_intents() override {
    return read(store_->open_intents());
  }
  Task<Result<std::vector<DirectiveRow>>> directives() override {
    return read(store_->directives());
  }
  Task<Result<std::vector<EventRow>>> events(EventQuery query) override {
    return read(store_->events(std::move(query)));
  }
  Task<Result<std::vector<UsageRow>>> usage(std::string tenant_uid, Timestamp from,
                                            Timestamp to) override {
    return read(store_->usage(std::move(tenant_uid), from, to));
  }
  Task<Result<std::vector<UsageRow>>> open_usage() override { return read(store_->open_usage()); }
  Task<Result<std::vector<TokenRow>>> tokens() override { return read(store_->tokens()); }
  Task<Result<std::vector<AcknowledgementRow>>> acknowledgements() override {
    return read(store_->acknowledgements());
  }
  Task<Result<std::vector<NotificationRow>>> notifications(NotificationQuery query) override {
    return read(store_->notifications(std::move(query)));
  }
  Task<Result<std::vector<WebhookRow>>> webhooks() override { return read(store_->webhooks()); }
  Task<Result<std::vector<DeliveryRow>>> deliveries(DeliveryQuery query) override {
    return read(store_->deliveries(std::move(query)));
  }
  Task<Result<std::vector<DeliveryRow>>> delivery(std::string id) override {
    return read(store_->delivery(std::move(id)));
  }
  Task<bool> foreign_orders(Duration at_most) override { return store_->foreign_orders(at_most); }

 private:
  template <typename T>
  Task<Result<T>> read(Task<Result<T>> work) {
    const auto begun = std::chrono::steady_clock::now();
    Result<T> done = co_await std::move(work);
    read_seconds_.observe(std::chrono::steady_clock::now() - begun);
    count("read", done ? nullptr : &done.error());
    co_return done;
  }

  std::unique_ptr<Store> store_;
  metrics::Histogram& read_seconds_ = metrics::registry().histogram(metrics::kStoreReadSeconds);
  metrics::Histogram& commit_seconds_ = metrics::registry().histogram(metrics::kStoreCommitSeconds);
};

}  // namespace

std::unique_ptr<Store> measured(std::unique_ptr<Store> store) {
  return std::make_unique<MeasuredStore>(std::move(store));
}

}  // namespace croft
