// `croft lua test`: what authors of scripts see, with scripts that are right and scripts that are
// not.

#include "tests/cli/lua_files.hpp"

namespace croft::cli {
namespace {

constexpr const char* kAdapter =
    R"(local function path_of(uid) return "/boxes/" .. url.encode(uid) end

local function nothing() end

local function create(context, effect)
  local box, err = http.get(path_of(effect.uid), {accept = {404}})
  if not box then return nil, err end
  if box.status == 200 then return end
  local _, problem = http.post("/boxes", {json = {name = effect.uid, spec = effect.spec, region = context.settings.region}})
  if problem then return nil, problem end
  local done, late = poll(function()
    local found, why = http.get(path_of(effect.uid))
    if not found then return nil, why end
    return found.json().state == "running"
  end)
  if not done then return nil, late end
end

return {
  api = 1,
  settings = {region = {default = "north"}, team = {required = true}},
  server = {url = "https://boxes.example.com", auth = "bearer"},
  capabilities = function() return {workloads = true, logs = true} end,
  normalize = function(_, resource)
    if resource.spec.http then return fail("Invalid", "there is no http", {field = "spec.http"}) end
    return resource.spec
  end,
  observe = function()
    local results = await.all{
      function() return http.get("/boxes?page=1") end,
      function() return http.get("/boxes?page=2") end,
    }
    local all = {}
    for _, result in ipairs(results) do
      if not result.ok then return nil, result.err end
      for _, box in ipairs(result.value.json()) do all[#all + 1] = {uid = box, ref = "test/Instance/" .. box, phase = "Running"} end
    end
    return all
  end,
  create = create,
  update = nothing,
  start = nothing,
  stop = nothing,
  destroy = function(_, effect) return #effect.no_such_field end,
  logs = function(_, request, emit) emit(request.uid .. "\n") end,
}
)";

constexpr const char* kPassing = R"(return {
  ["creates a box and waits for it"] = function(t)
    t.settings{team = "blue", region = "south"}
    local looks = 0
    t.server{
      {path = "/boxes/uid-web", status = 404},
      {method = "POST", path = "/boxes", status = 201, expect = {name = "uid-web", region = "south"}, json = json.object{}},
      {path_matches = "^/boxes/uid", times = 3, reply = function(request)
        t.matches(request.at, "adapter.lua:12$")
        looks = looks + 1
        return {json = {state = looks < 3 and "starting" or "running"}}
      end},
    }
    local before = t.clock.now()
    t.equal(t.call("create"), true)
    t.equal(t.clock.now() - before, 500)
    t.equal(t.clock.advance(20) - before, 520)
  end,
  ["a box that does not start in time is an error"] = function(t)
    t.settings{team = "blue"}
    t.server{
      {path = "/boxes/uid-slow", status = 404},
      {method = "POST", path = "/boxes", json = json.object{}},
      {path = "/boxes/uid-slow", times = "any", json = {state = "starting"}},
    }
    t.fails("Timeout", "create", {name = "slow"})
  end,
  ["lists pages side by side"] = function(t)
    t.settings{team = "blue"}
    t.server{any_order = true,
      {path = "/boxes", query = {page = "2"}, json = {"b"}},
      {path = "/boxes?page=1", json = {"a"}},
    }
    local all = t.call("observe")
    t.equal(#all, 2)
    t.matches(all[2], {uid = "b", phase = "Running"})
  end,
  ["a server that cannot be reached is an error"] = function(t)
    t.settings{team = "blue"}
    t.server{{path = "/boxes/uid-web", error = "Unavailable", message = "no route"}}
    t.matches(t.fails("Unavailable", "create").message, "no route")
  end,
  ["refuses http"] = function(t)
    t.settings{team = "blue"}
    t.equal(t.fails("Invalid", "create", {spec = {http = {port = 80}}}).field, "spec.http")
    t.equal(t.fails("Invalid", "normalize", {spec = {http = {port = 80}}}).field, "spec.http")
    t.matches(t.call("capabilities"), {workloads = true})
  end,
  ["logs"] = function(t)
    t.settings{team = "blue"}
    t.equal(t.call("logs", {uid = "u"}), "u\n")
  end,
}
)";

constexpr const char* kFailing = R"(return {
  ["another path"] = function(t)
    t.settings{team = "blue"}
    t.server{{path = "/boxes/uid-other", status = 404}}
    t.call("create")
  end,
  ["another body"] = function(t)
    t.settings{team = "blue"}
    t.server{{path = "/boxes/uid-web", status = 404}, {method = "POST", path = "/boxes", expect = {spec = {command = {"./api"}}}}}
    t.call("create", {spec = {command = {"./web"}}})
  end,
  ["nobody asks"] = function(t)
    t.settings{team = "blue"}
    t.server{{path = "/boxes/uid-web"}, {method = "DELETE", path = "/boxes/uid-web", times = 2}}
    t.call("create")
  end,
  ["no server"] = function(t)
    t.settings{team = "blue"}
    t.call("create")
  end,
  ["the script's own mistake"] = function(t)
    t.settings{team = "blue"}
    t.call("destroy")
  end,
  ["a verb fails"] = function(t)
    t.settings{team = "blue"}
    t.server{{path = "/boxes/uid-web", status = 403, json = {message = "no token"}}}
    t.call("create")
  end,
  ["another code"] = function(t)
    t.settings{team = "blue"}
    t.server{{path = "/boxes/uid-web", status = 403}}
    t.fails("Conflict", "create")
  end,
  ["no failure"] = function(t)
    t.settings{team = "blue"}
    t.fails("Conflict", "start")
  end,
  ["another value"] = function(t) t.equal({a = {1, {b = "x"}}}, {a = {1, {b = "y"}}}) end,
  ["more than expected"] = function(t) t.equal({a = 1, b = 2}, {a = 1}) end,
  ["no match"] = function(t) t.matches("hello", "^world") end,
  ["settings are missing"] = function(t) t.call("start") end,
  ["unknown setting"] = function(t) t.settings{teem = "blue"} end,
  ["unknown verb"] = function(t) t.call("creat") end,
  ["unknown field"] = function(t)
    t.settings{team = "blue"}
    t.call("create", {specs = {}})
  end,
  ["unknown step"] = function(t) t.server{{pth = "/"}} end,
  ["a loop"] = function() while true do end end,
  ["no quotes of adapters"] = function(t) t.quote{} end,
}
)";

