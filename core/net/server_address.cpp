#include "core/net/client.hpp"

namespace croft {

namespace {

Result<ServerAddress> parse_authority(ServerAddress address, std::string_view text) {
  while (text.ends_with('/')) text.remove_suffix(1);
  const std::size_t bracket = text.find(']');
  const std::size_t colon = text.find(':', bracket == std::string_view::npos ? 0 : bracket);
  address.host = text.substr(0, colon);
  if (address.host.starts_with('[') && address.host.ends_with(']')) {
    address.host = address.host.substr(1, address.host.size() - 2);
  }
  const bool is_tls = address.scheme == ServerAddress::Scheme::Https;
  address.port = colon == std::string_view::npos ? (is_tls ? "443" : "80") : text.substr(colon + 1);
  const bool has_digits = !address.port.empty() && address.port.size() <= 5 &&
                          address.port.find_first_not_of("0123456789") == std::string::npos;
  if (address.host.empty() || !has_digits ||
      address.host.find_first_of("/?#@ ") != std::string::npos) {
    return fail(ErrorCode::Invalid, "expected HOST:PORT, got '" + std::string(text) + "'");
  }
  return address;
}

}  // namespace

Result<ServerAddress> parse_server_address(std::string_view text) {
  ServerAddress address;
  if (text.starts_with("http://")) {
    address.scheme = ServerAddress::Scheme::Http;
    return parse_authority(std::move(address), text.substr(7));
  }
  if (text.starts_with("https://")) {
    address.scheme = ServerAddress::Scheme::Https;
    return parse_authority(std::move(address), text.substr(8));
  }
  if (text.starts_with("unix:")) text.remove_prefix(5);
  if (!text.starts_with('/') && !text.starts_with("./")) {
    return fail(Error(ErrorCode::Invalid, "no server address: '" + std::string(text) + "'")
                    .with_hint("use unix:/PATH, http://HOST:PORT or https://HOST"));
  }
  address.path = text;
  return address;
}

std::string to_string(const ServerAddress& address) {
  if (address.scheme == ServerAddress::Scheme::Unix) return "unix:" + address.path;
  const bool is_v6 = address.host.find(':') != std::string::npos;
  return std::string(address.scheme == ServerAddress::Scheme::Https ? "https://" : "http://") +
         (is_v6 ? "[" + address.host + "]" : address.host) + ":" + address.port;
}

}  // namespace croft
