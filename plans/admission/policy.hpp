#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/result.hpp"
#include "core/resource/ref.hpp"
#include "lua/engine/sandbox.hpp"

namespace croft::plans {

/// The version of what a policy gets and returns; it names it as `api`.
inline constexpr std::int64_t kPolicyApi = 1;
/// Where it is in the platform's repository.
inline constexpr std::string_view kPolicyFile = "policy.lua";

/// Whom a resource belongs to, as policies see it.
struct PolicySubject {
  std::string tenant;
  std::string plan;
  Ref ref;
  std::string provider;
  std::shared_ptr<const Value> spec;  ///< secrets are references only
};

struct PolicyVerdict {
  enum class Word { Allow, Warn, Deny };
  Word word = Word::Allow;
  std::string reason;  ///< not empty unless allowed
};

/// The operator's own rule of what tenants may declare: policy.lua, which returns
/// {api = 1, admit = function(resource, tenant) ... end}. The function returns nothing to allow,
/// {warn = "reason"} or {deny = "reason"}. Keeps a Lua sandbox: one thread at a time.
class Policy {
 public:
  /// Takes the text of policy.lua. Invalid if it is no Lua or was written for another version.
  /// `name` stands in errors; `coverage` is told of the lines that run.
  static Result<std::shared_ptr<Policy>> make(std::string_view text,
                                              std::string_view name = kPolicyFile,
                                              std::shared_ptr<lua::Coverage> coverage = nullptr);

  /// Invalid, with file and line, if the policy itself fails: then nobody knows whether it would
  /// have allowed it.
  Result<PolicyVerdict> judge(const PolicySubject& subject);

 private:
  Policy(lua::Script script, std::unique_ptr<lua::Sandbox> sandbox)
      : script_(std::move(script)), sandbox_(std::move(sandbox)) {}
  lua::Script script_;
  std::unique_ptr<lua::Sandbox> sandbox_;
};

}  // namespace croft::plans
