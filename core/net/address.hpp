#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/base/result.hpp"

namespace croft {

/// True if the address ("93.184.215.14", "2606:4700::1111") is one that anybody on the Internet can
/// reach: by the registries of special-purpose addresses (RFC 6890, RFC 8190), and for IPv6
/// addresses that stand for one of IPv4 (mapped, NAT64) by that one. False for what is no address.
bool is_public_address(std::string_view address);

/// Whether it is an address of this machine now, public or not: what listens there may trust who
/// comes from here. True, too, if the system does not say. False for what is no address.
bool is_own_address(std::string_view address);

/// A network ("10.1.0.0/16", "fd00::/8") or a single address. Invalid for anything else.
Result<void> check_network(std::string_view network);
/// Whether the address lies in one of the networks; those that are none count for nothing.
bool is_in_networks(std::string_view address, const std::vector<std::string>& networks);

}  // namespace croft
