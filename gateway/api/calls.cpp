// What the operations have in common.

#include <algorithm>

#include "gateway/api/json_forms.hpp"
#include "gateway/api/operation.hpp"

namespace croft {

HttpResponse json_response(const Value& body, int status) {
  HttpResponse response;
  response.status = status;
  response.headers.set("Content-Type", "application/json");
  response.headers.set("Cache-Control", "no-store");
  // Messages may quote what a program printed, and that may be any bytes.
  response.body = repair_utf8(to_json(body)) + "\n";
  return response;
}

HttpResponse empty_response() {
  HttpResponse response;
  response.status = 204;
  return response;
}

Error no_such(std::string_view what) {
  return {ErrorCode::NotFound, "there is no " + std::string(what)};
}

namespace {

Error no_such_tenant(std::string_view name) {
  return no_such("tenant '" + std::string(name) + "'");
}

}  // namespace

Result<std::optional<std::string>> listed_tenant(const Call& call) {
  const std::string asked = call.query.text_or("tenant", "");
  if (asked.empty()) {
    return call.who.is_operator ? std::optional<std::string>() : std::optional(call.who.tenant);
  }
  const std::string tenant = asked == "-" ? "" : asked;
  const bool is_name = tenant.empty() || is_tenant_name(tenant);
  if (!is_name || !call.who.may_see(tenant)) return fail(no_such_tenant(asked));
  return tenant;
}

Result<std::string> named_tenant(const Call& call, std::string_view fallback) {
  const std::string asked =
      call.body.text_or("tenant", call.who.is_operator ? fallback : call.who.tenant);
  const std::string tenant = asked == "-" ? "" : asked;
  const bool is_name = tenant.empty() || is_tenant_name(tenant);
  if (!is_name || !call.who.may_see(tenant)) return fail(no_such_tenant(asked));
  return tenant;
}

Result<Ref> named_ref(const Call& call) {
  const std::string& tenant = call.path.at("tenant");
  const std::string text =
      (tenant == "-" ? "" : tenant + "/") + call.path.at("kind") + "/" + call.path.at("name");
  Result<Ref> ref = parse_ref(text);
  if (!ref || ref->tenant != (tenant == "-" ? "" : tenant) || !call.who.may_see(ref->tenant))
    return fail(no_such(text));
  return ref;
}

Result<ResourceStatus> status_of(const Service& service, const Ref& ref) {
  std::vector<ResourceStatus> all = service.parts.engine.status(ref.tenant);
  const auto found = std::ranges::find(all, ref, &ResourceStatus::ref);
  if (found == all.end()) return fail(no_such(to_string(ref)));
  return std::move(*found);
}

}  // namespace croft
