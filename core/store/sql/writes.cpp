#include "core/store/sql/writes.hpp"

#include <fmt/format.h>

#include "core/store/sql/columns.hpp"
#include "core/store/sql/statements.hpp"

namespace croft::sql {

namespace {

// More than a prune's interval can bring in, so that a prune always catches up.
constexpr std::int64_t kIntentsPrunedAtOnce = 10'000;

Result<void> execute(Session& session, std::string_view statement, CellWriter& cells) {
  TRY_ASSIGN(const std::vector<Cell> parameters, cells.take());
  return session.execute(statement, parameters);
}

/// The only column of the only row, or nullopt if there is no row.
Result<std::optional<std::int64_t>> read_integer(Session& session, std::string_view statement,
                                                 std::string cell) {
  std::optional<std::int64_t> found;
  const auto read = [&found](const Row& row) -> Result<void> {
    found = row.integer(0);
    return {};
  };
  TRY(session.query(statement, {Cell(std::move(cell))}, read));
  return found;
}

Result<std::int64_t> next_of(Session& session, std::string_view counter) {
  TRY_ASSIGN(const std::optional<std::int64_t> next,
             read_integer(session, kNextOfCounter, std::string(counter)));
  if (!next)
    return fail(ErrorCode::Internal, fmt::format("the store has lost its counter '{}'", counter));
  return *next;
}

/// Says whose constraint it was: engines only know the names of their indexes.
Result<void> explain_conflict(Result<void> result, std::string message) {
  if (result || result.error().code() != ErrorCode::Conflict) return result;
  return fail(ErrorCode::Conflict, std::move(message));
}

/// The number that a tenant's row shall carry; see PutTenant.
Result<std::int64_t> number_of(Session& session, const TenantRow& row) {
  TRY_ASSIGN(const std::optional<std::int64_t> given,
             read_integer(session, kTenantNumber, row.uid));
  if (given) {
    if (row.number == 0 || row.number == *given) return *given;
    return fail(ErrorCode::Conflict,
                fmt::format("tenant {} has number {}, which never changes to {}", row.name, *given,
                            row.number));
  }
  if (row.number == 0) return next_of(session, kTenantCounter);
  TRY_ASSIGN(const std::optional<std::int64_t> last,
             read_integer(session, kReadCounter, std::string(kTenantCounter)));
  if (row.number <= last.value_or(0)) {
    return fail(ErrorCode::Conflict, fmt::format("tenant number {} was given before", row.number));
  }
  TRY(session.execute(kRaiseCounter, {Cell(row.number), Cell(std::string(kTenantCounter))}));
  return row.number;
}

Result<void> write(Session& session, const PutTenant& put) {
  const TenantRow& row = put.row;
  CellWriter cells;
  cells.key(row.uid, "a uid").key(row.name, "a name");
  TRY_ASSIGN(const std::int64_t number, number_of(session, row));
  cells.integer(number).time(row.created_at).time(row.removed_at).time(row.retained_until);
  return explain_conflict(execute(session, kPutTenant, cells),
                          fmt::format("the name '{}' belongs to another tenant", row.name));
}

Result<void> write(Session& session, const EraseTenant& erase) {
  return execute(session, kEraseTenant, CellWriter().text(erase.uid));
}

Result<void> write(Session& session, const PutSource& put) {
  const SourceRow& row = put.row;
  return execute(session, kPutSource,
                 CellWriter()
                     .key(row.key, "a key")
                     .text(row.url)
                     .text(row.ref)
                     .text(row.path)
                     .text(row.attempted_revision)
                     .text(row.applied_revision)
                     .conditions(row.conditions)
                     .time(row.fetched_at));
}

Result<void> write(Session& session, const EraseSource& erase) {
  return execute(session, kEraseSource, CellWriter().text(erase.key));
}

Result<void> write(Session& session, const PutResource& put) {
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
  return explain_conflict(
      execute(session, kPutResource, cells),
      fmt::format("{} is owned already, under another uid", to_string(row.ref)));
}

Result<void> write(Session& session, const EraseResource& erase) {
  return execute(session, kEraseResource, CellWriter().text(erase.uid));
}

Result<void> write(Session& session, const PutIntent& put) {
  const IntentRow& row = put.row;
  CellWriter cells;
  cells.key(row.id, "an id")
      .text(row.uid)
      .ref(row.ref)
      .text(row.action)
      .text(row.provider)
      .text(row.spec_digest);
  cells.text(row.revision).text(to_string(row.state)).text(row.error).time(row.created_at);
  return execute(session, kPutIntent, cells);
}

Result<void> write(Session& session, const PutDirective& put) {
  const DirectiveRow& row = put.row;
  CellWriter cells;
  cells.ref(row.ref)
      .text(to_string(row.verb))
      .text(row.by)
      .text(row.why)
      .time(row.created_at)
      .time(row.until);
  return execute(session, kPutDirective, cells);
}

Result<void> write(Session& session, const EraseDirective& erase) {
  return execute(session, kEraseDirective, CellWriter().ref(erase.ref).text(to_string(erase.verb)));
}

Result<void> write(Session& session, const AppendEvent& append) {
  const EventRow& row = append.row;
  TRY_ASSIGN(const std::int64_t sequence, next_of(session, kEventCounter));
  CellWriter cells;
  cells.integer(sequence)
      .time(row.time)
      .text(row.tenant)
      .text(row.subject)
      .text(severity_name(row.severity));
  cells.text(row.reason).text(row.message).text(row.revision);
  return execute(session, kAppendEvent, cells);
}

Result<void> write(Session& session, const PutUsage& put) {
  const UsageRow& row = put.row;
  CellWriter cells;
  cells.key(row.id, "an id")
      .text(row.tenant_uid)
      .text(row.resource_uid)
      .integer(row.replica)
      .text(row.meter);
  cells.time(row.from)
      .time(row.to)
      .time(row.heartbeat)
      .integer(row.quantity)
      .document(row.dimensions);
  return execute(session, kPutUsage, cells);
}

Result<void> write(Session& session, const PutToken& put) {
  const TokenRow& row = put.row;
  CellWriter cells;
  cells.key(row.id, "an id")
      .text(row.name)
      .text(row.hash)
      .text(row.tenant)
      .time(row.created_at)
      .time(row.expires_at);
  return execute(session, kPutToken, cells);
}

Result<void> write(Session& session, const EraseToken& erase) {
  return execute(session, kEraseToken, CellWriter().text(erase.id));
}

Result<void> write(Session& session, const PutAcknowledgement& put) {
  const AcknowledgementRow& row = put.row;
  return execute(
      session, kPutAcknowledgement,
      CellWriter().text(row.tenant).key(row.digest, "a digest").text(row.by).time(row.at));
}

Result<void> write(Session& session, const EraseAcknowledgement& erase) {
  return execute(session, kEraseAcknowledgement,
                 CellWriter().text(erase.tenant).text(erase.digest));
}

}  // namespace

Result<void> apply(Session& session, const Write& one) {
  return std::visit([&session](const auto& each) { return write(session, each); }, one);
}

Result<void> prune(Session& session, std::int64_t event_limit, std::int64_t intent_limit) {
  TRY(session.execute(kPruneEvents, {Cell(event_limit)}));
  return session.execute(kPruneIntents, {Cell(kIntentsPrunedAtOnce), Cell(intent_limit)});
}

}  // namespace croft::sql
