#pragma once

#include <string>
#include <vector>

#include "core/base/result.hpp"
#include "providers/port/provider.hpp"
#include "providers/process/shim/wire.hpp"

namespace croft {

// Secrets never touch a disk: the file `launch` of an app names those that it needs, and their
// values travel over the shim's control socket before it is told to start. The shim keeps them for
// as long as it lives, so that the app is started again without Croft.

/// Pure: what names the secrets of a spec in a launch file: "env:TOKEN", "file:run/secrets/key".
std::vector<std::string> secret_names(const Value& spec);

/// Pure: the lines that give a shim the values. Internal if one is not at hand.
Result<std::vector<shim::Line>> secret_lines(const Value& spec, const SecretValues* values);

}  // namespace croft
