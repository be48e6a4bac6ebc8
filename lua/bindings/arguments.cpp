#include "lua/bindings/arguments.hpp"

#include <cmath>
#include <vector>

#include <fmt/format.h>

#include "core/base/suggest.hpp"

namespace croft::lua {

std::string describe_type(lua_State* state, int index) {
  switch (lua_type(state, index)) {
    case LUA_TNONE:
    case LUA_TNIL:
      return "nil";
    case LUA_TSTRING:
      return "a text";
    case LUA_TNUMBER:
      return "a number";
    case LUA_TBOOLEAN:
      return "a boolean";
    case LUA_TTABLE:
      return "a table";
    case LUA_TFUNCTION:
      return "a function";
    case LUA_TLIGHTUSERDATA:
      return "json.null";
    default:
      return fmt::format("a {}", lua_typename(state, lua_type(state, index)));
  }
}

std::string_view text_argument(lua_State* state, int index, std::string_view name,
                               std::string_view what) {
  if (lua_type(state, index) != LUA_TSTRING) {
    throw Misuse{
        fmt::format("{}: {} must be a text, got {}", name, what, describe_type(state, index))};
  }
  std::size_t size = 0;
  const char* text = lua_tolstring(state, index, &size);
  return {text, size};
}

double number_argument(lua_State* state, int index, std::string_view name, std::string_view what) {
  const bool is_number =
      lua_type(state, index) == LUA_TNUMBER && std::isfinite(lua_tonumber(state, index));
  if (!is_number) {
    throw Misuse{
        fmt::format("{}: {} must be a number, got {}", name, what, describe_type(state, index))};
  }
  return lua_tonumber(state, index);
}

Options::Options(lua_State* state, int index, std::string name, std::string what)
    : state_(state), name_(std::move(name)), what_(std::move(what)) {
  if (lua_isnoneornil(state, index)) return;
  if (!lua_istable(state, index)) {
    throw Misuse{fmt::format("{}: the {} must be a table, got {}", name_, what_,
                             describe_type(state, index))};
  }
  index_ = index;
}

void Options::allow(std::span<const std::string_view> names) const {
  if (index_ == 0) return;
  for (lua_pushnil(state_); lua_next(state_, index_) != 0; lua_pop(state_, 1)) {
    if (lua_type(state_, -2) != LUA_TSTRING)
      throw Misuse{fmt::format("{}: the {} are named: {{timeout_ms = 5000}}", name_, what_)};
    const std::string_view given = lua_tostring(state_, -2);
    bool is_known = false;
    for (const std::string_view known : names) is_known = is_known || known == given;
    if (is_known) continue;
    const std::string hint = did_you_mean(given, names);
    throw Misuse{fmt::format("{}: there is no option '{}'{}", name_, given,
                             hint.empty() ? "" : " (" + hint + ")")};
  }
}

bool Options::push(const char* field) const {
  if (index_ == 0) return false;
  lua_getfield(state_, index_, field);
  if (!lua_isnil(state_, -1)) return true;
  lua_pop(state_, 1);
  return false;
}

bool Options::has(const char* field) const {
  if (!push(field)) return false;
  lua_pop(state_, 1);
  return true;
}

void Options::refuse(const char* field, std::string_view expected) const {
  throw Misuse{fmt::format("{}: {}.{} must be {}, got {}", name_, what_, field, expected,
                           describe_type(state_, -1))};
}

std::optional<std::string> Options::text(const char* field) const {
  if (!push(field)) return std::nullopt;
  if (lua_type(state_, -1) != LUA_TSTRING) refuse(field, "a text");
  std::size_t size = 0;
  const char* text = lua_tolstring(state_, -1, &size);
  std::string copy(text, size);
  lua_pop(state_, 1);
  return copy;
}

std::optional<double> Options::number(const char* field) const {
  if (!push(field)) return std::nullopt;
  if (lua_type(state_, -1) != LUA_TNUMBER) refuse(field, "a number");
  const double number = lua_tonumber(state_, -1);
  if (!std::isfinite(number)) refuse(field, "a finite number");
  lua_pop(state_, 1);
  return number;
}

bool Options::boolean(const char* field) const {
  if (!push(field)) return false;
  if (lua_type(state_, -1) != LUA_TBOOLEAN) refuse(field, "a boolean");
  const bool value = lua_toboolean(state_, -1) != 0;
  lua_pop(state_, 1);
  return value;
}

}  // namespace croft::lua
