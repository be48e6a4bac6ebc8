#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/result.hpp"
#include "core/base/value.hpp"
#include "lua/engine/sandbox.hpp"

namespace croft::cli {

/// Answers lines of Lua as pricing rules would run them. The sandbox keeps nothing from call to
/// call, and is deterministic: so each line runs after all statements before it, anew.
class Repl {
 public:
  /// `rule` is the text of a pricing rule, or empty. Invalid if it is no Lua; Unavailable if there
  /// is no memory.
  static Result<Repl> make(std::string rule);

  /// What there is to say to that line: its values as JSON, an error, or nothing.
  std::string take(std::string_view line);
  /// The line began something that goes on: the next one belongs to it.
  bool wants_more() const { return !begun_.empty(); }
  /// A line raised an error, or was no Lua.
  bool has_failed() const { return has_failed_; }

 private:
  Repl(std::string rule, std::unique_ptr<lua::Sandbox> sandbox);
  Result<Value> run(const std::string& last);

  std::string rule_;
  std::unique_ptr<lua::Sandbox> sandbox_;
  std::vector<Value> given_;  ///< plan, resources, usage, period
  std::string statements_;    ///< those that went well, a line each
  std::string begun_;         ///< what is not whole yet
  bool has_failed_ = false;
};

}  // namespace croft::cli
