#pragma once

#include "providers/docker/engine/engine_types.hpp"

namespace croft::docker {

enum class EngineKind { Docker, Podman };

/// Which engine answers.
struct EngineIdentity {
  EngineKind kind = EngineKind::Docker;
  std::string version;       ///< "20.10.24"
  std::string api;           ///< what was agreed on: "1.41"
  std::string os;            ///< "linux"
  std::string architecture;  ///< "amd64"
};

struct EventsRequest {
  Filters filters;  ///< {"type", {"container"}}, {"label", {...}}, {"event", {...}}
  std::string
      since;  ///< seconds since 1970, with a fraction of up to nine digits; empty: from now on
  std::string until;
};

/// An event as the Engine says it: {"Type", "Action", "Actor": {"ID", "Attributes"}, "timeNano"}.
/// False ends the stream.
using EventSink = std::function<bool(const Value& event)>;

/// Calls about the engine as a whole.
class System {
 public:
  explicit System(std::shared_ptr<Transport> transport) : transport_(std::move(transport)) {}

  /// Invalid if it is none, or speaks only versions before 1.41. Kept from the first call on.
  Task<Result<EngineIdentity>> identity(Deadline deadline = kNoDeadline) const;
  /// Whether it answers now.
  Task<Result<void>> ping(Deadline deadline = kNoDeadline) const;
  Task<Result<Value>> info(Deadline deadline = kNoDeadline) const;
  /// What volumes use: [{"Name", "UsageData": {"Size", "RefCount"}, ...}]. The engine walks through
  /// all of them: slow.
  Task<Result<Value>> volume_usage(Deadline deadline = kNoDeadline) const;
  /// Events as they come, until the engine ends the stream (success: it stops, or `until` has
  /// come), the sink does, or the connection breaks (Unavailable). Quiet for as long as nothing
  /// happens. `began` is called once the engine took the request: what happens from then on is
  /// told.
  Task<Result<void>> events(EventsRequest request, EventSink sink, std::function<void()> began = {},
                            Deadline deadline = kNoDeadline) const;

 private:
  std::shared_ptr<Transport> transport_;
};

}  // namespace croft::docker
