#include "gateway/api/access.hpp"

#include <algorithm>
#include <array>
#include <pwd.h>
#include <unistd.h>

#include "core/base/id.hpp"

namespace croft {

namespace {

constexpr std::string_view kBearer = "bearer ";

std::string user_name(std::uint32_t uid) {
  std::array<char, 4096> buffer{};
  passwd entry{};
  passwd* found = nullptr;
  if (getpwuid_r(uid, &entry, buffer.data(), buffer.size(), &found) == 0 && found != nullptr) {
    return found->pw_name;
  }
  return "uid " + std::to_string(uid);
}

Result<Principal> peer_principal(const HttpPeer& peer,
                                 const std::vector<std::uint32_t>& operator_uids) {
  const bool is_operator = peer.uid == 0 || peer.uid == geteuid() ||
                           std::ranges::find(operator_uids, peer.uid) != operator_uids.end();
  if (is_operator) return Principal{true, "", user_name(peer.uid)};
  return fail(Error(ErrorCode::Denied, user_name(peer.uid) + " is not an operator of this server")
                  .with_hint("use a token, or run as root or as the user that runs Croft"));
}

std::string bearer_token(const HttpRequest& request) {
  const std::string value = request.headers.value_or("Authorization", "");
  const bool is_bearer =
      value.size() > kBearer.size() &&
      std::equal(kBearer.begin(), kBearer.end(), value.begin(), [](char a, char b) {
        return a == b || (b >= 'A' && b <= 'Z' && a == b - 'A' + 'a');
      });
  return is_bearer ? value.substr(kBearer.size()) : std::string();
}

Error refusal(std::string message) {
  return Error(ErrorCode::Denied, std::move(message))
      .with_hint("send 'Authorization: Bearer croft_...'; `croft token create` makes one");
}

/// The row of that token; every hash is compared, each in constant time.
const TokenRow* find_token(const std::vector<TokenRow>& rows, const std::string& token) {
  const std::string hash = sha256_hex(token);
  const TokenRow* found = nullptr;
  for (const TokenRow& row : rows) {
    if (equal_constant_time(row.hash, hash)) found = &row;
  }
  return found;
}

bool is_still_the_tenant(const std::vector<TenantRow>& tenants, const TokenRow& token) {
  return std::ranges::any_of(tenants, [&](const TenantRow& tenant) {
    return tenant.name == token.tenant && !tenant.removed_at &&
           tenant.created_at <= token.created_at;
  });
}

}  // namespace

Task<Result<Principal>> authenticate(const HttpRequest& request, Store& store, const Clock& clock,
                                     std::vector<std::uint32_t> operator_uids) {
  const std::string token = bearer_token(request);
  // A token that is sent counts, on the unix socket too: whoever sends one wants its scope.
  if (token.empty() && request.peer.is_unix) co_return peer_principal(request.peer, operator_uids);
  if (token.empty()) co_return fail(refusal("this needs a token"));
  CO_TRY_ASSIGN(const std::vector<TokenRow> rows, co_await store.tokens());
  const TokenRow* row = find_token(rows, token);
  if (row == nullptr) co_return fail(refusal("this token is not known"));
  if (row->expires_at && *row->expires_at <= clock.now())
    co_return fail(refusal("this token has expired"));
  if (row->tenant.empty()) co_return Principal{true, "", "token " + row->name};
  CO_TRY_ASSIGN(const std::vector<TenantRow> tenants, co_await store.tenants());
  if (!is_still_the_tenant(tenants, *row)) co_return fail(refusal("this token is not known"));
  co_return Principal{false, row->tenant, "token " + row->name};
}

}  // namespace croft
