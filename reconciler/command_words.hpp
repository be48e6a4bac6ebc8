#pragma once

#include <string>
#include <vector>

namespace croft {

/// A command as it may be kept in events and audit logs: what looks like a secret is hidden, by its
/// name (`--password X`, `TOKEN=X`, `Authorization: X`) or its place (`https://user:X@host`),
/// within arguments that are scripts too; and so is every secret that was remembered.
std::vector<std::string> without_secrets(const std::vector<std::string>& command);

/// The same in one line, at most some 200 characters, quoted where a shell would want it; "a shell"
/// if it is empty.
std::string describe_command(const std::vector<std::string>& command);

}  // namespace croft
