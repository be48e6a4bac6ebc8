#include "gateway/edge/peer.hpp"

#include <algorithm>
#include <arpa/inet.h>
#include <charconv>
#include <cstring>
#include <netinet/in.h>
#include <optional>
#include <sys/socket.h>

namespace croft::edge {

namespace {

using AddressBytes = std::array<std::uint8_t, 16>;

AddressBytes mapped(const in_addr& address) {
  AddressBytes bytes{};
  bytes[10] = bytes[11] = 0xff;
  std::memcpy(bytes.data() + 12, &address, 4);
  return bytes;
}

bool is_mapped(const AddressBytes& bytes) {
  return std::all_of(bytes.begin(), bytes.begin() + 10, [](std::uint8_t b) { return b == 0; }) &&
         bytes[10] == 0xff && bytes[11] == 0xff;
}

std::string print(const AddressBytes& bytes) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  if (is_mapped(bytes)) {
    inet_ntop(AF_INET, bytes.data() + 12, text.data(), text.size());
  } else {
    inet_ntop(AF_INET6, bytes.data(), text.data(), text.size());
  }
  return text.data();
}

struct Parsed {
  AddressBytes bytes{};
  bool is_v4 = false;
};

std::optional<Parsed> parse_address(const std::string& text) {
  in_addr v4{};
  if (inet_pton(AF_INET, text.c_str(), &v4) == 1) return Parsed{mapped(v4), true};
  in6_addr v6{};
  if (inet_pton(AF_INET6, text.c_str(), &v6) != 1) return std::nullopt;
  Parsed parsed;
  std::memcpy(parsed.bytes.data(), &v6, 16);
  return parsed;
}

}  // namespace

Peer peer_of(const sockaddr_storage& address) {
  Peer peer;
  if (address.ss_family == AF_INET) {
    peer.bytes = mapped(reinterpret_cast<const sockaddr_in&>(address).sin_addr);
  } else if (address.ss_family == AF_INET6) {
    std::memcpy(peer.bytes.data(), &reinterpret_cast<const sockaddr_in6&>(address).sin6_addr, 16);
  } else {
    peer.text = "unix";
    return peer;
  }
  peer.is_address = true;
  peer.text = print(peer.bytes);
  return peer;
}

Result<TrustedProxies> TrustedProxies::parse(const std::vector<std::string>& texts) {
  TrustedProxies proxies;
  for (const std::string& text : texts) {
    const std::size_t slash = text.find('/');
    const std::optional<Parsed> address = parse_address(text.substr(0, slash));
    if (!address)
      return fail(ErrorCode::Invalid, "trusted proxy '" + text + "' is no address and no network");
    const int widest = address->is_v4 ? 32 : 128;
    int bits = widest;
    if (slash != std::string::npos) {
      const char* end = text.data() + text.size();
      const auto [stop, error] = std::from_chars(text.data() + slash + 1, end, bits);
      if (error != std::errc() || stop != end || bits < 0 || bits > widest) {
        return fail(ErrorCode::Invalid, "trusted proxy '" + text + "' has no valid prefix length");
      }
    }
    proxies.networks_.push_back({address->bytes, bits + 128 - widest});
  }
  return proxies;
}

bool TrustedProxies::contains(const Peer& peer) const {
  if (!peer.is_address) return false;
  return std::ranges::any_of(networks_, [&](const Network& network) {
    const int whole = network.bits / 8;
    if (!std::equal(network.bytes.begin(), network.bytes.begin() + whole, peer.bytes.begin()))
      return false;
    const int rest = network.bits % 8;
    if (rest == 0) return true;
    const auto index = static_cast<std::size_t>(whole);
    return ((network.bytes[index] ^ peer.bytes[index]) >> (8 - rest)) == 0;
  });
}

}  // namespace croft::edge
