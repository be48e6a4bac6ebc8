#pragma once

#include <compare>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "core/base/result.hpp"
#include "core/resource/kind.hpp"

namespace croft {

/// The name of a resource: "alice/Site/blog", or "Plan/hobby" for operator kinds (tenant is empty).
/// Derived kinds are named by their Stack first: "alice/Service/db.web".
struct Ref {
  std::string tenant;
  Kind kind = Kind::Tenant;
  std::string name;

  auto operator<=>(const Ref&) const = default;
};

std::string to_string(const Ref& ref);
/// "Site/blog", as a tenant writes it in its own repository.
std::string local_name(const Ref& ref);

/// Reads "alice/Site/blog" or "Plan/hobby". With a default tenant, "Site/blog" means that tenant's.
Result<Ref> parse_ref(std::string_view text, std::string_view default_tenant = {});

/// A derived ref's Stack: Stack/db of Service/db.web. Nothing for what is declared.
std::optional<Ref> stack_of(const Ref& ref);
/// True if an order for `directed` is one for `ref` too: itself, or a part of that Stack.
bool concerns(const Ref& directed, const Ref& ref);
/// Its name within the Stack: "web". The whole name for what is declared.
std::string name_in_stack(const Ref& ref);

/// What a compose file may call its parts: letters, digits, '.', '_' and '-', a letter or digit
/// first, at most 63 characters.
bool is_part_name(std::string_view text);
/// `[a-z0-9]([a-z0-9-]*[a-z0-9])?`, at most 63 characters, no "--".
bool is_resource_name(std::string_view text);
/// `[a-z][a-z0-9]{0,31}`: no dash, so that alice-blog.example.com splits at the first dash.
bool is_tenant_name(std::string_view text);

/// Names that no tenant may have, because a host or a route of Croft's own carries them: www, api,
/// admin, ...
bool is_reserved_name(std::string_view text);
/// A DNS name of at least two labels in lower case ("blog.alice.dev"): no port, no wildcard, no IP
/// address, no final dot.
bool is_host_name(std::string_view text);

/// The longest label that DNS allows; host_label() of an accepted resource is never longer.
inline constexpr std::size_t kMaxHostLabel = 63;

/// The first label of the resource's own host, "alice-blog".
std::string host_label(const Ref& ref);

}  // namespace croft
