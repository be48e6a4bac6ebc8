#pragma once
// The SQL of the store: each query has its home here and nowhere else (tables: migrations.cpp).
// Plain enough for SQLite and PostgreSQL alike. Columns are listed in the order in which writes.cpp
// binds and reads.cpp reads them. `excluded` and the partial indexes are alike in both.

#include <span>
#include <string>
#include <string_view>

namespace croft::sql {

inline constexpr std::string_view kBegin = "BEGIN";
/// PostgreSQL's: all reads see the moment of the first one. SQLite's BEGIN does so by itself.
inline constexpr std::string_view kBeginSnapshot = "BEGIN ISOLATION LEVEL REPEATABLE READ";
/// SQLite's: takes the write lock at once, so that no later statement of the transaction finds it
/// taken.
inline constexpr std::string_view kBeginImmediate = "BEGIN IMMEDIATE";
inline constexpr std::string_view kCommit = "COMMIT";
inline constexpr std::string_view kRollback = "ROLLBACK";
inline constexpr std::string_view kSavepoint = "SAVEPOINT one_transaction";
inline constexpr std::string_view kRollbackToSavepoint = "ROLLBACK TO SAVEPOINT one_transaction";
inline constexpr std::string_view kReleaseSavepoint = "RELEASE SAVEPOINT one_transaction";

// Counters: numbers that are given once and never again. Taking one locks its row until the end of
// the transaction, so that numbers become visible in their order.
inline constexpr std::string_view kNextEvent =
    "UPDATE counters SET value = value + 1 WHERE name = 'event'";
inline constexpr std::string_view kLockTenantNumbers =
    "UPDATE counters SET value = value WHERE name = 'tenant_number'";
/// After kPutTenant: numbers up to that of tenant $1 are given.
inline constexpr std::string_view kGiveTenantNumber = R"(
  UPDATE counters SET value = (SELECT number FROM tenants WHERE uid = $1)
  WHERE name = 'tenant_number' AND value < (SELECT number FROM tenants WHERE uid = $1))";

/// Each counter with the largest number that was given by it, as far as rows show, and its value.
inline constexpr std::string_view kCounters = R"(
  SELECT 'event', COALESCE(MAX(sequence), 0), (SELECT value FROM counters WHERE name = 'event') FROM events
  UNION ALL
  SELECT 'tenant_number', COALESCE(MAX(number), 0), (SELECT value FROM counters WHERE name = 'tenant_number')
  FROM tenants)";
inline constexpr std::string_view kUsedCounters = "SELECT COUNT(*) FROM counters WHERE value <> 0";
/// Before those of another store are written.
inline constexpr std::string_view kEraseCounters = "DELETE FROM counters";

// Tenants.
/// PutTenant's rule for numbers stands here, so that no engine has to read before it writes: a
/// number that is not to be had becomes NULL, which the column refuses.
inline constexpr std::string_view kPutTenant = R"(
  INSERT INTO tenants (uid, name, number, created_at, removed_at, retained_until)
  VALUES ($1, $2,
    CASE
      WHEN EXISTS (SELECT 1 FROM tenants WHERE uid = $1)
        THEN (SELECT number FROM tenants WHERE uid = $1 AND CAST($3 AS BIGINT) IN (0, number))
      ELSE (SELECT CASE WHEN CAST($3 AS BIGINT) = 0 THEN value + 1
                        WHEN CAST($3 AS BIGINT) > value THEN CAST($3 AS BIGINT) END
            FROM counters WHERE name = 'tenant_number')
    END, $4, $5, $6)
  ON CONFLICT (uid) DO UPDATE SET name = excluded.name, created_at = excluded.created_at,
    removed_at = excluded.removed_at, retained_until = excluded.retained_until)";
inline constexpr std::string_view kEraseTenant = "DELETE FROM tenants WHERE uid = $1";
inline constexpr std::string_view kTenants = R"(
  SELECT uid, name, number, created_at, removed_at, retained_until FROM tenants ORDER BY number)";

