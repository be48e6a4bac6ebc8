#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/base/result.hpp"

namespace croft {

/// What the packet filter is made from. Everything in it is checked text.
struct FirewallInput {
  std::string table;             ///< of family inet: "croft_1a2b"
  std::string interface_prefix;  ///< of the host's ends: "cr1a2b-"
  std::string ipv4_pool;
  std::string ipv6_pool;
  std::vector<std::string> resolvers;
  std::vector<std::string> allow;  ///< networks of the operator's that apps may reach
  std::vector<std::string> deny;   ///< networks of the outside that they may not
};

/// Pure: an nft script that makes the whole table anew, in one transaction. What it says is for
/// packets of apps only: from them, nothing may go to the host, to each other, or to networks that
/// are not the outside, but DNS to the resolvers; to them, only answers.
std::string firewall_script(const FirewallInput& input);

/// Pure: the addresses of slot N of a pool: /30 of IPv4, /126 of IPv6; Invalid past its end.
struct SlotAddresses {
  std::string host;
  std::string app;
  int prefix = 0;
};
Result<SlotAddresses> slot_addresses(const std::string& pool, int slot);

/// Pure: true for "10.0.0.0/8", "203.0.113.7", "fd00::/8".
bool is_network(const std::string& text);
/// How many slots a pool has; 0 if it is none.
std::int64_t slots_of_pool(const std::string& pool);

}  // namespace croft
