#pragma once
// Room gateway/api: the REST API over the Engine. JSON, versioned under /v1; /openapi.json
// describes it.
//
// - api: make_api, a handler for core/net's HttpServer
// - operation: the one table of what can be asked; dispatch and /openapi.json both come from it
// - json_forms: what is sent and read back; the client uses it too
// - upload: the tree that `croft diff` uploads
// - access: who asks (peers of a unix socket, bearer tokens), and what each may see
// - schema, schemas: the forms as JSON Schema, and a checker of it
// - audit: who changed what, in a file of its own
//
// In a path, "-" stands for the platform where a tenant is expected: /v1/resources/-/Plan/hobby.

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "core/base/async.hpp"
#include "core/base/clock.hpp"
#include "core/base/id.hpp"
#include "core/net/server.hpp"
#include "core/store/store.hpp"
#include "reconciler/engine.hpp"

namespace croft {

struct ApiSettings {
  std::string version = "0.1.0";
  bool is_solo = false;
  /// Besides root and the daemon's own uid, who is the operator on the unix socket.
  std::vector<std::uint32_t> operator_uids;
  std::filesystem::path audit_log;  ///< a line of JSON for each mutation is appended here
  Duration heartbeat{15'000};       ///< a comment on quiet event streams
  std::size_t stream_buffer =
      1U << 20U;  ///< of log text that a slow reader has not taken; more is left out, saying so
  /// The URL of a source's hook, by the source's key.
  std::function<std::string(const std::string& source)> hook_url;
  /// What /metrics says; unset: it is not found.
  std::function<Task<std::string>()> metrics;
  /// Why the server cannot do its work now, for /readyz; unset: only the store is asked.
  std::function<Task<std::vector<std::string>>()> reasons_not_ready;
  /// A merge request of a source has news; ends once that is not lost any more.
  std::function<Task<Result<void>>(std::string source, std::int64_t number)> on_merge_request;
};

/// What the API stands on; everything outlives the server that runs it.
struct ApiParts {
  Engine& engine;
  Store& store;
  Clock& clock;
  RandomSource& random;
  BlockingPool& pool;  ///< uploads are parsed there
};

/// A handler with the settings it wants from its server. Kept alive until the server has stopped.
class Api {
 public:
  virtual ~Api() = default;
  virtual Task<HttpResponse> handle(HttpRequest request) = 0;
  /// For HttpServer: `handle`, body limits by route, refusals in the API's error form.
  virtual HttpServerSettings server_settings() = 0;
  /// What /openapi.json says.
  virtual std::string openapi() const = 0;
};

std::unique_ptr<Api> make_api(ApiParts parts, ApiSettings settings);

}  // namespace croft
