#include "providers/docker/engine/engine_client.hpp"

#include <arpa/inet.h>

#include "providers/docker/engine/transport.hpp"

namespace croft::docker {

namespace {

Error bad_host(const std::string& host, std::string message) {
  return Error(ErrorCode::Invalid, std::move(message))
      .with_hint("use unix:///PATH or tcp://HOST:PORT")
      .while_doing("reading the engine's address '" + host + "'");
}

bool is_loopback(const std::string& host) {
  in_addr four{};
  if (inet_pton(AF_INET, host.c_str(), &four) == 1) return (ntohl(four.s_addr) >> 24U) == 127;
  return host == "::1" || host == "localhost";
}

/// All three files or none.
Result<bool> has_tls(const EngineSettings& settings) {
  const bool has_any = !settings.certificate_authority.empty() || !settings.certificate.empty() ||
                       !settings.key.empty();
  const bool has_all = !settings.certificate_authority.empty() && !settings.certificate.empty() &&
                       !settings.key.empty();
  if (has_any == has_all) return has_all;
  return fail(Error(ErrorCode::Invalid, "TLS needs the authority, a certificate and its key")
                  .with_hint("give all three, or none for a unix socket"));
}

Result<ServerAddress> read_tcp(const EngineSettings& settings, std::string_view authority) {
  TRY_ASSIGN(const bool is_tls, has_tls(settings));
  const std::string url = (is_tls ? "https://" : "http://") + std::string(authority);
  Result<ServerAddress> address = parse_server_address(url);
  if (!address) return fail(bad_host(settings.host, address.error().message()));
  if (!is_tls && !is_loopback(address->host)) {
    return fail(Error(ErrorCode::Denied, "without TLS anybody on the way could rule that machine")
                    .with_hint("give the engine's certificate authority, our certificate and key")
                    .while_doing("reading the engine's address '" + settings.host + "'"));
  }
  return address;
}

Result<ServerAddress> read_address(const EngineSettings& settings) {
  const std::string_view host = settings.host;
  if (host.starts_with("tcp://")) return read_tcp(settings, host.substr(6));
  if (!host.starts_with("unix://")) {
    return fail(bad_host(settings.host, "this is no address of an engine"));
  }
  ServerAddress address;
  address.path = host.substr(7);
  if (!address.path.starts_with('/')) {
    return fail(bad_host(settings.host, "the socket's path has to be absolute"));
  }
  return address;
}

}  // namespace

Result<EngineClient> EngineClient::make(EngineSettings settings) {
  TRY_ASSIGN(ServerAddress address, read_address(settings));
  return EngineClient(std::make_shared<Transport>(std::move(address), settings));
}

void EngineClient::cancel_streams() const { transport_->cancel_streams(); }

}  // namespace croft::docker