// Sources.
inline constexpr std::string_view kPutSource = R"(
  INSERT INTO sources (source_key, url, ref, path, attempted_revision, applied_revision, conditions, fetched_at)
  VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
  ON CONFLICT (source_key) DO UPDATE SET url = excluded.url, ref = excluded.ref, path = excluded.path,
    attempted_revision = excluded.attempted_revision, applied_revision = excluded.applied_revision,
    conditions = excluded.conditions, fetched_at = excluded.fetched_at)";
inline constexpr std::string_view kEraseSource = "DELETE FROM sources WHERE source_key = $1";
inline constexpr std::string_view kSources = R"(
  SELECT source_key, url, ref, path, attempted_revision, applied_revision, conditions, fetched_at
  FROM sources ORDER BY source_key)";

// Resources.
inline constexpr std::string_view kPutResource = R"(
  INSERT INTO resources (uid, tenant, kind, name, source_key, provider, state, applied, attempted_revision,
    applied_revision, phase, endpoint, message, conditions, created_at, observed_at, retained_until)
  VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17)
  ON CONFLICT (uid) DO UPDATE SET tenant = excluded.tenant, kind = excluded.kind, name = excluded.name,
    source_key = excluded.source_key, provider = excluded.provider, state = excluded.state,
    applied = excluded.applied, attempted_revision = excluded.attempted_revision,
    applied_revision = excluded.applied_revision, phase = excluded.phase, endpoint = excluded.endpoint,
    message = excluded.message, conditions = excluded.conditions, created_at = excluded.created_at,
    observed_at = excluded.observed_at, retained_until = excluded.retained_until)";
inline constexpr std::string_view kEraseResource = "DELETE FROM resources WHERE uid = $1";
#define CROFT_RESOURCE_COLUMNS                                                          \
  "uid, tenant, kind, name, source_key, provider, state, applied, attempted_revision, " \
  "applied_revision, phase, endpoint, message, conditions, created_at, observed_at, "   \
  "retained_until "
inline constexpr std::string_view kResourcesOfTenant =
    "SELECT " CROFT_RESOURCE_COLUMNS "FROM resources WHERE tenant = $1 ORDER BY kind, name, uid";
inline constexpr std::string_view kAllResources =
    "SELECT " CROFT_RESOURCE_COLUMNS "FROM resources ORDER BY tenant, kind, name, uid";
#undef CROFT_RESOURCE_COLUMNS

// Intents. The literal 'Open' lets the planner use the partial indexes.
inline constexpr std::string_view kPutIntent = R"(
  INSERT INTO intents (id, resource_uid, tenant, kind, name, action, provider, spec_digest, revision, state, error,
    created_at)
  VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
  ON CONFLICT (id) DO UPDATE SET resource_uid = excluded.resource_uid, tenant = excluded.tenant,
    kind = excluded.kind, name = excluded.name, action = excluded.action, provider = excluded.provider,
    spec_digest = excluded.spec_digest, revision = excluded.revision, state = excluded.state, error = excluded.error,
    created_at = excluded.created_at)";
inline constexpr std::string_view kOpenIntents = R"(
  SELECT id, resource_uid, tenant, kind, name, action, provider, spec_digest, revision, state, error, created_at
  FROM intents WHERE state = 'Open' ORDER BY created_at, id)";
/// Forgets up to $1 finished intents past the newest $2.
inline constexpr std::string_view kPruneIntents = R"(
  DELETE FROM intents WHERE id IN (
    SELECT id FROM intents WHERE state <> 'Open' ORDER BY created_at DESC LIMIT $1 OFFSET $2))";

