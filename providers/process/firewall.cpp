#include "providers/process/firewall.hpp"

#include <fmt/format.h>

namespace croft {

namespace {

std::string outward_chain(const FirewallInput& input) {
  std::string text =
      "  chain outward {\n    ct state established,related accept\n    ct state invalid drop\n";
  text += fmt::format("    oifname \"{}*\" drop\n", input.interface_prefix);
  text += outside_rules(input.resolvers, input.allow, input.deny);
  return text + "  }\n";
}

/// Before any address is rewritten: what another program forwards from the host's own ports (a
/// container engine's published ones) is the host's as well.
std::string host_chain(const FirewallInput& input) {
  std::string text =
      "  chain to_host {\n    type filter hook prerouting priority -350; policy accept;\n";
  text += fmt::format("    iifname != \"{}*\" accept\n", input.interface_prefix);
  text += "    icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert } accept\n";
  text += "    fib saddr . iif oif 0 drop\n";  // an address that is not the app's own
  text += "    fib daddr type { local, broadcast, anycast, multicast } drop\n  }\n";
  text += fmt::format(
      "  chain input {{\n    type filter hook input priority -10; policy accept;\n    iifname != "
      "\"{0}*\" accept\n"
      "    icmpv6 type {{ nd-neighbor-solicit, nd-neighbor-advert }} accept\n    drop\n  }}\n",
      input.interface_prefix);
  return text;
}

}  // namespace

std::string firewall_script(const FirewallInput& input) {
  std::string text =
      fmt::format("table inet {0} {{}}\ndelete table inet {0}\ntable inet {0} {{\n", input.table);
  text += host_chain(input) + outward_chain(input);
  text += fmt::format(
      "  chain forward {{\n    type filter hook forward priority -10; policy accept;\n"
      "    iifname \"{0}*\" goto outward\n    oifname \"{0}*\" ct state established,related "
      "accept\n"
      "    oifname \"{0}*\" drop\n  }}\n",
      input.interface_prefix);
  // What the host itself sends to an app would come from an address that only the host should have;
  // nothing needs to.
  text += fmt::format(
      "  chain output {{\n    type filter hook output priority -10; policy accept;\n"
      "    oifname != \"{0}*\" accept\n    meta l4proto {{ 1, 58 }} accept\n"
      "    ct state established,related accept\n    drop\n  }}\n",
      input.interface_prefix);
  text += fmt::format(
      "  chain translate {{\n    type nat hook postrouting priority 100; policy accept;\n"
      "    ip saddr {1} oifname != \"{0}*\" masquerade\n    ip6 saddr {2} oifname != \"{0}*\" "
      "masquerade\n  }}\n",
      input.interface_prefix, input.ipv4_pool, input.ipv6_pool);
  return text + "}\n";
}

}  // namespace croft
