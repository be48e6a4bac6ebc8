#pragma once

#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "core/store/rows.hpp"

// Rows with every field filled, for tests of stores.

namespace croft::store_rows {

inline Timestamp at(std::int64_t milliseconds) {
  return Timestamp(Duration(1'700'000'000'000 + milliseconds));
}

inline Ref site(std::string tenant, std::string name) {
  return {std::move(tenant), Kind::Site, std::move(name)};
}

inline std::shared_ptr<const Value> document(Value value) {
  return std::make_shared<const Value>(std::move(value));
}

inline bool is_same(const std::shared_ptr<const Value>& a, const std::shared_ptr<const Value>& b) {
  return a == nullptr || b == nullptr ? a == b : *a == *b;
}

inline Condition condition(std::string type) {
  return {.type = std::move(type),
          .status = ConditionStatus::False,
          .reason = "CrashLoop",
          .message = "exit 1, \"next\" try in 40s",
          .since = at(7)};
}

inline TenantRow tenant(std::string uid, std::string name) {
  return {.uid = std::move(uid), .name = std::move(name), .created_at = at(0)};
}

inline SourceRow source(std::string key) {
  return {.key = std::move(key),
          .url = "https://git.example.com/a.git",
          .ref = "main",
          .path = ".",
          .attempted_revision = "8d1c0aa",
          .applied_revision = "3f2a9c1",
          .conditions = {condition("Ready"), condition("Stalled")},
          .fetched_at = at(5)};
}

inline ResourceRow resource(std::string uid, Ref ref) {
  return {.uid = std::move(uid),
          .ref = std::move(ref),
          .source = "alice/main",
          .provider = "local",
          .applied = document(Value::map({{"files", Value::map({{"path", Value("public")}})}})),
          .attempted_revision = "8d1c0aa",
          .applied_revision = "3f2a9c1",
          .phase = Phase::Failed,
          .endpoint = "release:42",
          .message = "exit 1",
          .conditions = {condition("Ready")},
          .created_at = at(1),
          .observed_at = at(2),
          .retained_until = at(3)};
}

inline IntentRow intent(std::string id, IntentState state = IntentState::Open,
                        std::int64_t when = 0) {
  return {.id = std::move(id),
          .uid = "u1",
          .ref = site("alice", "blog"),
          .action = "create",
          .provider = "local",
          .spec_digest = "abc",
          .revision = "8d1c0aa",
          .state = state,
          .created_at = at(when)};
}

inline DirectiveRow directive(Ref ref, DirectiveVerb verb) {
  return {.ref = std::move(ref),
          .verb = verb,
          .by = "alice",
          .why = "maintenance",
          .created_at = at(1),
          .until = at(9)};
}

inline EventRow event(std::string tenant_name, std::string subject,
                      std::string message = "it is there") {
  return {.time = at(4),
          .tenant = std::move(tenant_name),
          .subject = std::move(subject),
          .severity = Severity::Warning,
          .reason = "Created",
          .message = std::move(message),
          .revision = "8d1c0aa"};
}

inline UsageRow usage(std::string id, std::int64_t from, std::optional<std::int64_t> to) {
  UsageRow row{.id = std::move(id),
               .tenant_uid = "t1",
               .resource_uid = "u1",
               .replica = 2,
               .meter = "active"};
  row.from = at(from);
  if (to) row.to = at(*to);
  row.heartbeat = at(from + 1);
  row.quantity = 12;
  row.dimensions = document(Value::map({{"plan", Value("hobby")}}));
  return row;
}

inline TokenRow token(std::string id) {
  return {.id = std::move(id),
          .name = "ci",
          .hash = "0f",
          .tenant = "alice",
          .created_at = at(1),
          .expires_at = at(2)};
}

inline NotificationRow notification(std::string id, std::string tenant_name) {
  return {.id = std::move(id),
          .time = at(4),
          .tenant = std::move(tenant_name),
          .type = "croft.resource.ready",
          .subject = "alice/Site/blog",
          .data = document(Value::map({{"kind", Value("Site")}}))};
}

inline Ref webhook_ref(std::string name, std::string tenant_name = "alice") {
  return {std::move(tenant_name), Kind::Webhook, std::move(name)};
}

inline WebhookRow webhook(std::string name) {
  return {.ref = webhook_ref(std::move(name)),
          .id = "w1",
          .source = "alice/main",
          .cursor = 7,
          .key_number = 3,
          .old_key_until = at(5),
          .failing_since = at(6),
          .disabled_at = at(7),
          .disabled_reason = "Gone",
          .message = "it answered 410",
          .created_at = at(1)};
}

inline DeliveryRow delivery(std::string id, std::string webhook_name, std::int64_t sequence,
                            DeliveryState state = DeliveryState::Pending) {
  DeliveryRow row{.id = std::move(id), .webhook = webhook_ref(std::move(webhook_name))};
  row.notification = notification("n" + std::to_string(sequence), "alice");
  row.notification.sequence = sequence;
  row.state = state;
  row.attempts = 2;
  row.next_try = at(8);
  row.status = 503;
  row.answer = "it answered 503";
  row.created_at = at(5);
  if (state != DeliveryState::Pending) row.ended_at = at(9 + sequence);
  return row;
}

inline bool is_same(const NotificationRow& a, const NotificationRow& b) {
  return a.sequence == b.sequence && a.id == b.id && a.time == b.time && a.tenant == b.tenant &&
         a.type == b.type && a.subject == b.subject && is_same(a.data, b.data);
}

inline bool is_same(const DeliveryRow& a, const DeliveryRow& b) {
  return a.id == b.id && a.webhook == b.webhook && is_same(a.notification, b.notification) &&
         a.state == b.state && a.attempts == b.attempts && a.next_try == b.next_try &&
         a.status == b.status && a.answer == b.answer && a.created_at == b.created_at &&
         a.ended_at == b.ended_at;
}

inline bool is_same(const ResourceRow& a, const ResourceRow& b) {
  return a.uid == b.uid && a.ref == b.ref && a.source == b.source && a.provider == b.provider &&
         a.state == b.state && is_same(a.applied, b.applied) &&
         a.attempted_revision == b.attempted_revision && a.applied_revision == b.applied_revision &&
         a.phase == b.phase && a.endpoint == b.endpoint && a.message == b.message &&
         a.conditions == b.conditions && a.created_at == b.created_at &&
         a.observed_at == b.observed_at && a.retained_until == b.retained_until;
}

inline bool is_same(const UsageRow& a, const UsageRow& b) {
  return a.id == b.id && a.tenant_uid == b.tenant_uid && a.resource_uid == b.resource_uid &&
         a.replica == b.replica && a.meter == b.meter && a.from == b.from && a.to == b.to &&
         a.heartbeat == b.heartbeat && a.quantity == b.quantity &&
         is_same(a.dimensions, b.dimensions);
}

}  // namespace croft::store_rows
