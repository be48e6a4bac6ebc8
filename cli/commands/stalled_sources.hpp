#pragma once

#include <string>

#include "cli/client/client.hpp"
#include "cli/output/terminal.hpp"

namespace croft::cli {

/// Says on standard error which sources of a tenant (all that one sees if it is empty) are stalled,
/// at which commit, why, and what runs meanwhile.
Result<void> print_stalled_sources(const Client& client, const Terminal& terminal,
                                   const std::string& tenant);

}  // namespace croft::cli