class LuaTestTest : public LuaFilesTest {};

TEST_F(LuaTestTest, APassingAdapterSaysWhatItRanThrough) {
  write("adapter.lua", kAdapter);
  write("tests/boxes.lua", kPassing);
  const Ran ran = lua({"test", at()});
  EXPECT_EQ(ran.status, 0) << ran.out << ran.err;
  expect_golden("lua-test-passing.txt", plain(ran.out));
  EXPECT_EQ(lua({"test", at("adapter.lua")}).out, ran.out);
  EXPECT_EQ(lua({"test", at()}).out, ran.out) << "not the same twice";
}

TEST_F(LuaTestTest, AFailingTestSaysWhereAndWhy) {
  write("adapter.lua", kAdapter);
  write("tests/boxes.lua", kFailing);
  const Ran ran = lua({"test", at()});
  EXPECT_EQ(ran.status, 1) << ran.err;
  expect_golden("lua-test-failing.txt", plain(ran.out));
}

TEST_F(LuaTestTest, WhatCannotBeRunIsStatus2) {
  EXPECT_EQ(lua({"test", at("nowhere")}).status, 2);
  EXPECT_EQ(lua({"test", at()}).status, 2);
  write("adapter.lua", kAdapter);
  const Ran untested = lua({"test", at()});
  EXPECT_EQ(untested.status, 2);
  EXPECT_NE(untested.err.find("there are no tests"), std::string::npos) << untested.err;
  write("tests/boxes.lua", "return {");
  EXPECT_EQ(lua({"test", at()}).status, 2);
  write("tests/boxes.lua", "return {}");
  EXPECT_EQ(lua({"test", at()}).status, 2);
  write("tests/boxes.lua", "return {a = 1}");
  const Ran no_function = lua({"test", at()});
  EXPECT_EQ(no_function.status, 2);
  EXPECT_NE(no_function.err.find("'a' is no function"), std::string::npos) << no_function.err;
  write("tests/boxes.lua", kPassing);
  write("adapter.lua", "return {api = 1}");
  const Ran no_adapter = lua({"test", at()});
  EXPECT_EQ(no_adapter.status, 2);
  EXPECT_NE(plain(no_adapter.err).find("adapter.lua: there is no function 'capabilities'"),
            std::string::npos)
      << no_adapter.err;
}

