// Documents: between Lua's tables, Value and JSON text.

#include "core/base/json.hpp"

#include <cmath>

#include <fmt/format.h>

#include "core/net/http.hpp"
#include "lua/bindings/arguments.hpp"
#include "lua/bindings/bindings.hpp"

namespace croft::lua {

namespace {

constexpr int kDeepest = 64;
constexpr std::size_t kMostValues = 1'000'000;
constexpr double kExact = 9007199254740992.0;  // 2^53: whole numbers that a double has all of

void mark(lua_State* state, RegistrySlot slot) {
  lua_rawgeti(state, LUA_REGISTRYINDEX, slot);
  lua_setmetatable(state, -2);
}

void push_null(lua_State* state) { lua_rawgeti(state, LUA_REGISTRYINDEX, kSlotNull); }

void push_text(lua_State* state, std::string_view text) {
  lua_pushlstring(state, text.data(), text.size());
}

void push_whole(lua_State* state, std::int64_t number) {
  // Compared as the whole number that it is: as a double, 2^53 + 1 is 2^53.
  constexpr auto kMost = static_cast<std::int64_t>(kExact);
  if (number <= kMost && number >= -kMost)
    return lua_pushnumber(state, static_cast<double>(number));
  push_text(state, std::to_string(number));
}

void require_room(lua_State* state, int depth) {
  if (depth > kDeepest) luaL_error(state, "a document is nested deeper than %d levels", kDeepest);
  luaL_checkstack(state, 4, "a document is nested too deep");
}

void push(lua_State* state, const Value& value, int depth) {
  require_room(state, depth);
  if (value.is_null()) {
    lua_pushnil(state);
  } else if (value.is_boolean()) {
    lua_pushboolean(state, value.as_boolean() ? 1 : 0);
  } else if (value.is_integer()) {
    push_whole(state, value.as_integer());
  } else if (value.is_real()) {
    lua_pushnumber(state, value.as_real());
  } else if (value.is_text()) {
    push_text(state, value.as_text());
  } else if (value.is_list()) {
    lua_createtable(state, static_cast<int>(value.size()), 0);
    mark(state, kSlotList);
    int index = 0;
    for (const Value& item : value.as_list()) {
      if (item.is_null()) {
        push_null(state);
      } else {
        push(state, item, depth + 1);
      }
      lua_rawseti(state, -2, ++index);
    }
  } else {
    lua_createtable(state, 0, static_cast<int>(value.size()));
    mark(state, kSlotMap);
    for (const Value::Entry& entry : value.as_map()) {
      push_text(state, entry.key);
      push(state, entry.value, depth + 1);
      lua_rawset(state, -3);
    }
  }
}

/// Reads a document with what neither allocates in the VM nor raises.
class Reader {
 public:
  enum class Manner {
    Plain,   ///< an empty table is a list
    Marked,  ///< an empty table must say what it is
    Loose,   ///< what is no document stands there by its kind
  };
  Reader(lua_State* state, Manner manner) : state_(state), manner_(manner) {}

  Result<Value> read(int index, int depth) {
    if (++count_ > kMostValues)
      return refuse(fmt::format("there are more than {} values", kMostValues));
    if (depth > kDeepest || lua_checkstack(state_, 6) == 0)
      return refuse(fmt::format("it is nested deeper than {} levels", kDeepest));
    switch (lua_type(state_, index)) {
      case LUA_TNIL:
      case LUA_TLIGHTUSERDATA:
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
        if (manner_ == Manner::Loose) return Value(luaL_typename(state_, index));
        return refuse(
            fmt::format("a {} is no document", lua_typename(state_, lua_type(state_, index))));
    }
  }

 private:
  std::unexpected<Error> refuse(std::string why) const {
    return fail(ErrorCode::Invalid, path_.empty() ? std::move(why) : path_ + ": " + why);
  }

