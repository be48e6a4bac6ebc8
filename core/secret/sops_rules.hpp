#pragma once

#include <memory>
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
  class Pattern;

  SopsRules(Kind kind, std::string text, std::shared_ptr<const Pattern> pattern)
      : kind_(kind), text_(std::move(text)), pattern_(std::move(pattern)) {}
  bool names(const std::string& name) const;

  Kind kind_;
  std::string text_;
  std::shared_ptr<const Pattern> pattern_;  ///< of the kinds that have one
};

}  // namespace croft::secret
