#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "core/base/value.hpp"
#include "providers/docker/settings.hpp"
#include "providers/port/provider.hpp"

namespace croft::docker {

/// An image that is there, as far as a plan needs to know.
struct ImageFacts {
  std::string reference;             ///< what containers are made from: NAME@DIGEST, or an id
  std::string id;                    ///< "sha256:..."
  std::vector<std::string> volumes;  ///< paths that the image declares as volumes
};

/// One of `files` on its way into a container.
struct PlannedFile {
  std::string path;    ///< inside
  std::string source;  ///< path in the repository; empty: `content` is the file
  std::string id;      ///< of the blob or tree
  std::string content;
  std::string secret;  ///< fingerprint of `content`, if that is one: it never comes to a disk
  std::int64_t mode = 0444;
  std::int64_t uid = 0;
  std::int64_t gid = 0;
  std::filesystem::path
      at;  ///< where it is on this machine; empty: it is written into the container
};

/// A volume that a container has.
struct PlannedVolume {
  std::string name;  ///< the engine's
  std::string part;  ///< of the resource that it belongs to, "volume:data"; empty: a Volume's,
                     ///< which must be there already
};

struct PlannedNetwork {
  std::string name;  ///< the engine's
  std::vector<std::string> aliases;
};

/// What a container of a workload is made of.
struct ContainerPlan {
  std::string name;
  Value config;  ///< the body of POST /containers/create
  std::string platform;
  std::vector<PlannedVolume> volumes;
  std::vector<PlannedNetwork>
      networks;                      ///< the first is in `config`, the others are connected later
  std::vector<PlannedFile> written;  ///< files that go into the container before it starts
  bool has_own_network = false;      ///< networks[0] is its own, to be made with it
};

struct PlanInput {
  const Effect& effect;
  const Value& workload;  ///< see workload_of()
  const ImageFacts& image;
  const ProviderSettings& settings;
  std::vector<PlannedFile> files;  ///< planned_files(), with `at` filled in where they are bound
  bool has_init = true;            ///< the engine brings one along
  bool has_resolver = true;        ///< the engine answers names inside of each container
  std::string joined_container;    ///< of `networkMode: service:NAME`: that service's container
  std::string joined_processes;    ///< of `pid: service:NAME`
};

/// Pure: what is to be created. The walls that every container has are in here: no capability
/// beyond a short list, no new privileges, limits, bounded logs; what loosens them is applied only
/// where the spec says it, which admission let pass before.
ContainerPlan plan_container(const PlanInput& input);

/// Pure: the files that a workload wants, with what the effect says that secrets are.
std::vector<PlannedFile> planned_files(const Effect& effect, const Value& workload);

/// Pure: the body of POST /containers/ID/update for limits and restart policy.
Value plan_update(const Value& workload);

/// Pure: names of the networks at the engine that a workload is in; its own if it names none.
std::vector<PlannedNetwork> planned_networks(const Effect& effect, const Value& workload);

/// Pure: volumes and where they are mounted.
std::vector<PlannedVolume> planned_volumes(const std::string& tenant_uid, const std::string& uid,
                                           const Ref& ref, const Value& workload,
                                           const std::vector<std::string>& image_volumes);

/// The capabilities of every container: what images take for granted (to change owners and users,
/// to listen on low ports), and nothing that reaches the kernel, the network or other processes.
std::vector<std::string> capabilities_of(const Value& workload);

}  // namespace croft::docker
