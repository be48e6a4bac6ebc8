#include "core/store/sql/writes.hpp"

#include <fmt/format.h>

#include "core/store/sql/columns.hpp"
#include "core/store/sql/statements.hpp"

namespace croft::sql {

namespace {

// More than a prune's interval can bring in, so that a prune always catches up.
constexpr std::int64_t kPrunedAtOnce = 10'000;

/// Gathers the statements of writes.
class Plan {
 public:
  explicit Plan(std::vector<Statement>& statements) : statements_(statements) {}

  Result<void> add(std::string_view text, CellWriter& cells) {
    TRY_ASSIGN(std::vector<Cell> parameters, cells.take());
    statements_.push_back({text, std::move(parameters)});
    return {};
  }
  void add(std::string_view text) { statements_.push_back({text, {}}); }

 private:
  std::vector<Statement>& statements_;
};

Result<void> write(Plan& plan, const PutTenant& put) {
  const TenantRow& row = put.row;
  plan.add(kLockTenantNumbers);
  CellWriter cells;
  cells.key(row.uid, "a uid").key(row.name, "a name").integer(row.number);
  cells.time(row.created_at).time(row.removed_at).time(row.retained_until);
  TRY(plan.add(kPutTenant, cells));
  return plan.add(kGiveTenantNumber, CellWriter().text(row.uid));
}

Result<void> write(Plan& plan, const EraseTenant& erase) {
  return plan.add(kEraseTenant, CellWriter().text(erase.uid));
}

Result<void> write(Plan& plan, const PutSource& put) {
  const SourceRow& row = put.row;
  return plan.add(kPutSource, CellWriter()
                                  .key(row.key, "a key")
                                  .text(row.url)
                                  .text(row.ref)
                                  .text(row.path)
                                  .text(row.attempted_revision)
                                  .text(row.applied_revision)
                                  .conditions(row.conditions)
                                  .time(row.fetched_at));
}

Result<void> write(Plan& plan, const EraseSource& erase) {
  return plan.add(kEraseSource, CellWriter().text(erase.key));
}

Result<void> write(Plan& plan, const PutResource& put) {
  const ResourceRow& row = put.row;
  CellWriter cells;
  cells.key(row.uid, "a uid")
      .ref(row.ref)
      .text(row.source)
      .text(row.provider)
      .text(to_string(row.state));
  cells.document(row.applied)
      .text(row.attempted_revision)
      .text(row.applied_revision)
      .text(to_string(row.phase));
  cells.text(row.endpoint).text(row.message).conditions(row.conditions);
  cells.time(row.created_at).time(row.observed_at).time(row.retained_until);
  return plan.add(kPutResource, cells);
}

Result<void> write(Plan& plan, const EraseResource& erase) {
  return plan.add(kEraseResource, CellWriter().text(erase.uid));
}

Result<void> write(Plan& plan, const PutIntent& put) {
  const IntentRow& row = put.row;
  CellWriter cells;
  cells.key(row.id, "an id")
      .text(row.uid)
      .ref(row.ref)
      .text(row.action)
      .text(row.provider)
      .text(row.spec_digest);
  cells.text(row.revision).text(to_string(row.state)).text(row.error).time(row.created_at);
  return plan.add(kPutIntent, cells);
}

Result<void> write(Plan& plan, const PutDirective& put) {
  const DirectiveRow& row = put.row;
  CellWriter cells;
  cells.ref(row.ref)
      .text(to_string(row.verb))
      .text(row.by)
      .text(row.why)
      .time(row.created_at)
      .time(row.until);
  return plan.add(kPutDirective, cells);
}

Result<void> write(Plan& plan, const EraseDirective& erase) {
  return plan.add(kEraseDirective, CellWriter().ref(erase.ref).text(to_string(erase.verb)));
}

Result<void> write(Plan& plan, const AppendEvent& append) {
  const EventRow& row = append.row;
  plan.add(kNextEvent);
  CellWriter cells;
  cells.time(row.time).found_by(row.tenant, "a tenant").found_by(row.subject, "a subject");
  cells.text(severity_name(row.severity)).text(row.reason).text(row.message).text(row.revision);
  return plan.add(kAppendEvent, cells);
}

Result<void> write(Plan& plan, const PutUsage& put) {
  const UsageRow& row = put.row;
  CellWriter cells;
  cells.key(row.id, "an id")
      .found_by(row.tenant_uid, "a tenant's uid")
      .text(row.resource_uid)
      .integer(row.replica)
      .text(row.meter);
  cells.time(row.from)
      .time(row.to)
      .time(row.heartbeat)
      .integer(row.quantity)
      .document(row.dimensions);
  return plan.add(kPutUsage, cells);
}

Result<void> write(Plan& plan, const PutToken& put) {
  const TokenRow& row = put.row;
  CellWriter cells;
  cells.key(row.id, "an id")
      .text(row.name)
      .text(row.hash)
      .text(row.tenant)
      .time(row.created_at)
      .time(row.expires_at);
  return plan.add(kPutToken, cells);
}

Result<void> write(Plan& plan, const EraseToken& erase) {
  return plan.add(kEraseToken, CellWriter().text(erase.id));
}

Result<void> write(Plan& plan, const PutAcknowledgement& put) {
  const AcknowledgementRow& row = put.row;
  return plan.add(kPutAcknowledgement, CellWriter()
                                           .found_by(row.tenant, "a tenant")
                                           .key(row.digest, "a digest")
                                           .text(row.by)
                                           .time(row.at));
}

Result<void> write(Plan& plan, const EraseAcknowledgement& erase) {
  return plan.add(kEraseAcknowledgement, CellWriter().text(erase.tenant).text(erase.digest));
}

void add(CellWriter& cells, const NotificationRow& row) {
  cells.key(row.id, "an id").time(row.time).found_by(row.tenant, "a tenant").text(row.type);
  cells.text(row.subject).document(row.data);
}

Result<void> write(Plan& plan, const AppendNotification& append) {
  CellWriter cells;
  add(cells, append.row);
  return plan.add(kAppendNotification, cells);
}

CellWriter& name_webhook(CellWriter& cells, const Ref& ref) {
  return cells.found_by(ref.tenant, "a tenant").key(ref.name, "a name");
}

Result<void> write(Plan& plan, const PutWebhook& put) {
  const WebhookRow& row = put.row;
  CellWriter cells;
  name_webhook(cells, row.ref).key(row.id, "an id").text(row.source);
  cells.integer(row.cursor).integer(row.key_number).time(row.old_key_until);
  cells.time(row.failing_since).time(row.disabled_at).text(row.disabled_reason);
  return plan.add(kPutWebhook, cells.text(row.message).time(row.created_at));
}

Result<void> write(Plan& plan, const EraseWebhook& erase) {
  CellWriter deliveries;
  CellWriter webhook;
  TRY(plan.add(kEraseDeliveries, name_webhook(deliveries, erase.ref)));
  return plan.add(kEraseWebhook, name_webhook(webhook, erase.ref));
}

Result<void> write(Plan& plan, const PutDelivery& put) {
  const DeliveryRow& row = put.row;
  CellWriter cells;
  name_webhook(cells.key(row.id, "an id"), row.webhook).integer(row.notification.sequence);
  add(cells, row.notification);
  cells.text(to_string(row.state)).integer(row.attempts).time(row.next_try).integer(row.status);
  return plan.add(kPutDelivery, cells.text(row.answer).time(row.created_at).time(row.ended_at));
}

/// Engines name the column in their own words about a constraint.
Error explain(const TenantRow& row, const Error& error) {
  if (error.message().find("number") == std::string::npos) {
    return {ErrorCode::Conflict, fmt::format("the name '{}' belongs to another tenant", row.name)};
  }
  return {
      ErrorCode::Conflict,
      fmt::format("tenant {} cannot have number {}: it has another one, which never changes, or "
                  "the number was given before",
                  row.name, row.number)};
}

}  // namespace

Result<void> plan(const Write& one, std::vector<Statement>& statements) {
  Plan plan(statements);
  return std::visit([&plan](const auto& each) { return write(plan, each); }, one);
}

Error explain(const Write& one, Error error) {
  if (error.code() != ErrorCode::Conflict) return error;
  if (const auto* tenant = std::get_if<PutTenant>(&one)) return explain(tenant->row, error);
  if (const auto* resource = std::get_if<PutResource>(&one)) {
    return {ErrorCode::Conflict,
            fmt::format("{} is owned already, under another uid", to_string(resource->row.ref))};
  }
  if (std::holds_alternative<AppendEvent>(one))
    return {ErrorCode::Internal, "the store has lost its counter 'event'"};
  return error;
}

std::vector<Statement> plan_prune(const StoreHistory& history, Timestamp now) {
  std::vector<Statement> statements{{kPruneEvents, {Cell(history.events)}},
                                    {kPruneNotifications, {Cell(history.notifications)}},
                                    {kPruneIntents, {Cell(kPrunedAtOnce), Cell(history.ended)}},
                                    {kPruneDeliveries, {Cell(kPrunedAtOnce), Cell(history.ended)}}};
  if (history.event_age.count() > 0) {
    const Timestamp oldest = now - history.event_age;
    statements.push_back(
        {kPruneOldEvents, {Cell(std::int64_t{oldest.time_since_epoch().count()})}});
  }
  return statements;
}

}  // namespace croft::sql
