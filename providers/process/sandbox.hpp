#pragma once

#include "providers/process/cgroup.hpp"
#include "providers/process/layout.hpp"
#include "providers/process/machine.hpp"
#include "providers/process/record.hpp"
#include "providers/process/settings.hpp"
#include "providers/process/shim/launch.hpp"

namespace croft {

/// Where an app finds its repository's files, and the uid it believes to have.
inline constexpr const char* kAppDirectory = "/app";
inline constexpr unsigned kInnerUid = 1000;
/// Where it listens if nobody says otherwise.
inline constexpr int kDefaultPort = 8080;

/// Pure: what the shim runs for this record: bubblewrap's options, mounts, user, environment. The
/// whole security of an app's file system is in this list; tests read it.
shim::Launch make_launch(const AppRecord& record, const ProcessSettings& settings,
                         const ProcessLayout& layout, const Machine& machine,
                         const AppCgroup& cgroup);

/// Pure: the limits in a spec.
ResourceLimits limits_of(const Value& spec);

/// Pure: an Instance's spec with the provider's defaults filled in, or why it cannot be honoured.
Result<Value> normalize_instance(const ProcessSettings& settings, const Value& spec);

}  // namespace croft
