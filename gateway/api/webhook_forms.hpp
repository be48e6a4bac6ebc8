#pragma once

#include <optional>
#include <string>

#include "core/base/value.hpp"
#include "core/resource/status.hpp"
#include "core/store/rows.hpp"
#include "reconciler/notify/dispatcher.hpp"

namespace croft {

/// A Webhook as it is listed.
struct WebhookSummary {
  Ref ref;
  std::string url;  ///< without what may be a key; empty if it is a secret
  std::string format;
  Condition ready;
  std::int64_t waiting = 0;            ///< deliveries that are tried, or to be
  std::optional<std::int64_t> status;  ///< of HTTP, of the last attempt; 0: no answer
  std::optional<Timestamp> disabled_at;
  Timestamp created_at;

  bool operator==(const WebhookSummary&) const = default;
};

/// A delivery as it is listed.
struct DeliverySummary {
  std::string id;
  std::string message;  ///< id of the event: what the header webhook-id says
  std::string type;
  std::string subject;
  DeliveryState state = DeliveryState::Pending;
  std::int64_t attempts = 0;
  std::int64_t status = 0;
  std::string answer;
  Timestamp happened_at;
  std::optional<Timestamp> next_try;
  std::optional<Timestamp> ended_at;

  bool operator==(const DeliverySummary&) const = default;
};

WebhookSummary summary_of(const notify::WebhookStatus& status);
DeliverySummary summary_of(const DeliveryRow& row);

Value to_form(const WebhookSummary& webhook);
Value to_form(const DeliverySummary& delivery);
Value to_form(const notify::TestOutcome& outcome);

// Each is Invalid, naming the field, for what is not its form.
Result<WebhookSummary> webhook_from_form(const Value& form);
Result<DeliverySummary> delivery_from_form(const Value& form);
Result<notify::TestOutcome> test_outcome_from_form(const Value& form);

}  // namespace croft
