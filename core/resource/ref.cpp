#include "core/resource/ref.hpp"

#include <algorithm>
#include <array>
#include <vector>

#include <fmt/format.h>

namespace croft {

namespace {

// Sorted. Labels of Croft's own hosts and routes, words that read as official, and "home" and
// "platform", which name solo mode's tenant and the platform's source.
constexpr std::array<std::string_view, 41> kReserved{
    "abuse",      "account",    "accounts", "admin",   "api",       "assets",   "auth",
    "autoconfig", "billing",    "cdn",      "croft",   "dashboard", "dns",      "docs",
    "edge",       "ftp",        "git",      "help",    "home",      "imap",     "localhost",
    "login",      "mail",       "metrics",  "mx",      "ns",        "platform", "pop",
    "portal",     "postmaster", "registry", "root",    "smtp",      "ssh",      "static",
    "status",     "support",    "system",   "webmail", "wpad",      "www"};
static_assert(std::ranges::is_sorted(kReserved));

bool is_lower(char c) { return c >= 'a' && c <= 'z'; }
bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_lower_or_digit(char c) { return is_lower(c) || is_digit(c); }

bool is_label(std::string_view text) {
  return !text.empty() && text.size() <= kMaxHostLabel && is_lower_or_digit(text.front()) &&
         is_lower_or_digit(text.back()) &&
         std::ranges::all_of(text, [](char c) { return is_lower_or_digit(c) || c == '-'; });
}

std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  while (true) {
    const std::size_t end = text.find(separator);
    parts.push_back(text.substr(0, end));
    if (end == std::string_view::npos) return parts;
    text.remove_prefix(end + 1);
  }
}

Result<Kind> parse_kind(std::string_view name) {
  if (const auto kind = kind_from(name)) return *kind;
  if (is_planned_kind(name)) {
    return fail(ErrorCode::Invalid,
                fmt::format("the kind '{}' arrives with a later version of Croft", name));
  }
  return fail(ErrorCode::Invalid, fmt::format("there is no kind '{}'", name));
}

bool is_name_of(Kind kind, std::string_view name) {
  if (kind == Kind::Tenant) return is_tenant_name(name);
  if (!is_derived(kind)) return is_resource_name(name);
  const std::size_t dot = name.find('.');
  return dot != std::string_view::npos && is_resource_name(name.substr(0, dot)) &&
         is_part_name(name.substr(dot + 1));
}

}  // namespace

std::string to_string(const Ref& ref) {
  if (ref.tenant.empty()) return local_name(ref);
  return fmt::format("{}/{}/{}", ref.tenant, to_string(ref.kind), ref.name);
}

std::string local_name(const Ref& ref) {
  return fmt::format("{}/{}", to_string(ref.kind), ref.name);
}

Result<Ref> parse_ref(std::string_view text, std::string_view default_tenant) {
  const auto parts = split(text, '/');
  if (parts.size() < 2 || parts.size() > 3) {
    return fail(
        ErrorCode::Invalid,
        fmt::format(
            "'{}' does not name a resource; write for example 'Site/blog' or 'alice/Site/blog'",
            text));
  }
  TRY_ASSIGN(const Kind kind, parse_kind(parts[parts.size() - 2]));
  const bool is_operators = scope_of(kind) == KindScope::Operator;
  std::string_view tenant = parts.size() == 3 ? parts[0]
                            : is_operators    ? std::string_view{}
                                              : default_tenant;
  // Of what is anybody's, "-" names the platform's, as it does in paths of the API.
  const bool may_be_nobodys = scope_of(kind) == KindScope::Anybody;
  if (may_be_nobodys && tenant == "-") tenant = {};
  if (is_operators && parts.size() == 3) {
    return fail(ErrorCode::Invalid,
                fmt::format("'{}' names a tenant, but a {} belongs to the operator; write '{}/{}'",
                            text, to_string(kind), to_string(kind), parts[2]));
  }
  const bool is_platforms = is_operators || (may_be_nobodys && tenant.empty());
  if (!is_platforms && !is_tenant_name(tenant)) {
    return fail(ErrorCode::Invalid,
                tenant.empty()
                    ? fmt::format("'{}' does not say whose; write 'TENANT/{}'", text, text)
                    : fmt::format("'{}' is not a tenant's name", tenant));
  }
  const std::string_view name = parts.back();
  const bool is_named_well = is_name_of(kind, name);
  if (!is_named_well)
    return fail(ErrorCode::Invalid,
                fmt::format("'{}' is not a name of a {}", name, to_string(kind)));
  return Ref{std::string(tenant), kind, std::string(name)};
}

std::optional<Ref> stack_of(const Ref& ref) {
  if (!is_derived(ref.kind)) return std::nullopt;
  return Ref{ref.tenant, Kind::Stack, ref.name.substr(0, ref.name.find('.'))};
}

bool concerns(const Ref& directed, const Ref& ref) {
  return directed == ref || (directed.kind == Kind::Stack && stack_of(ref) == directed);
}

std::string name_in_stack(const Ref& ref) {
  return is_derived(ref.kind) ? ref.name.substr(ref.name.find('.') + 1) : ref.name;
}

bool is_part_name(std::string_view text) {
  const auto is_upper = [](char c) { return c >= 'A' && c <= 'Z'; };
  const auto may_begin = [&](char c) { return is_lower_or_digit(c) || is_upper(c); };
  return !text.empty() && text.size() <= kMaxHostLabel && may_begin(text.front()) &&
         std::ranges::all_of(
             text, [&](char c) { return may_begin(c) || c == '-' || c == '_' || c == '.'; });
}

bool is_resource_name(std::string_view text) {
  return is_label(text) && text.find("--") == std::string_view::npos;
}

bool is_tenant_name(std::string_view text) {
  return !text.empty() && text.size() <= 32 && is_lower(text.front()) &&
         std::ranges::all_of(text, is_lower_or_digit);
}

bool is_reserved_name(std::string_view text) { return std::ranges::binary_search(kReserved, text); }

bool is_host_name(std::string_view text) {
  const auto labels = split(text, '.');
  // A last label of digits only would make it an IPv4 address or look like one.
  return text.size() <= 253 && labels.size() >= 2 && std::ranges::all_of(labels, is_label) &&
         !std::ranges::all_of(labels.back(), is_digit);
}

std::string host_label(const Ref& ref) { return fmt::format("{}-{}", ref.tenant, ref.name); }

}  // namespace croft
