#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "lua/engine/sandbox.hpp"

// Scripts that want to stay, to eat, or to get out. Each ends in a clear error, and the next call
// in the same sandbox is as good as the first.

namespace croft::lua {
namespace {

using testing::AnyOf;
using testing::HasSubstr;

struct Hostile {
  const char* name;
  const char* body;
  const char* outcome;
};

constexpr const char* kSteps = "takes more than 1000000 steps";
constexpr const char* kMemory = "needs more than 8 MiB of memory";

const Hostile kScripts[] = {
    {"Loop", "while true do end", kSteps},
    {"LoopInPcall", "while true do pcall(function() while true do end end) end", kSteps},
    {"LoopInReturnedPcall", "return pcall(function() while true do end end)", kSteps},
    {"LoopInXpcallHandler",
     "xpcall(function() while true do end end, function() while true do end end) return 1", kSteps},
    {"LoopInHandlerOfHandler",
     "local function h() return xpcall(function() while true do end end, h) end h()", kSteps},
    {"LoopInCoroutine", "local c = coroutine.wrap(function() while true do end end) c()", kSteps},
    {"LoopInManyCoroutines",
     "while true do pcall(coroutine.wrap(function() while true do pcall(error) end end)) end",
     kSteps},
    {"YieldingForEver",
     "local c = coroutine.wrap(function() while true do coroutine.yield() end end) while true do "
     "c() end",
     kSteps},
    {"LoopInIndex",
     "local t = setmetatable({}, {__index = function(t, k) return t[k + 1] end}) return t[1]",
     "stack overflow"},
    {"LoopInMetamethod",
     "local t = setmetatable({}, {__add = function() while true do end end}) return t + 1", kSteps},
    {"LoopInToString",
     "local t = setmetatable({}, {__tostring = function() while true do end end}) return "
     "tostring(t)",
     kSteps},
    {"EvilToStringOfTheError",
     "error(setmetatable({}, {__tostring = function() while true do end end}))",
     "raised an error that is no text, but a table"},
    {"GcMetamethod",
     "local t = setmetatable({}, {__gc = function() while true do end end}) t = nil "
     "for i = 1, 1e9 do local x = {} end",
     kSteps},
    {"LoopInSort",
     "local t = {} for i = 1, 100 do t[i] = i end "
     "table.sort(t, function() while true do end end)",
     kSteps},
    {"LoopInGsub", "return (('x'):rep(100):gsub('x', function() while true do end end))", kSteps},
    {"LoopInPairs", "for k in pairs({1}) do while true do end end", kSteps},
    {"EmptyRepeat", "return #(''):rep(1e15)", "0"},
    {"RepeatBomb", "return ('x'):rep(1e9)", "resulting string too large"},
    {"RepeatSteps", "while true do local x = ('x'):rep(1e6) end", kSteps},
    {"MemoryBomb", "local t = {} while true do t[#t + 1] = ('x'):rep(1000) .. #t end", kMemory},
    {"MemoryBombInPcall",
     "local t = {} while true do pcall(function() while true do t[#t + 1] = {} end end) end",
     kMemory},
    {"DoublingText", "local s = 'x' while true do s = s .. s end", kMemory},
    {"DoublingTextCaught",
     "local s = 'x' pcall(function() while true do s = s .. s end end) return 'survived'", kMemory},
    {"DeepRecursion", "local function f() return 1 + f() end return f()", "stack overflow"},
    {"DeepRecursionInPcall", "local function f() return pcall(f) end while true do f() end",
     nullptr},
    {"CoroutineBomb", "local function f() return coroutine.wrap(f)() end return f()", nullptr},
    {"ManyResults", "return unpack({}, 1, 1e8)", "too many results"},
    {"PatternPlain", "return (('a'):rep(200)):find(('a-'):rep(30) .. 'b')", kSteps},
    {"PatternStars", "return (('a'):rep(2000)):match(('.*'):rep(10) .. 'x')", kSteps},
    {"PatternInPcall",
     "while true do pcall(string.find, ('a'):rep(500), ('a-'):rep(20) .. 'b') end", kSteps},
    {"PatternInGmatch", "for x in (('a'):rep(500)):gmatch(('a-'):rep(20) .. 'b') do end", kSteps},
    {"PatternInGsub", "return (('a'):rep(500)):gsub(('a*'):rep(20) .. 'b', '')", kSteps},
    {"PatternBackReference", "return (('a'):rep(3000)):find('(.-)(.-)%1%2b')", kSteps},
    {"PatternTooDeep", "return (('a'):rep(300)):match(('a?'):rep(300))", "pattern too complex"},
    {"PatternMalformed", "return ('x'):find('[a')", "malformed pattern"},
    {"PatternBalanced", "return (('('):rep(20000)):find('%b()')", kSteps},
    {"LargeConcat",
     "local t = {} for i = 1, 1e4 do t[i] = ('x'):rep(1e4) end return table.concat(t)", nullptr},
    {"InsertAtTheFront", "local t = {} while true do table.insert(t, 1, 1) end", nullptr},
    {"FormatWide", "return ('%999999999d'):format(1)", "invalid"},
    {"LoadBytecode", "return load('x')", "attempt to call global 'load'"},
    {"EscapeByEnvironment", "return setfenv(1, {})", "attempt to call global 'setfenv'"},
    {"EscapeByMetatable", "return getmetatable('').__index.dump", "attempt to index"},
    {"EscapeByStringDump", "return string.dump(function() end)", "attempt to call"},
    {"EscapeByDebug", "return debug.getregistry()", "attempt to index global 'debug'"},
};

class HostileTest : public testing::TestWithParam<Hostile> {};

TEST_P(HostileTest, EndsInAClearErrorAndTheNextCallIsRight) {
  const Limits limits{.memory_bytes = 8 << 20, .instructions = 1'000'000};
  const auto sandbox = Sandbox::make(limits).value();
  const std::size_t at_rest = sandbox->memory_used();
  const Script good =
      Script::compile("good.lua", "return {run = function(a) return a + 1 end}").value();
  const Script hostile =
      Script::compile("hostile.lua",
                      fmt::format("return {{run = function()\n{}\nend}}", GetParam().body))
          .value();
  for (int round = 0; round < 2; ++round) {
    const Result<Value> outcome = sandbox->call(hostile, "run", {});
    const std::string text = outcome ? to_json(*outcome) : outcome.error().describe();
    if (GetParam().outcome != nullptr) {
      EXPECT_THAT(text, HasSubstr(GetParam().outcome));
    } else {
      EXPECT_FALSE(outcome) << text;
    }
    EXPECT_EQ(to_json(sandbox->call(good, "run", {Value(41)}).value()), "42");
    EXPECT_LE(sandbox->memory_used(), at_rest + (512U << 10)) << text;
  }
}

INSTANTIATE_TEST_SUITE_P(Scripts, HostileTest, testing::ValuesIn(kScripts),
                         [](const auto& one) { return std::string(one.param.name); });

// A limit that is exceeded cannot be told apart by a script from the end.
TEST(StickyLimitTest, AScriptCannotReturnAfterItsLimit) {
  const auto sandbox = Sandbox::make({.memory_bytes = 8 << 20, .instructions = 100'000}).value();
  for (const char* body :
       {"pcall(function() while true do end end) return 'escaped'",
        "return select(2, pcall(function() while true do end end))",
        "return coroutine.resume(coroutine.create(function() while true do end end))"}) {
    const Script script =
        Script::compile("s.lua", fmt::format("return {{run = function() {} end}}", body)).value();
    const Result<Value> outcome = sandbox->call(script, "run", {});
    ASSERT_FALSE(outcome) << to_json(*outcome);
    EXPECT_THAT(outcome.error().describe(), HasSubstr("takes more than 100000 steps"));
  }
}

}  // namespace
}  // namespace croft::lua
