#pragma once

#include <algorithm>
#include <string>
#include <vector>

#include "core/store/rows.hpp"
#include "core/store/sql/columns.hpp"
#include "core/store/sql/session.hpp"

namespace croft::sql {

/// A read of the Store port: one statement, and thus one consistent view, with the way from its
/// rows to ours.
template <typename RowType>
struct Select {
  Statement statement;
  RowType (*decode)(CellReader& cells);
  bool is_backwards = false;  ///< the statement gives the last row first
};

Select<TenantRow> select_tenants();
Select<SourceRow> select_sources();
Select<ResourceRow> select_resources(const std::string& tenant);
Select<ResourceRow> select_all_resources();
Select<IntentRow> select_open_intents();
Select<DirectiveRow> select_directives();
Select<EventRow> select_events(const EventQuery& query);
Select<UsageRow> select_usage(const std::string& tenant_uid, Timestamp from, Timestamp to);
Select<UsageRow> select_open_usage();
Select<TokenRow> select_tokens();
Select<AcknowledgementRow> select_acknowledgements();
Select<NotificationRow> select_notifications(const NotificationQuery& query);
Select<WebhookRow> select_webhooks();
Select<DeliveryRow> select_deliveries(const DeliveryQuery& query);
Select<DeliveryRow> select_delivery(const std::string& id);

/// Gathers the rows of a Select as an engine hands them over.
template <typename RowType>
class Gatherer {
 public:
  explicit Gatherer(const Select<RowType>& select) : select_(select) {}

  Result<void> add(const Row& row) {
    CellReader cells(row);
    rows_.push_back(select_.decode(cells));
    return cells.finish();
  }

  std::vector<RowType> take() {
    if (select_.is_backwards) std::ranges::reverse(rows_);
    // Of a hundred thousand rows that somebody keeps, the spare room would be megabytes.
    rows_.shrink_to_fit();
    return std::move(rows_);
  }

 private:
  const Select<RowType>& select_;
  std::vector<RowType> rows_;
};

/// Reads by a connection that blocks.
template <typename RowType>
Result<std::vector<RowType>> read_all(Session& session, const Select<RowType>& select) {
  Gatherer<RowType> gatherer(select);
  const auto read = [&gatherer](const Row& row) { return gatherer.add(row); };
  TRY(session.query(select.statement.text, select.statement.cells, read));
  return gatherer.take();
}

}  // namespace croft::sql
