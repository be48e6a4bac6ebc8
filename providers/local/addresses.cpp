#include "providers/local/addresses.hpp"

#include <algorithm>
#include <arpa/inet.h>
#include <array>
#include <charconv>
#include <cstring>
#include <sstream>

#include <fmt/format.h>

namespace croft {

namespace {

// Not the outside: this host's and its neighbours' networks, link-local with the clouds' metadata
// services, carrier NAT, benchmarking, multicast, reserved (RFC 6890), and what leads to any of
// them by another name.
constexpr const char* kClosedNetworks4 =
    "0.0.0.0/8, 10.0.0.0/8, 100.64.0.0/10, 127.0.0.0/8, 169.254.0.0/16, 172.16.0.0/12, "
    "192.0.0.0/24, 192.88.99.0/24, "
    "192.168.0.0/16, 198.18.0.0/15, 224.0.0.0/4, 240.0.0.0/4";
// ::/8 holds loopback, mapped and compatible IPv4; 64:ff9b::/16 and 2002::/16 and 2001::/32 wrap
// IPv4 addresses.
constexpr const char* kClosedNetworks6 =
    "::/8, 64:ff9b::/16, 100::/64, 2001::/32, 2002::/16, fc00::/7, fe80::/10, fec0::/10, ff00::/8";

struct Prefix {
  int family = 0;
  std::array<unsigned char, 16> bytes{};
  int length = 0;
};

bool parse_prefix(const std::string& text, Prefix& prefix) {
  const std::size_t slash = text.find('/');
  const std::string address = text.substr(0, slash);
  prefix.family = address.find(':') != std::string::npos ? AF_INET6 : AF_INET;
  if (::inet_pton(prefix.family, address.c_str(), prefix.bytes.data()) != 1) return false;
  const int most = prefix.family == AF_INET ? 32 : 128;
  prefix.length = most;
  if (slash == std::string::npos) return true;
  const char* end = text.data() + text.size();
  const auto [stopped, problem] = std::from_chars(text.data() + slash + 1, end, prefix.length);
  return problem == std::errc() && stopped == end && prefix.length >= 0 && prefix.length <= most;
}

std::string networks_of_family(const std::vector<std::string>& networks, int family) {
  std::string text;
  for (const std::string& network : networks) {
    Prefix prefix;
    if (!parse_prefix(network, prefix) || prefix.family != family) continue;
    text += (text.empty() ? "" : ", ") + network;
  }
  return text;
}

bool is_in(const Prefix& address, const Prefix& network) {
  if (address.family != network.family) return false;
  for (int bit = 0; bit < network.length; ++bit) {
    const auto at = static_cast<std::size_t>(bit / 8);
    const unsigned differs = address.bytes[at] ^ network.bytes[at];
    if ((differs & (0x80U >> (bit % 8))) != 0) return false;
  }
  return true;
}

/// At once, so that an app says what is wrong instead of waiting for an answer.
constexpr const char* kRefuse = "reject with icmpx type admin-prohibited";

/// A rule about some networks, or nothing if there are none of that family.
std::string rule(std::string_view before, const std::string& networks, std::string_view after) {
  return networks.empty() ? std::string()
                          : fmt::format("    {} {{ {} }} {}\n", before, networks, after);
}

}  // namespace

std::string outside_rules(const std::vector<std::string>& resolvers,
                          const std::vector<std::string>& allow,
                          const std::vector<std::string>& deny) {
  std::string text;
  for (const char* protocol : {"udp", "tcp"}) {
    const std::string port = fmt::format("{} dport 53 accept", protocol);
    text += rule("ip daddr", networks_of_family(resolvers, AF_INET), port);
    text += rule("ip6 daddr", networks_of_family(resolvers, AF_INET6), port);
  }
  text += rule("ip daddr", networks_of_family(allow, AF_INET), "accept");
  text += rule("ip6 daddr", networks_of_family(allow, AF_INET6), "accept");
  text += rule("ip daddr", networks_of_family(deny, AF_INET), kRefuse);
  text += rule("ip6 daddr", networks_of_family(deny, AF_INET6), kRefuse);
  text +=
      rule("ip daddr", kClosedNetworks4, kRefuse) + rule("ip6 daddr", kClosedNetworks6, kRefuse);
  return text + "    accept\n";
}

bool is_outside(const std::string& address) {
  Prefix wanted;
  if (!parse_prefix(address, wanted)) return false;
  std::istringstream networks(std::string(kClosedNetworks4) + ", " + kClosedNetworks6);
  for (std::string text; std::getline(networks >> std::ws, text, ',');) {
    Prefix network;
    if (parse_prefix(text, network) && is_in(wanted, network)) return false;
  }
  return true;
}

std::int64_t slots_of_pool(const std::string& pool) {
  Prefix prefix;
  if (!parse_prefix(pool, prefix)) return 0;
  const int free_bits = (prefix.family == AF_INET ? 30 : 126) - prefix.length;
  return free_bits < 0 ? 0 : std::int64_t{1} << std::min(free_bits, 20);
}

Result<SlotAddresses> slot_addresses(const std::string& pool, int slot) {
  Prefix prefix;
  if (!parse_prefix(pool, prefix))
    return fail(ErrorCode::Invalid, fmt::format("'{}' is no network", pool));
  if (slot < 0 || slot >= slots_of_pool(pool)) {
    return fail(ErrorCode::Unavailable, fmt::format("the pool {} has no more addresses", pool));
  }
  const std::size_t size = prefix.family == AF_INET ? 4 : 16;
  // The host part of a carelessly written pool ("10.213.0.7/16") does not count.
  for (int bit = prefix.length; bit < static_cast<int>(size) * 8; ++bit) {
    prefix.bytes[static_cast<std::size_t>(bit / 8)] &=
        static_cast<unsigned char>(~(0x80U >> (bit % 8)));
  }
  const auto number = static_cast<std::uint64_t>(slot) * 4;
  for (std::size_t i = 0; i < 4; ++i) {
    prefix.bytes[size - 1 - i] |= static_cast<unsigned char>((number >> (8 * i)) & 0xffU);
  }
  const auto print = [&](unsigned offset) {
    std::array<unsigned char, 16> bytes = prefix.bytes;
    bytes[size - 1] = static_cast<unsigned char>(bytes[size - 1] + offset);
    std::array<char, INET6_ADDRSTRLEN> text{};
    ::inet_ntop(prefix.family, bytes.data(), text.data(), text.size());
    return std::string(text.data());
  };
  return SlotAddresses{
      .host = print(1), .app = print(2), .prefix = prefix.family == AF_INET ? 30 : 126};
}

Result<Subnet> subnet_at(const std::string& pool, int length, std::int64_t index) {
  Prefix prefix;
  const bool is_pool =
      parse_prefix(pool, prefix) && prefix.family == AF_INET && prefix.length <= length;
  if (!is_pool) return fail(ErrorCode::Invalid, fmt::format("'{}' is no IPv4 network", pool));
  if (index < 0 || index >= std::int64_t{1} << (length - prefix.length))
    return fail(ErrorCode::Unavailable, fmt::format("the pool {} has no more networks", pool));
  in_addr address{};
  std::memcpy(&address, prefix.bytes.data(), sizeof address);
  const std::uint64_t mask = ~std::uint64_t{0} << (32 - prefix.length);
  const std::uint64_t base = ntohl(address.s_addr) & mask;
  const auto first =
      static_cast<std::uint32_t>(base + (static_cast<std::uint64_t>(index) << (32 - length)));
  const auto print = [](std::uint32_t number) {
    const in_addr printed{htonl(number)};
    std::array<char, INET_ADDRSTRLEN> text{};
    ::inet_ntop(AF_INET, &printed, text.data(), text.size());
    return std::string(text.data());
  };
  return Subnet{.network = fmt::format("{}/{}", print(first), length), .gateway = print(first + 1)};
}

bool do_overlap(const std::string& one, const std::string& other) {
  Prefix a;
  Prefix b;
  const bool are_networks =
      parse_prefix(one, a) && parse_prefix(other, b) && a.family == AF_INET && b.family == AF_INET;
  if (!are_networks) return false;
  const int common = std::min(a.length, b.length);
  for (int bit = 0; bit < common; ++bit) {
    const auto byte = static_cast<std::size_t>(bit / 8);
    const unsigned mask = 0x80U >> (bit % 8);
    if ((a.bytes[byte] & mask) != (b.bytes[byte] & mask)) return false;
  }
  return true;
}

bool is_network(const std::string& text) {
  Prefix prefix;
  return parse_prefix(text, prefix);
}

}  // namespace croft
