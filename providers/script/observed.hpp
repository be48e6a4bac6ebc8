#pragma once

#include <vector>

#include "providers/port/provider.hpp"

namespace croft::script {

/// What an adapter's observe() returned, as the port says it. Internal with the place in the list
/// of what is wrong: that is the script's mistake.
Result<std::vector<Observed>> read_observed(const Value& list);

/// What its capabilities() returned. `has_logs`: the script has a function for them.
Result<Capabilities> read_capabilities(const Value& table, bool has_logs);

/// The argument of create and its kin.
Value effect_value(const Effect& effect, std::optional<DataPolicy> data);

}  // namespace croft::script
