// extension: a module that the host brings itself, in Lua, and what it asks of the host.

#include "lua/bindings/arguments.hpp"
#include "lua/bindings/bindings.hpp"

namespace croft::lua {

namespace {

Task<Reply> put(std::shared_ptr<const HostExtension> extension, std::string what, Value value) {
  auto answer = std::make_shared<Result<Value>>(Value());
  *answer = co_await extension->ask(std::move(what), std::move(value));
  Reply reply = [answer](lua_State* state) {
    if (!*answer) return push_failure(state, answer->error());
    push_document(state, **answer);
    return 1;
  };
  co_return reply;
}

int ask(lua_State* state) {
  Machine& machine = Machine::of(state);
  const std::shared_ptr<const HostExtension>& extension = machine.services().extension;
  std::string what(text_argument(state, 1, extension->name, "what is asked"));
  machine.require_waiting(state, extension->name + "." + what);
  Result<Value> value = read_document(state, 2);
  if (!value) return push_failure(state, value.error());
  return machine.suspend(state, [extension, what = std::move(what), value = std::move(*value)] {
    return put(extension, what, value);
  });
}

}  // namespace

void add_extension(lua_State* state, const HostExtension& extension) {
  const int globals = lua_gettop(state);
  if (luaL_loadbuffer(state, extension.source.data(), extension.source.size(), "=croft") != 0)
    lua_error(state);
  lua_pushvalue(state, globals);
  lua_setfenv(state, -2);
  lua_pushcfunction(state, bound<ask>);
  lua_call(state, 1, 1);
  protect_table(state);
  lua_setfield(state, globals, extension.name.c_str());
}

void push_runner(lua_State* state, const HostExtension& extension) {
  lua_rawgeti(state, LUA_REGISTRYINDEX, kSlotGlobals);
  lua_getfield(state, -1, extension.name.c_str());
  lua_getfield(state, -1, "run");
  lua_insert(state, -3);
  lua_pop(state, 2);
}

}  // namespace croft::lua
