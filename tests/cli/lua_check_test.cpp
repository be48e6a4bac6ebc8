// `croft lua check`: what is seen in a script that nobody ran.

#include "tests/cli/lua_files.hpp"

namespace croft::cli {
namespace {

constexpr const char* kVerbs = R"(
  capabilities = function() return {workloads = true} end,
  normalize = function(_, resource) return resource.spec end,
  start = function() end, stop = function() end, update = function() end, destroy = function() end,
)";

std::string adapter(const std::string& observe, const std::string& more = "") {
  return "return {\n  api = 1, server = {url = \"https://a.example\", auth = \"none\"}," +
         std::string(kVerbs) + "  create = function() end,\n  observe = function()\n" + observe +
         "\n  end," + more + "\n}\n";
}

class LuaCheckTest : public LuaFilesTest {
 protected:
  std::string check(const std::string& file, int status) {
    const Ran ran = lua({"check", at(file)});
    EXPECT_EQ(ran.status, status) << ran.out << ran.err;
    return plain(ran.out);
  }
};

TEST_F(LuaCheckTest, WhatIsRightIsSaidToBe) {
  write("adapter.lua",
        adapter(R"(    local list = http.pages("/x", {items = ipairs, next = tostring})
    log.info(string.format("%d", math.floor(#list)), {at = time.now()})
    await.all{}
    t.clock = nil
    return list)"));
  EXPECT_NE(check("adapter.lua", 1).find("unknown global 't'"), std::string::npos);
  write("adapter.lua", adapter("    return json.array{json.null} or poll(fail) or graphql(\"\")"));
  write("tests/a.lua", "return {a = function(t) t.equal(json.encode(1), \"1\") end}");
  EXPECT_EQ(check("", 0), "Valid: adapter.lua.\n");
}

TEST_F(LuaCheckTest, UnknownNamesAreShownWhereTheyStand) {
  write("adapter.lua", adapter(R"(    local response = http.gett("/boxes")
    total = htp.get("/x")
    if response then print(response) end
    json = os.time() + total
    return string.form("%d", 1))"));
  write("tests/a.lua", "return {a = function(t) t.equal(json.encod(1), urll) end}\n");
  expect_golden("lua-check-names.txt", check("", 1));
}

TEST_F(LuaCheckTest, EveryFileOfTheFolderIsLookedAt) {
  const std::string main = "local boxes = require 'boxes'\n" + adapter("    return boxes.list()");
  write("adapter.lua", main);
  write("boxes.lua", "return {list = function() return htp.get('/boxes') end}\n");
  EXPECT_NE(check("", 1).find("boxes.lua:1:34: error: unknown global 'htp'"), std::string::npos)
      << check("", 1);
  write("boxes.lua", "return {\n");
  EXPECT_NE(check("", 1).find("boxes.lua:2:"), std::string::npos) << check("", 1);
  write("boxes.lua", "local x = nil .. 'x'\nreturn {}\n");
  EXPECT_NE(check("", 1).find("boxes.lua:1:"), std::string::npos) << check("", 1);
  write("adapter.lua", "local boxes = require 'boxs'\n" + adapter("    return boxes.list()"));
  EXPECT_NE(check("", 1).find("there is no boxs.lua beside the script"), std::string::npos);
  write("adapter.lua", main);
  write("boxes.lua", "return {list = function() return http.get('/boxes') end}\n");
  EXPECT_EQ(check("", 0), "Valid: adapter.lua.\n");
}

TEST_F(LuaCheckTest, WhatItReturnsIsLookedAt) {
  write("adapter.lua", adapter("", " creat = function() end,"));
  EXPECT_NE(check("", 1).find("no verb is called 'creat'"), std::string::npos);
  write("adapter.lua", adapter("", " settings = {region = {typ = \"text\"}},"));
  EXPECT_NE(check("", 1).find("did you mean 'type'?"), std::string::npos);
  write("adapter.lua", adapter("", " title = nil .. \"x\","));
  EXPECT_NE(check("", 1).find("adapter.lua:9:3: error: attempt to concatenate a nil value"),
            std::string::npos)
      << check("", 1);
}

TEST_F(LuaCheckTest, WhatIsNoLuaHasItsLine) {
  write("adapter.lua", "return {\n  api = = 1,\n}\n");
  EXPECT_NE(check("", 1).find("adapter.lua:2:3: error: unexpected symbol near '='"),
            std::string::npos)
      << check("", 1);
}

TEST_F(LuaCheckTest, PricingRulesHaveNamesOfTheirOwn) {
  write("rule.lua", R"(return {
  api = 1,
  price = function(plan, resources, usage, period)
    if plan.odd then return {pricing.bas(plan)} end
    if plan.odder then return http.get("/") end
    return {pricing.base(plan, usage, period)}
  end,
}
)");
  expect_golden("lua-check-rule.txt", check("rule.lua", 1));
  const std::string page = read_file(CROFT_SOURCE "/docs/lua-tools.md", 1 << 20).value();
  EXPECT_NE(page.find(check("rule.lua", 1)), std::string::npos) << "the page shows something else";
  write("rule.lua", "return {api = 2, price = function() return {} end}");
  EXPECT_NE(check("", 1).find("this Croft has version 1"), std::string::npos);
  write("rule.lua",
        "return {api = 1, price = function() return {{text = \"a\", amount = 0.5}} end}");
  EXPECT_NE(check("", 1).find("float"), std::string::npos);
}

TEST_F(LuaCheckTest, PoliciesAndHealthRulesAreKnown) {
  write("policy.lua", R"(return {
  api = 1,
  admit = function(resource, tenant)
    if tenant.odd then return pricing.base() end
    return {deni = "x"}
  end,
}
)");
  const std::string policy = check("policy.lua", 1);
  EXPECT_NE(policy.find("policy.lua:4:31: error: unknown global 'pricing'"), std::string::npos)
      << policy;
  EXPECT_NE(policy.find("the verdict 'deni', which there is not"), std::string::npos) << policy;
  write("policy.lua", "return {api = 1, admti = function() end}");
  EXPECT_NE(check("policy.lua", 1).find("no table with a function 'admit'"), std::string::npos)
      << check("policy.lua", 1);
  write("rules/house.lua", "return {api = 1, admit = function() end}");
  EXPECT_EQ(check("rules/house.lua", 0), "Valid: rules/house.lua.\n");
  write("health.lua", "return {api = 1, Instance = function(o) return o.helth, json.null end}");
  const std::string health = check("health.lua", 1);
  EXPECT_NE(health.find("unknown global 'json'"), std::string::npos) << health;
  write("health.lua", "return {api = 1, Instance = function(o) return o.helth end}");
  EXPECT_NE(check("health.lua", 1).find("neither of its three words"), std::string::npos);
  write("health.lua", "return {api = 1, Tenant = function(o) return o.health end}");
  EXPECT_NE(check("health.lua", 1).find("judges neither Instances nor Sites"), std::string::npos)
      << check("health.lua", 1);
  write("health.lua", "return {api = 2, Site = function(o) return o.health end}");
  EXPECT_NE(check("health.lua", 1).find("this Croft has version 1"), std::string::npos);
}

TEST_F(LuaCheckTest, LocalsAreFollowedWhereThereIsNoDoubt) {
  const std::string rest = adapter("    return json.array{}");
  write("adapter.lua",
        "local h, j = http, json\nlocal post = http.pots\nlocal function f() return "
        "h.gett('/'), j.encode(1) end\n" +
            rest);
  const std::string out = check("", 1);
  EXPECT_NE(out.find("adapter.lua:3:29: error: http has no 'gett'"), std::string::npos) << out;
  EXPECT_NE(out.find("adapter.lua:2:19: error: http has no 'pots'"), std::string::npos) << out;
  EXPECT_NE(out.find("2 errors"), std::string::npos) << out;
  for (const char* doubtful :
       {"local h = http\nh = {}\nlocal function f() return h.gett end\n",
        "local h = http\nlocal x\nh, x = {}, 1\nlocal function f() return h.gett end\n",
        "local h = http\nlocal function f(h) return h.gett end\n",
        "local h = http\nlocal function f() for _, h in ipairs({}) do return h.gett end end\n",
        "local h = http or {}\nlocal function f() return h.gett end\n",
        "local h = http.get\nlocal function f() return ({h = h}).h.gett end\n",
        "local http = {}\nlocal h = http\nlocal function f() return h.gett end\n",
        "local function h() end\nlocal x = {h = http}\nlocal function f() return x.h.gett end\n",
        "-- local h = http\nlocal s = [[ local h = http ]] .. 'h.gett' .. \"\\\"h.gett\"\n"}) {
    write("adapter.lua", doubtful + rest);
    EXPECT_EQ(check("", 0), "Valid: adapter.lua.\n") << doubtful;
  }
}

TEST_F(LuaCheckTest, AGlobalOfOnesOwnIsAWarning) {
  write("adapter.lua", adapter("    count = 1\n    return count"));
  const std::string out = check("", 0);
  EXPECT_NE(out.find("warning: sets the global 'count'"), std::string::npos) << out;
  EXPECT_NE(out.find("0 errors, 1 warning."), std::string::npos) << out;
}

TEST_F(LuaCheckTest, TheAdaptersOfCroftPass) {
  for (const char* name : {"fly", "railway"}) {
    const Ran ran = lua({"check", std::string(CROFT_SOURCE "/providers/") + name + "/adapter.lua"});
    EXPECT_EQ(ran.status, 0) << ran.out << ran.err;
  }
  for (const auto& rule : std::filesystem::directory_iterator(CROFT_SOURCE "/plans/rules")) {
    const Ran ran = lua({"check", rule.path().string()});
    EXPECT_EQ(ran.status, 0) << ran.out << ran.err;
  }
}

TEST_F(LuaCheckTest, WithoutAScriptThereIsNothingToLookAt) {
  EXPECT_EQ(lua({"check", at()}).status, 2);
  EXPECT_EQ(lua({"check", at("none.lua")}).status, 2);
}

}  // namespace
}  // namespace croft::cli
