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

template <typename RowType>
Result<std::vector<RowType>> read_all(Session& session, std::string_view statement,
                                      const std::vector<Cell>& cells,
                                      RowType (*decode)(CellReader&)) {
  std::vector<RowType> rows;
  const auto read = [&rows, decode](const Row& row) {
    CellReader reader(row);
    rows.push_back(decode(reader));
    return reader.finish();
  };
  TRY(session.query(statement, cells, read));
  // Of a hundred thousand rows that somebody keeps, the spare room would be megabytes.
  rows.shrink_to_fit();
  return rows;
}

Cell cell(Timestamp time) { return Cell(std::int64_t{time.time_since_epoch().count()}); }

}  // namespace

Result<std::vector<TenantRow>> read_tenants(Session& session) {
  return read_all(session, kTenants, {}, tenant_from);
}

Result<std::vector<SourceRow>> read_sources(Session& session) {
  return read_all(session, kSources, {}, source_from);
}

Result<std::vector<ResourceRow>> read_resources(Session& session, const std::string& tenant) {
  return read_all(session, kResourcesOfTenant, {Cell(tenant)}, resource_from);
}

Result<std::vector<ResourceRow>> read_all_resources(Session& session) {
  return read_all(session, kAllResources, {}, resource_from);
}

Result<std::vector<IntentRow>> read_open_intents(Session& session) {
  return read_all(session, kOpenIntents, {}, intent_from);
}

Result<std::vector<DirectiveRow>> read_directives(Session& session) {
  return read_all(session, kDirectives, {}, directive_from);
}

Result<std::vector<EventRow>> read_events(Session& session, const EventQuery& query) {
  const bool is_forward = query.after != 0;
  std::vector<Cell> cells{Cell(query.after)};
  if (query.tenant) cells.emplace_back(*query.tenant);
  if (!query.subject.empty()) cells.emplace_back(query.subject);
  cells.emplace_back(static_cast<std::int64_t>(
      std::min<std::size_t>(query.limit, std::numeric_limits<std::int64_t>::max())));
  const std::string_view statement =
      events_statement(query.tenant.has_value(), !query.subject.empty(), is_forward);
  TRY_ASSIGN(std::vector<EventRow> rows, read_all(session, statement, cells, event_from));
  if (!is_forward) std::ranges::reverse(rows);
  return rows;
}

Result<std::vector<UsageRow>> read_usage(Session& session, const std::string& tenant_uid,
                                         Timestamp from, Timestamp to) {
  return read_all(session, kUsageWithin, {Cell(tenant_uid), cell(to), cell(from)}, usage_from);
}

Result<std::vector<UsageRow>> read_open_usage(Session& session) {
  return read_all(session, kOpenUsage, {}, usage_from);
}

Result<std::vector<TokenRow>> read_tokens(Session& session) {
  return read_all(session, kTokens, {}, token_from);
}

Result<std::vector<AcknowledgementRow>> read_acknowledgements(Session& session) {
  return read_all(session, kAcknowledgements, {}, acknowledgement_from);
}

}  // namespace croft::sql
