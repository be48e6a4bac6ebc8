#include "gateway/api/webhook_forms.hpp"

#include "gateway/api/form_reader.hpp"
#include "gateway/api/json_forms.hpp"

namespace croft {

namespace {

Value optional_time_form(const std::optional<Timestamp>& time) {
  return time ? Value(format_time(*time)) : Value();
}

}  // namespace

WebhookSummary summary_of(const notify::WebhookStatus& status) {
  WebhookSummary summary;
  summary.ref = status.row.ref;
  summary.url = status.url;
  summary.format = to_string(status.declaration.format);
  summary.ready = status.ready;
  summary.waiting = static_cast<std::int64_t>(status.waiting);
  if (status.last) summary.status = status.last->status;
  summary.disabled_at = status.row.disabled_at;
  summary.created_at = status.row.created_at;
  return summary;
}

DeliverySummary summary_of(const DeliveryRow& row) {
  return {.id = row.id,
          .message = row.notification.id,
          .type = row.notification.type,
          .subject = row.notification.subject,
          .state = row.state,
          .attempts = row.attempts,
          .status = row.status,
          .answer = row.answer,
          .happened_at = row.notification.time,
          .next_try = row.next_try,
          .ended_at = row.ended_at};
}

Value to_form(const WebhookSummary& webhook) {
  return Value::map({{"ref", to_string(webhook.ref)},
                     {"url", webhook.url},
                     {"format", webhook.format},
                     {"ready", to_form(webhook.ready)},
                     {"waiting", webhook.waiting},
                     {"status", webhook.status ? Value(*webhook.status) : Value()},
                     {"disabledAt", optional_time_form(webhook.disabled_at)},
                     {"createdAt", format_time(webhook.created_at)}});
}

Result<WebhookSummary> webhook_from_form(const Value& form) {
  FormReader reader(form, "a webhook");
  WebhookSummary webhook;
  webhook.ref = reader.ref("ref");
  webhook.url = reader.text_or("url", "");
  webhook.format = reader.text_or("format", "");
  if (const Value* ready = reader.find("ready")) {
    TRY_ASSIGN(webhook.ready, condition_from_form(*ready));
  }
  webhook.waiting = reader.integer_or("waiting", 0);
  if (const Value* status = reader.find("status"); status != nullptr && status->is_integer())
    webhook.status = status->as_integer();
  webhook.disabled_at = reader.optional_time("disabledAt");
  webhook.created_at = reader.time("createdAt");
  return reader.finish(std::move(webhook));
}

Value to_form(const DeliverySummary& delivery) {
  return Value::map({{"id", delivery.id},
                     {"message", delivery.message},
                     {"type", delivery.type},
                     {"subject", delivery.subject},
                     {"state", to_string(delivery.state)},
                     {"attempts", delivery.attempts},
                     {"status", delivery.status},
                     {"answer", delivery.answer},
                     {"happenedAt", format_time(delivery.happened_at)},
                     {"nextTry", optional_time_form(delivery.next_try)},
                     {"endedAt", optional_time_form(delivery.ended_at)}});
}

Result<DeliverySummary> delivery_from_form(const Value& form) {
  FormReader reader(form, "a delivery");
  DeliverySummary delivery;
  delivery.id = reader.text("id");
  delivery.message = reader.text_or("message", "");
  delivery.type = reader.text("type");
  delivery.subject = reader.text_or("subject", "");
  delivery.state = reader.name_of("state", delivery_state_from);
  delivery.attempts = reader.integer_or("attempts", 0);
  delivery.status = reader.integer_or("status", 0);
  delivery.answer = reader.text_or("answer", "");
  delivery.happened_at = reader.time("happenedAt");
  delivery.next_try = reader.optional_time("nextTry");
  delivery.ended_at = reader.optional_time("endedAt");
  return reader.finish(std::move(delivery));
}

Value to_form(const notify::TestOutcome& outcome) {
  return Value::map(
      {{"taken", outcome.is_taken}, {"status", outcome.status}, {"answer", outcome.answer}});
}

Result<notify::TestOutcome> test_outcome_from_form(const Value& form) {
  FormReader reader(form, "the outcome of a test");
  notify::TestOutcome outcome;
  outcome.is_taken = reader.boolean_or("taken", false);
  outcome.status = static_cast<int>(reader.integer_or("status", 0));
  outcome.answer = reader.text_or("answer", "");
  return reader.finish(std::move(outcome));
}

}  // namespace croft
