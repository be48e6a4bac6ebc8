#pragma once

#include <span>
#include <string>
#include <string_view>

namespace croft {

/// The capabilities of Linux that every container has, unless it drops them: what ordinary images
/// need to start as root and to become another user. Sorted.
std::span<const std::string_view> ordinary_capabilities();

/// "NET_ADMIN" for "NET_ADMIN", "CAP_NET_ADMIN", "net_admin": as capabilities are compared.
std::string canonical_capability(std::string_view written);

/// Whether `value` may stand for the namespace of that field of a Service (`pid`, `ipc`, `uts`,
/// `userns`, `cgroupns`) at all. Engines know more words, which lead into other people's
/// containers (`container:ID`) or the host (`ns:PATH`): nothing that is not named here reaches one.
bool is_namespace_word(std::string_view field, std::string_view value);
/// "`host` or `service:NAME`": what may stand there, for people.
std::string_view namespace_words(std::string_view field);

/// Limits that only bound the Service itself. Others (`rtprio`, `nice`, ...) give it processor time
/// of others, whatever its `cpu` says. Sorted.
std::span<const std::string_view> ordinary_ulimits();

/// What the operator can allow beyond the walls that stand around every container, as
/// `containers.allow` of Plans and Tenants names it.
namespace loosening {
inline constexpr std::string_view kPrivileged = "privileged";
inline constexpr std::string_view kHostNetwork = "hostNetwork";
inline constexpr std::string_view kHostNamespaces = "hostNamespaces";
inline constexpr std::string_view kHostPorts = "hostPorts";
inline constexpr std::string_view kHostMounts = "hostMounts";
inline constexpr std::string_view kDevices = "devices";
inline constexpr std::string_view kRuntimes = "runtimes";
inline constexpr std::string_view kSecurityOptions = "securityOptions";
inline constexpr std::string_view kUlimits = "ulimits";
}  // namespace loosening

}  // namespace croft
