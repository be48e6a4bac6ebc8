#pragma once

#include <span>
#include <string_view>

namespace croft {

/// The capabilities of Linux that every container has, unless it drops them: what ordinary images
/// need to start as root and to become another user. Sorted.
std::span<const std::string_view> ordinary_capabilities();

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
}  // namespace loosening

}  // namespace croft