  Result<Value> read_number(double number) const {
    if (!std::isfinite(number)) return refuse("a number that is not finite");
    if (number != std::trunc(number)) return Value(number);
    if (std::abs(number) > kExact)
      return refuse("a whole number beyond 2^53 is not exact: pass it as a text");
    return Value(static_cast<std::int64_t>(number));
  }

  Result<Value> read_text(int index) const {
    std::size_t size = 0;
    const char* text = lua_tolstring(state_, index, &size);
    if (!is_utf8({text, size})) return refuse("a text that is not UTF-8; use base64.encode");
    return Value(std::string_view(text, size));
  }

  enum class Shape { Unknown, List, Map };
  Shape marked(int table) const {
    if (lua_getmetatable(state_, table) == 0) return Shape::Unknown;
    lua_rawgeti(state_, LUA_REGISTRYINDEX, kSlotList);
    lua_rawgeti(state_, LUA_REGISTRYINDEX, kSlotMap);
    const Shape shape = lua_rawequal(state_, -3, -2) != 0   ? Shape::List
                        : lua_rawequal(state_, -3, -1) != 0 ? Shape::Map
                                                            : Shape::Unknown;
    lua_pop(state_, 3);
    return shape;
  }

  Result<Value> read_table(int table, int depth) {
    // What a text of it would be is read back: no deeper than that.
    if (depth >= kDeepest)
      return refuse(fmt::format("it is nested deeper than {} levels", kDeepest));
    const std::size_t length = lua_objlen(state_, table);
    std::size_t entries = 0;
    std::size_t texts = 0;
    std::size_t places = 0;
    for (lua_pushnil(state_); lua_next(state_, table) != 0; lua_pop(state_, 1)) {
      ++entries;
      if (lua_type(state_, -2) == LUA_TSTRING) ++texts;
      if (is_place(state_, -2, length)) ++places;
    }
    const Shape shape = marked(table);
    if (entries == 0 && shape == Shape::Unknown && manner_ == Manner::Marked)
      return refuse("an empty table is neither list nor map: use json.array{} or json.object{}");
    const bool can_be_map = texts == entries;
    const bool can_be_list = places == entries && length == entries;
    if (can_be_list && shape != Shape::Map && (entries > 0 || shape == Shape::List || !can_be_map))
      return read_list(table, static_cast<int>(length), depth);
    if (can_be_list && entries == 0 && shape == Shape::Unknown) return Value::list();
    if (can_be_map && shape != Shape::List) return read_map(table, depth);
    return refuse("a table is either a list (keys 1 to n, no holes) or a map (texts as keys)");
  }

  Result<Value> read_list(int table, int length, int depth) {
    Value list = Value::list();
    list.as_list().reserve(static_cast<std::size_t>(length));
    const std::size_t size = path_.size();
    for (int i = 1; i <= length; ++i) {
      path_ += fmt::format("[{}]", i);
      lua_rawgeti(state_, table, i);
      Result<Value> item = read(-1, depth + 1);
      lua_pop(state_, 1);
      if (!item) return item;
      path_.resize(size);
      list.push_back(std::move(*item));
    }
    return list;
  }

  Result<Value> read_map(int table, int depth) {
    Value map = Value::map();
    const std::size_t path_size = path_.size();
    for (lua_pushnil(state_); lua_next(state_, table) != 0; lua_pop(state_, 1)) {
      std::size_t size = 0;
      const char* text = lua_tolstring(state_, -2, &size);
      const std::string key(text, size);
      const bool is_text = is_utf8(key);
      if (is_text) path_ += path_.empty() ? key : "." + key;
      Result<Value> value = is_text ? read(-1, depth + 1) : refuse("a key that is not UTF-8");
      if (!value) {
        lua_pop(state_, 2);
        return value;
      }
      path_.resize(path_size);
      map.set(key, std::move(*value));
    }
    return map;
  }

