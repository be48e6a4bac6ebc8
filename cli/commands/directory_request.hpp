#pragma once

#include <optional>

#include "cli/client/client.hpp"
#include "cli/command/command.hpp"
#include "core/manifest/diagnostic.hpp"

namespace croft::cli {

/// The body of a request about the manifests of DIR: whose they are, and their tree. Manifests are
/// checked here first, where their text is: nothing comes back for those with mistakes, which are
/// in `diagnostics` then.
Result<std::optional<Value>> directory_request(const Client& client, const Invocation& invocation,
                                               manifest::Diagnostics& diagnostics);

/// DIR, or the current directory.
std::string directory_of(const Invocation& invocation);
/// DIR as commands describe it.
Parameter directory_parameter();

}  // namespace croft::cli
