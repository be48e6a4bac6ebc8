#pragma once
// Inside lua only: reading what a script passes to a host function.

#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "lua/engine/machine.hpp"

namespace croft::lua {

/// Makes a C function of the VM from one that throws Misuse: the text is raised at the line of the
/// script that called. LuaJIT's own errors pass through C++ frames as exceptions do, so that
/// destructors run (LuaJIT's "full interoperability", on x64 and arm64).
template <int (*Function)(lua_State*)>
int bound(lua_State* state) {
  try {
    return Function(state);
  } catch (const Misuse& misuse) {
    luaL_where(state, 1);
    lua_pushlstring(state, misuse.text.data(), misuse.text.size());
    lua_concat(state, 2);
  }
  return lua_error(state);
}

/// "a number", "nil", "a table".
std::string describe_type(lua_State* state, int index);

/// The text at an index; throws Misuse "NAME: WHAT must be a text, got nil".
std::string_view text_argument(lua_State* state, int index, std::string_view name,
                               std::string_view what);
double number_argument(lua_State* state, int index, std::string_view name, std::string_view what);

/// A table of named options.
class Options {
 public:
  /// The one at `index`, or none if it is nil; throws Misuse if it is no table.
  Options(lua_State* state, int index, std::string name, std::string what = "options");

  /// Throws Misuse, with the closest name, if there is an option of another name.
  void allow(std::span<const std::string_view> names) const;
  bool has(const char* field) const;
  std::optional<std::string> text(const char* field) const;
  std::optional<double> number(const char* field) const;
  bool boolean(const char* field) const;  ///< false if it is not given
  /// Pushes the field; false and nothing pushed if it is nil.
  bool push(const char* field) const;
  /// Throws Misuse "NAME: options.FIELD must be EXPECTED, got ...", for the value on top.
  [[noreturn]] void refuse(const char* field, std::string_view expected) const;
  const std::string& name() const { return name_; }
  lua_State* state() const { return state_; }

 private:
  lua_State* state_;
  int index_ = 0;  // 0: not given
  std::string name_;
  std::string what_;
};

}  // namespace croft::lua
