#pragma once

#include <cstdint>
#include <string>

#include "core/base/result.hpp"
#include "core/base/value.hpp"
#include "providers/docker/engine/engine_client.hpp"
#include "providers/docker/settings.hpp"

namespace croft::docker {

// The steps of a build run as containers that the API bounds in memory and processor time, but not
// in processes. It takes a cgroup to put them in, though: one of our own, with that limit.

/// Pure: why there cannot be such a cgroup, by what the engine says of itself (GET /info); empty if
/// there can.
std::string reason_against_build_cgroup(const ProviderSettings& settings, EngineKind kind,
                                        const Value& info);

/// Makes the cgroup of a resource's builds, or sets the limit of the one that is there; gives what
/// the API calls it. cgroup v1 or v2, as this machine has it. Blocks.
Result<std::string> make_build_cgroup(const std::string& uid, std::int64_t processes);

/// Takes it away, from all hierarchies that the engine made it in. One that is in use stays.
/// Blocks.
void remove_build_cgroup(const std::string& uid);

}  // namespace croft::docker
