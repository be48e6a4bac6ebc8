#pragma once

#include <filesystem>
#include <string>

#include "core/base/result.hpp"
#include "core/base/value.hpp"

namespace croft {

/// Appends a line of JSON to the audit log (0600, made if it is not there; opened anew for each
/// line, so that it can be rotated). Secrets that were remembered are redacted. A mutation writes
/// who asks for what before anything is done (and is refused if that cannot be written), and its
/// outcome afterwards, both with the same id.
Result<void> append_audit(const std::filesystem::path& path, const Value& line);

}  // namespace croft