// Directives.
inline constexpr std::string_view kPutDirective = R"(
  INSERT INTO directives (tenant, kind, name, verb, ordered_by, why, created_at, expires_at)
  VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
  ON CONFLICT (tenant, kind, name, verb) DO UPDATE SET ordered_by = excluded.ordered_by, why = excluded.why,
    created_at = excluded.created_at, expires_at = excluded.expires_at)";
inline constexpr std::string_view kEraseDirective =
    "DELETE FROM directives WHERE tenant = $1 AND kind = $2 AND name = $3 AND verb = $4";
inline constexpr std::string_view kDirectives = R"(
  SELECT tenant, kind, name, verb, ordered_by, why, created_at, expires_at
  FROM directives ORDER BY tenant, kind, name, verb)";

// Events.
/// After kNextEvent.
inline constexpr std::string_view kAppendEvent = R"(
  INSERT INTO events (sequence, happened_at, tenant, subject, severity, reason, message, revision)
  VALUES ((SELECT value FROM counters WHERE name = 'event'), $1, $2, $3, $4, $5, $6, $7))";
/// PostgreSQL's two for many events at once: as many numbers as $1 says, and then the events, whose
/// columns are arrays.
inline constexpr std::string_view kNextEvents =
    "UPDATE counters SET value = value + CAST($1 AS BIGINT) WHERE name = 'event'";
inline constexpr std::string_view kAppendEvents = R"(
  INSERT INTO events (sequence, happened_at, tenant, subject, severity, reason, message, revision)
  SELECT generate_series((SELECT value - cardinality($1::bigint[]) + 1 FROM counters WHERE name = 'event'),
      (SELECT value FROM counters WHERE name = 'event')),
    unnest($1::bigint[]), unnest($2::text[]), unnest($3::text[]), unnest($4::text[]), unnest($5::text[]),
    unnest($6::text[]), unnest($7::text[]))";
/// Forgets the events whose sequence is at least $1 below the newest.
inline constexpr std::string_view kPruneEvents =
    "DELETE FROM events WHERE sequence <= (SELECT value - $1 FROM counters WHERE name = 'event')";

/// Forgets the events before the first that happened at $1 or later.
inline constexpr std::string_view kPruneOldEvents = R"(
  DELETE FROM events WHERE sequence < COALESCE(
    (SELECT sequence FROM events WHERE happened_at >= $1 ORDER BY sequence LIMIT 1),
    (SELECT value + 1 FROM counters WHERE name = 'event')))";

/// Which events to read, and from which end. Parameters: the sequence to start from, the tenant
/// and the subject as far as they are asked for, the limit. Newest first unless `is_forward`.
std::string_view events_statement(bool by_tenant, bool by_subject, bool is_forward);

// Usage facts.
inline constexpr std::string_view kPutUsage = R"(
  INSERT INTO usage_facts (id, tenant_uid, resource_uid, replica, meter, from_time, to_time, heartbeat, quantity,
    dimensions)
  VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
  ON CONFLICT (id) DO UPDATE SET tenant_uid = excluded.tenant_uid, resource_uid = excluded.resource_uid,
    replica = excluded.replica, meter = excluded.meter, from_time = excluded.from_time, to_time = excluded.to_time,
    heartbeat = excluded.heartbeat, quantity = excluded.quantity, dimensions = excluded.dimensions)";
#define CROFT_USAGE_COLUMNS                                                                 \
  "id, tenant_uid, resource_uid, replica, meter, from_time, to_time, heartbeat, quantity, " \
  "dimensions "
/// A fact of no length counts at the instant where it stands.
inline constexpr std::string_view kUsageWithin =
    "SELECT " CROFT_USAGE_COLUMNS
    "FROM usage_facts WHERE tenant_uid = $1 AND from_time < $2 "
    "AND (to_time IS NULL OR to_time > $3 OR from_time >= $3) ORDER BY from_time, id";
inline constexpr std::string_view kOpenUsage =
    "SELECT " CROFT_USAGE_COLUMNS "FROM usage_facts WHERE to_time IS NULL ORDER BY from_time, id";
