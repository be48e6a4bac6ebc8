#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/base/result.hpp"

namespace croft {

/// Pure: the end of an nft chain, for packets of apps to somewhere else: DNS to the resolvers and
/// what is in `allow` passes; what is in `deny`, and networks that are not the outside (this host's
/// and its neighbours', link-local with the clouds' metadata services, ...), is refused; the rest
/// passes.
std::string outside_rules(const std::vector<std::string>& resolvers,
                          const std::vector<std::string>& allow,
                          const std::vector<std::string>& deny);

/// Pure: the addresses of slot N of a pool: /30 of IPv4, /126 of IPv6; Invalid past its end.
struct SlotAddresses {
  std::string host;
  std::string app;
  int prefix = 0;
};
Result<SlotAddresses> slot_addresses(const std::string& pool, int slot);

/// Pure: the subnet number `index` of that length of an IPv4 pool: subnet_at("10.214.0.0/16", 26,
/// 1) is "10.214.0.64/26". Unavailable past its end.
struct Subnet {
  std::string network;
  std::string gateway;  ///< its first address
};
Result<Subnet> subnet_at(const std::string& pool, int length, std::int64_t index);

/// Pure: whether two IPv4 networks, or a network and an address, have an address in common.
bool do_overlap(const std::string& one, const std::string& other);

/// Pure: true for "10.0.0.0/8", "203.0.113.7", "fd00::/8".
bool is_network(const std::string& text);
/// Pure: whether an address is of the outside, where outside_rules() lets everything pass. False
/// for what is no address.
bool is_outside(const std::string& address);
/// How many slots a pool has; 0 if it is none.
std::int64_t slots_of_pool(const std::string& pool);

}  // namespace croft
