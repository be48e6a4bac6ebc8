#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "core/base/result.hpp"
#include "core/base/value.hpp"
#include "lua/engine/sandbox.hpp"
#include "reconciler/notify/message.hpp"

namespace croft::notify {

/// The version of what a template gets and returns; it names it as `api`.
inline constexpr std::int64_t kTemplateApi = 1;

/// The operator's own form of a notification: a Lua file that returns
/// {api = 1, message = function(event) ... end}. Keeps a Lua sandbox: one thread at a time.
class Template {
 public:
  /// Invalid, with file and line, if the text is no Lua, was written for another version, or fails
  /// on what `croft webhook test` sends.
  static Result<std::shared_ptr<Template>> make(const std::string& name, std::string_view text);

  /// What it makes of a CloudEvent. Invalid, with file and line, if it fails, takes too long, or
  /// returns what cannot be sent.
  Result<Message> compose(const Value& event);

 private:
  Template(lua::Script script, std::unique_ptr<lua::Sandbox> sandbox)
      : script_(std::move(script)), sandbox_(std::move(sandbox)) {}
  lua::Script script_;
  std::unique_ptr<lua::Sandbox> sandbox_;
};

}  // namespace croft::notify
