// What a quote costs, for many tenants with ten resources each.
//
//   pricing_bench [TENANTS]      10,000 of them if not given
//
// The same rule (a monthly price, active hours past the included ones) asked by Croft, written in
// C++, and run by LuaJIT alone: without a sandbox, without reading what it returns, its tables made
// once. Prints a line of JSON for each.

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <lua.hpp>
#include <malloc.h>

#include <fmt/format.h>

#include "plans/pricing/quote.hpp"

namespace croft::plans {
namespace {

constexpr int kResources = 10;
constexpr int kRounds = 5;

template <typename T>
T must(Result<T> result) {
  if (result) return std::move(*result);
  std::fprintf(stderr, "pricing_bench: %s\n", result.error().describe().c_str());
  std::exit(1);
}

/// The fastest of some rounds over all tenants, in microseconds a quote.
double fastest(std::size_t tenants, const std::function<std::int64_t(std::size_t)>& quote) {
  double best = 1e9;
  std::int64_t sum = 0;
  for (int round = 0; round < kRounds; ++round) {
    const auto begun = std::chrono::steady_clock::now();
    for (std::size_t i = 0; i < tenants; ++i) sum += quote(i);
    const std::chrono::duration<double, std::micro> took = std::chrono::steady_clock::now() - begun;
    best = std::min(best, took.count() / static_cast<double>(tenants));
  }
  if (sum == 0) std::abort();  // nothing is optimised away
  return best;
}

void report(const char* what, double microseconds, std::size_t bytes) {
  fmt::print("{{\"what\":\"{}\",\"us\":{:.3f},\"quotes_per_second\":{:.0f},\"bytes\":{}}}\n", what,
             microseconds, 1e6 / microseconds, bytes);
}

PricedResource resource_of(std::size_t tenant, int index) {
  PricedResource resource;
  resource.footprint = {
      .ref = {"t" + std::to_string(tenant), Kind::Instance, "app" + std::to_string(index)},
      .provider = "local",
      .cpu_millis = 250,
      .memory_bytes = 128 << 20,
      .storage_bytes = 1 << 30};
  resource.usage = {.active_seconds = static_cast<std::int64_t>(tenant % 500 + 10) * 3600,
                    .storage_bytes = 1 << 30};
  return resource;
}

constexpr const char* kSpec =
    R"({"price":{"amount":"9.00","currency":"USD","per":"month"},"includes":{"activeHours":100},
        "rules":"hours-included",
        "rates":[{"meter":"activeHours","mode":"unit","amount":"0.04"}]})";

/// The same rule without Lua.
std::int64_t quote_in_cpp(const std::vector<PricedResource>& resources) {
  Usage total;
  for (const PricedResource& resource : resources) total = total + resource.usage;
  const std::int64_t past = total.active_seconds.value_or(0) - 100 * 3600;
  std::int64_t minor = 900;
  if (past > 0) minor += must(charge("0.04", std::to_string(past), 3600, "USD")).minor;
  return minor;
}

/// The rule's arithmetic in a plain state, over tables that are made once a tenant.
constexpr const char* kBare = R"(
local tenants = {}
function add(tenant, seconds)
  tenants[tenant] = tenants[tenant] or {}
  local list = tenants[tenant]
  list[#list + 1] = {ref = 'Instance/app', usage = {active_seconds = seconds}}
end
function quote(tenant)
  local used = 0
  for _, resource in ipairs(tenants[tenant]) do used = used + resource.usage.active_seconds end
  local lines = {{text = 'plan', rate = '9.00', quantity = 1, per = 1}}
  local past = used - 360000
  if past > 0 then lines[2] = {text = 'activeHours', rate = '0.04', quantity = past, per = 3600} end
  return #lines
end)";

class BareLua {
 public:
  explicit BareLua(bool jit) : state_(luaL_newstate()) {
    luaL_openlibs(state_);
    luaJIT_setmode(state_, 0, LUAJIT_MODE_ENGINE | (jit ? LUAJIT_MODE_ON : LUAJIT_MODE_OFF));
    if (luaL_dostring(state_, kBare) != 0) std::abort();
  }
  ~BareLua() { lua_close(state_); }
  BareLua(const BareLua&) = delete;
  BareLua& operator=(const BareLua&) = delete;

  void add(std::size_t tenant, std::int64_t seconds) {
    lua_getglobal(state_, "add");
    lua_pushinteger(state_, static_cast<lua_Integer>(tenant) + 1);
    lua_pushnumber(state_, static_cast<double>(seconds));
    lua_call(state_, 2, 0);
  }
  std::int64_t quote(std::size_t tenant) {
    lua_getglobal(state_, "quote");
    lua_pushinteger(state_, static_cast<lua_Integer>(tenant) + 1);
    lua_call(state_, 1, 1);
    const std::int64_t lines = lua_tointeger(state_, -1);
    lua_pop(state_, 1);
    return lines;
  }

 private:
  lua_State* state_;
};

void run(std::size_t tenants) {
  const PlanTerms terms = must(make_terms(
      "studio", std::make_shared<const Value>(must(parse_json(kSpec))),
      [](std::string_view) -> Result<std::string> { return fail(ErrorCode::NotFound, "none"); }));
  std::vector<std::vector<PricedResource>> resources(tenants);
  for (std::size_t i = 0; i < tenants; ++i) {
    for (int n = 0; n < kResources; ++n) resources[i].push_back(resource_of(i, n));
  }
  const std::size_t before = ::mallinfo2().uordblks;
  std::vector<PricedSet> sets(tenants);
  for (std::size_t i = 0; i < tenants; ++i) {
    for (const PricedResource& resource : resources[i]) sets[i].add(resource);
  }
  const std::size_t a_set = (::mallinfo2().uordblks - before) / tenants;
  Pricer pricer = must(Pricer::make());
  const std::size_t at_rest = pricer.memory_used();
  const auto ask = [&](std::size_t i) { return must(pricer.quote(terms, sets[i])).total.minor; };
  report("croft", fastest(tenants, ask), a_set);
  const PricedSet nothing;
  report(
      "croft, no resources",
      fastest(tenants, [&](std::size_t) { return must(pricer.quote(terms, nothing)).total.minor; }),
      0);
  fmt::print("{{\"what\":\"sandbox\",\"at_rest\":{},\"afterwards\":{}}}\n", at_rest,
             pricer.memory_used());
  report("cpp", fastest(tenants, [&](std::size_t i) { return quote_in_cpp(resources[i]); }), 0);
  for (const bool jit : {false, true}) {
    BareLua lua(jit);
    for (std::size_t i = 0; i < tenants; ++i) {
      for (const PricedResource& resource : resources[i])
        lua.add(i, *resource.usage.active_seconds);
    }
    report(jit ? "luajit" : "luajit, JIT off",
           fastest(tenants, [&](std::size_t i) { return lua.quote(i); }), 0);
  }
  lua::Script empty = must(lua::Script::compile("empty.lua", "return {run = function() end}"));
  const auto sandbox = must(lua::Sandbox::make({}));
  report("empty call, sandboxed",
         fastest(tenants, [&](std::size_t) { return sandbox->call(empty, "run", {}) ? 1 : 0; }), 0);
}

}  // namespace
}  // namespace croft::plans

int main(int argc, char** argv) {
  const std::size_t tenants = argc > 1 ? std::strtoul(argv[1], nullptr, 10) : 10'000;
  croft::plans::run(tenants == 0 ? 10'000 : tenants);
  return 0;
}
