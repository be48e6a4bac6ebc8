#include <cmath>
#include <optional>

#include <fmt/format.h>

#include "core/net/http.hpp"
#include "lua/engine/vm.hpp"

namespace croft::lua {

namespace {

constexpr int kDeepest = 64;
constexpr std::size_t kMostValues = 100'000;            // of one result
constexpr std::int64_t kExact = std::int64_t{1} << 53;  // whole numbers that a double has all of

void require_room(lua_State* state, int depth) {
  if (depth > kDeepest || lua_checkstack(state, 4) == 0)
    luaL_error(state, "a value is nested deeper than %d levels", kDeepest);
}

void push(lua_State* state, const Value& value, int depth) {
  if (value.is_null()) {
    lua_pushnil(state);
  } else if (value.is_boolean()) {
    lua_pushboolean(state, value.as_boolean() ? 1 : 0);
  } else if (value.is_integer()) {
    const std::int64_t number = value.as_integer();
    if (number > kExact || number < -kExact)
      luaL_error(state, "a number is too large for a script: pass it as text");
    lua_pushnumber(state, static_cast<double>(number));
  } else if (value.is_real()) {
    lua_pushnumber(state, value.as_real());
  } else if (value.is_text()) {
    lua_pushlstring(state, value.as_text().data(), value.as_text().size());
  } else if (value.is_list()) {
    require_room(state, depth);
    lua_createtable(state, static_cast<int>(value.size()), 0);
    int index = 0;
    for (const Value& item : value.as_list()) {
      push(state, item, depth + 1);
      lua_rawseti(state, -2, ++index);
    }
  } else {
    require_room(state, depth);
    lua_createtable(state, 0, static_cast<int>(value.size()));
    for (const Value::Entry& entry : value.as_map()) {
      lua_pushlstring(state, entry.key.data(), entry.key.size());
      push(state, entry.value, depth + 1);
      lua_rawset(state, -3);
    }
  }
}

std::unexpected<Error> refuse(std::string why) { return fail(ErrorCode::Invalid, std::move(why)); }

/// Reads one result. Uses only what neither allocates in the VM nor raises.
class Reader {
 public:
  explicit Reader(lua_State* state) : state_(state) {}

  Result<Value> read(int index, int depth) {
    if (++count_ > kMostValues)
      return refuse(fmt::format("the result has more than {} values", kMostValues));
    if (depth > kDeepest || lua_checkstack(state_, 4) == 0)
      return refuse(fmt::format("the result is nested deeper than {} levels", kDeepest));
    switch (lua_type(state_, index)) {
      case LUA_TNIL:
        return Value();
      case LUA_TBOOLEAN:
        return Value(lua_toboolean(state_, index) != 0);
      case LUA_TNUMBER:
        return read_number(lua_tonumber(state_, index));
      case LUA_TSTRING:
        return read_text(index);
      case LUA_TTABLE:
        return read_table(index < 0 ? lua_gettop(state_) + index + 1 : index, depth);
      default:
        return refuse(fmt::format("a {} cannot be part of the result",
                                  lua_typename(state_, lua_type(state_, index))));
    }
  }

 private:
  static Result<Value> read_number(double number) {
    if (!std::isfinite(number)) return refuse("the result has a number that is not finite");
    const bool is_whole = number == std::trunc(number);
    if (!is_whole) return Value(number);
    if (std::abs(number) > static_cast<double>(kExact))
      return refuse("the result has a whole number beyond 2^53, which is not exact");
    return Value(static_cast<std::int64_t>(number));
  }

  Result<Value> read_text(int index) const {
    const std::string_view text = text_at(index);
    if (!is_utf8(text)) return refuse("the result has a text that is not UTF-8");
    return Value(text);
  }

  std::string_view text_at(int index) const {
    std::size_t size = 0;
    const char* text = lua_tolstring(state_, index, &size);
    return {text, size};
  }

  Result<Value> read_table(int table, int depth) {
    const std::size_t length = lua_objlen(state_, table);
    std::size_t entries = 0;
    std::size_t texts = 0;
    std::size_t places = 0;
    for (lua_pushnil(state_); lua_next(state_, table) != 0; lua_pop(state_, 1)) {
      ++entries;
      if (lua_type(state_, -2) == LUA_TSTRING) ++texts;
      if (is_place(state_, -2, length)) ++places;
      if (entries > kMostValues) {
        lua_pop(state_, 2);
        return refuse(fmt::format("the result has more than {} values", kMostValues));
      }
    }
    if (texts == entries && entries > 0) return read_map(table, depth);
    if (places == entries && length == entries)
      return read_list(table, static_cast<int>(length), depth);
    return refuse("a table of the result is neither a list (keys 1 to n) nor a map (texts)");
  }

  Result<Value> read_list(int table, int length, int depth) {
    Value list = Value::list();
    for (int i = 1; i <= length; ++i) {
      lua_rawgeti(state_, table, i);
      Result<Value> item = read(-1, depth + 1);
      lua_pop(state_, 1);
      if (!item) return item;
      list.push_back(std::move(*item));
    }
    return list;
  }

  // Lua goes through a table in no certain order: of several mistakes, that of the first key by
  // name is told, so that the same result is refused in the same words.
  Result<Value> read_map(int table, int depth) {
    Value map = Value::map();
    std::string wrong_key;
    std::optional<Error> wrong;
    for (lua_pushnil(state_); lua_next(state_, table) != 0; lua_pop(state_, 1)) {
      const std::string_view key = text_at(-2);
      Result<Value> value =
          is_utf8(key) ? read(-1, depth + 1) : refuse("the result has a key that is not UTF-8");
      if (value) {
        map.set(key, std::move(*value));
      } else if (count_ > kMostValues) {
        lua_pop(state_, 2);
        return value;
      } else if (!wrong || key < wrong_key) {
        wrong_key = key;
        wrong = std::move(value.error());
      }
    }
    if (wrong) return std::unexpected(std::move(*wrong));
    return map;
  }

  lua_State* state_;
  std::size_t count_ = 0;
};

}  // namespace

void push_value(lua_State* state, const Value& value) { push(state, value, 0); }

bool is_place(lua_State* state, int index, std::size_t length) {
  if (lua_type(state, index) != LUA_TNUMBER) return false;
  const double number = lua_tonumber(state, index);
  return number >= 1 && number <= static_cast<double>(length) && number == std::trunc(number);
}

Result<Value> read_value(lua_State* state, int index) { return Reader(state).read(index, 0); }

}  // namespace croft::lua
