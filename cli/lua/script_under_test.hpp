#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "core/base/result.hpp"
#include "lua/engine/adapter_host.hpp"
#include "lua/testing/names.hpp"

namespace croft::cli {

/// A file of Lua.
struct ScriptSource {
  std::string file;  ///< as errors name it: shown_name() of it
  std::string text;
};

/// A script and where its tests are.
struct ScriptUnderTest {
  std::filesystem::path path;
  std::string file;  ///< as errors name it: shown_name() of it
  std::string source;
  lua::ScriptKind kind = lua::ScriptKind::PricingRule;
  std::map<std::string, ScriptSource> files;  ///< beside an adapter, that it may require, by name
  std::vector<std::filesystem::path> tests;   ///< tests/*.lua beside it, sorted
  /// tests/support/*.lua, which tests may require, by name.
  std::map<std::string, ScriptSource> support;

  bool is_adapter() const { return kind == lua::ScriptKind::Adapter; }
};

/// Finds the script of a directory (adapter.lua, or the only other *.lua), or takes the file that
/// is named. What it is says its name (adapter.lua, policy.lua), else the functions that it
/// returns. NotFound, Invalid: there is none, several, or no test.
Result<ScriptUnderTest> find_script(const std::filesystem::path& where);
/// The same; it may have no tests.
Result<ScriptUnderTest> find_script_to_check(const std::filesystem::path& where);

/// Invalid with "FILE:LINE: ..." if one of them is no Lua.
Result<std::vector<lua::ScriptFile>> compile_files(
    const std::map<std::string, ScriptSource>& sources);

/// The script and what it may require, the script first.
std::vector<ScriptSource> all_files(const ScriptUnderTest& script);

/// How errors name a file: as it was given; without the directory of the script if LuaJIT, which
/// keeps 60 bytes of a name, would cut it.
std::string shown_name(const std::filesystem::path& file, const std::filesystem::path& directory);

}  // namespace croft::cli
