#pragma once

#include "providers/docker/engine/engine_types.hpp"

namespace croft::docker {

/// Calls about volumes.
class Volumes {
 public:
  explicit Volumes(std::shared_ptr<Transport> transport) : transport_(std::move(transport)) {}

  /// `config` is the body of POST /volumes/create. One of that name that is there already is given
  /// back as it is (Podman: Conflict if it is otherwise): look at its labels.
  Task<Result<Value>> create(Value config, Deadline deadline = kNoDeadline) const;
  Task<Result<Value>> inspect(std::string volume, Deadline deadline = kNoDeadline) const;
  /// A list of volumes.
  Task<Result<Value>> list(Filters filters = {}, Deadline deadline = kNoDeadline) const;
  /// Conflict while a container has it.
  Task<Result<void>> remove(std::string volume, bool force = false,
                            Deadline deadline = kNoDeadline) const;

 private:
  std::shared_ptr<Transport> transport_;
};

}  // namespace croft::docker
