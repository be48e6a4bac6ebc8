#include "core/net/address.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>
#include <ifaddrs.h>
#include <memory>
#include <netinet/in.h>
#include <optional>

#include <boost/asio/ip/address.hpp>
#include <boost/asio/ip/network_v4.hpp>
#include <boost/asio/ip/network_v6.hpp>
#include <fmt/format.h>

namespace croft {

namespace {

namespace ip = boost::asio::ip;
using boost::system::error_code;

struct Network {
  ip::address address;
  unsigned short length = 0;
};

std::optional<ip::address> parse_address(std::string_view text) {
  error_code code;
  const ip::address address = ip::make_address(std::string(text), code);
  if (code) return std::nullopt;
  return address;
}

std::optional<Network> parse_network(std::string_view text) {
  const std::size_t slash = text.find('/');
  const auto address = parse_address(text.substr(0, slash));
  if (!address) return std::nullopt;
  const unsigned short whole = address->is_v4() ? 32 : 128;
  if (slash == std::string_view::npos) return Network{*address, whole};
  unsigned short length = 0;
  const char* end = text.data() + text.size();
  const auto [parsed, failure] = std::from_chars(text.data() + slash + 1, end, length);
  if (failure != std::errc() || parsed != end || length > whole) return std::nullopt;
  return Network{*address, length};
}

template <typename Bytes>
bool share_bits(const Bytes& a, const Bytes& b, unsigned bits) {
  for (unsigned i = 0; i < bits; ++i) {
    const unsigned mask = 0x80U >> (i % 8);
    if ((a[i / 8] & mask) != (b[i / 8] & mask)) return false;
  }
  return true;
}

bool is_in(const ip::address& address, const Network& network) {
  if (address.is_v4() != network.address.is_v4()) return false;
  return address.is_v4() ? share_bits(address.to_v4().to_bytes(),
                                      network.address.to_v4().to_bytes(), network.length)
                         : share_bits(address.to_v6().to_bytes(),
                                      network.address.to_v6().to_bytes(), network.length);
}

template <std::size_t size>
bool is_in_any(const ip::address& address, const std::array<std::string_view, size>& networks) {
  return std::ranges::any_of(networks, [&](std::string_view text) {
    const auto network = parse_network(text);
    return network && is_in(address, *network);
  });
}

// IANA's registry of special-purpose addresses of IPv4, and multicast.
constexpr std::array<std::string_view, 15> kSpecialV4{
    "0.0.0.0/8",     "10.0.0.0/8",      "100.64.0.0/10",  "127.0.0.0/8",    "169.254.0.0/16",
    "172.16.0.0/12", "192.0.0.0/24",    "192.0.2.0/24",   "192.88.99.0/24", "192.168.0.0/16",
    "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4",    "240.0.0.0/4"};
// Of what is handed out of IPv6: 2000::/3. Teredo and 6to4 would carry a packet to an address of
// IPv4 that nobody has looked at.
constexpr std::array<std::string_view, 1> kGlobalV6{"2000::/3"};
constexpr std::array<std::string_view, 5> kSpecialV6{"2001::/23", "2001:db8::/32", "2002::/16",
                                                     "3fff::/20", "2620:4f:8000::/48"};
constexpr std::array<std::string_view, 2> kHoldsV4{"::ffff:0:0/96", "64:ff9b::/96"};

ip::address_v4 last_of(const ip::address_v6& address) {
  const auto bytes = address.to_bytes();
  return ip::address_v4({bytes[12], bytes[13], bytes[14], bytes[15]});
}

/// The address that a connection to it ends at.
ip::address meant_by(const ip::address& address) {
  if (address.is_v6() && is_in_any(address, kHoldsV4)) return last_of(address.to_v6());
  return address;
}

struct FreeAddresses {
  void operator()(ifaddrs* list) const { ::freeifaddrs(list); }
};

bool is_same(const sockaddr& one, const ip::address& address) {
  if (one.sa_family == AF_INET && address.is_v4()) {
    sockaddr_in own{};
    std::memcpy(&own, &one, sizeof(own));
    return ntohl(own.sin_addr.s_addr) == address.to_v4().to_uint();
  }
  if (one.sa_family == AF_INET6 && address.is_v6()) {
    sockaddr_in6 own{};
    std::memcpy(&own, &one, sizeof(own));
    const auto bytes = address.to_v6().to_bytes();
    return std::memcmp(own.sin6_addr.s6_addr, bytes.data(), bytes.size()) == 0;
  }
  return false;
}

}  // namespace

bool is_public_address(std::string_view text) {
  const auto parsed = parse_address(text);
  if (!parsed) return false;
  const ip::address address = meant_by(*parsed);
  if (address.is_v4()) return !is_in_any(address, kSpecialV4);
  return is_in_any(address, kGlobalV6) && !is_in_any(address, kSpecialV6);
}

bool is_own_address(std::string_view text) {
  const auto parsed = parse_address(text);
  if (!parsed) return false;
  const ip::address address = meant_by(*parsed);
  ifaddrs* list = nullptr;
  if (::getifaddrs(&list) != 0) return true;
  const std::unique_ptr<ifaddrs, FreeAddresses> all(list);
  for (const ifaddrs* one = all.get(); one != nullptr; one = one->ifa_next) {
    if (one->ifa_addr != nullptr && is_same(*one->ifa_addr, address)) return true;
  }
  return false;
}

Result<void> check_network(std::string_view network) {
  if (parse_network(network)) return {};
  return fail(ErrorCode::Invalid, fmt::format("'{}' is no network, such as 10.1.0.0/16", network));
}

bool is_in_networks(std::string_view text, const std::vector<std::string>& networks) {
  const auto parsed = parse_address(text);
  if (!parsed) return false;
  const ip::address address = meant_by(*parsed);
  return std::ranges::any_of(networks, [&](const std::string& one) {
    const auto network = parse_network(one);
    return network && is_in(address, *network);
  });
}

}  // namespace croft
