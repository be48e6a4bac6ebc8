// What scripts may use. Taken from the standard libraries where these are pure, bounded and the
// same on every machine; made anew where they are not.

#include <algorithm>
#include <array>
#include <string_view>
#include <vector>

#include "lua/engine/pattern.hpp"
#include "lua/engine/vm.hpp"

namespace croft::lua {

namespace {

std::string_view check_text(lua_State* state, int argument) {
  std::size_t size = 0;
  const char* text = luaL_checklstring(state, argument, &size);
  return {text, size};
}

void push_text(lua_State* state, std::string_view text) {
  lua_pushlstring(state, text.data(), text.size());
}

// Deterministic order

/// Where a key stands in the order of pairs(): numbers, then texts, then booleans.
struct OrderedKey {
  int type = LUA_TNIL;
  double number = 0;
  std::string_view text;

  static int rank(int type) { return type == LUA_TNUMBER ? 0 : type == LUA_TSTRING ? 1 : 2; }
  bool operator<(const OrderedKey& other) const {
    if (rank(type) != rank(other.type)) return rank(type) < rank(other.type);
    return type == LUA_TSTRING ? text < other.text : number < other.number;
  }
};

OrderedKey key_at(lua_State* state, int index) {
  OrderedKey key{.type = lua_type(state, index)};
  if (key.type == LUA_TSTRING) {
    std::size_t size = 0;
    const char* text = lua_tolstring(state, index, &size);
    key.text = {text, size};
  } else {
    key.number = key.type == LUA_TNUMBER ? lua_tonumber(state, index)
                                         : static_cast<double>(lua_toboolean(state, index));
  }
  return key;
}

/// The keys of the table, sorted. False if one of them has no order: a table, say.
bool sorted_keys(lua_State* state, int table, std::vector<OrderedKey>& keys) {
  for (lua_pushnil(state); lua_next(state, table) != 0; lua_pop(state, 1)) {
    const int type = lua_type(state, -2);
    if (type != LUA_TNUMBER && type != LUA_TSTRING && type != LUA_TBOOLEAN) {
      lua_pop(state, 2);
      return false;
    }
    keys.push_back(key_at(state, -2));
  }
  std::ranges::sort(keys, [](const OrderedKey& a, const OrderedKey& b) { return a < b; });
  return true;
}

void push_key(lua_State* state, const OrderedKey& key) {
  if (key.type == LUA_TSTRING) return push_text(state, key.text);
  if (key.type == LUA_TNUMBER) return lua_pushnumber(state, key.number);
  lua_pushboolean(state, key.number != 0 ? 1 : 0);
}

/// Upvalues: the table, its keys, how many were given.
int next_pair(lua_State* state) {
  auto given = static_cast<int>(lua_tointeger(state, lua_upvalueindex(3)));
  for (;;) {
    lua_rawgeti(state, lua_upvalueindex(2), ++given);
    if (lua_isnil(state, -1)) return 1;
    lua_pushvalue(state, -1);
    lua_rawget(state, lua_upvalueindex(1));
    if (!lua_isnil(state, -1)) break;
    lua_pop(state, 2);  // taken out of the table meanwhile
  }
  lua_pushinteger(state, given);
  lua_replace(state, lua_upvalueindex(3));
  return 2;
}

int pairs(lua_State* state) {
  luaL_checktype(state, 1, LUA_TTABLE);
  lua_settop(state, 1);
  bool is_ordered = true;
  {
    std::vector<OrderedKey> keys;
    is_ordered = sorted_keys(state, 1, keys);
    lua_createtable(state, static_cast<int>(keys.size()), 0);
    int index = 0;
    for (const OrderedKey& key : keys) {
      push_key(state, key);
      lua_rawseti(state, 2, ++index);
    }
    Vm::of(state).charge(state, keys.size());
  }
  if (!is_ordered)
    return luaL_error(state, "pairs: a key is neither a number, nor a text, nor a boolean");
  lua_pushinteger(state, 0);
  lua_pushcclosure(state, next_pair, 3);
  return 1;
}

/// The standard one writes the addresses of tables and functions.
int to_text(lua_State* state) {
  luaL_checkany(state, 1);
  if (luaL_callmeta(state, 1, "__tostring") != 0) {
    if (lua_type(state, -1) != LUA_TSTRING)
      return luaL_error(state, "'__tostring' must return a string");
    return 1;
  }
  switch (lua_type(state, 1)) {
    case LUA_TNIL:
      push_text(state, "nil");
      return 1;
    case LUA_TBOOLEAN:
      push_text(state, lua_toboolean(state, 1) != 0 ? "true" : "false");
      return 1;
    case LUA_TNUMBER:
    case LUA_TSTRING:
      lua_pushvalue(state, 1);
      lua_tolstring(state, -1, nullptr);
      return 1;
    default:
      lua_pushstring(state, luaL_typename(state, 1));
      return 1;
  }
}

/// Upvalue: the standard one. "%p" and "%s" of a table write addresses.
int format(lua_State* state) {
  const std::string_view text = check_text(state, 1);
  int argument = 1;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') continue;
    if (i + 1 < text.size() && text[i + 1] == '%') {
      ++i;
      continue;
    }
    i = text.find_first_not_of("-+ #0123456789.", i + 1);
    if (i == std::string_view::npos) break;
    ++argument;
    if (text[i] == 'p') return luaL_error(state, "invalid option '%%p' to 'format'");
    const int type = lua_type(state, argument);
    const bool has_address = type == LUA_TTABLE || type == LUA_TFUNCTION || type == LUA_TTHREAD;
    if (has_address)
      return luaL_error(state, "format a %s by tostring()", lua_typename(state, type));
  }
  const int count = lua_gettop(state);
  lua_pushvalue(state, lua_upvalueindex(1));
  lua_insert(state, 1);
  lua_call(state, count, 1);
  return 1;
}

/// The standard one counts to the billion for an empty text.
int repeat(lua_State* state) {
  const std::string_view text = check_text(state, 1);
  const lua_Number count = luaL_checknumber(state, 2);
  const std::string_view between = lua_isnoneornil(state, 3) ? "" : check_text(state, 3);
  const lua_Number size = count * static_cast<lua_Number>(text.size() + between.size());
  if (!(count >= 1) || (text.empty() && between.empty())) {
    push_text(state, "");
    return 1;
  }
  if (size > static_cast<lua_Number>(Vm::of(state).limits().memory_bytes))
    return luaL_error(state, "resulting string too large");
  Vm::of(state).charge(state, static_cast<std::uint64_t>(size / 16));
  luaL_Buffer buffer;
  luaL_buffinit(state, &buffer);
  const auto times = static_cast<std::uint64_t>(count);
  for (std::uint64_t i = 0; i < times; ++i) {
    luaL_addlstring(&buffer, text.data(), text.size());
    if (i + 1 < times) luaL_addlstring(&buffer, between.data(), between.size());
  }
  luaL_pushresult(&buffer);
  return 1;
}

/// Upvalue: the standard one, which writes into a table past its metatable: that of a library, too.
int insert(lua_State* state) {
  luaL_checktype(state, 1, LUA_TTABLE);
  // `false` is what protect() sets; a list of an adapter's JSON has another mark, and may grow.
  if (luaL_getmetafield(state, 1, "__metatable") != 0) {
    if (lua_isboolean(state, -1)) return luaL_error(state, "this table cannot be changed");
    lua_pop(state, 1);
  }
  const int count = lua_gettop(state);
  // Everything behind the place is moved.
  if (count == 3) Vm::of(state).charge(state, lua_objlen(state, 1) / 4);
  lua_pushvalue(state, lua_upvalueindex(1));
  lua_insert(state, 1);
  lua_call(state, count, 0);
  return 0;
}

/// Upvalue: the standard one.
int remove(lua_State* state) {
  luaL_checktype(state, 1, LUA_TTABLE);
  const int count = lua_gettop(state);
  if (count >= 2) Vm::of(state).charge(state, lua_objlen(state, 1) / 4);
  lua_pushvalue(state, lua_upvalueindex(1));
  lua_insert(state, 1);
  lua_call(state, count, LUA_MULTRET);
  return lua_gettop(state);
}

/// Upvalue: the standard one. Without a function to compare, no instruction is counted in it.
int sort(lua_State* state) {
  luaL_checktype(state, 1, LUA_TTABLE);
  Vm::of(state).charge(state, lua_objlen(state, 1) * 16);
  const int count = lua_gettop(state);
  lua_pushvalue(state, lua_upvalueindex(1));
  lua_insert(state, 1);
  lua_call(state, count, 0);
  return 0;
}

/// The standard one runs its handler where the error is raised: for one that the count hook raised,
/// inside the hook, where no hook fires and the handler has all the time in the world. This one
/// runs it when the stack is unwound.
int call_with_handler(lua_State* state) {
  luaL_checkany(state, 2);
  lua_pushvalue(state, 2);
  lua_remove(state, 2);
  lua_insert(state, 1);  // the handler, the function, its arguments
  if (lua_pcall(state, lua_gettop(state) - 2, LUA_MULTRET, 0) == 0) {
    lua_pushboolean(state, 1);
    lua_replace(state, 1);
    return lua_gettop(state);
  }
  lua_call(state, 1, LUA_MULTRET);
  lua_pushboolean(state, 0);
  lua_insert(state, 1);
  return lua_gettop(state);
}

int read_only(lua_State* state) {
  return luaL_error(state, "what Croft provides cannot be changed");
}

// Patterns

class VmMeter final : public PatternMatcher::Meter {
 public:
  explicit VmMeter(lua_State* state) : state_(state) {}
  void charge(std::uint64_t steps) override { Vm::of(state_).charge(state_, steps); }

