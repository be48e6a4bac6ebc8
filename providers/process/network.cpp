#include "providers/process/network.hpp"

#include <algorithm>
#include <filesystem>
#include <net/if.h>
#include <system_error>
#include <unistd.h>

#include <fmt/format.h>

#include "core/base/child.hpp"
#include "core/base/files.hpp"
#include "core/base/id.hpp"
#include "core/base/log.hpp"

namespace croft {

namespace {

namespace fs = std::filesystem;

constexpr Duration kDeadline{15'000};

Result<void> run(std::vector<std::string> arguments, std::string input = {}) {
  const ChildCommand command{
      .arguments = std::move(arguments), .input = std::move(input), .deadline = kDeadline};
  TRY(run_child_checked(command));
  return {};
}

bool succeeds(std::vector<std::string> arguments) { return run(std::move(arguments)).has_value(); }

/// Files of /proc/sys take a value in one write.
void set_kernel(const std::string& name, const std::string& value) {
  FILE* file = std::fopen(("/proc/sys/net/" + name).c_str(), "we");
  if (file == nullptr) return;
  std::fputs(value.c_str(), file);
  std::fclose(file);
}

std::string get_kernel(const std::string& name) {
  const Result<std::string> text = read_file("/proc/sys/net/" + name, 4096);
  return text ? text->substr(0, text->find('\n')) : std::string();
}

/// A forwarding host stops listening to router advertisements (it would lose its own IPv6 address
/// and route), unless it is told to go on by accept_ra=2.
void let_host_forward() {
  if (get_kernel("ipv4/ip_forward") == "0") {
    log_info("process", "the host now forwards IPv4 packets, because an app with egress needs it");
    set_kernel("ipv4/ip_forward", "1");
  }
  if (get_kernel("ipv6/conf/all/forwarding") != "0") return;
  std::error_code ignored;
  for (const fs::directory_entry& entry :
       fs::directory_iterator("/proc/sys/net/ipv6/conf", ignored)) {
    const std::string setting = "ipv6/conf/" + entry.path().filename().string() + "/accept_ra";
    if (get_kernel(setting) == "1") set_kernel(setting, "2");
  }
  log_info("process", "the host now forwards IPv6 packets, because an app with egress needs it");
  set_kernel("ipv6/conf/all/forwarding", "1");
}

/// A verdict to accept in one table does not keep another from dropping: a container engine's
/// FORWARD chain drops what it does not know, and has DOCKER-USER for exceptions like ours. Ours
/// are safe: the filter above has dropped before what must not pass.
void pass_other_firewalls(const std::string& program, const std::string& prefix, bool add) {
  const bool has_user_chain = succeeds({program, "-w", "-n", "-L", "DOCKER-USER"});
  const std::string chain = has_user_chain ? "DOCKER-USER" : "FORWARD";
  const std::vector<std::vector<std::string>> rules = {
      {"-i", prefix + "+", "-j", "ACCEPT"},
      {"-o", prefix + "+", "-m", "conntrack", "--ctstate", "RELATED,ESTABLISHED", "-j", "ACCEPT"}};
  for (const auto& rule : rules) {
    const auto with = [&](const std::string& verb, const std::string& where) {
      std::vector<std::string> arguments{program, "-w", verb, where};
      arguments.insert(arguments.end(), rule.begin(), rule.end());
      return arguments;
    };
    if (add && !succeeds(with("-C", chain))) (void)run(with("-I", chain));
    if (add) continue;
    for (const char* each : {"DOCKER-USER", "FORWARD"}) {
      while (succeeds(with("-D", each))) {
      }
    }
  }
}

bool has_program(const std::string& name) {
  for (const char* directory : {"/usr/sbin/", "/sbin/", "/usr/bin/"}) {
    if (::access((directory + name).c_str(), X_OK) == 0) return true;
  }
  return false;
}

void pass_all_other_firewalls(const std::string& prefix, bool add) {
  for (const char* program : {"iptables", "ip6tables"}) {
    if (has_program(program)) pass_other_firewalls(program, prefix, add);
  }
}

std::string make_ipv6_pool(const ProcessLayout& layout) {
  const std::string digest = sha256_hex("croft ipv6 " + layout.root.string());
  return fmt::format("fd{}:{}:{}:0::/64", digest.substr(0, 2), digest.substr(2, 4),
                     digest.substr(6, 4));
}

}  // namespace

Networks::Networks(const ProcessSettings& settings, const ProcessLayout& layout,
                   const Machine& machine) {
  input_.table = "croft_" + layout.mark();
  input_.interface_prefix = "cr" + layout.mark() + "-";
  input_.ipv4_pool = settings.ipv4_pool;
  input_.ipv6_pool = settings.ipv6_pool.empty() ? make_ipv6_pool(layout) : settings.ipv6_pool;
  input_.resolvers = machine.resolvers;
  input_.allow = settings.egress_allow;
  input_.deny = settings.egress_deny;
}

std::string Networks::interface_of(int slot) const {
  return input_.interface_prefix + std::to_string(slot);
}

int Networks::slot_count() const {
  return static_cast<int>(
      std::min(slots_of_pool(input_.ipv4_pool), slots_of_pool(input_.ipv6_pool)));
}

Result<void> Networks::ensure_filter() const {
  // The filter comes first: at no time does the host forward without it.
  TRY(while_doing(run({"nft", "-f", "-"}, firewall_script(input_)),
                  "setting up the packet filter"));
  let_host_forward();
  return {};
}

void Networks::pass_neighbours() const { pass_all_other_firewalls(input_.interface_prefix, true); }

void Networks::remove_filter() const {
  (void)run({"nft", "delete", "table", "inet", input_.table});
  pass_all_other_firewalls(input_.interface_prefix, false);
}

bool Networks::is_connected(int slot) const {
  return ::if_nametoindex(interface_of(slot).c_str()) != 0;
}

Result<void> Networks::connect(pid_t pid, int slot) const {
  TRY_ASSIGN(const SlotAddresses four, slot_addresses(input_.ipv4_pool, slot));
  TRY_ASSIGN(const SlotAddresses six, slot_addresses(input_.ipv6_pool, slot));
  const std::string name = interface_of(slot);
  // One left by a shim that is not yet quite gone.
  if (is_connected(slot)) {
    TRY(disconnect(slot));
  }
  // A router asks from its link-local address who has the address that a packet is for; without
  // one, it does not ask, and answers get lost once it has forgotten.
  const std::string outside = fmt::format(
      "link add {0} type veth peer name eth0 netns {1}\n"
      "link set {0} addrgenmode none up\n"
      "addr add {2}/{3} dev {0}\naddr add {4}/{5} dev {0} nodad\n"
      "addr add fe80::1/64 dev {0} nodad\n",
      name, pid, four.host, four.prefix, six.host, six.prefix);
  TRY(while_doing(run({"ip", "-batch", "-"}, outside), "making the interface " + name));
  set_kernel("ipv6/conf/" + name + "/accept_ra", "0");
  set_kernel("ipv4/conf/" + name + "/rp_filter", "1");
  const std::string inside = fmt::format(
      "link set eth0 addrgenmode none up\naddr add {0}/{1} dev eth0\naddr add {2}/{3} dev eth0 "
      "nodad\n"
      "route add default via {4}\nroute add default via {5}\n",
      four.app, four.prefix, six.app, six.prefix, four.host, six.host);
  return while_doing(
      run({"nsenter", fmt::format("--net=/proc/{}/ns/net", pid), "ip", "-batch", "-"}, inside),
      "setting up the app's end of " + name);
}

Result<void> Networks::disconnect(int slot) const {
  if (!is_connected(slot)) return {};
  const Result<void> removed = run({"ip", "link", "del", interface_of(slot)});
  return is_connected(slot) ? removed : Result<void>{};
}

}  // namespace croft
