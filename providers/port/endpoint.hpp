#pragma once

#include <string>
#include <string_view>

#include "core/base/async.hpp"
#include "core/base/files.hpp"
#include "core/base/result.hpp"

namespace croft {

/// How to reach what runs.
struct Endpoint {
  enum class Scheme {
    None,
    Unix,  ///< "unix:PATH": a stream socket
    Shim,  ///< "shim:PATH": a croft-shim's socket, which hands over a connection into the app's own
           ///< network
    Tcp,   ///< "tcp:HOST:PORT"
    Https,    ///< "https://HOST[:PORT]": elsewhere, where whoever runs it serves it himself
    Release,  ///< "release:ID": a static site's release, served by the gateway
  };
  Scheme scheme = Scheme::None;
  std::string address;  ///< what stands behind the first colon

  bool operator==(const Endpoint&) const = default;
};

std::string to_string(const Endpoint& endpoint);
/// Empty text is the None endpoint.
Result<Endpoint> parse_endpoint(std::string_view text);

/// A connected, non-blocking stream socket to what runs there. The one way in, for the gateway,
/// health checks and tunnels. Unavailable if nothing listens, Timeout, Invalid for endpoints that
/// have no stream of plain HTTP (Release, Https, None).
Task<Result<UniqueFd>> dial(Endpoint endpoint, Duration timeout);

}  // namespace croft
