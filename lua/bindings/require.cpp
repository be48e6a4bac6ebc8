// require: other files of the same script.

#include <fmt/format.h>

#include "lua/bindings/arguments.hpp"
#include "lua/bindings/bindings.hpp"

namespace croft::lua {

namespace {

/// Pushes what `table`, a table in the registry, has under the name on top, which stays.
void push_entry(lua_State* state, RegistrySlot table, int name) {
  lua_rawgeti(state, LUA_REGISTRYINDEX, table);
  lua_pushvalue(state, name);
  lua_rawget(state, -2);
  lua_remove(state, -2);
}

void set_required(lua_State* state, int name, int value) {
  lua_rawgeti(state, LUA_REGISTRYINDEX, kSlotRequired);
  lua_pushvalue(state, name);
  lua_pushvalue(state, value);
  lua_rawset(state, -3);
  lua_pop(state, 1);
}

int require(lua_State* state) {
  const std::string_view name = text_argument(state, 1, "require", "the name of a file");
  lua_settop(state, 1);
  // Later it would be another environment's: each call reads the files anew.
  if (Machine::of(state).running() != nullptr)
    throw Misuse{"require: only at the top of a file, not within a verb"};
  push_entry(state, kSlotRequired, 1);
  if (!lua_isnil(state, 2)) {
    if (lua_isboolean(state, 2))
      throw Misuse{
          fmt::format("require: {}.lua is being read already: two files need each other", name)};
    return 1;
  }
  push_entry(state, kSlotFiles, 1);
  if (!lua_isfunction(state, 3))
    throw Misuse{fmt::format("require: there is no {}.lua beside the script", name)};
  lua_pushboolean(state, 0);
  set_required(state, 1, 4);
  lua_pop(state, 1);
  lua_rawgeti(state, LUA_REGISTRYINDEX, kSlotEnvironment);
  lua_setfenv(state, 3);
  lua_call(state, 0, 1);
  if (!lua_istable(state, 3) && !lua_isfunction(state, 3))
    throw Misuse{fmt::format("require: {}.lua must return a table or a function, not {}", name,
                             describe_type(state, 3))};
  set_required(state, 1, 3);
  return 1;
}

}  // namespace

void push_require(lua_State* state) { lua_pushcfunction(state, bound<require>); }

}  // namespace croft::lua
