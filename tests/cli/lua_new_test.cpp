// `croft lua new`: what it writes passes its own tests.

#include "core/base/value.hpp"
#include "tests/cli/lua_files.hpp"

namespace croft::cli {
namespace {

class LuaNewTest : public LuaFilesTest {
 protected:
  LuaNewTest() { std::filesystem::current_path(root.path()); }
  ~LuaNewTest() override { std::filesystem::current_path(before_); }

 private:
  std::filesystem::path before_ = std::filesystem::current_path();
};

TEST_F(LuaNewTest, AProviderPassesItsOwnTestsAndChecks) {
  const Ran made = lua({"new", "provider", "hetzner"});
  EXPECT_EQ(made.status, 0) << made.err;
  const std::string page = read_file(CROFT_SOURCE "/docs/lua-tools.md", 1 << 20).value();
  EXPECT_NE(page.find("$ croft lua new provider hetzner\n" + made.out), std::string::npos)
      << made.out;
  const Ran tested = lua({"test", "hetzner"});
  EXPECT_EQ(tested.status, 0) << tested.out << tested.err;
  expect_golden("lua-new-provider.txt", tested.out);
  const Ran checked = lua({"check", "hetzner"});
  EXPECT_EQ(checked.status, 0) << checked.out;
  EXPECT_EQ(checked.out, "Valid: hetzner/adapter.lua.\n");
}

TEST_F(LuaNewTest, APricingRulePassesItsOwnTestsAndChecks) {
  EXPECT_EQ(lua({"new", "pricing", "weekend"}).status, 0);
  const Ran tested = lua({"test", "weekend"});
  EXPECT_EQ(tested.status, 0) << tested.out << tested.err;
  expect_golden("lua-new-pricing.txt", tested.out);
  EXPECT_EQ(lua({"check", "weekend"}).out, "Valid: weekend/weekend.lua.\n");
}

TEST_F(LuaNewTest, APolicyPassesItsOwnTestsAndChecks) {
  EXPECT_EQ(lua({"new", "policy", "house-rules"}).out,
            "house-rules/README.md\nhouse-rules/policy.lua\nhouse-rules/tests/house-rules.lua\n"
            "Next: cd house-rules && croft lua test\n");
  const Ran tested = lua({"test", "house-rules"});
  EXPECT_EQ(tested.status, 0) << tested.out << tested.err;
  expect_golden("lua-new-policy.txt", tested.out);
  EXPECT_EQ(lua({"check", "house-rules"}).out, "Valid: house-rules/policy.lua.\n");
}

TEST_F(LuaNewTest, AHealthRulePassesItsOwnTestsAndChecks) {
  EXPECT_EQ(lua({"new", "health", "patient"}).status, 0);
  const Ran tested = lua({"test", "patient"});
  EXPECT_EQ(tested.status, 0) << tested.out << tested.err;
  expect_golden("lua-new-health.txt", tested.out);
  EXPECT_EQ(lua({"check", "patient"}).out, "Valid: patient/patient.lua.\n");
}

TEST_F(LuaNewTest, EditorsFindTheStubs) {
  ASSERT_EQ(lua({"new", "provider", "my-cloud"}).status, 0);
  const Result<Value> settings = parse_json(read_file(at("my-cloud/.luarc.json"), 4096).value());
  ASSERT_TRUE(settings);
  const std::string library = settings->find("workspace.library")->as_list().at(0).as_text();
  EXPECT_EQ(read_file(at("my-cloud/" + library + "/http.lua"), 1 << 20).value(),
            read_file(CROFT_SOURCE "/lua/meta/http.lua", 1 << 20).value());
  EXPECT_EQ(read_file(at("my-cloud/README.md"), 1 << 20).value().find("NAME"), std::string::npos);
}

TEST_F(LuaNewTest, NothingIsOverwritten) {
  write("hetzner/adapter.lua", "mine");
  const Ran refused = lua({"new", "provider", "hetzner"});
  EXPECT_EQ(refused.status, 2);
  EXPECT_NE(refused.err.find("is there already"), std::string::npos) << refused.err;
  EXPECT_EQ(read_file(at("hetzner/adapter.lua"), 100).value(), "mine");
  EXPECT_FALSE(std::filesystem::exists(at("hetzner/README.md")));
  write("weekend", "a file");
  EXPECT_EQ(lua({"new", "pricing", "weekend"}).status, 2);
}

TEST_F(LuaNewTest, NamesThatAreNoneAreRefused) {
  for (const char* name : {"../up", "Big", "", "a/b", "-x"})
    EXPECT_EQ(lua({"new", "provider", "--", name}).status, 2) << name;
  EXPECT_EQ(lua({"new", "site", "blog"}).status, 2);
  EXPECT_TRUE(std::filesystem::is_empty(root.path()));
}

}  // namespace
}  // namespace croft::cli
