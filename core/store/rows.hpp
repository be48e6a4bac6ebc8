#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/units.hpp"
#include "core/base/value.hpp"
#include "core/resource/ref.hpp"
#include "core/resource/status.hpp"

namespace croft {

/// A tenant that was ever accepted. The name of a removed one stays reserved until its row is
/// erased, which is not before `retained_until`: a name belongs to one row at a time (Conflict
/// otherwise).
struct TenantRow {
  std::string uid;
  std::string name;
  /// 1, 2, 3, ...: given by the store, never changed, never reused even after the row is erased;
  /// host uids are made from it. 0 in a PutTenant asks for one; a row that is read always has one.
  std::int64_t number = 0;
  Timestamp created_at;
  std::optional<Timestamp> removed_at;
  std::optional<Timestamp> retained_until;

  bool operator==(const TenantRow&) const = default;
};

/// What we know of a watched source.
struct SourceRow {
  std::string key;  ///< "alice/main"; "platform"
  std::string url;
  std::string ref;
  std::string path;
  std::string attempted_revision;  ///< the newest commit we tried
  std::string applied_revision;    ///< the last one that loaded without error and was applied
  std::vector<Condition> conditions;
  std::optional<Timestamp> fetched_at;

  bool operator==(const SourceRow&) const = default;
};

enum class InventoryState {
  Owned,     ///< it is, or is about to be, at its provider
  Retained,  ///< it is gone, its data is kept until retained_until
};
std::string_view to_string(InventoryState state);
std::optional<InventoryState> inventory_state_from(std::string_view name);

/// Inventory and status of one resource: what Croft owns, what was last applied, what was last
/// observed. A ref is Owned by one uid at a time (Conflict otherwise); any number of Retained rows
/// may carry it.
struct ResourceRow {
  std::string uid;
  Ref ref;
  std::string source;    ///< key of the source that declares it
  std::string provider;  ///< name of the Provider it is on; empty for operator kinds
  InventoryState state = InventoryState::Owned;
  std::shared_ptr<const Value>
      applied;  ///< the normalised spec last applied; null before the first
  std::string attempted_revision;
  std::string applied_revision;
  Phase phase = Phase::Created;
  std::string endpoint;
  std::string message;  ///< the provider's word on the phase
  std::vector<Condition> conditions;
  Timestamp created_at;
  std::optional<Timestamp> observed_at;
  std::optional<Timestamp> retained_until;
};

enum class IntentState { Open, Done, Failed };
std::string_view to_string(IntentState state);
std::optional<IntentState> intent_state_from(std::string_view name);

/// Written before a side effect. Its id is the idempotency key that the provider sees. Open ones
/// are kept until they are put as Done or Failed; of those the store keeps the newest 10,000 or so.
struct IntentRow {
  std::string id;
  std::string uid;  ///< of the resource
  Ref ref;
  std::string action;  ///< "create", "update", "start", "stop", "destroy", "erase"
  std::string provider;
  std::string spec_digest;
  std::string revision;
  IntentState state = IntentState::Open;
  std::string error;  ///< why it failed
  Timestamp created_at;

  bool operator==(const IntentRow&) const = default;
};

enum class DirectiveVerb { Stop, Start, Restart, Suspend };
/// "stop", "start", "restart", "suspend".
std::string_view to_string(DirectiveVerb verb);
std::optional<DirectiveVerb> directive_verb_from(std::string_view name);

/// A short-lived order by a person. At most one of a verb for a ref.
struct DirectiveRow {
  Ref ref;
  DirectiveVerb verb = DirectiveVerb::Stop;
  std::string by;
  std::string why;
  Timestamp created_at;
  std::optional<Timestamp> until;

  bool operator==(const DirectiveRow&) const = default;
};

/// A line of history. How much of it the store keeps is its StoreHistory.
struct EventRow {
  std::int64_t sequence = 0;  ///< given by the store on append: 1, 2, 3, ..., never reused
  Timestamp time;
  std::string tenant;   ///< who may read it; empty: the operator only
  std::string subject;  ///< a ref, or a source's key
  Severity severity = Severity::Normal;
  std::string reason;  ///< CamelCase: "Created", "DriftRepaired"
  std::string message;
  std::string revision;

