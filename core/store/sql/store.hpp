#pragma once

#include <string>
#include <utility>
#include <vector>

#include "core/store/sql/reads.hpp"
#include "core/store/store.hpp"

namespace croft::sql {

/// The reads of the Store port, for an Engine that derives from it and has
/// `template <typename RowType> Task<Result<std::vector<RowType>>> read(Select<RowType> select)`.
template <typename Engine>
class SqlStore : public Store {
 public:
  Task<Result<std::vector<TenantRow>>> tenants() final { return run(select_tenants()); }
  Task<Result<std::vector<SourceRow>>> sources() final { return run(select_sources()); }
  Task<Result<std::vector<ResourceRow>>> resources(std::string tenant) final {
    return run(select_resources(std::move(tenant)));
  }
  Task<Result<std::vector<ResourceRow>>> all_resources() final {
    return run(select_all_resources());
  }
  Task<Result<std::vector<IntentRow>>> open_intents() final { return run(select_open_intents()); }
  Task<Result<std::vector<DirectiveRow>>> directives() final { return run(select_directives()); }
  Task<Result<std::vector<EventRow>>> events(EventQuery query) final {
    return run(select_events(query));
  }
  Task<Result<std::vector<UsageRow>>> usage(std::string tenant_uid, Timestamp from,
                                            Timestamp to) final {
    return run(select_usage(std::move(tenant_uid), from, to));
  }
  Task<Result<std::vector<UsageRow>>> open_usage() final { return run(select_open_usage()); }
  Task<Result<std::vector<TokenRow>>> tokens() final { return run(select_tokens()); }
  Task<Result<std::vector<AcknowledgementRow>>> acknowledgements() final {
    return run(select_acknowledgements());
  }
  Task<Result<std::vector<NotificationRow>>> notifications(NotificationQuery query) final {
    return run(select_notifications(query));
  }
  Task<Result<std::vector<WebhookRow>>> webhooks() final { return run(select_webhooks()); }
  Task<Result<std::vector<DeliveryRow>>> deliveries(DeliveryQuery query) final {
    return run(select_deliveries(query));
  }
  Task<Result<std::vector<DeliveryRow>>> delivery(std::string id) final {
    return run(select_delivery(id));
  }

 private:
  template <typename RowType>
  Task<Result<std::vector<RowType>>> run(Select<RowType> select) {
    return static_cast<Engine&>(*this).read(std::move(select));
  }
};

}  // namespace croft::sql
