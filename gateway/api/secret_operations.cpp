#include "gateway/api/json_forms.hpp"
#include "gateway/api/operation.hpp"

namespace croft::operations {

namespace {

Task<Result<HttpResponse>> key_list(Service& service, std::string tenant) {
  CO_TRY_ASSIGN(const std::vector<SealingKey> keys,
                co_await service.parts.engine.sealing_keys(std::move(tenant)));
  co_return json_response(to_list_form("keys", keys));
}

}  // namespace

Task<Result<HttpResponse>> sealing_keys(Service& service, Call call) {
  CO_TRY_ASSIGN(const std::optional<std::string> tenant, listed_tenant(call));
  std::string whose = tenant.value_or("");
  co_return co_await key_list(service, std::move(whose));
}

Task<Result<HttpResponse>> rotate_sealing_key(Service& service, Call call) {
  CO_TRY(co_await service.parts.engine.rotate_sealing_key(call.who.name));
  std::string operators;
  co_return co_await key_list(service, std::move(operators));
}

Task<Result<HttpResponse>> retire_sealing_key(Service& service, Call call) {
  std::string id = call.path.at("id");
  CO_TRY(co_await service.parts.engine.retire_sealing_key(std::move(id), call.who.name));
  co_return empty_response();
}

Task<Result<HttpResponse>> reseal(Service& service, Call call) {
  SealedValue value;
  CO_TRY_ASSIGN(value.tenant, named_tenant(call, ""));
  value.name = call.body.text_or("name", "");
  value.key = call.body.text_or("key", "");
  value.sealed = call.body.text_or("sealed", "");
  CO_TRY_ASSIGN(std::string sealed, co_await service.parts.engine.reseal(std::move(value)));
  const Value answer = Value::map({{"sealed", std::move(sealed)}});
  co_return json_response(answer);
}

}  // namespace croft::operations
