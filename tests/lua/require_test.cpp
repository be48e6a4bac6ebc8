// Scripts of several files.

#include "tests/lua/adapter_harness.hpp"

namespace croft::lua {
namespace {

class RequireTest : public AdapterTest {
 protected:
  using Files = std::map<std::string, std::string>;

  /// Why a script is none; empty if it is one.
  std::string refusal(const std::string& source, const Files& files) {
    HostServices services;
    services.http = http;
    services.clock = &clock;
    for (const auto& [name, text] : files)
      services.files.push_back({name, Script::compile(name + ".lua", text).value()});
    const auto made =
        AdapterHost::make(io.get_executor(), Script::compile("adapter.lua", source).value(),
                          std::move(services), HostLimits{.instructions = 100'000});
    return made ? "" : made.error().message();
  }
};

constexpr const char* kMain = R"(
local names = require "names"
return {f = function(name) return names.greet(name) end, twice = require "names" == names})";
const std::string kNames = "local M = {}\nfunction M.greet(n) return 'hello ' .. n end\nreturn M";

TEST_F(RequireTest, GivesWhatAnotherFileReturns) {
  load_file(kMain, {}, {{"names", kNames}});
  EXPECT_EQ(call("f", {Value("x")}).value(), Value("hello x"));
  EXPECT_EQ(host->description().boolean_or("twice", false), true) << "it runs once a call";
}

TEST_F(RequireTest, FilesMayRequireOthersAndSeeTheSameGlobals) {
  load_file("local a = require 'a'\nreturn {f = function() return a() end}", {},
            {{"a", "local b = require 'b'\nreturn function() return b.json == json end"},
             {"b", "return {json = json}"}});
  EXPECT_EQ(call("f").value(), Value(true));
}

TEST_F(RequireTest, AFileMayWait) {
  http->answer = [](const AdapterRequest&) {
    return ScriptedHttp::at_once(answer_of(200, "there"));
  };
  load_file("local a = require 'a'\nreturn {f = function() return a.look() end}", {},
            {{"a", "return {look = function() return http.get('/').body end}"}});
  EXPECT_EQ(call("f").value(), Value("there"));
}

TEST_F(RequireTest, NothingOfAFileOutlivesACall) {
  load_file("local a = require 'a'\nreturn {f = function() return a.count() end}", {},
            {{"a",
              "local n = 0\nshared = (shared or 0) + 1\n"
              "return {count = function() n = n + 1; return {n, shared} end}"}});
  EXPECT_EQ(to_json(call("f").value()), "[1,1]");
  EXPECT_EQ(to_json(call("f").value()), "[1,1]");
}

TEST_F(RequireTest, AVerbMayStandInAnotherFile) {
  load_file("return {f = require 'a'}", {}, {{"a", "local x\nreturn function()\n  x.y = 1\nend"}});
  EXPECT_EQ(host->place_of("f").file, "a.lua");
  EXPECT_EQ(host->place_of("f").line, 2);
  EXPECT_TRUE(call("f").error().message().starts_with("a.lua:3: ")) << call("f").error().message();
}

TEST_F(RequireTest, ErrorsNameTheFileAndThoseThatCalled) {
  load_file("local a = require 'a'\nreturn {f = function()\n  a.fall()\n  return 1\nend}", {},
            {{"a", "return {fall = function() local x; x.y = 1 end}"}});
  const std::string text = call("f").error().message();
  EXPECT_TRUE(text.starts_with("a.lua:1: attempt to index")) << text;
  EXPECT_NE(text.find("\n    called at adapter.lua:3"), std::string::npos) << text;
}

TEST_F(RequireTest, RefusesWhatIsNotThere) {
  EXPECT_EQ(refusal("local b = require 'b'", {{"a", "return {}"}}),
            "adapter.lua:1: require: there is no b.lua beside the script");
  EXPECT_EQ(refusal("local b = require '../secret'", {}),
            "adapter.lua:1: require: there is no ../secret.lua beside the script");
  EXPECT_EQ(refusal("local b = require(nil)", {}),
            "adapter.lua:1: require: the name of a file must be a text, got nil");
}

TEST_F(RequireTest, RefusesACircleAndAFileThatReturnsNothing) {
  EXPECT_EQ(refusal("return require 'a'",
                    {{"a", "return require 'b'"}, {"b", "\nlocal a = require 'a'"}}),
            "b.lua:2: require: a.lua is being read already: two files need each other");
  EXPECT_EQ(refusal("local a = require 'a'", {{"a", "local x = 1"}}),
            "adapter.lua:1: require: a.lua must return a table or a function, not nil");
}

TEST_F(RequireTest, IsForTheTopOfAFileOnly) {
  load_file("return {f = function() return require 'a' end}", {}, {{"a", "return {}"}});
  EXPECT_TRUE(call("f").error().message().starts_with(
      "adapter.lua:1: require: only at the top of a file, not within a verb"));
}

TEST_F(RequireTest, AFileThatNeverEndsIsStopped) {
  const std::string text = refusal("return require 'a'", {{"a", "while true do end"}});
  EXPECT_TRUE(text.starts_with("a.lua:1: the script takes more than 100000 steps")) << text;
}

}  // namespace
}  // namespace croft::lua