  lua_State* state_;
  Manner manner_;
  std::size_t count_ = 0;
  std::string path_;
};

int encode(lua_State* state) {
  luaL_checkany(state, 1);
  lua_settop(state, 1);
  const Result<Value> value = read_marked_document(state, 1);
  if (!value) throw Misuse{"json.encode: " + value.error().message()};
  push_text(state, to_json(*value));
  return 1;
}

int decode(lua_State* state) {
  const std::string_view text = text_argument(state, 1, "json.decode", "the text");
  if (push_json(state, text)) return 1;
  const std::string why = lua_tostring(state, -1);
  return push_failure(state, Error(ErrorCode::Invalid, why));
}

template <RegistrySlot Slot>
int make_marked(lua_State* state) {
  constexpr std::string_view kName = Slot == kSlotList ? "json.array" : "json.object";
  if (lua_isnoneornil(state, 1)) {
    lua_settop(state, 0);
    lua_newtable(state);
  }
  if (!lua_istable(state, 1))
    throw Misuse{fmt::format("{}: a table, got {}", kName, describe_type(state, 1))};
  lua_settop(state, 1);
  // What the host provides, and what has a metatable of the script's own, stays as it is.
  if (lua_getmetatable(state, 1) != 0) {
    lua_getfield(state, -1, "__metatable");
    if (lua_type(state, -1) != LUA_TSTRING)
      throw Misuse{fmt::format("{}: the table has a metatable already", kName)};
    lua_settop(state, 1);
  }
  mark(state, Slot);
  return 1;
}

/// A metatable that says what it marks to getmetatable(), and cannot be reached.
void make_mark(lua_State* state, RegistrySlot slot, const char* name) {
  lua_newtable(state);
  lua_pushstring(state, name);
  lua_setfield(state, -2, "__metatable");
  lua_rawseti(state, LUA_REGISTRYINDEX, slot);
}

}  // namespace

void push_document(lua_State* state, const Value& value) { push(state, value, 0); }

bool push_json(lua_State* state, std::string_view text) {
  const Result<Value> parsed = parse_json_digits(text);
  if (!parsed) {
    push_text(state, parsed.error().message());
    return false;
  }
  if (parsed->is_null()) {
    push_null(state);  // nil is how a failure begins
  } else {
    push(state, *parsed, 0);
  }
  return true;
}

Result<Value> read_document(lua_State* state, int index) {
  return Reader(state, Reader::Manner::Plain).read(index, 0);
}

Result<Value> read_marked_document(lua_State* state, int index) {
  return Reader(state, Reader::Manner::Marked).read(index, 0);
}

Result<Value> read_loose_document(lua_State* state, int index) {
  return Reader(state, Reader::Manner::Loose).read(index, 0);
}

int push_failure(lua_State* state, const Error& error) {
  lua_pushnil(state);
  lua_createtable(state, 0, 3);
  push_text(state, to_string(error.code()));
  lua_setfield(state, -2, "code");
  push_text(state, error.describe());
  lua_setfield(state, -2, "message");
  lua_pushboolean(state, error.is_retryable() ? 1 : 0);
  lua_setfield(state, -2, "retryable");
  return 2;
}

void push_json_module(lua_State* state) {
  make_mark(state, kSlotList, "json.array");
  make_mark(state, kSlotMap, "json.object");
  lua_pushlightuserdata(state, nullptr);
  lua_rawseti(state, LUA_REGISTRYINDEX, kSlotNull);
  lua_newtable(state);
  lua_pushcfunction(state, bound<encode>);
  lua_setfield(state, -2, "encode");
  lua_pushcfunction(state, bound<decode>);
  lua_setfield(state, -2, "decode");
  lua_pushcfunction(state, bound<make_marked<kSlotList>>);
  lua_setfield(state, -2, "array");
  lua_pushcfunction(state, bound<make_marked<kSlotMap>>);
  lua_setfield(state, -2, "object");
  lua_pushlightuserdata(state, nullptr);
  lua_setfield(state, -2, "null");
}

}  // namespace croft::lua
