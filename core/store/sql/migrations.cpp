#include "core/store/sql/migrations.hpp"

#include <array>

#include <fmt/format.h>

#include "core/store/sql/statements.hpp"

namespace croft::sql {

namespace {

// To change the schema: add an element with the next number below, and tests/core/store/data/vN.sql
// with rows of that version; the migration test then opens every version from 1 on. A table or
// column of it also goes into sql/tables.cpp, so that backups and copies have it. Times are
// milliseconds since 1970, documents are canonical JSON text, a tenant of '' is the platform. TEXT
// is compared by its bytes: adapt() sees to that where it is not so by itself.
constexpr std::array<Migration, 4> kMigrations{{
    {1, "the spine", R"(
CREATE TABLE counters (
  name TEXT NOT NULL PRIMARY KEY,
  value BIGINT NOT NULL
);
INSERT INTO counters (name, value) VALUES ('event', 0), ('tenant_number', 0);

CREATE TABLE tenants (
  uid TEXT NOT NULL PRIMARY KEY,
  name TEXT NOT NULL UNIQUE,
  number BIGINT NOT NULL UNIQUE,
  created_at BIGINT NOT NULL,
  removed_at BIGINT,
  retained_until BIGINT
);

CREATE TABLE sources (
  source_key TEXT NOT NULL PRIMARY KEY,
  url TEXT NOT NULL,
  ref TEXT NOT NULL,
  path TEXT NOT NULL,
  attempted_revision TEXT NOT NULL,
  applied_revision TEXT NOT NULL,
  conditions TEXT NOT NULL,
  fetched_at BIGINT
);

CREATE TABLE resources (
  uid TEXT NOT NULL PRIMARY KEY,
  tenant TEXT NOT NULL,
  kind TEXT NOT NULL,
  name TEXT NOT NULL,
  source_key TEXT NOT NULL,
  provider TEXT NOT NULL,
  state TEXT NOT NULL,
  applied TEXT,
  attempted_revision TEXT NOT NULL,
  applied_revision TEXT NOT NULL,
  phase TEXT NOT NULL,
  endpoint TEXT NOT NULL,
  message TEXT NOT NULL,
  conditions TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  observed_at BIGINT,
  retained_until BIGINT
);
CREATE INDEX resources_by_ref ON resources (tenant, kind, name, uid);
CREATE UNIQUE INDEX resources_owned_once ON resources (tenant, kind, name) WHERE state = 'Owned';

CREATE TABLE intents (
  id TEXT NOT NULL PRIMARY KEY,
  resource_uid TEXT NOT NULL,
  tenant TEXT NOT NULL,
  kind TEXT NOT NULL,
  name TEXT NOT NULL,
  action TEXT NOT NULL,
  provider TEXT NOT NULL,
  spec_digest TEXT NOT NULL,
  revision TEXT NOT NULL,
  state TEXT NOT NULL,
  error TEXT NOT NULL,
  created_at BIGINT NOT NULL
);
CREATE INDEX intents_open ON intents (created_at, id) WHERE state = 'Open';
CREATE INDEX intents_finished ON intents (created_at) WHERE state <> 'Open';

CREATE TABLE directives (
  tenant TEXT NOT NULL,
  kind TEXT NOT NULL,
  name TEXT NOT NULL,
  verb TEXT NOT NULL,
  ordered_by TEXT NOT NULL,
  why TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  expires_at BIGINT,
  PRIMARY KEY (tenant, kind, name, verb)
);

CREATE TABLE events (
  sequence BIGINT NOT NULL PRIMARY KEY,
  happened_at BIGINT NOT NULL,
  tenant TEXT NOT NULL,
  subject TEXT NOT NULL,
  severity TEXT NOT NULL,
  reason TEXT NOT NULL,
  message TEXT NOT NULL,
  revision TEXT NOT NULL
);
CREATE INDEX events_of_tenant ON events (tenant, sequence);
CREATE INDEX events_of_subject ON events (subject, sequence);

CREATE TABLE usage_facts (
  id TEXT NOT NULL PRIMARY KEY,
  tenant_uid TEXT NOT NULL,
  resource_uid TEXT NOT NULL,
  replica BIGINT NOT NULL,
  meter TEXT NOT NULL,
  from_time BIGINT NOT NULL,
  to_time BIGINT,
  heartbeat BIGINT NOT NULL,
  quantity BIGINT NOT NULL,
  dimensions TEXT
);
CREATE INDEX usage_of_tenant ON usage_facts (tenant_uid, from_time, id);
CREATE INDEX usage_open ON usage_facts (from_time, id) WHERE to_time IS NULL;

CREATE TABLE tokens (
  id TEXT NOT NULL PRIMARY KEY,
  name TEXT NOT NULL,
  hash TEXT NOT NULL,
  tenant TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  expires_at BIGINT
);

CREATE TABLE acknowledgements (
  tenant TEXT NOT NULL,
  digest TEXT NOT NULL,
  given_by TEXT NOT NULL,
  given_at BIGINT NOT NULL,
  PRIMARY KEY (tenant, digest)
);
)"},
    // One row tells who writes; every transaction asks it (postgres/lease.hpp). Orders that
    // somebody else gives to a running daemon make a notice; its own writes name themselves in
    // croft.writer.
    {2, "one writer at a time", "", R"(
CREATE TABLE writer (
  only_one TEXT NOT NULL PRIMARY KEY CHECK (only_one = 'croft'),
  holder TEXT NOT NULL,
  epoch BIGINT NOT NULL,
  batch BIGINT NOT NULL,
  description TEXT NOT NULL,
  renewed_at BIGINT NOT NULL
);
INSERT INTO writer VALUES ('croft', '', 0, 0, '', 0);

CREATE FUNCTION croft_notice() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM pg_notify('croft', COALESCE(current_setting('croft.writer', true), ''));
  RETURN NULL;
END $$;
CREATE TRIGGER croft_notice AFTER INSERT OR UPDATE OR DELETE ON directives
  FOR EACH STATEMENT EXECUTE FUNCTION croft_notice();
CREATE TRIGGER croft_notice AFTER INSERT OR UPDATE OR DELETE ON acknowledgements
  FOR EACH STATEMENT EXECUTE FUNCTION croft_notice();
)"},
    // Rows of deliveries hold copies of their notifications: what is on its way for days outlives
    // the outbox's bound.
    {3, "the outbox", R"(
CREATE TABLE notifications (
  sequence BIGINT NOT NULL PRIMARY KEY,
  id TEXT NOT NULL,
  happened_at BIGINT NOT NULL,
  tenant TEXT NOT NULL,
  type TEXT NOT NULL,
  subject TEXT NOT NULL,
  data TEXT
);
CREATE INDEX notifications_of_tenant ON notifications (tenant, sequence);

CREATE TABLE webhooks (
  tenant TEXT NOT NULL,
  name TEXT NOT NULL,
  id TEXT NOT NULL,
  source_key TEXT NOT NULL,
  seen_up_to BIGINT NOT NULL,
  key_number BIGINT NOT NULL,
  old_key_until BIGINT,
  failing_since BIGINT,
  disabled_at BIGINT,
  disabled_reason TEXT NOT NULL,
  message TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  PRIMARY KEY (tenant, name)
);

CREATE TABLE deliveries (
  id TEXT NOT NULL PRIMARY KEY,
  webhook_tenant TEXT NOT NULL,
  webhook_name TEXT NOT NULL,
  sequence BIGINT NOT NULL,
  notification TEXT NOT NULL,
  happened_at BIGINT NOT NULL,
  tenant TEXT NOT NULL,
  type TEXT NOT NULL,
  subject TEXT NOT NULL,
  data TEXT,
  state TEXT NOT NULL,
  attempts BIGINT NOT NULL,
  next_try BIGINT,
  status BIGINT NOT NULL,
  answer TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  ended_at BIGINT
);
CREATE INDEX deliveries_of_webhook ON deliveries (webhook_tenant, webhook_name, sequence);
CREATE INDEX deliveries_pending ON deliveries (webhook_tenant, webhook_name, sequence) WHERE state = 'Pending';
CREATE INDEX deliveries_ended ON deliveries (ended_at) WHERE state <> 'Pending';
)"},
    // Of a subject that waits long, the queue holds the first few, and reads on.
    {4, "deliveries of a subject", R"(
CREATE INDEX deliveries_of_subject ON deliveries (webhook_tenant, webhook_name, subject, sequence) WHERE state = 'Pending';
)"},
}};

/// A script as an engine understands it. PostgreSQL would order text by the rules of some language.
std::string adapt(std::string_view script, Dialect dialect) {
  std::string text(script);
  if (dialect == Dialect::Sqlite) return text;
  constexpr std::string_view kType = " TEXT";
  constexpr std::string_view kCollation = " COLLATE \"C\"";
  for (std::size_t at = text.find(kType); at != std::string::npos; at = text.find(kType, at)) {
    at += kType.size();
    text.insert(at, kCollation);
  }
  return text;
}

/// Begins a transaction during which nobody else migrates.
Result<void> begin_alone(Session& session) {
  if (session.dialect() == Dialect::Sqlite) return session.execute(kBeginImmediate, {});
  TRY(session.execute(kBegin, {}));
  return session.execute(kLockSchema, {});
}

/// Runs `work` in such a transaction.
template <typename Work>
Result<void> alone(Session& session, Work work) {
  Result<void> done = begin_alone(session);
  if (done) done = work();
  if (done) done = session.execute(kCommit, {});
  // The rollback's own result says nothing new: some failures have rolled back already.
  if (!done) (void)session.execute(kRollback, {});
  return done;
}

Result<void> apply_step(Session& session, const Migration& step) {
  TRY_ASSIGN(const std::int64_t version, schema_version(session));
  if (version >= step.version) return {};
  TRY(session.run_script(adapt(step.script, session.dialect())));
  if (session.dialect() == Dialect::Postgres) {
    TRY(session.run_script(adapt(step.postgres_script, session.dialect())));
  }
  return session.execute(kRecordMigration, {Cell(step.version), Cell(std::string(step.name))});
}

}  // namespace

std::span<const Migration> migrations() { return kMigrations; }

Result<bool> has_table(Session& session, std::string_view name) {
  bool is_there = false;
  const auto read = [&is_there](const Row& row) -> Result<void> {
    is_there = row.integer(0) > 0;
    return {};
  };
  const bool is_sqlite = session.dialect() == Dialect::Sqlite;
  TRY(session.query(is_sqlite ? kHasTableInSqlite : kHasTableInPostgres, {Cell(std::string(name))},
                    read));
  return is_there;
}

Result<std::int64_t> find_schema_version(Session& session) {
  TRY_ASSIGN(const bool is_migrated, has_table(session, "schema_migrations"));
  if (!is_migrated) return 0;
  return schema_version(session);
}

Result<std::int64_t> schema_version(Session& session) {
  std::int64_t version = 0;
  const auto read = [&version](const Row& row) -> Result<void> {
    version = row.integer(0);
    return {};
  };
  TRY(session.query(kSchemaVersion, {}, read));
  return version;
}

Result<void> check_not_newer(std::int64_t version, std::span<const Migration> steps) {
  const std::int64_t latest = steps.empty() ? 0 : steps.back().version;
  if (version <= latest) return {};
  return fail(
      Error(ErrorCode::Conflict,
            fmt::format("the store has schema version {}, but this croft knows only {}", version,
                        latest))
          .with_hint("start the newer croft that migrated it, or restore a backup from before"));
}

Result<void> migrate(Session& session, std::span<const Migration> steps) {
  TRY(alone(session, [&] { return session.execute(kMakeMigrationTable, {}); }));
  TRY_ASSIGN(const std::int64_t version, schema_version(session));
  TRY(check_not_newer(version, steps));
  for (const Migration& step : steps) {
    if (step.version <= version) continue;
    TRY(while_doing(
        alone(session, [&] { return apply_step(session, step); }),
        fmt::format("migrating the store to version {} ({})", step.version, step.name)));
  }
  return {};
}

}  // namespace croft::sql
