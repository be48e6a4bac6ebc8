#include "lua/engine/sandbox.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace croft::lua {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

class SandboxTest : public testing::Test {
 protected:
  /// What `return` gives for these arguments, as JSON; or the error.
  std::string result_of(const std::string& body, const std::vector<Value>& arguments = {}) {
    return result_of_chunk("return {run = function(...)\n" + body + "\nend}", arguments);
  }
  std::string result_of_chunk(const std::string& chunk, const std::vector<Value>& arguments = {}) {
    const Result<Script> script = Script::compile("rule.lua", chunk);
    if (!script) return script.error().describe();
    const Result<Value> result =
        sandbox_->call(*script, "run", {arguments.begin(), arguments.end()});
    return result ? to_json(*result) : result.error().describe();
  }

  std::unique_ptr<Sandbox> sandbox_ = Sandbox::make({}).value();
};

TEST_F(SandboxTest, ValuesGoInAndComeOutAsTheyAre) {
  const Value argument = Value::map({{"name", "alice"},
                                     {"hours", 730},
                                     {"rate", 0.5},
                                     {"is_on", true},
                                     {"volumes", Value(Value::List{1, 2, 3})},
                                     {"text", std::string("a\0b", 3)}});
  EXPECT_EQ(result_of("return ...", {argument}), to_json(argument));
  EXPECT_EQ(result_of("local a, b = ...; return {b, a}", {1, "x"}), R"(["x",1])");
  EXPECT_EQ(result_of("return {}"), "[]");
  EXPECT_EQ(result_of("return nil"), "null");
  EXPECT_EQ(result_of("return 9007199254740992"), "9007199254740992");
}