constexpr const char* kRule = R"(return {
  api = 1,
  price = function(plan, resources, usage, period)
    local lines = {pricing.base(plan, usage, period)}
    for _, resource in ipairs(resources) do
      if resource.cpu_millis > 1000 then
        lines[#lines + 1] = {text = "large", resource = resource.ref, rate = "1.50", quantity = period.months}
      end
      if resource.name == "odd" then lines[1] = {text = "odd", amount = 0.5} end
      if resource.name == "broken" then return nothing.here end
    end
    return {lines = lines, notices = {"for tests"}}
  end,
}
)";

TEST_F(LuaTestTest, APricingRuleIsAskedForQuotes) {
  write("weekend.lua", kRule);
  write("tests/prices.lua", R"(return {
  ["the plan's price"] = function(t)
    local quote = t.quote()
    t.equal(quote.total, "9.00")
    t.equal(quote.notices, {"for tests"})
  end,
  ["a large one costs more"] = function(t)
    local quote = t.quote{
      plan = {price = {amount = "10.00", currency = "EUR", per = "month"}, includes = {storage = "20GiB"}},
      resources = {{name = "api", cpu_millis = 2000}, {kind = "Site", name = "blog"}},
      usage = {active_seconds = 3600},
      months = 2,
    }
    t.equal(quote.total, "23.00")
    t.matches(quote.lines[2], {resource = "Instance/api", amount = "3.00"})
    t.equal(quote.currency, "EUR")
  end,
  ["money as a float is refused"] = function(t)
    t.matches(t.fails("Invalid", "quote", {resources = {{name = "odd"}}}).message, "float")
  end,
}
)");
  const Ran ran = lua({"test", at()});
  EXPECT_EQ(ran.status, 0) << ran.out << ran.err;
  expect_golden("lua-test-rule.txt", plain(ran.out));
}

TEST_F(LuaTestTest, ABrokenPricingRuleSaysWhere) {
  write("weekend.lua", kRule);
  write("tests/prices.lua", R"(return {
  ["broken"] = function(t) t.quote{resources = {{name = "broken"}}} end,
  ["a float"] = function(t) t.quote{resources = {{name = "odd"}}} end,
  ["a mistake of the test"] = function(t) t.quote{resorces = {}} end,
  ["no verbs"] = function(t) t.call("create") end,
  ["months"] = function(t) t.quote{months = 0} end,
}
)");
  const Ran ran = lua({"test", at("weekend.lua")});
  EXPECT_EQ(ran.status, 1) << ran.err;
  expect_golden("lua-test-rule-failing.txt", plain(ran.out));
  write("another.lua", kRule);
  EXPECT_EQ(lua({"test", at()}).status, 2) << "two rules, and nobody said which";
  write("weekend.lua", "return {api = 2, price = function() return {} end}");
  EXPECT_EQ(lua({"test", at("weekend.lua")}).status, 2);
}

