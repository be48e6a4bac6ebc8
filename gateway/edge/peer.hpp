#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/result.hpp"

struct sockaddr_storage;

namespace croft::edge {

/// Who is at the other end of a connection. IPv4 addresses mapped into IPv6 are IPv4.
struct Peer {
  std::string text;                      ///< "192.0.2.1", "2001:db8::1", or "unix"
  std::array<std::uint8_t, 16> bytes{};  ///< IPv4 as ::ffff:a.b.c.d
  bool is_address = false;
};
Peer peer_of(const sockaddr_storage& address);

/// The proxies in front of us whose X-Forwarded-* fields are believed: addresses and networks,
/// "10.0.0.0/8", "::1".
class TrustedProxies {
 public:
  static Result<TrustedProxies> parse(const std::vector<std::string>& texts);
  bool contains(const Peer& peer) const;

 private:
  struct Network {
    std::array<std::uint8_t, 16> bytes{};
    int bits = 128;
  };
  std::vector<Network> networks_;
};

}  // namespace croft::edge
