#include "lua/engine/pattern.hpp"

#include <lua.hpp>
#include <optional>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <rapidcheck.h>

#include "lua/engine/sandbox.hpp"

// Our patterns against those of the standard library.

namespace croft::lua {
namespace {

/// What the standard library says: every result as text, or what it raises.
class Standard {
 public:
  Standard() : state_(luaL_newstate()) { luaL_openlibs(state_); }
  ~Standard() { lua_close(state_); }
  Standard(const Standard&) = delete;
  Standard& operator=(const Standard&) = delete;

  std::string call(const char* chunk, const std::string& subject, const std::string& pattern) {
    lua_settop(state_, 0);
    EXPECT_EQ(luaL_loadstring(state_, chunk), 0) << lua_tostring(state_, -1);
    lua_pushlstring(state_, subject.data(), subject.size());
    lua_pushlstring(state_, pattern.data(), pattern.size());
    if (lua_pcall(state_, 2, 1, 0) != 0) return "raises";
    std::size_t size = 0;
    const char* text = lua_tolstring(state_, -1, &size);
    return {text, size};
  }

 private:
  lua_State* state_;
};

/// Results of all four functions, in one text.
constexpr const char* kAll = R"(
  local s, p = ...
  local out = {}
  local function add(...)
    for i = 1, select('#', ...) do out[#out + 1] = tostring((select(i, ...))) end
    out[#out + 1] = ';'
  end
  add(s:find(p)) add(s:find(p, 2)) add(s:match(p)) add(s:match(p, -2))
  local n = 0
  if p:sub(1, 1) ~= '^' then
    for a, b in s:gmatch(p) do add(a, b) n = n + 1 if n > 20 then break end end
  end
  add(s:gsub(p, '<%0>')) add(s:gsub(p, '-', 2)) add(s:gsub(p, function(x) return x end))
  -- Results are texts, which halves of letters are none of.
  local text, all = table.concat(out, '|'), {}
  for i = 1, #text do
    local byte = text:byte(i)
    all[i] = byte < 128 and string.char(byte) or string.format('<%x>', byte)
  end
  return table.concat(all))";

std::string ours(Sandbox& sandbox, const std::string& subject, const std::string& pattern) {
  static const Script script =
      Script::compile("all.lua", fmt::format("return {{run = function(...) {} end}}", kAll))
          .value();
  const Result<Value> result = sandbox.call(script, "run", {Value(subject), Value(pattern)});
  return result ? result->as_text() : "raises";
}

void expect_same(Standard& standard, Sandbox& sandbox, const std::string& subject,
                 const std::string& pattern) {
  EXPECT_EQ(ours(sandbox, subject, pattern), standard.call(kAll, subject, pattern))
      << "subject " << testing::PrintToString(subject) << " pattern "
      << testing::PrintToString(pattern);
}

TEST(PatternTest, EveryFeatureIsAsInTheStandardLibrary) {
  Standard standard;
  const auto sandbox = Sandbox::make({}).value();
  const std::vector<std::string> subjects = {"",
                                             "a",
                                             "hello world",
                                             "key = value",
                                             "(a(b)c)d",
                                             "THE (quick) fox",
                                             "2026-11-21",
                                             "aaaa",
                                             "a.b.c",
                                             "x\ny\tz",
                                             "]^-%",
                                             std::string("n\0l", 3),
                                             "\xC3\xA9t\xC3\xA9",
                                             "  trim  "};
  const std::vector<std::string> patterns = {"",
                                             ".",
                                             "a",
                                             "^a",
                                             "a$",
                                             "^$",
                                             "%a+",
                                             "%w*",
                                             "(%w+)%s*=%s*(%w+)",
                                             "%b()",
                                             "%f[%a]%a+",
                                             "%f[%W]",
                                             "()a()",
                                             "(a)(.)",
                                             "(.)%1",
                                             "[%a_][%w_]*",
                                             "[^%s]+",
                                             "[a-c]",
                                             "[]]",
                                             "[^]]",
                                             "[%]]",
                                             "[a-]",
                                             "[-a]",
                                             "%d+%-%d+%-%d+",
                                             "a-b",
                                             ".-",
                                             "^%s*(.-)%s*$",
                                             "a?b?c?",
                                             "%.",
                                             "%%",
                                             "%",
                                             "[",
                                             "[a",
                                             "[%",
                                             "(",
                                             ")",
                                             "%1",
                                             "(a",
                                             "a)",
                                             "%b",
                                             "%f",
                                             "%z",
                                             "%Z+",
                                             "%x+",
                                             "%p",
                                             "%c",
                                             "%u%l*",
                                             "((a)(b))",
                                             "(((a)))",
                                             "^",
                                             "$",
                                             "a$b",
                                             "%g",
                                             "^(a*)(a*)$",
                                             "a*a*a*b",
                                             "[^",
                                             "[%a-z]",
                                             "[a-%%]"};
  for (const std::string& subject : subjects) {
    for (const std::string& pattern : patterns) expect_same(standard, *sandbox, subject, pattern);
  }
}

TEST(PatternTest, RandomPatternsAreAsInTheStandardLibrary) {
  Standard standard;
  const auto sandbox = Sandbox::make({}).value();
  int matched = 0;
  const bool holds = rc::check("the same results", [&] {
    const auto subject =
        *rc::gen::container<std::string>(rc::gen::element('a', 'b', 'A', '1', ' ', '(', ')', '-'));
    const std::vector<std::string> items =
        *rc::gen::container<std::vector<std::string>>(rc::gen::element<std::string>(
            "a", "b", ".", "%a", "%d", "%s", "%w", "%u", "[ab]", "[^a]", "[%a1]", "*", "+", "-",
            "?", "(", ")", "()", "%1", "%b()", "%f[%w]", "^", "$", "%-"));
    std::string pattern;
    for (std::size_t i = 0; i < items.size() && i < 8; ++i) pattern += items[i];
    const std::string theirs = standard.call(kAll, subject.substr(0, 12), pattern);
    if (theirs != "raises") ++matched;
    RC_ASSERT(ours(*sandbox, subject.substr(0, 12), pattern) == theirs);
  });
  EXPECT_TRUE(holds);
  EXPECT_GT(matched, 10) << "most patterns were malformed";
}

}  // namespace
}  // namespace croft::lua
