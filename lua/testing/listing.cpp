#include "lua/testing/listing.hpp"

#include <memory>

#include "lua/engine/vm.hpp"

namespace croft::lua {

namespace {

// LuaJIT's own view of its bytecode, jit.util. The numbers of the instructions differ from release
// to release: they are taken from chunks whose instructions are known.
constexpr std::string_view kLister = R"lua(
local chunk = ...
local util, bit = require("jit.util"), require("bit")

local function code(f, pc) return bit.band((util.funcbc(f, pc)), 0xff) end
local read, write, branch = loadstring("return a.b"), loadstring("a = 1"), loadstring("if a then a() end")
local GGET, TGETS, GSET, JMP = code(read, 1), code(read, 2), code(write, 2), code(branch, 3)

local function text_at(f, index) return util.funck(f, -index - 1) end
local function a_of(ins) return bit.band(bit.rshift(ins, 8), 0xff) end
local function b_of(ins) return bit.rshift(ins, 24) end
local function c_of(ins) return bit.band(bit.rshift(ins, 16), 0xff) end
local function d_of(ins) return bit.rshift(ins, 16) end

local functions, globals = {}, {}

local function list_global(f, pc, ins, line)
  local use = {name = text_at(f, d_of(ins)), field = "", line = line, is_set = code(f, pc) == GSET}
  local after = util.funcbc(f, pc + 1)
  if not use.is_set and after and code(f, pc + 1) == TGETS and b_of(after) == a_of(ins) then
    use.field = text_at(f, c_of(after))
  end
  globals[#globals + 1] = use
end

local function list(f)
  local info, lines = util.funcinfo(f), {}
  for pc = 1, info.bytecodes - 1 do
    local ins, line = util.funcbc(f, pc), util.funcinfo(f, pc).currentline
    local op = code(f, pc)
    -- A jump is a part of the comparison before it.
    if op ~= JMP and line > 0 then lines[#lines + 1] = line end
    if op == GGET or op == GSET then list_global(f, pc, ins, line) end
  end
  functions[#functions + 1] = {first = info.linedefined, last = info.lastlinedefined, lines = lines}
  for n = -1, -1000000, -1 do
    local constant = util.funck(f, n)
    if constant == nil then break end
    if type(constant) == "proto" then list(constant) end
  end
end

list(chunk)
return {functions = functions, globals = globals}
)lua";

struct Close {
  void operator()(lua_State* state) const { lua_close(state); }
};

struct Order {
  const std::string& name;
  std::string_view source;
  Result<Value> listed;
  std::string problem;
};

/// The lister is Croft's own and has all of LuaJIT's library; the script is compiled only.
int list_protected(lua_State* state) {
  auto& order = *static_cast<Order*>(lua_touserdata(state, 1));
  luaL_openlibs(state);
  if (luaL_loadbuffer(state, kLister.data(), kLister.size(), "=lister") != 0) lua_error(state);
  const std::string chunk = "@" + order.name;
  if (luaL_loadbuffer(state, order.source.data(), order.source.size(), chunk.c_str()) != 0) {
    order.problem = lua_tostring(state, -1);
    return 0;
  }
  lua_call(state, 1, 1);
  order.listed = read_value(state, -1);
  return 0;
}

Listing listing_from(const Value& listed) {
  Listing listing;
  for (const Value& function : listed.find("functions")->as_list()) {
    ListedFunction one;
    one.first = static_cast<int>(function.integer_or("first", 0));
    one.last = static_cast<int>(function.integer_or("last", 0));
    for (const Value& line : function.find("lines")->as_list())
      one.lines.insert(static_cast<int>(line.as_integer()));
    listing.functions.push_back(std::move(one));
  }
  for (const Value& use : listed.find("globals")->as_list()) {
    listing.globals.push_back({.name = use.text_or("name", ""),
                               .field = use.text_or("field", ""),
                               .line = static_cast<int>(use.integer_or("line", 0)),
                               .is_set = use.boolean_or("is_set", false)});
  }
  return listing;
}

}  // namespace

Result<Listing> list_script(const std::string& name, std::string_view source) {
  if (source.starts_with(LUA_SIGNATURE[0]))
    return fail(ErrorCode::Invalid, name + ": this is bytecode, not Lua");
  const std::unique_ptr<lua_State, Close> state(luaL_newstate());
  if (state == nullptr)
    return fail(ErrorCode::Unavailable, "there is no memory for a Lua compiler");
  Order order{.name = name, .source = source, .listed = Value(), .problem = ""};
  if (lua_cpcall(state.get(), list_protected, &order) != 0) {
    const char* why = lua_tostring(state.get(), -1);
    return fail(ErrorCode::Internal, "listing " + name + ": " + (why == nullptr ? "?" : why));
  }
  if (!order.problem.empty()) return fail(ErrorCode::Invalid, order.problem);
  if (!order.listed) return std::unexpected(order.listed.error());
  return listing_from(*order.listed);
}

}  // namespace croft::lua
