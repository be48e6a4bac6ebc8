#pragma once

#include <memory>
#include <string_view>

#include "cli/lua/script_under_test.hpp"
#include "core/base/value.hpp"

namespace croft::lua {
class Coverage;
}

namespace croft::cli {

/// Asks a rule what a test of it says.
class RuleBench {
 public:
  virtual ~RuleBench() = default;
  virtual std::string_view words() const = 0;     ///< "pricing rule"
  virtual std::string_view question() const = 0;  ///< as tests ask it: "quote" of t.quote
  /// Whether it is such a rule at all, by an example.
  virtual Result<void> check() = 0;
  /// Gives {value}, or {err} if the rule fails. Invalid for what the test does wrong.
  virtual Result<Value> answer(const Value& given) = 0;
};

/// For a script that is no adapter. Invalid if it is no Lua or of another version; Unavailable if
/// there is no memory.
Result<std::unique_ptr<RuleBench>> make_rule_bench(const ScriptUnderTest& script,
                                                   std::shared_ptr<lua::Coverage> coverage);

/// A table of a test: the empty one is a map here. Invalid if it is a list or no table.
Result<Value> map_of(const Value* given, std::string_view what);
/// A whole number of a test's table that is not negative. Invalid if it is none.
Result<std::int64_t> count_of(const Value& map, std::string_view key, std::string_view what,
                              std::int64_t fallback);
/// {err}: how a rule's failure is told to a test.
Value failed_answer(const Error& error, const std::string& file);

}  // namespace croft::cli
