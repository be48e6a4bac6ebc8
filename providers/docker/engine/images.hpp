#pragma once

#include "core/base/secret.hpp"
#include "providers/docker/engine/engine_types.hpp"
#include "providers/docker/engine/progress.hpp"

namespace croft::docker {

/// Who asks a registry. Empty: nobody in particular.
struct RegistryLogin {
  std::string server;  ///< "registry.example.com:5000"
  std::string user;
  Secret<std::string> password;
  Secret<std::string> identity_token;  ///< in the place of the password

  bool is_empty() const { return user.empty() && identity_token.reveal().empty(); }
};

struct BuildImage {
  std::string tag;                        ///< "name:tag"; empty: only the id names it
  std::string dockerfile = "Dockerfile";  ///< inside the context
  std::string target;                     ///< a stage
  std::map<std::string, std::string> arguments;
  std::map<std::string, std::string> labels;
  std::string network;  ///< of RUN: "none", "bridge", a network's name; empty: the engine's default
  std::string platform;
  bool pull = false;  ///< asks for newer base images
  bool no_cache = false;
  std::int64_t memory = 0;       ///< bytes of a RUN; 0: no limit
  std::int64_t memory_swap = 0;  ///< both together
  std::int64_t cpu_period = 0;   ///< microseconds
  std::int64_t cpu_quota = 0;
  std::int64_t shm = 0;
  std::int64_t processes = 0;  ///< of a RUN's user (ulimit nproc; not of root's); 0: no limit
  std::string cgroup_parent;   ///< of a RUN: "/NAME" (cgroupfs) or "NAME.slice" (systemd)
  std::vector<std::string> cache_from;
  std::vector<std::string> extra_hosts;  ///< "name:address"
  std::vector<RegistryLogin> logins;     ///< for base images
};

/// Calls about images. `image` is "name", "name:tag", "name@digest" or an id.
class Images {
 public:
  explicit Images(std::shared_ptr<Transport> transport) : transport_(std::move(transport)) {}

  Task<Result<Value>> inspect(std::string image, Deadline deadline = kNoDeadline) const;
  Task<Result<Value>> list(Filters filters = {}, Deadline deadline = kNoDeadline) const;
  /// Ends when it is there. A name without tag or digest means ":latest". NotFound: the registry
  /// has none such, or hides it; Denied: it wants another login.
  Task<Result<void>> pull(std::string image, RegistryLogin login, ProgressSink sink,
                          std::string platform = {}, Deadline deadline = kNoDeadline) const;
  Task<Result<void>> push(std::string image, RegistryLogin login, ProgressSink sink,
                          Deadline deadline = kNoDeadline) const;
  /// What a registry has under a name, without pulling: the digest, "sha256:...".
  Task<Result<std::string>> registry_digest(std::string image, RegistryLogin login,
                                            Deadline deadline = kNoDeadline) const;
  /// Builds with the classic builder; `context` is a tar stream (build_context.hpp makes one).
  /// Gives the image's id. What a step writes comes to the sink as `text`. Invalid with the
  /// builder's own words if a step fails.
  Task<Result<std::string>> build(BuildImage request, ByteSource context, ProgressSink sink,
                                  Deadline deadline = kNoDeadline) const;
  /// Makes an image of a root file system's tar; `changes` are lines of a Dockerfile. Gives its id.
  Task<Result<std::string>> import(std::string image, std::vector<std::string> changes,
                                   ByteSource archive, Deadline deadline = kNoDeadline) const;
  /// A further name, "name:tag".
  Task<Result<void>> tag(std::string image, std::string name,
                         Deadline deadline = kNoDeadline) const;
  /// Conflict if a container uses it (without force) or it has several names.
  Task<Result<void>> remove(std::string image, bool force = false,
                            Deadline deadline = kNoDeadline) const;
  /// {"ImagesDeleted": [...], "SpaceReclaimed": ...}
  Task<Result<Value>> prune(Filters filters, Deadline deadline = kNoDeadline) const;

 private:
  std::shared_ptr<Transport> transport_;
};

}  // namespace croft::docker
