#pragma once

#include <optional>

#include "core/base/settings.hpp"
#include "reconciler/engine.hpp"

namespace croft {

/// Who must have signed the platform's commits: the settings `platform.verify`,
/// `platform.allowedSigners`, `platform.gpgKeys`; nothing if they are not set. The keys lie on the
/// operator's disk: a repository cannot vouch for itself. An error names the file and the line.
Result<std::optional<VerifyDeclaration>> platform_verify(const Settings& settings);

}  // namespace croft
