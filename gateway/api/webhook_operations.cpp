#include <algorithm>

#include "gateway/api/json_forms.hpp"
#include "gateway/api/operation.hpp"
#include "gateway/api/webhook_forms.hpp"

namespace croft::operations {

namespace {

constexpr std::int64_t kDeliveriesShown = 50;

/// The Webhook in the path. NotFound if it may not be seen.
Result<Ref> named_webhook(const Call& call) {
  const std::string& tenant = call.path.at("tenant");
  Ref ref{tenant == "-" ? "" : tenant, Kind::Webhook, call.path.at("name")};
  const bool is_name = ref.tenant.empty() || is_tenant_name(ref.tenant);
  if (!is_name || !call.who.may_see(ref.tenant)) return fail(no_such(to_string(ref)));
  return ref;
}

}  // namespace

Task<Result<HttpResponse>> webhooks(Service& service, Call call) {
  CO_TRY_ASSIGN(const std::optional<std::string> tenant, listed_tenant(call));
  std::vector<WebhookSummary> webhooks;
  for (const notify::WebhookStatus& one : service.parts.engine.webhooks().list("")) {
    if (!tenant || one.row.ref.tenant == *tenant) webhooks.push_back(summary_of(one));
  }
  co_return json_response(to_list_form("webhooks", webhooks));
}

Task<Result<HttpResponse>> deliveries(Service& service, Call call) {
  CO_TRY_ASSIGN(Ref webhook, named_webhook(call));
  const std::int64_t limit = call.query.integer_or("limit", kDeliveriesShown);
  CO_TRY_ASSIGN(const std::vector<DeliveryRow> rows,
                co_await service.parts.engine.webhooks().deliveries(
                    std::move(webhook), static_cast<std::size_t>(limit)));
  std::vector<DeliverySummary> deliveries;
  for (const DeliveryRow& row : rows) deliveries.push_back(summary_of(row));
  co_return json_response(to_list_form("deliveries", deliveries));
}

Task<Result<HttpResponse>> test_webhook(Service& service, Call call) {
  CO_TRY_ASSIGN(Ref webhook, named_webhook(call));
  CO_TRY_ASSIGN(const notify::TestOutcome outcome,
                co_await service.parts.engine.webhooks().test(std::move(webhook)));
  co_return json_response(to_form(outcome));
}

Task<Result<HttpResponse>> replay_webhook(Service& service, Call call) {
  CO_TRY_ASSIGN(Ref webhook, named_webhook(call));
  std::string id = call.body.text_or("delivery", "");
  CO_TRY_ASSIGN(const std::size_t count,
                co_await service.parts.engine.webhooks().replay(std::move(webhook), std::move(id)));
  co_return json_response(Value::map({{"count", static_cast<std::int64_t>(count)}}));
}

Task<Result<HttpResponse>> rotate_webhook(Service& service, Call call) {
  CO_TRY_ASSIGN(Ref webhook, named_webhook(call));
  CO_TRY_ASSIGN(const std::string key,
                co_await service.parts.engine.webhooks().rotate(std::move(webhook)));
  co_return json_response(Value::map({{"secret", key}}));
}

}  // namespace croft::operations
