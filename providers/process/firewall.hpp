#pragma once

#include <string>
#include <vector>

#include "providers/local/addresses.hpp"

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

}  // namespace croft
