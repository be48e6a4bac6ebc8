#include "providers/docker/firewall.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "providers/local/addresses.hpp"

namespace croft::docker {

namespace {

std::string names(const std::set<std::string>& interfaces) {
  std::string text;
  for (const std::string& name : interfaces)
    text += fmt::format("{}\"{}\"", text.empty() ? "" : ", ", name);
  return text;
}

std::string pairs(const std::set<std::string>& interfaces) {
  std::string text;
  for (const std::string& name : interfaces)
    text += fmt::format("{}\"{}\" . \"{}\"", text.empty() ? "" : ", ", name, name);
  return text;
}

std::string set_of(const char* name, const char* type, const std::string& elements) {
  return fmt::format("  set {} {{\n    type {}\n{}  }}\n", name, type,
                     elements.empty() ? "" : fmt::format("    elements = {{ {} }}\n", elements));
}

std::string host_chains(const FirewallInput& input) {
  // Of the container's own gateway only: at the others' it would learn the names of other tenants.
  const std::string dns =
      input.serves_dns_on_host
          ? "    fib daddr . iif type local meta l4proto { tcp, udp } th dport 53 accept\n"
          : "";
  // Before the engine rewrites addresses: a port that it publishes at the host is the host's, too.
  // Answers to the host's own connections (the gateway's, by 127.0.0.1) pass.
  std::string text =
      "  chain to_host {\n    type filter hook prerouting priority -110; policy accept;\n"
      "    iifname != @bridges accept\n    ct state established,related accept\n"
      "    fib saddr . iif oif 0 drop\n" +
      dns + "    fib daddr type local drop\n  }\n";
  text +=
      "  chain input {\n    type filter hook input priority -10; policy accept;\n"
      "    iifname != @bridges accept\n    ct state established,related accept\n" +
      dns + "    drop\n  }\n";
  return text;
}

std::string forward_chain(const FirewallInput& input) {
  std::string text =
      "  chain outward {\n    ct state established,related accept\n    ct state invalid drop\n"
      "    iifname . oifname @same accept\n    oifname @bridges drop\n"
      "    iifname @closed reject with icmpx type admin-prohibited\n";
  text += outside_rules(input.resolvers, input.allow, input.deny);
  text += "  }\n";
  text +=
      "  chain forward {\n    type filter hook forward priority -10; policy accept;\n"
      "    iifname @bridges goto outward\n    oifname != @bridges accept\n"
      "    ct state established,related accept\n    ct status dnat accept\n    drop\n  }\n";
  return text;
}

}  // namespace

std::string firewall_script(const FirewallInput& input) {
  std::string text =
      fmt::format("table inet {0} {{}}\ndelete table inet {0}\ntable inet {0} {{\n", input.table);
  text += set_of("bridges", "ifname", names(input.bridges));
  text += set_of("closed", "ifname", names(input.closed));
  text += set_of("same", "ifname . ifname", pairs(input.bridges));
  text += host_chains(input) + forward_chain(input);
  return text + "}\n";
}

}  // namespace croft::docker
