#pragma once

#include <string>
#include <string_view>

#include "core/base/result.hpp"

namespace croft::manifest {

/// What a kind or one of its fields means, for `croft explain`: "Instance", "Instance.spec.health",
/// "Site.metadata". `spec.` may be left out. NotFound with a suggestion if there is no such thing.
Result<std::string> explain(std::string_view path);

/// docs/reference.md: every kind with all of its fields, as Markdown.
std::string reference_markdown();

}  // namespace croft::manifest