#undef CROFT_USAGE_COLUMNS

// Tokens.
inline constexpr std::string_view kPutToken = R"(
  INSERT INTO tokens (id, name, hash, tenant, created_at, expires_at) VALUES ($1, $2, $3, $4, $5, $6)
  ON CONFLICT (id) DO UPDATE SET name = excluded.name, hash = excluded.hash, tenant = excluded.tenant,
    created_at = excluded.created_at, expires_at = excluded.expires_at)";
inline constexpr std::string_view kEraseToken = "DELETE FROM tokens WHERE id = $1";
inline constexpr std::string_view kTokens =
    "SELECT id, name, hash, tenant, created_at, expires_at FROM tokens ORDER BY created_at, id";

// Acknowledgements.
inline constexpr std::string_view kPutAcknowledgement = R"(
  INSERT INTO acknowledgements (tenant, digest, given_by, given_at) VALUES ($1, $2, $3, $4)
  ON CONFLICT (tenant, digest) DO UPDATE SET given_by = excluded.given_by, given_at = excluded.given_at)";
inline constexpr std::string_view kEraseAcknowledgement =
    "DELETE FROM acknowledgements WHERE tenant = $1 AND digest = $2";
inline constexpr std::string_view kAcknowledgements =
    "SELECT tenant, digest, given_by, given_at FROM acknowledgements ORDER BY tenant, digest";

// Notifications: the outbox.
/// The newest is never pruned, so that numbers are never reused. There is one writer at a time.
inline constexpr std::string_view kAppendNotification = R"(
  INSERT INTO notifications (sequence, id, happened_at, tenant, type, subject, data)
  VALUES ((SELECT COALESCE(MAX(sequence), 0) + 1 FROM notifications), $1, $2, $3, $4, $5, $6))";
/// PostgreSQL's for many at once, whose columns are arrays.
inline constexpr std::string_view kAppendNotifications = R"(
  INSERT INTO notifications (sequence, id, happened_at, tenant, type, subject, data)
  SELECT (SELECT COALESCE(MAX(sequence), 0) FROM notifications) + generate_series(1, cardinality($1::text[])),
    unnest($1::text[]), unnest($2::bigint[]), unnest($3::text[]), unnest($4::text[]), unnest($5::text[]),
    unnest($6::text[]))";
#define CROFT_NOTIFICATIONS \
  "SELECT sequence, id, happened_at, tenant, type, subject, data FROM notifications "
inline constexpr std::string_view kNotifications =
    CROFT_NOTIFICATIONS "WHERE sequence > $1 ORDER BY sequence LIMIT $2";
inline constexpr std::string_view kNotificationsOfTenant =
    CROFT_NOTIFICATIONS "WHERE sequence > $1 AND tenant = $2 ORDER BY sequence LIMIT $3";
inline constexpr std::string_view kNewestNotifications =
    CROFT_NOTIFICATIONS "WHERE sequence > $1 ORDER BY sequence DESC LIMIT $2";
inline constexpr std::string_view kNewestNotificationsOfTenant =
    CROFT_NOTIFICATIONS "WHERE sequence > $1 AND tenant = $2 ORDER BY sequence DESC LIMIT $3";
#undef CROFT_NOTIFICATIONS
/// Forgets the notifications whose sequence is at least $1 below the newest.
inline constexpr std::string_view kPruneNotifications =
    "DELETE FROM notifications WHERE sequence <= (SELECT MAX(sequence) - $1 FROM notifications)";

// Webhooks and what is on its way to them.
inline constexpr std::string_view kPutWebhook = R"(
  INSERT INTO webhooks (tenant, name, id, source_key, seen_up_to, key_number, old_key_until, failing_since,
    disabled_at, disabled_reason, message, created_at)
  VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
  ON CONFLICT (tenant, name) DO UPDATE SET id = excluded.id, source_key = excluded.source_key,
    seen_up_to = excluded.seen_up_to, key_number = excluded.key_number, old_key_until = excluded.old_key_until,
    failing_since = excluded.failing_since, disabled_at = excluded.disabled_at,
    disabled_reason = excluded.disabled_reason, message = excluded.message, created_at = excluded.created_at)";
