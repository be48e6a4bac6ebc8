#include <algorithm>

#include <fmt/format.h>

#include "core/resource/status.hpp"
#include "gateway/api/json_forms.hpp"
#include "gateway/api/log_pipe.hpp"
#include "gateway/api/operation.hpp"
#include "gateway/metrics/exposition.hpp"

namespace croft::operations {

namespace {

constexpr std::size_t kEventsOfOne = 20;
constexpr int kTailLines = 20;
constexpr std::size_t kTailBytes = 16U << 10U;
constexpr Duration kTailTimeout{2'000};

/// True if a listing about `asked` (nothing: all) shows what belongs to `tenant`.
bool shows(const std::optional<std::string>& asked, const std::string& tenant) {
  return !asked || *asked == tenant;
}

/// The last lines of its log, as far as its provider has any.
Task<std::string> log_tail(Service& service, ResourceStatus status) {
  LogRequest request;
  request.uid = status.uid;
  request.last_lines = kTailLines;
  const auto pipe = open_log(service.parts.engine, co_await asio::this_coro::executor, status.ref,
                             std::move(request), kTailBytes);
  co_await pipe->wait_for_end(kTailTimeout);
  co_return pipe->take();
}

}  // namespace

Task<Result<HttpResponse>> health(Service& service, Call call) {
  (void)service, (void)call;
  co_return json_response(Value::map({{"status", "ok"}}));
}

Task<Result<HttpResponse>> readiness(Service& service, Call call) {
  (void)call;
  if (service.settings.reasons_not_ready) {
    const std::vector<std::string> reasons = co_await service.settings.reasons_not_ready();
    if (!reasons.empty())
      co_return fail(ErrorCode::Unavailable, fmt::format("{}", fmt::join(reasons, "; ")));
  }
  // Whatever ails the store is the operator's to know, not everybody's.
  const Result<std::vector<TenantRow>> tenants = co_await service.parts.store.tenants();
  if (!tenants) co_return fail(ErrorCode::Unavailable, "the store does not answer");
  co_return json_response(Value::map({{"status", "ok"}}));
}

Task<Result<HttpResponse>> metrics(Service& service, Call call) {
  (void)call;
  if (!service.settings.metrics)
    co_return fail(ErrorCode::NotFound, "this server shows no metrics");
  std::string page = co_await service.settings.metrics();
  co_return metrics_answer(std::move(page));
}

Task<Result<HttpResponse>> openapi(Service& service, Call call) {
  (void)call;
  HttpResponse response = json_response(Value());
  response.body = service.openapi;
  co_return response;
}

Task<Result<HttpResponse>> version(Service& service, Call call) {
  (void)call;
  co_return json_response(
      to_form(ServerVersion{service.settings.version, "v1", service.settings.is_solo}));
}

Task<Result<HttpResponse>> tenants(Service& service, Call call) {
  Value names = Value::list();
  for (const std::string& name : service.parts.engine.tenants()) {
    if (call.who.may_see(name)) names.push_back(name);
  }
  co_return json_response(Value::map({{"tenants", std::move(names)}}));
}

Task<Result<HttpResponse>> sources(Service& service, Call call) {
  CO_TRY_ASSIGN(const std::optional<std::string> tenant, listed_tenant(call));
  std::vector<SourceStatus> sources = service.parts.engine.sources(tenant.value_or(""));
  std::erase_if(sources, [&](const SourceStatus& source) { return !shows(tenant, source.tenant); });
  for (SourceStatus& source : sources) {
    if (source.receiver && service.settings.hook_url)
      source.hook = service.settings.hook_url(source.key);
  }
  co_return json_response(to_list_form("sources", sources));
}

Task<Result<HttpResponse>> providers(Service& service, Call call) {
  (void)call;
  co_return json_response(to_list_form("providers", service.parts.engine.providers()));
}

Task<Result<HttpResponse>> resources(Service& service, Call call) {
  CO_TRY_ASSIGN(const std::optional<std::string> tenant, listed_tenant(call));
  const std::string kind = call.query.text_or("kind", "");
  std::vector<ResourceStatus> resources = service.parts.engine.status(tenant.value_or(""));
  std::erase_if(resources, [&](const ResourceStatus& status) {
    return !shows(tenant, status.ref.tenant) ||
           (!kind.empty() && to_string(status.ref.kind) != kind);
  });
  std::ranges::sort(resources, {}, &ResourceStatus::ref);
  co_return json_response(to_list_form("resources", resources));
}

Task<Result<HttpResponse>> resource(Service& service, Call call) {
  CO_TRY_ASSIGN(const Ref ref, named_ref(call));
  ResourceDetail detail;
  CO_TRY_ASSIGN(detail.status, status_of(service, ref));
  EventQuery query;
  query.tenant = ref.tenant;
  query.subject = to_string(ref);
  query.limit = kEventsOfOne;
  CO_TRY_ASSIGN(detail.events, co_await service.parts.engine.events(std::move(query)));
  const Condition* ready = find_condition(detail.status.conditions, "Ready");
  const bool is_ready = ready != nullptr && ready->status == ConditionStatus::True;
  if (!is_ready && is_workload(ref.kind))
    detail.log_tail = co_await log_tail(service, detail.status);
  co_return json_response(to_form(detail));
}

Task<Result<HttpResponse>> use(Service& service, Call call) {
  CO_TRY_ASSIGN(const std::optional<std::string> tenant, listed_tenant(call));
  std::string whose = tenant.value_or("");
  CO_TRY_ASSIGN(std::vector<ResourceUse> all, co_await service.parts.engine.use(std::move(whose)));
  std::erase_if(all, [&](const ResourceUse& one) { return !shows(tenant, one.ref.tenant); });
  std::ranges::sort(all, {}, &ResourceUse::ref);
  co_return json_response(to_list_form("resources", all));
}

Task<Result<HttpResponse>> settled(Service& service, Call call) {
  CO_TRY_ASSIGN(const std::optional<std::string> tenant, listed_tenant(call));
  const bool is_settled = service.parts.engine.is_settled(tenant.value_or(""));
  co_return json_response(Value::map({{"settled", is_settled}}));
}

Task<Result<HttpResponse>> directives(Service& service, Call call) {
  CO_TRY_ASSIGN(const std::optional<std::string> tenant, listed_tenant(call));
  CO_TRY_ASSIGN(std::vector<DirectiveRow> directives, co_await service.parts.store.directives());
  std::erase_if(directives,
                [&](const DirectiveRow& row) { return !shows(tenant, row.ref.tenant); });
  co_return json_response(to_list_form("directives", directives));
}

Task<Result<HttpResponse>> prunes(Service& service, Call call) {
  CO_TRY_ASSIGN(const std::optional<std::string> tenant, listed_tenant(call));
  std::vector<Changeset> waiting = service.parts.engine.guarded(tenant.value_or(""));
  std::erase_if(waiting,
                [&](const Changeset& changeset) { return !shows(tenant, changeset.tenant); });
  co_return json_response(to_list_form("prunes", waiting));
}

}  // namespace croft::operations
