#pragma once
// Room providers/docker/engine: the Docker Engine API (1.41 and up), which Podman speaks, too.
//
//   engine_client     where an engine is, which one it is, its calls by what they are about
//   containers, images, networks, volumes, execs, system
//                     those calls: thin, JSON as Value, in the Engine's own words
//   output            its multiplexed output taken apart
//   progress          what pulls and builds tell while they run
//   build_context     a FileTree as the tar that a build reads, without what .dockerignore names
//
// Source of every call: https://docs.docker.com/engine/api/v1.41/. Everything runs on the executor
// of the coroutine that calls, always the same one, and is not thread safe.
//
// Errors of every call, with words about what was being done: NotFound (404, names no such thing),
// Conflict (409, and what a 500 says that means the same), Invalid (400, or not an engine), Denied
// (401, 403, no access to the socket, bad certificate), Unavailable (nobody listens, it broke, a
// 5xx), Timeout (no answer in time, a socket that hangs). is_out_of_space() tells those of a full
// disk.

#include <memory>
#include <string>

#include "providers/docker/engine/containers.hpp"
#include "providers/docker/engine/execs.hpp"
#include "providers/docker/engine/images.hpp"
#include "providers/docker/engine/networks.hpp"
#include "providers/docker/engine/system.hpp"
#include "providers/docker/engine/volumes.hpp"

namespace croft::docker {

struct EngineSettings {
  std::string host = "unix:///var/run/docker.sock";  ///< or tcp://HOST:PORT
  // PEM files for tcp: who may have signed the engine's certificate, and who we are. Without them
  // tcp is refused for any address that is not loopback.
  std::string certificate_authority;
  std::string certificate;
  std::string key;
  Duration connect_timeout{5'000};
  /// Of a call that the engine answers by itself, from the call to the whole reply.
  Duration call_timeout{30'000};
  /// Of pulls, pushes, builds, imports and archives: between two signs of life.
  Duration quiet_timeout{300'000};
  std::size_t idle_connections = 16;
};

/// An engine. A copy is as good as the original and shares its connections. The first call asks
/// which engine it is and agrees on an API version; so does the first call after one that did not
/// reach it.
class EngineClient {
 public:
  /// Connects to nothing yet. Invalid for an address that it cannot use; Denied for tcp without TLS
  /// past loopback.
  static Result<EngineClient> make(EngineSettings settings);

  Containers containers() const { return Containers(transport_); }
  Images images() const { return Images(transport_); }
  Networks networks() const { return Networks(transport_); }
  Volumes volumes() const { return Volumes(transport_); }
  Execs execs() const { return Execs(transport_); }
  /// Ends with Cancelled the calls under way that read as something comes: events, logs, waits,
  /// pulls, builds, archives. New ones may begin.
  void cancel_streams() const;

  System system() const { return System(transport_); }

 private:
  explicit EngineClient(std::shared_ptr<Transport> transport) : transport_(std::move(transport)) {}
  std::shared_ptr<Transport> transport_;
};

}  // namespace croft::docker