TEST_F(SandboxTest, TablesOfAShapeAreLikeAnyOthersAndMadeAnewForEachCall) {
  static const TableShape shape({"name", "size", "usage.hours", "usage.bytes", "more.deep", "end"});
  const auto row = [](std::initializer_list<Value> cells) {
    auto made = std::make_shared<Value[]>(cells.size());
    std::ranges::copy(cells, made.get());
    return Row(made);
  };
  const std::vector<Row> rows = {row({"a", 1, 2, 3, true, "z"}),
                                 row({Value(), 1, Value(), 5, Value(), 0.5})};
  const Script script = Script::compile("s.lua", R"(return {run = function(rows, one)
    local seen = {}
    for _, row in ipairs(rows) do
      local keys = {}
      for key in pairs(row) do keys[#keys + 1] = key end
      for key, value in pairs(row.usage) do keys[#keys + 1] = key .. "=" .. value end
      seen[#seen + 1] = table.concat(keys, " ")
      row.name, row.left, row.usage.hours, row.usage.left = "mine", true, 99, true
    end
    rows[3] = true
    return {seen, rows[1], one}
  end})")
                            .value();
  for (int call = 0; call < 3; ++call) {
    const Result<Value> result =
        sandbox_->call(script, "run", {Argument(shape, rows), Argument(shape, rows[1].get())});
    ASSERT_TRUE(result) << result.error().describe();
    EXPECT_EQ(to_json(*result),
              R"([["end more name size usage bytes=3 hours=2","end more size usage bytes=5"],)"
              R"({"end":"z","left":true,"more":{"deep":true},"name":"mine","size":1,)"
              R"("usage":{"bytes":3,"hours":99,"left":true}},)"
              R"({"end":5E-1,"more":[],"size":1,"usage":{"bytes":5}}])");
  }
}

TEST_F(SandboxTest, WhatCannotBeAResultIsSaid) {
  EXPECT_THAT(result_of("return print"), HasSubstr("null"));
  EXPECT_THAT(result_of("return {f = pairs}"),
              HasSubstr("a function cannot be part of the result"));
  EXPECT_THAT(result_of("return {1, a = 2}"), HasSubstr("neither a list"));
  EXPECT_THAT(result_of("return {[3] = 1}"), HasSubstr("neither a list"));
  EXPECT_THAT(result_of("return {[0] = 'lost', 1, nil, 3}"), HasSubstr("neither a list"));
  EXPECT_THAT(result_of("return 'caf\\195'"), HasSubstr("text that is not UTF-8"));
  EXPECT_THAT(result_of("return {['\\255'] = 1}"), HasSubstr("key that is not UTF-8"));
  EXPECT_THAT(result_of("local t = {}; t.t = t; return t"), HasSubstr("nested deeper than 64"));
  EXPECT_THAT(result_of("return 0/0"), HasSubstr("not finite"));
  EXPECT_THAT(result_of("return 2^60"), HasSubstr("not exact"));
  EXPECT_THAT(result_of("local t = {} for i = 1, 200000 do t[i] = i end return t"),
              HasSubstr("more than 100000 values"));
  EXPECT_THAT(result_of("return ...", {std::int64_t{1} << 60}), HasSubstr("pass it as text"));
}

TEST_F(SandboxTest, MistakesAreShownWithTheirPlace) {
  EXPECT_THAT(result_of_chunk("return {\n  run = = 1\n}"),
              HasSubstr("rule.lua:2: unexpected symbol near '='"));
  EXPECT_EQ(
      result_of("local plan\nreturn plan.price"),
      "while calling run of rule.lua: rule.lua:3: attempt to index local 'plan' (a nil value)\n"
      "  called at rule.lua:3");
  EXPECT_THAT(result_of_chunk("local function add(a)\n  return a + 1\nend\n"
                              "return {run = function()\n  local x = add({})\n  return x\nend}"),
              HasSubstr("rule.lua:2: attempt to perform arithmetic on local 'a' (a table value)\n"
                        "  called at rule.lua:2, rule.lua:5"));
  EXPECT_THAT(result_of_chunk("return {}"), HasSubstr("returns no table with a function 'run'"));
  EXPECT_THAT(result_of_chunk("return 1"), HasSubstr("returns no table with a function 'run'"));
  EXPECT_THAT(result_of("error({code = 1})"),
              HasSubstr("raised an error that is no text, but a table"));
}

TEST_F(SandboxTest, ErrorsCanBeCaught) {
  EXPECT_EQ(result_of("return {pcall(error, 'x')}"), R"([false,"x"])");
  EXPECT_EQ(result_of("return {xpcall(function(a) return a, 2 end, error, 1)}"), "[true,1,2]");
  EXPECT_EQ(result_of("return {xpcall(error, function(e) return e .. '!' end, 'x')}"),
            R"([false,"x!"])");
  EXPECT_EQ(
      result_of(
          "local function inner() return xpcall(error, function() return 'in' end) end\n"
          "return {xpcall(function() return select(2, inner()) end, function() return 'out' end)}"),
      R"([true,"in"])");
  EXPECT_THAT(result_of("return xpcall(error, function() error('again') end)"), HasSubstr("again"));
}

TEST_F(SandboxTest, NothingOutlivesACall) {
  EXPECT_EQ(result_of("leak = 1; return leak"), "1");
  EXPECT_EQ(result_of("return leak"), "null");
  const Script counting =
      Script::compile("count.lua", "local n = 0\nreturn {run = function() n = n + 1 return n end}")
          .value();
  for (int i = 0; i < 3; ++i) EXPECT_EQ(to_json(*sandbox_->call(counting, "run", {})), "1");
}

TEST_F(SandboxTest, TheLibraryCannotBeChanged) {
  for (const char* attack : {"string.rep = nil", "table.insert(string, 1, 'x')", "string.x = 1",
                             "setmetatable(string, {})", "setmetatable(_ENV or string, nil)",
                             "getmetatable('').__index = {}", "table.sort(math) math.pi = 3",
                             "setmetatable(math, {__index = function() return 1 end})"}) {
    const std::string outcome = result_of(std::string(attack) + "; return 'changed'");
    EXPECT_THAT(outcome, testing::Not(HasSubstr("changed\""))) << attack;
    EXPECT_EQ(result_of("return {('x'):rep(2), string.x or 'none', #string}"), R"(["xx","none",0])")
        << attack;
  }
}

TEST_F(SandboxTest, NothingOfTheMachineIsInReach) {
  for (const char* name : {"load",
                           "loadstring",
                           "loadfile",
                           "dofile",
                           "require",
                           "module",
                           "package",
                           "io",
                           "os",
                           "debug",
                           "ffi",
                           "jit",
                           "bit",
                           "setfenv",
                           "getfenv",
                           "collectgarbage",
                           "newproxy",
                           "rawset",
                           "print",
                           "next",
                           "gcinfo",
                           "_G",
                           "string.dump",
                           "math.random",
                           "math.randomseed",
                           "coroutine.running"}) {
    EXPECT_EQ(result_of(std::string("return ") + name), "null") << name;
  }
  EXPECT_THAT(result_of("return getmetatable('')"), "false");
  EXPECT_THAT(result_of("return ('').dump"), "null");
}

TEST_F(SandboxTest, OfSeveralMistakesTheFirstByNameIsTold) {
  for (const char* keys : {"a = 2^60, b = 0/0, c = '\\255'", "c = '\\255', b = 0/0, a = 2^60",
                           "b = 0/0, x1 = 1, x2 = 2, c = '\\255', a = 2^60"}) {
    EXPECT_THAT(result_of("return {" + std::string(keys) + "}"), HasSubstr("not exact")) << keys;
  }
}

TEST_F(SandboxTest, OrderAndAddressesDoNotLeakIn) {
  EXPECT_EQ(
      result_of("local names = {} local t = {z = 1, a = 2, [3] = 3, [1] = 4, m = 5, [true] = 6}\n"
                "for k, v in pairs(t) do names[#names + 1] = tostring(k) .. '=' .. v end\n"
                "return table.concat(names, ' ')"),
      R"("1=4 3=3 a=2 m=5 z=1 true=6")");
  EXPECT_EQ(result_of("local seen = {} local t = {a = 1, b = 2, c = 3}\n"
                      "for k in pairs(t) do t.b = nil; seen[#seen + 1] = k end return seen"),
            R"(["a","c"])");
  EXPECT_THAT(result_of("for k in pairs({[{}] = 1}) do end"), HasSubstr("pairs: a key is neither"));
  EXPECT_EQ(result_of("return {tostring({}), tostring(pairs), tostring(nil), tostring(0.1)}"),
            R"(["table","function","nil","0.1"])");
  EXPECT_THAT(result_of("return ('%s'):format({})"), HasSubstr("format a table by tostring()"));
  EXPECT_THAT(result_of("return ('%p'):format('x')"), HasSubstr("invalid option '%p'"));
  EXPECT_EQ(result_of("return ('%5.2f %s %% %d'):format(1.005, 'x', 7)"), R"(" 1.00 x % 7")");
}

TEST_F(SandboxTest, ADefectiveCompilerInputIsRefused) {
  EXPECT_THAT(Script::compile("b", "\x1bLJ\x02").error().describe(), HasSubstr("bytecode"));
  EXPECT_THAT(Script::compile("b", std::string(2 << 20, ' ')).error().describe(),
              HasSubstr("at most"));
  EXPECT_FALSE(Script::compile("b", "return " + std::string(100'000, '(')));
  EXPECT_THAT(Sandbox::make({.memory_bytes = 1000}).error().describe(), HasSubstr("too few"));
}

}  // namespace
}  // namespace croft::lua
