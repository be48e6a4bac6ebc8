#pragma once

#include "providers/docker/engine/engine_types.hpp"

namespace croft::docker {

/// Calls about networks. `network` is an id or a name.
class Networks {
 public:
  explicit Networks(std::shared_ptr<Transport> transport) : transport_(std::move(transport)) {}

  /// `config` is the body of POST /networks/create with its Name; a name that is taken is Conflict.
  /// Gives the id. A subnet that overlaps another's is Conflict.
  Task<Result<std::string>> create(Value config, Deadline deadline = kNoDeadline) const;
  /// Shows the containers that are on it, too.
  Task<Result<Value>> inspect(std::string network, Deadline deadline = kNoDeadline) const;
  Task<Result<Value>> list(Filters filters = {}, Deadline deadline = kNoDeadline) const;
  /// Conflict while containers are on it.
  Task<Result<void>> remove(std::string network, Deadline deadline = kNoDeadline) const;
  /// `endpoint` is an EndpointConfig ({"Aliases": [...]}), or null. Of one that is on it already:
  /// Conflict.
  Task<Result<void>> connect(std::string network, std::string container, Value endpoint,
                             Deadline deadline = kNoDeadline) const;
  Task<Result<void>> disconnect(std::string network, std::string container, bool force = false,
                                Deadline deadline = kNoDeadline) const;

 private:
  std::shared_ptr<Transport> transport_;
};

}  // namespace croft::docker