  bool operator==(const EventRow&) const = default;
};

struct EventQuery {
  std::optional<std::string> tenant;  ///< only that tenant's; "" is the operator's own
  std::string subject;                ///< only that subject's, if not empty
  /// 0: the newest `limit` events. Otherwise the first `limit` events with a larger sequence, so
  /// that a follower that pages on from the last one it saw misses none; -1 pages from the oldest
  /// that is kept. Always given oldest first.
  std::int64_t after = 0;
  /// With `after` = 0: only those with a smaller sequence, so that the past can be paged through
  /// backwards; 0: all.
  std::int64_t before = 0;
  std::size_t limit = 200;
};

/// A measured quantity over a half-open time [from, to).
struct UsageRow {
  std::string id;
  std::string tenant_uid;
  std::string resource_uid;
  std::int64_t replica = 0;
  std::string meter;  ///< "active"
  Timestamp from;
  std::optional<Timestamp> to;  ///< open: it goes on
  Timestamp heartbeat;          ///< last time it was seen going on; where a crash closes it
  std::int64_t quantity = 0;    ///< of an interval: milliseconds, once closed
  std::shared_ptr<const Value> dimensions;
};

struct TokenRow {
  std::string id;
  std::string name;
  std::string hash;    ///< SHA-256 of the token; the token itself is shown once and never kept
  std::string tenant;  ///< scope; empty: the operator
  Timestamp created_at;
  std::optional<Timestamp> expires_at;

  bool operator==(const TokenRow&) const = default;
};

/// Somebody said yes to a guarded changeset.
struct AcknowledgementRow {
  std::string tenant;  ///< whose changeset; empty: the platform's
  std::string digest;
  std::string by;
  Timestamp at;

  bool operator==(const AcknowledgementRow&) const = default;
};

/// What happened, as those are told who asked to be told: a row of the outbox, written with the
/// fact itself. The store keeps the newest 50,000 or so.
struct NotificationRow {
  std::int64_t sequence = 0;  ///< given by the store on append; rises, never reused
  std::string id;             ///< of the message, the same for all who get it
  Timestamp time;
  std::string tenant;   ///< whose it is; empty: the operator's
  std::string type;     ///< "croft.resource.ready"; core/resource/event_type lists them
  std::string subject;  ///< a ref, or a source's key
  std::shared_ptr<const Value> data;
};

struct NotificationQuery {
  std::optional<std::string> tenant;  ///< only that tenant's
  /// As EventQuery::after.
  std::int64_t after = 0;
  std::size_t limit = 200;
};

/// What Croft remembers of a declared Webhook.
struct WebhookRow {
  Ref ref;
  std::string id;            ///< minted when it was first seen; its signing keys are made from it
  std::string source;        ///< key of the source that declares it
  std::int64_t cursor = -1;  ///< the newest notification that was looked at for it; -1: none
  std::int64_t key_number = 1;  ///< which of its signing keys is in use; rises by rotation
  std::optional<Timestamp> old_key_until;  ///< until then the key before signs, too
  std::optional<Timestamp> failing_since;  ///< no delivery got through since then
  std::optional<Timestamp> disabled_at;    ///< nothing is sent since then
  std::string disabled_reason;             ///< "Gone", "KeepsFailing"
  std::string message;                     ///< for people: why, or what the last attempt said
  Timestamp created_at;

  bool operator==(const WebhookRow&) const = default;
};

enum class DeliveryState {
  Pending,    ///< it is tried until it gets through, or too much time went by
  Delivered,  ///< the endpoint took it
  Failed,     ///< given up
};
std::string_view to_string(DeliveryState state);
std::optional<DeliveryState> delivery_state_from(std::string_view name);

/// One notification on its way to one Webhook. Pending ones are kept; of those that ended the
/// newest 10,000 or so.
struct DeliveryRow {
  std::string id;
  Ref webhook;
  NotificationRow notification;  ///< a copy: it outlives its row in the outbox
  DeliveryState state = DeliveryState::Pending;
  std::int64_t attempts = 0;
  std::optional<Timestamp> next_try;  ///< none: at once
  std::int64_t status = 0;            ///< of HTTP, of the last attempt; 0: it got no answer
  std::string answer;                 ///< how the last attempt ended, for people
  Timestamp created_at;
  std::optional<Timestamp> ended_at;
};

struct DeliveryQuery {
  Ref webhook;
  bool only_pending = false;  ///< the oldest first; otherwise the newest `limit`, oldest first
  std::string subject;        ///< of pending ones: only that subject's, if not empty
  /// Of pending ones: only those of a larger sequence, so that they can be paged through.
  std::int64_t after = -1;
  std::size_t limit = 100;
};

}  // namespace croft