TEST_F(LuaTestTest, APolicyIsAskedForVerdicts) {
  write("policy.lua", R"(return {
  api = 1,
  admit = function(resource, tenant)
    if resource.name == "broken" then return resource.spec.nothing.more end
    if resource.name == "odd" then return {refuse = "x"} end
    if resource.kind == "Site" then return {warn = tenant.name .. " has " .. resource.provider} end
    if resource.spec.resources.memory > 2 ^ 30 then return {deny = tenant.plan .. ": too large"} end
  end,
}
)");
  write("tests/verdicts.lua", R"(return {
  ["specs are in their checked form"] = function(t)
    t.equal(t.admit({spec = {resources = {memory = "2GiB"}}}, {plan = "hobby"}), {deny = "hobby: too large"})
    t.equal(t.admit{spec = {command = {"./x"}, resources = {memory = "1GiB"}}}, {})
    t.equal(t.admit({kind = "Site", provider = "site"}, {name = "alice"}), {warn = "alice has site"})
    t.matches(t.fails("Invalid", "admit", {resource = {name = "odd"}}).message, "the verdict 'refuse'")
  end,
  ["broken"] = function(t) t.admit{name = "broken"} end,
  ["no manifest has that"] = function(t) t.admit{spec = {recources = {}}} end,
  ["a mistake of the test"] = function(t) t.admit{nam = "web"} end,
  ["no quotes"] = function(t) t.quote() end,
}
)");
  const Ran ran = lua({"test", at()});
  EXPECT_EQ(ran.status, 1) << ran.err;
  expect_golden("lua-test-policy.txt", plain(ran.out));
}

TEST_F(LuaTestTest, AHealthRuleIsAskedForItsJudgement) {
  write("patient.lua", R"(return {
  api = 1,
  Site = function(observed)
    if observed.fields.code == 500 then return "Failing" end
    return observed.health, observed.phase .. " since " .. tostring(observed.started_at)
  end,
}
)");
  write("tests/health.lua", R"(return {
  ["of a Site"] = function(t)
    t.equal(t.judge{kind = "Site", fields = {code = 500}}, {health = "Failing"})
    t.equal(t.judge{kind = "Site", started_at = 1000}, {health = "Passing", message = "Running since 1000"})
  end,
  ["of an Instance it says nothing"] = function(t) t.equal(t.judge(), nil) end,
  ["a wrong guess"] = function(t) t.equal(t.judge{kind = "Site"}.health, "Failing") end,
  ["mistakes of the test"] = function(t) t.judge{kind = "Site", health = "Passin"} end,
  ["no phase"] = function(t) t.judge{kind = "Site", phase = "Happy"} end,
}
)");
  const Ran ran = lua({"test", at()});
  EXPECT_EQ(ran.status, 1) << ran.err;
  expect_golden("lua-test-health.txt", plain(ran.out));
}

TEST_F(LuaTestTest, TestsCannotLeaveAnythingToOneAnother) {
  write("adapter.lua", kAdapter);
  write("tests/boxes.lua", R"(local seen = 0
return {
  ["first"] = function(t) seen = seen + 1; t.left = true; t.equal(seen, 1) end,
  ["second"] = function(t) seen = seen + 1; t.equal(t.left, nil); t.equal(seen, 1) end,
}
)");
  const Ran ran = lua({"test", at()});
  EXPECT_EQ(ran.status, 0) << ran.out << ran.err;
}

/// The blocks of Lua in a page.
std::vector<std::string> blocks_of(const std::string& page) {
  const std::string text = read_file(std::string(CROFT_SOURCE "/docs/") + page, 1 << 20).value();
  std::vector<std::string> blocks;
  const std::string begin = "```lua\n";
  for (auto at = text.find(begin); at != std::string::npos; at = text.find(begin, at)) {
    at += begin.size();
    blocks.push_back(text.substr(at, text.find("```", at) - at));
  }
  return blocks;
}

// The policy, the health rule and their tests that docs/plans.md shows.
TEST_F(LuaTestTest, TheExamplesOfThePageOfPlansPass) {
  const std::vector<std::string> blocks = blocks_of("plans.md");
  ASSERT_EQ(blocks.size(), 4U);
  write("a/policy.lua", blocks[0]);
  write("a/tests/policy.lua", blocks[1]);
  write("b/health.lua", blocks[2]);
  write("b/tests/health.lua", blocks[3]);
  EXPECT_EQ(plain(lua({"test", at("a")}).out),
            "a/policy.lua  2 tests passed, coverage 100 % (admit 100)\n");
  EXPECT_EQ(plain(lua({"test", at("b")}).out),
            "b/health.lua  2 tests passed, coverage 100 % (Instance 100)\n");
  EXPECT_EQ(plain(lua({"check", at("a")}).out), "Valid: a/policy.lua.\n");
  EXPECT_EQ(plain(lua({"check", at("b")}).out), "Valid: b/health.lua.\n");
}

