#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "core/base/result.hpp"
#include "core/base/units.hpp"
#include "core/resource/ref.hpp"
#include "lua/engine/sandbox.hpp"

namespace croft::plans {

/// The version of what a health rule gets and returns; it names it as `api`.
inline constexpr std::int64_t kHealthApi = 1;

/// What a provider said of a resource, as health rules see it.
struct HealthFacts {
  Ref ref;
  std::string phase;   ///< "Running"
  std::string health;  ///< "Passing", "Failing", "Unknown": the provider's own word
  std::string reason;
  std::string message;
  std::int64_t restarts = 0;
  std::optional<Timestamp> started_at;
  std::shared_ptr<const Value> fields;  ///< what it runs with, or null
};

struct HealthVerdict {
  std::string health;   ///< one of the three words above
  std::string message;  ///< for people; may be empty
};

/// The operator's own judgement of what a provider runs, in the place of the provider's: a Lua file
/// that returns {api = 1, Instance = function(observed) ... end}, a function for each kind that it
/// judges. Keeps a Lua sandbox: one thread at a time.
class HealthRule {
 public:
  /// Invalid if the text is no Lua or was written for another version. `coverage` is told of the
  /// lines that run.
  static Result<std::shared_ptr<HealthRule>> make(
      const std::string& name, std::string_view text,
      std::shared_ptr<lua::Coverage> coverage = nullptr);

  /// Nothing if the rule leaves that kind to the provider. Invalid, with file and line, if it
  /// fails.
  Result<std::optional<HealthVerdict>> judge(const HealthFacts& facts);

  const std::string& digest() const { return digest_; }  ///< of its text

 private:
  HealthRule(lua::Script script, std::unique_ptr<lua::Sandbox> sandbox, std::string digest)
      : script_(std::move(script)), sandbox_(std::move(sandbox)), digest_(std::move(digest)) {}
  lua::Script script_;
  std::unique_ptr<lua::Sandbox> sandbox_;
  std::string digest_;
};

}  // namespace croft::plans
