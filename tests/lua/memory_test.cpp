#include "tests/lua/adapter_harness.hpp"

namespace croft::lua {
namespace {

class MemoryTest : public AdapterTest {
 protected:
  /// A host whose verbs remember in `memory`.
  void load_with(std::shared_ptr<AdapterMemory> memory, const std::string& body) {
    HostServices services;
    services.name = "test";
    services.http = http;
    services.memory = std::move(memory);
    services.clock = &clock;
    auto made = AdapterHost::make(io.get_executor(),
                                  Script::compile("adapter.lua", "return {" + body + "}").value(),
                                  std::move(services));
    ASSERT_TRUE(made) << made.error().describe();
    host = std::move(*made);
  }
  std::string run(const std::string& function) {
    const Result<Value> value = call(function);
    return value ? to_json(*value) : value.error().message();
  }
};

TEST_F(MemoryTest, WhatACallSetsALaterOneGets) {
  load_with(std::make_shared<AdapterMemory>(), R"lua(
    first = function() return memory.get("x") == nil end,
    write = function()
      local x = {list = json.array{}, map = json.object{}, deep = {1, "two", true}}
      local kept = memory.set("x", x)
      x.deep[1] = "changed later"
      return kept
    end,
    read = function() return memory.get("x") end,
    forget = function() memory.set("x", nil) return memory.get("x") == nil end,
  )lua");
  EXPECT_EQ(run("first"), "true");
  EXPECT_EQ(run("write"), "true");
  EXPECT_EQ(run("read"), R"({"deep":[1,"two",true],"list":[],"map":{}})");
  EXPECT_EQ(run("forget"), "true");
}

TEST_F(MemoryTest, IsNotForPureFunctions) {
  load_with(std::make_shared<AdapterMemory>(), R"lua(
    get = function() return memory.get("x") end,
    set = function() return memory.set("x", 1) end,
  )lua");
  for (const char* function : {"get", "set"}) {
    const Result<Value> value = host->call_pure({.function = function});
    ASSERT_FALSE(value);
    EXPECT_NE(value.error().message().find("pure"), std::string::npos);
  }
}

TEST_F(MemoryTest, TakesDocumentsOnly) {
  load_with(std::make_shared<AdapterMemory>(), R"lua(
    f = function() return memory.set("x", print or function() end) end,
    name = function() return memory.set({}, 1) end,
  )lua");
  EXPECT_NE(run("f").find("memory.set"), std::string::npos);
  EXPECT_NE(run("name").find("the name must be a text"), std::string::npos);
}

TEST_F(MemoryTest, WithoutAMemoryNothingIsRemembered) {
  load_with(nullptr, R"lua(
    f = function() return {memory.set("x", 1), memory.get("x") == nil} end,
  )lua");
  EXPECT_EQ(run("f"), "[false,true]");
}

TEST(AdapterMemoryTest, WhatWasSetLongestAgoGoesFirst) {
  AdapterMemory memory(100);
  EXPECT_TRUE(memory.set("a", std::string(30, 'a')));
  EXPECT_TRUE(memory.set("b", std::string(30, 'b')));
  EXPECT_TRUE(memory.set("a", std::string(31, 'a')));
  EXPECT_TRUE(memory.set("c", std::string(40, 'c')));
  EXPECT_NE(memory.get("a"), nullptr);
  EXPECT_EQ(memory.get("b"), nullptr);
  EXPECT_LE(memory.size(), 100u);
  EXPECT_FALSE(memory.set("d", std::string(101, 'd')));
  EXPECT_NE(memory.get("c"), nullptr) << "what is too large pushes nothing out";
  memory.set("a", Value());
  memory.set("c", Value());
  EXPECT_EQ(memory.size(), 0u);
}

}  // namespace
}  // namespace croft::lua