inline constexpr std::string_view kEraseWebhook =
    "DELETE FROM webhooks WHERE tenant = $1 AND name = $2";
inline constexpr std::string_view kEraseDeliveries =
    "DELETE FROM deliveries WHERE webhook_tenant = $1 AND webhook_name = $2";
inline constexpr std::string_view kWebhooks = R"(
  SELECT tenant, name, id, source_key, seen_up_to, key_number, old_key_until, failing_since, disabled_at,
    disabled_reason, message, created_at
  FROM webhooks ORDER BY tenant, name)";

inline constexpr std::string_view kPutDelivery = R"(
  INSERT INTO deliveries (id, webhook_tenant, webhook_name, sequence, notification, happened_at, tenant, type,
    subject, data, state, attempts, next_try, status, answer, created_at, ended_at)
  VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17)
  ON CONFLICT (id) DO UPDATE SET state = excluded.state, attempts = excluded.attempts,
    next_try = excluded.next_try, status = excluded.status, answer = excluded.answer,
    ended_at = excluded.ended_at)";
#define CROFT_DELIVERIES                                                                         \
  "SELECT id, webhook_tenant, webhook_name, sequence, notification, happened_at, tenant, type, " \
  "subject, data, state, attempts, next_try, status, answer, created_at, ended_at FROM "         \
  "deliveries "
inline constexpr std::string_view kPendingDeliveries = CROFT_DELIVERIES
    "WHERE webhook_tenant = $1 AND webhook_name = $2 AND state = 'Pending' AND sequence > $3 "
    "ORDER BY sequence LIMIT $4";
inline constexpr std::string_view kPendingDeliveriesOfSubject = CROFT_DELIVERIES
    "WHERE webhook_tenant = $1 AND webhook_name = $2 AND state = 'Pending' AND sequence > $3 AND "
    "subject = $4 ORDER BY sequence LIMIT $5";
inline constexpr std::string_view kNewestDeliveries = CROFT_DELIVERIES
    "WHERE webhook_tenant = $1 AND webhook_name = $2 ORDER BY sequence DESC LIMIT $3";
inline constexpr std::string_view kDelivery = CROFT_DELIVERIES "WHERE id = $1";
#undef CROFT_DELIVERIES
/// Forgets up to $1 deliveries that ended past the newest $2.
inline constexpr std::string_view kPruneDeliveries = R"(
  DELETE FROM deliveries WHERE id IN (
    SELECT id FROM deliveries WHERE state <> 'Pending' ORDER BY ended_at DESC LIMIT $1 OFFSET $2))";

// Migrations.
inline constexpr std::string_view kMakeMigrationTable =
    "CREATE TABLE IF NOT EXISTS schema_migrations (version BIGINT NOT NULL PRIMARY KEY, name TEXT "
    "NOT NULL)";
inline constexpr std::string_view kSchemaVersion =
    "SELECT COALESCE(MAX(version), 0) FROM schema_migrations";
inline constexpr std::string_view kRecordMigration =
    "INSERT INTO schema_migrations (version, name) VALUES ($1, $2)";

/// 1 if there is a table named $1, else 0.
inline constexpr std::string_view kHasTableInSqlite =
    "SELECT COUNT(*) FROM sqlite_master WHERE type = 'table' AND name = $1";
inline constexpr std::string_view kHasTableInPostgres =
    "SELECT COUNT(*) FROM pg_class WHERE oid = to_regclass($1)";

/// PostgreSQL's: until the end of the transaction.
inline constexpr std::string_view kLockSchema =
    "SELECT pg_advisory_xact_lock(427121665652)";  // the bytes of "croft" as a number

