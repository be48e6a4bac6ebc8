#pragma once

#include <optional>

#include "providers/docker/engine/engine_types.hpp"

namespace croft::docker {

struct RemoveContainer {
  bool force = false;    ///< kills it first if it runs
  bool volumes = false;  ///< its anonymous volumes, too
};

struct ContainerLogs {
  std::string container;
  bool follow = false;
  bool out = true;
  bool err = true;
  bool timestamps = false;       ///< before each line, RFC 3339 with nanoseconds
  std::optional<int> tail;       ///< lines of the past; all if it is not given
  std::string since;             ///< seconds since 1970, with a fraction if wanted; empty: all
  std::optional<bool> terminal;  ///< whether it has one; asked from the engine if not given
};

/// What Containers::wait waits for.
enum class WaitFor { NotRunning, NextExit, Removed };

struct ContainerExit {
  int status = 0;
  std::string error;  ///< why it could not be waited for; mostly empty
};

struct AttachContainer {
  std::string container;
  bool in = true;
  bool out = true;
  bool err = true;
  bool past = false;      ///< gives what it wrote until now first
  bool terminal = false;  ///< whether it has one
};

/// Calls about containers. `container` is an id or a name, here and everywhere.
class Containers {
 public:
  explicit Containers(std::shared_ptr<Transport> transport) : transport_(std::move(transport)) {}

  struct Created {
    std::string id;
    std::vector<std::string> warnings;
  };
  /// `config` is the body of POST /containers/create (HostConfig and NetworkingConfig in it).
  /// NotFound: the image is not there. Conflict: the name is taken.
  Task<Result<Created>> create(std::string name, Value config, std::string platform = {},
                               Deadline deadline = kNoDeadline) const;
  /// The container as the Engine describes it.
  Task<Result<Value>> inspect(std::string container, Deadline deadline = kNoDeadline) const;
  /// What a container uses now, as the Engine describes it; of one that does not run, nothing much.
  Task<Result<Value>> stats(std::string container, Deadline deadline = kNoDeadline) const;
  /// A list of summaries; those that do not run, too.
  Task<Result<Value>> list(Filters filters = {}, Deadline deadline = kNoDeadline) const;
  /// Of one that runs succeeds.
  Task<Result<void>> start(std::string container, Deadline deadline = kNoDeadline) const;
  /// Its stop signal, SIGKILL after the grace (whole seconds). Of one that is stopped succeeds. The
  /// call may take the grace and EngineSettings::call_timeout.
  Task<Result<void>> stop(std::string container, std::chrono::seconds grace,
                          Deadline deadline = kNoDeadline) const;
  /// Sends a signal, "SIGTERM". Conflict if it does not run.
  Task<Result<void>> kill(std::string container, std::string signal,
                          Deadline deadline = kNoDeadline) const;
  Task<Result<void>> pause(std::string container, Deadline deadline = kNoDeadline) const;
  Task<Result<void>> unpause(std::string container, Deadline deadline = kNoDeadline) const;
  /// Conflict if it runs (without force) or is being removed.
  Task<Result<void>> remove(std::string container, RemoveContainer how = {},
                            Deadline deadline = kNoDeadline) const;
  Task<Result<void>> rename(std::string container, std::string name,
                            Deadline deadline = kNoDeadline) const;
  /// Waits as long as it takes, or until the deadline.
  Task<Result<ContainerExit>> wait(std::string container, WaitFor what = WaitFor::NotRunning,
                                   Deadline deadline = kNoDeadline) const;
  /// Changes resources and restart policy in place; gives warnings.
  Task<Result<std::vector<std::string>>> update(std::string container, Value resources,
                                                Deadline deadline = kNoDeadline) const;
  /// Ends when the log does, the sink has enough, or at the deadline. With `follow` it waits as
  /// long as it takes.
  Task<Result<void>> logs(ContainerLogs request, OutputSink sink,
                          Deadline deadline = kNoDeadline) const;
  /// {"Titles": [...], "Processes": [[...]]}; Conflict if it does not run.
  Task<Result<Value>> top(std::string container, std::string ps_arguments = {},
                          Deadline deadline = kNoDeadline) const;
  Task<Result<std::unique_ptr<AttachedStream>>> attach(AttachContainer request,
                                                       Deadline deadline = kNoDeadline) const;
  Task<Result<void>> resize(std::string container, int rows, int columns,
                            Deadline deadline = kNoDeadline) const;

  /// A file or directory inside, running or not, as a tar stream; the entries begin with the last
  /// name of the path ("data/..." for /srv/data), or "./" if the path ends with "/.".
  Task<Result<void>> get_archive(std::string container, std::string path, ByteSink sink,
                                 Deadline deadline = kNoDeadline) const;
  /// Unpacks a tar stream into a directory inside, which must be there. Docker chroots into the
  /// container to do so; owners are kept as the archive has them.
  Task<Result<void>> put_archive(std::string container, std::string path, ByteSource archive,
                                 Deadline deadline = kNoDeadline) const;

 private:
  std::shared_ptr<Transport> transport_;
};

}  // namespace croft::docker
