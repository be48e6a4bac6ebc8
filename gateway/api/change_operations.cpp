#include <algorithm>

#include "core/base/work.hpp"
#include "gateway/api/json_forms.hpp"
#include "gateway/api/operation.hpp"
#include "gateway/api/price_forms.hpp"
#include "gateway/api/upload.hpp"

namespace croft::operations {

namespace {

/// Reasons of guards that only the operator may answer: the tenant is what goes.
constexpr std::string_view kOperatorsGuards[] = {"TenantRemoved"};

Task<Result<std::shared_ptr<const FileTree>>> uploaded_tree(Service& service, const Value* upload) {
  if (upload == nullptr) co_return std::shared_ptr<const FileTree>();
  const auto read = [copy = *upload] { return tree_from_upload(copy); };
  co_return co_await service.parts.pool.run(read);
}

Result<DirectiveRow> directive_of(const Service& service, const Call& call) {
  const std::string text = call.body.text_or("ref", "");
  TRY_ASSIGN(Ref ref, parse_ref(text, call.who.tenant));
  if (!call.who.may_see(ref.tenant)) return fail(no_such(text));
  DirectiveRow directive;
  directive.ref = std::move(ref);
  directive.verb = directive_verb_from(call.body.text_or("verb", "")).value_or(DirectiveVerb::Stop);
  directive.by = call.who.name;
  directive.why = call.body.text_or("why", "");
  directive.created_at = service.parts.clock.now();
  if (const std::string until = call.body.text_or("until", ""); !until.empty()) {
    TRY_ASSIGN(directive.until, while_doing(parse_time(until), "reading 'until'"));
    if (*directive.until <= directive.created_at) {
      return fail(ErrorCode::Invalid, "'until' is in the past");
    }
  }
  return directive;
}

Task<Result<DiffRequest>> diff_request(Service& service, Call call) {
  DiffRequest request;
  CO_TRY_ASSIGN(request.tenant, named_tenant(call, ""));
  request.source = call.body.text_or("source", "");
  request.label = call.body.text_or("label", request.label);
  CO_TRY_ASSIGN(request.tree, co_await uploaded_tree(service, call.body.find("tree")));
  co_return request;
}

}  // namespace

Task<Result<HttpResponse>> diff(Service& service, Call call) {
  CO_TRY_ASSIGN(DiffRequest request, co_await diff_request(service, std::move(call)));
  CO_TRY_ASSIGN(const Changeset changeset, co_await service.parts.engine.diff(std::move(request)));
  co_return json_response(to_form(changeset));
}

Task<Result<HttpResponse>> price(Service& service, Call call) {
  PriceRequest request;
  request.all_plans = call.body.boolean_or("compare", false);
  if (const Value* usage = call.body.find("usage")) {
    CO_TRY_ASSIGN(request.supposed, supposed_from_form(*usage));
  }
  CO_TRY_ASSIGN(request.what, co_await diff_request(service, std::move(call)));
  CO_TRY_ASSIGN(const PriceList list, co_await service.parts.engine.price(std::move(request)));
  co_return json_response(to_form(list));
}

Task<Result<HttpResponse>> reconcile(Service& service, Call call) {
  ReconcileRequest request;
  CO_TRY_ASSIGN(request.tenant, named_tenant(call, ""));
  if (const Value* expect = call.body.find("expect")) request.expect = expect->as_text();
  CO_TRY_ASSIGN(const std::vector<Changeset> changesets,
                co_await service.parts.engine.reconcile(std::move(request)));
  co_return json_response(to_list_form("changesets", changesets));
}

Task<Result<HttpResponse>> look(Service& service, Call call) {
  const std::string key = call.body.text_or("source", "");
  const std::vector<SourceStatus> sources = service.parts.engine.sources("");
  const auto found = std::ranges::find(sources, key, &SourceStatus::key);
  if (found == sources.end() || !call.who.may_see(found->tenant))
    co_return fail(no_such("source '" + key + "'"));
  const std::int64_t merge_request = call.body.integer_or("mergeRequest", 0);
  if (merge_request == 0) {
    const auto work = std::make_shared<Work>();
    work->span =
        parse_traceparent(call.headers.value_or("traceparent", "")).value_or(SpanContext());
    const WorkScope scope(work);
    CO_TRY(service.parts.engine.look_at(key));
  } else if (service.settings.on_merge_request) {
    CO_TRY(co_await service.settings.on_merge_request(key, merge_request));
  }
  co_return empty_response();
}

Task<Result<HttpResponse>> direct(Service& service, Call call) {
  CO_TRY_ASSIGN(DirectiveRow directive, directive_of(service, call));
  CO_TRY(status_of(service, directive.ref));
  const Value form = to_form(directive);
  CO_TRY(co_await service.parts.engine.direct(std::move(directive)));
  co_return json_response(form, 201);
}

Task<Result<HttpResponse>> withdraw(Service& service, Call call) {
  CO_TRY_ASSIGN(Ref ref, named_ref(call));
  const DirectiveVerb verb =
      directive_verb_from(call.path.at("verb")).value_or(DirectiveVerb::Stop);
  CO_TRY(co_await service.parts.engine.withdraw(std::move(ref), verb, call.who.name));
  co_return empty_response();
}

Task<Result<HttpResponse>> acknowledge(Service& service, Call call) {
  CO_TRY_ASSIGN(std::string tenant, named_tenant(call, ""));
  const std::string digest = call.body.text_or("digest", "");
  const std::vector<Changeset> waiting = service.parts.engine.guarded(tenant);
  const auto found = std::ranges::find_if(waiting, [&](const Changeset& changeset) {
    return changeset.tenant == tenant && changeset.digest == digest;
  });
  if (found == waiting.end()) {
    co_return fail(Error(ErrorCode::Conflict, "no changeset of that digest waits")
                       .with_hint("it may have moved on; `croft prune show` says what waits now"));
  }
  const bool is_operators =
      found->guard && std::ranges::count(kOperatorsGuards, found->guard->reason) > 0;
  if (is_operators && !call.who.is_operator) {
    co_return fail(ErrorCode::Denied, "only the operator can acknowledge this");
  }
  CO_TRY(co_await service.parts.engine.acknowledge(std::move(tenant), digest, call.who.name));
  co_return empty_response();
}

Task<Result<HttpResponse>> adopt(Service& service, Call call) {
  CO_TRY_ASSIGN(std::string tenant, named_tenant(call, ""));
  CO_TRY_ASSIGN(const std::vector<Ref> adopted,
                co_await service.parts.engine.adopt(std::move(tenant), call.who.name));
  Value names = Value::list();
  for (const Ref& ref : adopted) names.push_back(to_string(ref));
  co_return json_response(Value::map({{"adopted", std::move(names)}}));
}

}  // namespace croft::operations
