// The stubs in lua/meta and the page in docs name what the host provides, and nothing else.

#include <filesystem>
#include <regex>
#include <set>

#include <gmock/gmock.h>

#include "core/base/embedded.hpp"
#include "core/base/files.hpp"
#include "tests/lua/adapter_harness.hpp"

namespace croft {
std::span<const EmbeddedText> embedded_test_module();  // made by croft_embed()
}

namespace croft::lua {
namespace {

class StubsTest : public AdapterTest {
 protected:
  std::set<std::string> provided() {
    load("");
    const std::vector<std::string> names = host->provided();
    std::set<std::string> all(names.begin(), names.end());
    all.erase("xpcall");  // of the standard library, made so that it can be waited in
    return all;
  }
};

TEST_F(StubsTest, NameWhatIsThere) {
  const std::regex declaration(
      R"((?:^|\n)(?:function ([a-z0-9_.]+)\(|([a-z0-9_]+\.[a-z0-9_]+) = nil))");
  std::set<std::string> declared;
  for (const char* name : {"adapter", "flow", "http", "instance", "json", "text"}) {
    const std::string text =
        read_file(std::string(CROFT_SOURCE "/lua/meta/") + name + ".lua", 1 << 20).value();
    for (std::sregex_iterator at(text.begin(), text.end(), declaration), end; at != end; ++at)
      declared.insert((*at)[1].matched ? (*at)[1] : (*at)[2]);
  }
  EXPECT_EQ(declared, provided());
}

TEST_F(StubsTest, ThePageNamesWhatIsThere) {
  const std::string page = read_file(CROFT_SOURCE "/docs/adapters.md", 1 << 20).value();
  for (const std::string& name : provided()) {
    const bool is_named = page.find("`" + name + "`") != std::string::npos ||
                          page.find("`" + name + "(") != std::string::npos;
    EXPECT_TRUE(is_named) << name;
  }
}

TEST_F(StubsTest, NameWhatTestsFind) {
  HostServices services;
  services.http = http;
  services.clock = &clock;
  auto extension = std::make_shared<HostExtension>();
  extension->name = "t";
  extension->source = embedded_test_module().front().text;
  services.extension = std::move(extension);
  host = AdapterHost::make(io.get_executor(), Script::compile("a.lua", "return {}").value(),
                           std::move(services))
             .value();
  std::set<std::string> there;
  for (const std::string& name : host->provided()) {
    if (name.starts_with("t.") && name != "t.run") there.insert(name);
  }
  const std::string text = read_file(CROFT_SOURCE "/lua/meta/test.lua", 1 << 20).value();
  const std::regex declaration(R"(\n(?:function (t\.[a-z]+)\(|(t\.[a-z]+) = ))");
  std::set<std::string> declared;
  for (std::sregex_iterator at(text.begin(), text.end(), declaration), end; at != end; ++at)
    declared.insert((*at)[1].matched ? (*at)[1] : (*at)[2]);
  EXPECT_EQ(declared, there);
}

TEST_F(StubsTest, AreLua) {
  for (const auto& file : std::filesystem::directory_iterator(CROFT_SOURCE "/lua/meta")) {
    const auto script =
        Script::compile(file.path().filename().string(), read_file(file.path(), 1 << 20).value());
    EXPECT_TRUE(script) << script.error().describe();
  }
}

}  // namespace
}  // namespace croft::lua
