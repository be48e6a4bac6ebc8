#include "core/store/sql/reads.hpp"

#include <algorithm>
#include <limits>

#include "core/store/sql/columns.hpp"
#include "core/store/sql/statements.hpp"

namespace croft::sql {

namespace {

// Braced initialisers are evaluated left to right: fields are read in the order in which they are
// written here, which is the order of the columns in statements.hpp.

TenantRow tenant_from(CellReader& cells) {
  return TenantRow{.uid = cells.text(),
                   .name = cells.text(),
                   .number = cells.integer(),
                   .created_at = cells.time(),
                   .removed_at = cells.optional_time(),
                   .retained_until = cells.optional_time()};
}

SourceRow source_from(CellReader& cells) {
  return SourceRow{.key = cells.text(),
                   .url = cells.text(),
                   .ref = cells.text(),
                   .path = cells.text(),
                   .attempted_revision = cells.text(),
                   .applied_revision = cells.text(),
                   .conditions = cells.conditions(),
                   .fetched_at = cells.optional_time()};
}

ResourceRow resource_from(CellReader& cells) {
  return ResourceRow{.uid = cells.text(),
                     .ref = cells.ref(),
                     .source = cells.text(),
                     .provider = cells.text(),
                     .state = cells.word(inventory_state_from),
                     .applied = cells.document(),
                     .attempted_revision = cells.text(),
                     .applied_revision = cells.text(),
                     .phase = cells.word(phase_from),
                     .endpoint = cells.text(),
                     .message = cells.text(),
                     .conditions = cells.conditions(),
                     .created_at = cells.time(),
                     .observed_at = cells.optional_time(),
                     .retained_until = cells.optional_time()};
}

IntentRow intent_from(CellReader& cells) {
  return IntentRow{.id = cells.text(),
                   .uid = cells.text(),
                   .ref = cells.ref(),
                   .action = cells.text(),
                   .provider = cells.text(),
                   .spec_digest = cells.text(),
                   .revision = cells.text(),
                   .state = cells.word(intent_state_from),
                   .error = cells.text(),
                   .created_at = cells.time()};
}

DirectiveRow directive_from(CellReader& cells) {
  return DirectiveRow{.ref = cells.ref(),
                      .verb = cells.word(directive_verb_from),
                      .by = cells.text(),
                      .why = cells.text(),
                      .created_at = cells.time(),
                      .until = cells.optional_time()};
}

EventRow event_from(CellReader& cells) {
  return EventRow{.sequence = cells.integer(),
                  .time = cells.time(),
                  .tenant = cells.text(),
                  .subject = cells.text(),
                  .severity = cells.word(severity_from),
                  .reason = cells.text(),
                  .message = cells.text(),
                  .revision = cells.text()};
}

UsageRow usage_from(CellReader& cells) {
  return UsageRow{.id = cells.text(),
                  .tenant_uid = cells.text(),
                  .resource_uid = cells.text(),
                  .replica = cells.integer(),
                  .meter = cells.text(),
                  .from = cells.time(),
                  .to = cells.optional_time(),
                  .heartbeat = cells.time(),
                  .quantity = cells.integer(),
                  .dimensions = cells.document()};
}

TokenRow token_from(CellReader& cells) {
  return TokenRow{.id = cells.text(),
                  .name = cells.text(),
                  .hash = cells.text(),
                  .tenant = cells.text(),
                  .created_at = cells.time(),
                  .expires_at = cells.optional_time()};
}

AcknowledgementRow acknowledgement_from(CellReader& cells) {
  return AcknowledgementRow{
      .tenant = cells.text(), .digest = cells.text(), .by = cells.text(), .at = cells.time()};
}

NotificationRow notification_from(CellReader& cells) {
  return NotificationRow{.sequence = cells.integer(),
                         .id = cells.text(),
                         .time = cells.time(),
                         .tenant = cells.text(),
                         .type = cells.text(),
                         .subject = cells.text(),
                         .data = cells.document()};
}

Ref webhook_ref_from(CellReader& cells) {
  return Ref{.tenant = cells.text(), .kind = Kind::Webhook, .name = cells.text()};
}

WebhookRow webhook_from(CellReader& cells) {
  return WebhookRow{.ref = webhook_ref_from(cells),
                    .id = cells.text(),
                    .source = cells.text(),
                    .cursor = cells.integer(),
                    .key_number = cells.integer(),
                    .old_key_until = cells.optional_time(),
                    .failing_since = cells.optional_time(),
                    .disabled_at = cells.optional_time(),
                    .disabled_reason = cells.text(),
                    .message = cells.text(),
                    .created_at = cells.time()};
}

DeliveryRow delivery_from(CellReader& cells) {
  return DeliveryRow{.id = cells.text(),
                     .webhook = webhook_ref_from(cells),
                     .notification = notification_from(cells),
                     .state = cells.word(delivery_state_from),
                     .attempts = cells.integer(),
                     .next_try = cells.optional_time(),
                     .status = cells.integer(),
                     .answer = cells.text(),
                     .created_at = cells.time(),
                     .ended_at = cells.optional_time()};
}

Cell limit_cell(std::size_t limit) {
  return Cell(static_cast<std::int64_t>(
      std::min<std::size_t>(limit, std::numeric_limits<std::int64_t>::max())));
}

/// What rows are found by, as it was written: strangers' bytes (an address in a browser) are no
/// text that an engine takes.
Cell found_by(const std::string& key) { return Cell(clean_text(key)); }

Cell cell(Timestamp time) { return Cell(std::int64_t{time.time_since_epoch().count()}); }

}  // namespace

Select<TenantRow> select_tenants() { return {{kTenants, {}}, tenant_from}; }

Select<SourceRow> select_sources() { return {{kSources, {}}, source_from}; }

Select<ResourceRow> select_resources(const std::string& tenant) {
  return {{kResourcesOfTenant, {found_by(tenant)}}, resource_from};
}

Select<ResourceRow> select_all_resources() { return {{kAllResources, {}}, resource_from}; }

Select<IntentRow> select_open_intents() { return {{kOpenIntents, {}}, intent_from}; }

Select<DirectiveRow> select_directives() { return {{kDirectives, {}}, directive_from}; }

Select<EventRow> select_events(const EventQuery& query) {
  const bool is_forward = query.after != 0;
  const std::int64_t end = std::numeric_limits<std::int64_t>::max();
  std::vector<Cell> cells{Cell(is_forward ? query.after : query.before != 0 ? query.before : end)};
  if (query.tenant) cells.push_back(found_by(*query.tenant));
  if (!query.subject.empty()) cells.push_back(found_by(query.subject));
  cells.push_back(limit_cell(query.limit));
  const std::string_view text =
      events_statement(query.tenant.has_value(), !query.subject.empty(), is_forward);
  return {{text, std::move(cells)}, event_from, !is_forward};
}

Select<UsageRow> select_usage(const std::string& tenant_uid, Timestamp from, Timestamp to) {
  return {{kUsageWithin, {found_by(tenant_uid), cell(to), cell(from)}}, usage_from};
}

Select<UsageRow> select_open_usage() { return {{kOpenUsage, {}}, usage_from}; }

Select<TokenRow> select_tokens() { return {{kTokens, {}}, token_from}; }

Select<AcknowledgementRow> select_acknowledgements() {
  return {{kAcknowledgements, {}}, acknowledgement_from};
}

Select<NotificationRow> select_notifications(const NotificationQuery& query) {
  const bool is_forward = query.after != 0;
  std::vector<Cell> cells{Cell(query.after)};
  if (query.tenant) cells.push_back(found_by(*query.tenant));
  cells.push_back(limit_cell(query.limit));
  const std::string_view text =
      query.tenant ? is_forward ? kNotificationsOfTenant : kNewestNotificationsOfTenant
      : is_forward ? kNotifications
                   : kNewestNotifications;
  return {{text, std::move(cells)}, notification_from, !is_forward};
}

Select<WebhookRow> select_webhooks() { return {{kWebhooks, {}}, webhook_from}; }

Select<DeliveryRow> select_deliveries(const DeliveryQuery& query) {
  std::vector<Cell> cells{found_by(query.webhook.tenant), found_by(query.webhook.name)};
  std::string_view text = kNewestDeliveries;
  if (query.only_pending) {
    text = query.subject.empty() ? kPendingDeliveries : kPendingDeliveriesOfSubject;
    cells.emplace_back(query.after);
    if (!query.subject.empty()) cells.push_back(found_by(query.subject));
  }
  cells.push_back(limit_cell(query.limit));
  return {{text, std::move(cells)}, delivery_from, !query.only_pending};
}

Select<DeliveryRow> select_delivery(const std::string& id) {
  return {{kDelivery, {found_by(id)}}, delivery_from};
}

}  // namespace croft::sql