 private:
  lua_State* state_;
};

/// The end of the match at that place, or npos. A malformed pattern is a Lua error.
std::size_t match_or_raise(lua_State* state, PatternMatcher& matcher, std::size_t begin) {
  const char* why = nullptr;
  try {
    return matcher.match_at(begin);
  } catch (const PatternMatcher::Malformed& malformed) {
    why = malformed.why;
  }
  luaL_error(state, "%s", why);
  return PatternMatcher::npos;
}

void push_capture(lua_State* state, const PatternMatcher& matcher, int index,
                  std::string_view subject, std::size_t begin, std::size_t end) {
  if (index >= matcher.capture_count()) return push_text(state, subject.substr(begin, end - begin));
  const PatternMatcher::Capture& capture = matcher.capture(index);
  if (capture.is_position)
    return lua_pushinteger(state, static_cast<lua_Integer>(capture.begin) + 1);
  push_text(state, subject.substr(capture.begin, capture.length));
}

/// All captures; the whole match if there are none, unless `or_nothing`.
int push_captures(lua_State* state, const PatternMatcher& matcher, std::string_view subject,
                  std::size_t begin, std::size_t end, bool or_nothing = false) {
  const int count = matcher.capture_count() == 0 && !or_nothing ? 1 : matcher.capture_count();
  luaL_checkstack(state, count, "too many captures");
  for (int i = 0; i < count; ++i) push_capture(state, matcher, i, subject, begin, end);
  return count;
}

/// Where to begin, from the optional argument that counts from 1, or from the end if negative.
std::size_t start_of(lua_State* state, int argument, std::size_t size) {
  lua_Integer start = luaL_optinteger(state, argument, 1);
  if (start < 0) start += static_cast<lua_Integer>(size) + 1;
  if (start < 1) start = 1;
  return std::min(static_cast<std::size_t>(start - 1), size);
}

int find_or_match(lua_State* state, bool is_find) {
  const std::string_view subject = check_text(state, 1);
  const std::string_view pattern = check_text(state, 2);
  const std::size_t start = start_of(state, 3, subject.size());
  const bool is_plain = is_find && (lua_toboolean(state, 4) != 0 ||
                                    pattern.find_first_of("^$*+?.([%-") == std::string_view::npos);
  if (is_plain) {
    // memmem is linear.
    Vm::of(state).charge(state, (subject.size() - start) / 16 + 1);
    const std::size_t found = subject.find(pattern, start);
    if (found == std::string_view::npos) return lua_pushnil(state), 1;
    lua_pushinteger(state, static_cast<lua_Integer>(found) + 1);
    lua_pushinteger(state, static_cast<lua_Integer>(found + pattern.size()));
    return 2;
  }
  const bool is_anchored = pattern.starts_with('^');
  VmMeter meter(state);
  PatternMatcher matcher(subject, pattern.substr(is_anchored ? 1 : 0), meter);
  for (std::size_t begin = start; begin <= subject.size(); ++begin) {
    const std::size_t end = match_or_raise(state, matcher, begin);
    if (end != PatternMatcher::npos) {
      if (!is_find) return push_captures(state, matcher, subject, begin, end);
      lua_pushinteger(state, static_cast<lua_Integer>(begin) + 1);
      lua_pushinteger(state, static_cast<lua_Integer>(end));
      return 2 + push_captures(state, matcher, subject, begin, end, true);
    }
    if (is_anchored) break;
  }
  lua_pushnil(state);
  return 1;
}

int find(lua_State* state) { return find_or_match(state, true); }
int match(lua_State* state) { return find_or_match(state, false); }

/// Upvalues: subject, pattern, where to go on.
int next_match(lua_State* state) {
  const std::string_view subject = check_text(state, lua_upvalueindex(1));
  const std::string_view pattern = check_text(state, lua_upvalueindex(2));
  VmMeter meter(state);
  PatternMatcher matcher(subject, pattern, meter);
  auto begin = static_cast<std::size_t>(lua_tointeger(state, lua_upvalueindex(3)));
  for (; begin <= subject.size(); ++begin) {
    const std::size_t end = match_or_raise(state, matcher, begin);
    if (end == PatternMatcher::npos) continue;
    lua_pushinteger(state, static_cast<lua_Integer>(end == begin ? end + 1 : end));
    lua_replace(state, lua_upvalueindex(3));
    return push_captures(state, matcher, subject, begin, end);
  }
  lua_pushinteger(state, static_cast<lua_Integer>(begin));
  lua_replace(state, lua_upvalueindex(3));
  return 0;
}

int all_matches(lua_State* state) {
  check_text(state, 1);
  check_text(state, 2);
  lua_settop(state, 2);
  lua_pushinteger(state, 0);
  lua_pushcclosure(state, next_match, 3);
  return 1;
}

/// Adds a replacement text, in which %0 to %9 stand for captures.
void add_template(lua_State* state, luaL_Buffer& buffer, const PatternMatcher& matcher,
                  std::string_view subject, std::size_t begin, std::size_t end) {
  std::size_t size = 0;
  const char* text = lua_tolstring(state, 3, &size);
  for (std::size_t i = 0; i < size; ++i) {
    const char c = text[i];
    if (c != '%') {
      luaL_addchar(&buffer, c);
      continue;
    }
    const char next = ++i < size ? text[i] : '\0';
    if (next < '0' || next > '9') {
      luaL_addchar(&buffer, next);
    } else if (next == '0') {
      luaL_addlstring(&buffer, subject.data() + begin, end - begin);
    } else {
      const int index = next - '1';
      if (index >= std::max(matcher.capture_count(), 1)) luaL_error(state, "invalid capture index");
      push_capture(state, matcher, index, subject, begin, end);
      luaL_addvalue(&buffer);
    }
  }
}

/// Adds what the third argument makes of a match: a text, the entry of a table, what a function
/// returns; the match itself if that is nil or false.
void add_replacement(lua_State* state, luaL_Buffer& buffer, const PatternMatcher& matcher,
                     std::string_view subject, std::size_t begin, std::size_t end) {
  switch (lua_type(state, 3)) {
    case LUA_TFUNCTION:
      lua_pushvalue(state, 3);
      lua_call(state, push_captures(state, matcher, subject, begin, end), 1);
      break;
    case LUA_TTABLE:
      push_capture(state, matcher, 0, subject, begin, end);
      lua_gettable(state, 3);
      break;
    default:
      return add_template(state, buffer, matcher, subject, begin, end);
  }
  if (lua_toboolean(state, -1) == 0) {
    lua_pop(state, 1);
    luaL_addlstring(&buffer, subject.data() + begin, end - begin);
    return;
  }
  if (lua_isstring(state, -1) == 0)
    luaL_error(state, "invalid replacement value (a %s)", luaL_typename(state, -1));
  luaL_addvalue(&buffer);
}

int substitute(lua_State* state) {
  const std::string_view subject = check_text(state, 1);
  const std::string_view pattern = check_text(state, 2);
  const int type = lua_type(state, 3);
  luaL_argcheck(
      state,
      type == LUA_TSTRING || type == LUA_TNUMBER || type == LUA_TFUNCTION || type == LUA_TTABLE, 3,
      "string/function/table expected");
  const auto most = luaL_optinteger(state, 4, static_cast<lua_Integer>(subject.size()) + 1);
  const bool is_anchored = pattern.starts_with('^');
  VmMeter meter(state);
  PatternMatcher matcher(subject, pattern.substr(is_anchored ? 1 : 0), meter);
  luaL_Buffer buffer;
  luaL_buffinit(state, &buffer);
  lua_Integer count = 0;
  std::size_t at = 0;
  while (count < most) {
    const std::size_t end = match_or_raise(state, matcher, at);
    if (end != PatternMatcher::npos) {
      ++count;
      add_replacement(state, buffer, matcher, subject, at, end);
    }
    if (end != PatternMatcher::npos && end > at) {
      at = end;
    } else if (at < subject.size()) {
      luaL_addchar(&buffer, subject[at++]);
    } else {
      break;
    }
    if (is_anchored) break;
  }
  luaL_addlstring(&buffer, subject.data() + at, subject.size() - at);
  luaL_pushresult(&buffer);
  lua_pushinteger(state, count);
  return 2;
}

// The table of all

struct Named {
  const char* name;
  lua_CFunction function;
};

/// Makes a copy of the standard library on top that has only these names, with ours in place of
/// those that have one: as a closure over the standard one. Replaces what is on top.
void take_library(lua_State* state, std::initializer_list<const char*> standard,
                  std::initializer_list<Named> ours) {
  lua_newtable(state);
  for (const char* name : standard) {
    lua_getfield(state, -2, name);
    lua_setfield(state, -2, name);
  }
  for (const Named& one : ours) {
    lua_getfield(state, -2, one.name);
    lua_pushcclosure(state, one.function, 1);
    lua_setfield(state, -2, one.name);
  }
  lua_remove(state, -2);
}

/// An empty table through which the one on top is read, and which cannot be changed. Replaces it.
void protect(lua_State* state) {
  lua_newtable(state);
  lua_newtable(state);
  lua_pushvalue(state, -3);
  lua_setfield(state, -2, "__index");
  lua_pushcfunction(state, read_only);
  lua_setfield(state, -2, "__newindex");
  lua_pushboolean(state, 0);
  lua_setfield(state, -2, "__metatable");
  lua_setmetatable(state, -2);
  lua_remove(state, -2);
}

void open(lua_State* state, const char* name, lua_CFunction opener) {
  lua_pushcfunction(state, opener);
  lua_pushstring(state, name);
  lua_call(state, 1, 0);
}

/// The methods of texts: ("x"):rep(2) looks into our library, not into the standard one.
void set_text_methods(lua_State* state) {
  push_text(state, "");
  lua_newtable(state);
  lua_pushvalue(state, -3);
  lua_setfield(state, -2, "__index");
  lua_pushboolean(state, 0);
  lua_setfield(state, -2, "__metatable");
  lua_setmetatable(state, -2);
  lua_pop(state, 1);
}

}  // namespace

