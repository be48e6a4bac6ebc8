#pragma once

#include <set>
#include <string>
#include <vector>

namespace croft::docker {

/// What the packet filter around our bridges is made from. Everything in it is checked text.
struct FirewallInput {
  std::string table;              ///< of family inet: "croft_docker_1a2b"
  std::set<std::string> bridges;  ///< interfaces of our networks at the host
  std::set<std::string> closed;   ///< of them, those from which nothing outside is reached
  std::vector<std::string> resolvers;
  std::vector<std::string> allow;
  std::vector<std::string> deny;
  bool serves_dns_on_host =
      false;  ///< the engine answers names at the bridge's own address (Podman)
};

/// Pure: an nft script that makes the whole table anew, in one transaction. It speaks of packets
/// from and to our bridges only, and only forbids: the engine's own rules go on to say what passes.
/// From a bridge, nothing may go to the host (whatever its address), to other bridges, or to
/// networks that are not the outside, but DNS to the resolvers; to a bridge, only answers and what
/// the engine published.
std::string firewall_script(const FirewallInput& input);

}  // namespace croft::docker
