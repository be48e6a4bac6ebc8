#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/result.hpp"
#include "core/base/secret.hpp"
#include "core/secret/age.hpp"

namespace croft::secret {

// Files that SOPS encrypts (https://getsops.io), in YAML or JSON, to age recipients. The rules are
// those of SOPS 3: each value is sealed with AES-256-GCM, its path authenticated; one MAC is over
// all of them; the data key is wrapped for each recipient. What a file may say and nothing here
// honours (key groups, comments that switch encryption) is refused, never skipped.

/// Values by their place: "password", in maps "db.password", in lists "hosts.0".
using SopsValues = std::map<std::string, Secret<std::string>>;

/// All values, encrypted or not, once the MAC has been found right. NotFound if none of the
/// identities is among the recipients; Invalid if it is no such file or was changed. Errors know
/// the line and column (their position's `file` is empty).
Result<SopsValues> open_sops(std::string_view file, const std::vector<AgeIdentity>& identities);

/// The same with the file's data key at hand (32 bytes).
Result<SopsValues> open_sops_with_key(std::string_view file, std::string_view data_key);

/// What can be said without any key: the names of its values. Invalid if it is no such file.
Result<std::vector<std::string>> names_in_sops(std::string_view file);

}  // namespace croft::secret