// PostgreSQL's own: the conditions of a transaction, and who may write (postgres/lease.hpp).

/// For this transaction: how long a statement and a lock may take ($1, $2: "30s"), and who writes
/// ($3). A commit is on the disk before it is answered, whatever the server's settings say.
inline constexpr std::string_view kSetTransaction = R"(
  SELECT set_config('statement_timeout', $1, true), set_config('lock_timeout', $2, true),
    set_config('croft.writer', $3, true),
    set_config('synchronous_commit', CASE current_setting('synchronous_commit')
      WHEN 'off' THEN 'on' ELSE current_setting('synchronous_commit') END, true))";

#define CROFT_NOW "CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000 AS BIGINT)"
/// Locks the row: a transaction of the writer before ends first.
inline constexpr std::string_view kReadWriter =
    "SELECT holder, epoch, description, " CROFT_NOW
    " - renewed_at FROM writer WHERE only_one = 'croft' FOR UPDATE";
inline constexpr std::string_view kTakeWriter =
    "UPDATE writer SET holder = $1, epoch = $2, description = $3, batch = 0, renewed_at "
    "= " CROFT_NOW " WHERE only_one = 'croft'";
/// The first statement of batch $4: whoever is not the writer any more ($1 to $3) breaks a
/// constraint, and so does a batch that was sent before the outcome of another ($5, or NULL) was
/// known, if that one was not committed.
inline constexpr std::string_view kBeginBatch =
    "UPDATE writer SET batch = CASE WHEN holder = $1 AND epoch = $2 AND description = $3 "
    "AND batch = COALESCE(CAST($5 AS BIGINT), batch) THEN CAST($4 AS BIGINT) END, "
    "renewed_at = " CROFT_NOW " WHERE only_one = 'croft'";
/// Which batch was the last, after a connection was lost: with a new epoch ($2), so that what may
/// still be on its way in the old one cannot come after this. No row if somebody else writes now.
inline constexpr std::string_view kFindBatch =
    "UPDATE writer SET epoch = $2, renewed_at = " CROFT_NOW
    " WHERE only_one = 'croft' AND holder = $1 AND epoch < $2 AND description = $3 RETURNING batch";
inline constexpr std::string_view kReleaseWriter =
    "UPDATE writer SET renewed_at = 0 WHERE only_one = 'croft' AND holder = $1 AND epoch = $2";
/// For people, without waiting for it: who writes or wrote last, and how long ago it gave a sign of
/// life; NULL if it has let go.
inline constexpr std::string_view kSeeWriter =
    "SELECT description, CASE WHEN renewed_at > 0 THEN " CROFT_NOW
    " - renewed_at END FROM writer WHERE only_one = 'croft'";
#undef CROFT_NOW
inline constexpr std::string_view kListen = "LISTEN croft";

/// PostgreSQL's: a statement that writes one row, and another that does the same with many, in
/// their order, given as an array a parameter. It refuses a key that comes twice.
struct RowsAtOnce {
  std::string_view one;
  std::string many;
  std::string_view types;  ///< of the parameters: 't'ext or 'i'nteger
  bool has_key = true;     ///< the first parameter is the row's key
};
/// Of every kind of row that a pass writes many of.
std::span<const RowsAtOnce> rows_at_once();

// What kind of engine it is: its name, bytes on the disk, 1 if it takes writes.
inline constexpr std::string_view kSqliteFacts = "SELECT 'SQLite ' || sqlite_version(), 0, 1";
inline constexpr std::string_view kPostgresFacts = R"(
  SELECT 'PostgreSQL ' || current_setting('server_version'), pg_database_size(current_database()),
    CASE WHEN pg_is_in_recovery() OR current_setting('default_transaction_read_only') = 'on' THEN 0 ELSE 1 END)";

}  // namespace croft::sql
