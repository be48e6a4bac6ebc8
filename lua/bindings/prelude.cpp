// What is easier said in Lua, here and in lua/stdlib, and the table of everything that adapters
// find.

#include <span>

#include "core/base/embedded.hpp"
#include "lua/bindings/bindings.hpp"

namespace croft {
std::span<const EmbeddedText> embedded_adapter_library();  // made by croft_embed()
}

namespace croft::lua {

namespace {

// Errors of misuse are raised at level 2 or 3: the line of the script.
constexpr std::string_view kPrelude = R"lua(
local host = ...
local codes = {
  NotFound = false, Invalid = false, Denied = false, Conflict = true, Unavailable = true,
  Timeout = true, Cancelled = true, Internal = false,
}

local function expect(value, kind, name, level)
  if type(value) ~= kind then
    error(name .. " must be a " .. kind .. ", got " .. type(value), (level or 1) + 2)
  end
end

local function fail(code, message, extra)
  if codes[code] == nil then
    error("fail: '" .. tostring(code) .. "' is no code; it is one of NotFound, Invalid, Denied, "
      .. "Conflict, Unavailable, Timeout, Cancelled, Internal", 2)
  end
  expect(message, "string", "fail: the message")
  local err = {code = code, message = message, retryable = codes[code]}
  if extra ~= nil then
    expect(extra, "table", "fail: the extra")
    for key, value in pairs(extra) do err[key] = value end
  end
  return nil, err
end

local function finish(handler, ok, ...)
  if ok then return true, ... end
  return false, handler((...))
end

-- The library's own cannot be waited in: it calls from C.
local function xpcall(f, handler, ...)
  return finish(handler, pcall(f, ...))
end

local await = {}
function await.all(functions)
  local ok, results = host.join(functions)
  if not ok then error(results, 0) end
  return results
end

local function poll(look, options)
  expect(look, "function", "poll: what it calls")
  options = options or {}
  expect(options, "table", "poll: the options")
  for key, value in pairs(options) do
    if key ~= "every_ms" and key ~= "slow_after_ms" and key ~= "slow_every_ms"
        and key ~= "timeout_ms" then
      error("poll: there is no option '" .. tostring(key) .. "'", 2)
    end
    expect(value, "number", "poll: options." .. key)
  end
  local every = options.every_ms or 250
  local slow_after = options.slow_after_ms or 10000
  local slow_every = options.slow_every_ms or 2000
  local begun = host.steady()
  while true do
    local value, err = look()
    if value then return value end
    if err ~= nil then return nil, err end
    local elapsed = host.steady() - begun
    local pause = elapsed < slow_after and every or slow_every
    if options.timeout_ms and elapsed + pause > options.timeout_ms then
      return fail("Timeout", "it was not done within " .. options.timeout_ms .. " ms")
    end
    host.pause(pause)
  end
end

local http = {
  get = host.get, post = host.post, put = host.put, patch = host.patch,
  delete = host.delete, request = host.request,
}

function http.pages(path, options)
  expect(path, "string", "http.pages: the path")
  expect(options, "table", "http.pages: the options")
  expect(options.items, "function", "http.pages: options.items")
  expect(options.next, "function", "http.pages: options.next")
  local limit = options.limit or 100000
  local request = {}
  for key, value in pairs(options) do
    if key ~= "items" and key ~= "next" and key ~= "limit" then request[key] = value end
  end
  local all, seen = {}, {}
  while path do
    if seen[path] then return fail("Unavailable", "the pages go round in a circle at " .. path) end
    seen[path] = true
    local response, err = host.get(path, request)
    if not response then return nil, err end
    local items, why = options.items(response)
    if items == nil then
      if why ~= nil then return nil, why end
      items = {}
    end
    for _, item in ipairs(items) do
      all[#all + 1] = item
      if #all >= limit then return all end
    end
    path = options.next(response)
    if path ~= nil then expect(path, "string", "http.pages: what options.next returns") end
    request.query = nil  -- the path of the next page says it all
  end
  return all
end

local graphql_codes = {
  UNAUTHENTICATED = "Denied", FORBIDDEN = "Denied", UNAUTHORIZED = "Denied",
  NOT_FOUND = "NotFound", BAD_USER_INPUT = "Invalid", GRAPHQL_VALIDATION_FAILED = "Invalid",
  GRAPHQL_PARSE_FAILED = "Invalid", CONFLICT = "Conflict", RATE_LIMITED = "Unavailable",
  TOO_MANY_REQUESTS = "Unavailable", INTERNAL_SERVER_ERROR = "Unavailable",
}

local function graphql_error(errors)
  local first = type(errors[1]) == "table" and errors[1] or {}
  local message = type(first.message) == "string" and first.message or "the server does not say why"
  local extensions = type(first.extensions) == "table" and first.extensions or {}
  local said = message:lower()
  local code = graphql_codes[extensions.code]
    or ((said:find("not authorized", 1, true) or said:find("unauthorized", 1, true)) and "Denied")
    or (said:find("not found", 1, true) and "NotFound")
    or ((said:find("rate limit", 1, true) or said:find("too many", 1, true)) and "Unavailable")
    or "Invalid"
  return fail(code, "graphql: " .. message, {errors = errors})
end

local function graphql(query, variables, options)
  expect(query, "string", "graphql: the query")
  if variables ~= nil then expect(variables, "table", "graphql: the variables") end
  local body = json.object{query = query}
  if variables ~= nil then
    local sent = json.object{}
    for key, value in pairs(variables) do sent[key] = value end
    body.variables = sent
  end
  local request = {json = body, idempotent = not query:find("^%s*mutation")}
  if options ~= nil then
    expect(options, "table", "graphql: the options")
    for key, value in pairs(options) do request[key] = value end
  end
  local response, err = host.post("", request)
  if not response then return nil, err end
  local answer, why = response.json()
  if answer == nil then return nil, why end
  if type(answer) ~= "table" then return fail("Unavailable", "graphql: the answer is no object") end
  if type(answer.errors) == "table" and #answer.errors > 0 then return graphql_error(answer.errors) end
  if answer.data == nil then return fail("Unavailable", "graphql: the answer has no data") end
  return answer.data
end

return {await = await, http = http}, {fail = fail, graphql = graphql, poll = poll, xpcall = xpcall}
)lua";

void set_module(lua_State* state, int globals, const char* name) {
  protect_table(state);
  lua_setfield(state, globals, name);
}

/// Copies what the table on top has into the globals; as modules if `are_modules`. Pops it.
void take_all(lua_State* state, int globals, bool are_modules) {
  const int table = lua_gettop(state);
  for (lua_pushnil(state); lua_next(state, table) != 0;) {
    lua_pushvalue(state, -2);
    lua_insert(state, -2);  // the key for lua_next, the key, the value
    if (are_modules) protect_table(state);
    lua_rawset(state, globals);
  }
  lua_pop(state, 1);
}

}  // namespace

std::string_view prelude_source() { return kPrelude; }

void push_adapter_library(lua_State* state) {
  lua_newtable(state);
  const int globals = lua_gettop(state);
  lua_newtable(state);
  push_library(state);
  lua_setfield(state, -2, "__index");
  lua_setmetatable(state, globals);
  const auto add = [&](void (*push)(lua_State*), const char* name) {
    push(state);
    set_module(state, globals, name);
  };
  add(push_json_module, "json");
  add(push_log_module, "log");
  add(push_time_module, "time");
  add(push_base64_module, "base64");
  add(push_hash_module, "hash");
  add(push_hmac_module, "hmac");
  add(push_url_module, "url");
  add(push_memory_module, "memory");
  push_require(state);
  lua_setfield(state, globals, "require");
  const std::string_view source = prelude_source();
  if (luaL_loadbuffer(state, source.data(), source.size(), "=croft") != 0) lua_error(state);
  lua_pushvalue(state, globals);
  lua_setfenv(state, -2);
  push_host_functions(state);
  lua_call(state, 1, 2);
  take_all(state, globals, false);
  take_all(state, globals, true);
  for (const EmbeddedText& module : embedded_adapter_library()) {
    if (luaL_loadbuffer(state, module.text.data(), module.text.size(), "=croft") != 0)
      lua_error(state);
    lua_pushvalue(state, globals);
    lua_setfenv(state, -2);
    lua_call(state, 0, 1);
    set_module(state, globals, module.name.data());
  }
}

}  // namespace croft::lua