TEST_F(LuaTestTest, ThePageShowsWhatIsReallyPrinted) {
  const std::string page = read_file(CROFT_SOURCE "/docs/lua-tools.md", 1 << 20).value();
  std::string adapter;
  for (const std::string& block : blocks_of("adapters.md")) adapter += block;
  write("adapter.lua", adapter);
  write("tests/boxes.lua", blocks_of("lua-tools.md").at(0));
  const std::string passing = plain(lua({"test", at()}).out);
  EXPECT_NE(page.find(passing), std::string::npos) << passing;
  const std::string sent = "    name = effect.uid,";
  ASSERT_NE(adapter.find(sent), std::string::npos);
  adapter.replace(adapter.find(sent), sent.size(), "    name = effect.name,");
  write("adapter.lua", adapter);
  const std::string failing = plain(lua({"test", at()}).out);
  EXPECT_NE(page.find(failing), std::string::npos) << failing;
  write("rule/rule.lua", kRule);
  write("rule/tests/rule.lua", blocks_of("lua-tools.md").at(1));
  EXPECT_EQ(lua({"test", at("rule")}).status, 0);
}

TEST_F(LuaTestTest, LongPathsKeepTheirPlaces) {
  const std::string deep = "a-directory-with-a-long-name/and-another-one-with-a-long-name/";
  write(deep + "adapter.lua", kAdapter);
  write(deep + "tests/boxes.lua", kFailing);
  const Ran ran = lua({"test", at(deep)});
  EXPECT_EQ(ran.status, 1);
  EXPECT_NE(ran.out.find("\nadapter.lua:6: unexpected request"), std::string::npos) << ran.out;
}

TEST_F(LuaTestTest, FilesThatTheAdapterRequiresCountAndAreNamed) {
  write("adapter.lua", R"(local boxes = require "boxes"
local function nothing() end
return {
  api = 1, server = {url = "https://a.example", auth = "none"},
  capabilities = function() return {workloads = true} end,
  normalize = function(_, resource) return resource.spec end,
  observe = boxes.list,
  create = boxes.make,
  update = nothing, start = nothing, stop = nothing, destroy = nothing,
})");
  write("boxes.lua", R"(local function list() return {} end
local function make(_, effect)
  local x = effect.no_such.field
  return x
end
return {list = list, make = make})");
  write("tests/a.lua", "return {lists = function(t) t.equal(t.call('observe'), {}) end}\n");
  EXPECT_EQ(plain(lua({"test", at("")}).out),
            "adapter.lua  1 test passed, coverage 66 % (destroy/start/stop/update 100, "
            "capabilities 100, normalize 100, observe 100, create 0)\n");
  write("tests/a.lua", "return {makes = function(t) t.call('create') end}\n");
  EXPECT_NE(plain(lua({"test", at("")}).out).find("\nboxes.lua:3: attempt to index"),
            std::string::npos)
      << plain(lua({"test", at("")}).out);
}

TEST_F(LuaTestTest, TestsMayShareWhatTheyNeed) {
  write("adapter.lua", kAdapter);
  write("tests/support/world.lua", "return {team = {team = 'blue'}}\n");
  write("tests/a.lua",
        "local world = require 'world'\n"
        "return {a = function(t) t.settings(world.team); t.call('start') end}\n");
  EXPECT_NE(plain(lua({"test", at("")}).out).find("1 test passed"), std::string::npos)
      << plain(lua({"test", at("")}).out);
  write("tests/support/world.lua", "return htp\n");
  EXPECT_NE(plain(lua({"check", at("")}).out).find("world.lua:1:8: error: unknown global 'htp'"),
            std::string::npos)
      << plain(lua({"check", at("")}).out);
}

}  // namespace
}  // namespace croft::cli
