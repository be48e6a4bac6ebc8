#include "lua/testing/names.hpp"

#include <algorithm>
#include <regex>
#include <span>
#include <vector>

#include "core/base/embedded.hpp"
#include "lua/engine/vm.hpp"

namespace croft {
std::span<const EmbeddedText> embedded_lua_stubs();  // made by croft_embed()
}

namespace croft::lua {

namespace {

constexpr std::size_t kEnough = 16U << 20U;

/// The keys of what a read-only table on top shows.
template <typename Visit>
void for_each_behind(lua_State* state, Visit visit) {
  if (lua_getmetatable(state, -1) == 0) return;
  lua_getfield(state, -1, "__index");
  const int table = lua_gettop(state);
  for (lua_pushnil(state); lua_next(state, table) != 0; lua_pop(state, 1)) {
    // A copy: reading a key as text would change it.
    lua_pushvalue(state, -2);
    const std::string key = lua_tostring(state, -1);
    lua_pop(state, 1);
    visit(key);
  }
  lua_pop(state, 2);
}

int list_library(lua_State* state) {
  auto& names = *static_cast<ScriptNames*>(lua_touserdata(state, 1));
  push_library(state);
  for_each_behind(state, [&](const std::string& name) {
    std::set<std::string>& fields = names[name];
    if (!lua_istable(state, -1)) return;
    for_each_behind(state, [&](const std::string& field) { fields.insert(field); });
  });
  return 0;
}

/// A stub declares by `function NAME.FIELD(`, `NAME.FIELD =` and `NAME =` at the beginning of
/// lines.
void take_stub(std::string_view stub, ScriptNames& names) {
  static const std::regex kDeclaration(
      R"((?:^|\n)(?:function )?([a-z_][a-z0-9_]*)(?:\.([a-z_][a-z0-9_]*))?(?:\.[a-z_]+)?(?:\(| = ))");
  const std::string text(stub);
  for (std::sregex_iterator at(text.begin(), text.end(), kDeclaration), end; at != end; ++at) {
    std::set<std::string>& fields = names[(*at)[1]];
    if ((*at)[2].matched) fields.insert((*at)[2]);
  }
}

std::vector<std::string_view> stubs_of(ScriptKind kind) {
  if (kind == ScriptKind::PricingRule) return {"pricing"};
  if (kind == ScriptKind::Policy || kind == ScriptKind::HealthRule) return {};  // nothing to call
  std::vector<std::string_view> stubs = {"adapter", "flow", "http", "instance", "json", "text"};
  if (kind == ScriptKind::Test) stubs.emplace_back("test");
  return stubs;
}

}  // namespace

ScriptNames names_for(ScriptKind kind) {
  ScriptNames names;
  Vm vm({.memory_bytes = kEnough});
  if (vm.is_open()) lua_cpcall(vm.state(), list_library, &names);
  const std::vector<std::string_view> wanted = stubs_of(kind);
  for (const EmbeddedText& stub : embedded_lua_stubs()) {
    if (std::ranges::find(wanted, stub.name) != wanted.end()) take_stub(stub.text, names);
  }
  return names;
}

}  // namespace croft::lua
