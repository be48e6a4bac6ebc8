#pragma once

#include <string>
#include <vector>

#include "core/base/result.hpp"

namespace croft::secret {

/// Which values of a SOPS file are encrypted: by the names on the way to them.
class SopsRules {
 public:
  enum class Kind { UnencryptedSuffix, EncryptedSuffix, UnencryptedRegex, EncryptedRegex };

  /// Invalid for patterns that SOPS and this machine might read in two ways.
  static Result<SopsRules> make(Kind kind, std::string text);

  bool is_encrypted(const std::vector<std::string>& path) const;

 private:
  SopsRules(Kind kind, std::string text) : kind_(kind), text_(std::move(text)) {}
  bool names(const std::string& name) const;

  Kind kind_;
  std::string text_;
};

}  // namespace croft::secret
