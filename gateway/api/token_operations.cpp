#include <algorithm>

#include "gateway/api/json_forms.hpp"
#include "gateway/api/operation.hpp"

namespace croft::operations {

namespace {

constexpr Duration kShortest{60'000};
constexpr Duration kLongest{10LL * 365 * 86'400'000};

TokenSummary summary_of(const TokenRow& row) {
  return {row.id, row.name, row.tenant, row.created_at, row.expires_at};
}

Result<std::optional<Timestamp>> expiry_of(const Service& service, const Call& call) {
  const std::string text = call.body.text_or("expiresIn", "");
  if (text.empty()) return std::nullopt;
  TRY_ASSIGN(const Duration duration, while_doing(parse_duration(text), "reading 'expiresIn'"));
  if (duration < kShortest || duration > kLongest) {
    return fail(ErrorCode::Invalid, "'expiresIn' has to be between a minute and ten years");
  }
  return service.parts.clock.now() + duration;
}

/// NotFound unless the tenant was accepted: its token holds for that acceptance, not for its name.
Task<Result<void>> check_tenant(Service& service, std::string tenant) {
  if (tenant.empty()) co_return Result<void>();
  CO_TRY_ASSIGN(const std::vector<TenantRow> rows, co_await service.parts.store.tenants());
  const bool is_there = std::ranges::any_of(
      rows, [&](const TenantRow& row) { return row.name == tenant && !row.removed_at; });
  if (!is_there) co_return fail(no_such("tenant '" + tenant + "'"));
  co_return Result<void>();
}

}  // namespace

Task<Result<HttpResponse>> tokens(Service& service, Call call) {
  (void)call;
  CO_TRY_ASSIGN(const std::vector<TokenRow> rows, co_await service.parts.store.tokens());
  std::vector<TokenSummary> summaries;
  std::ranges::transform(rows, std::back_inserter(summaries), summary_of);
  co_return json_response(to_list_form("tokens", summaries));
}

Task<Result<HttpResponse>> make_token(Service& service, Call call) {
  TokenRow row;
  row.tenant = call.body.text_or("tenant", "");
  CO_TRY(co_await check_tenant(service, row.tenant));
  CO_TRY_ASSIGN(row.expires_at, expiry_of(service, call));
  const std::string token = std::string(kTokenPrefix) + service.parts.random.id();
  row.id = service.parts.random.id();
  row.name = call.body.text_or("name", "");
  row.hash = sha256_hex(token);
  row.created_at = service.parts.clock.now();
  Value answer = Value::map({{"token", token}, {"summary", to_form(summary_of(row))}});
  Transaction transaction;
  transaction.add(PutToken{std::move(row)});
  CO_TRY(co_await service.parts.store.commit(std::move(transaction)));
  co_return json_response(answer, 201);
}

Task<Result<HttpResponse>> revoke_token(Service& service, Call call) {
  const std::string& id = call.path.at("id");
  CO_TRY_ASSIGN(const std::vector<TokenRow> rows, co_await service.parts.store.tokens());
  if (std::ranges::find(rows, id, &TokenRow::id) == rows.end())
    co_return fail(no_such("token '" + id + "'"));
  Transaction transaction;
  transaction.add(EraseToken{id});
  CO_TRY(co_await service.parts.store.commit(std::move(transaction)));
  co_return empty_response();
}

}  // namespace croft::operations