void protect_table(lua_State* state) { protect(state); }

void push_library(lua_State* state) {
  open(state, "", luaopen_base);  // coroutine, too
  open(state, LUA_STRLIBNAME, luaopen_string);
  open(state, LUA_TABLIBNAME, luaopen_table);
  open(state, LUA_MATHLIBNAME, luaopen_math);

  lua_pushvalue(state, LUA_GLOBALSINDEX);
  take_library(state,
               {"assert", "error", "getmetatable", "ipairs", "pcall", "rawequal", "rawget",
                "select", "setmetatable", "tonumber", "type", "unpack"},
               {{"pairs", pairs}, {"tostring", to_text}, {"xpcall", call_with_handler}});

  lua_getglobal(state, LUA_STRLIBNAME);
  take_library(state, {"byte", "char", "len", "lower", "reverse", "sub", "upper"},
               {{"find", find},
                {"format", format},
                {"gmatch", all_matches},
                {"gsub", substitute},
                {"match", match},
                {"rep", repeat}});
  set_text_methods(state);
  protect(state);
  lua_setfield(state, -2, "string");

  lua_getglobal(state, LUA_TABLIBNAME);
  take_library(state, {"concat", "maxn"}, {{"insert", insert}, {"remove", remove}, {"sort", sort}});
  protect(state);
  lua_setfield(state, -2, "table");

  // Those that IEEE 754 defines to the last bit, so that no two machines differ.
  lua_getglobal(state, LUA_MATHLIBNAME);
  take_library(state, {"abs", "ceil", "floor", "fmod", "huge", "max", "min", "modf", "sqrt"}, {});
  protect(state);
  lua_setfield(state, -2, "math");

  lua_getglobal(state, "coroutine");
  take_library(state, {"create", "resume", "status", "wrap", "yield"}, {});
  protect(state);
  lua_setfield(state, -2, "coroutine");

  protect(state);
}

void add_to_library(lua_State* state, int library, const std::string& name) {
  protect(state);
  // The library is read through a table that cannot be changed: what is behind it can.
  lua_rawgeti(state, LUA_REGISTRYINDEX, library);
  lua_getmetatable(state, -1);
  lua_getfield(state, -1, "__index");
  lua_pushvalue(state, -4);
  lua_setfield(state, -2, name.c_str());
  lua_pop(state, 4);
}

void renew_environment(lua_State* state, int library) {
  lua_newtable(state);
  lua_newtable(state);
  lua_rawgeti(state, LUA_REGISTRYINDEX, library);
  lua_setfield(state, -2, "__index");
  lua_pushboolean(state, 0);
  lua_setfield(state, -2, "__metatable");
  lua_setmetatable(state, -2);
  lua_setfenv(state, -2);
}

}  // namespace croft::lua
