#pragma once
// cli/lua: what authors of scripts need, without a server and without a network.
//
//   test_run        runs the tests of an adapter or a pricing rule, and says what they ran through
//   check           what is wrong with a script that nobody ran
//   scaffold        a folder to begin with
//   adapter_bench   what an adapter finds around itself in a test
//   pricing_bench   the same for a pricing rule

#include <filesystem>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "core/base/result.hpp"
#include "lua/engine/adapter_host.hpp"

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
  bool is_adapter = false;                    ///< else it is a pricing rule
  std::map<std::string, ScriptSource> files;  ///< beside an adapter, that it may require, by name
  std::vector<std::filesystem::path> tests;   ///< tests/*.lua beside it, sorted
  /// tests/support/*.lua, which tests may require, by name.
  std::map<std::string, ScriptSource> support;
};

/// Finds the script of a directory (adapter.lua, or the only other *.lua), or takes the file that
/// is named. NotFound, Invalid: there is none, several, or no test.
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

struct TestFailure {
  std::string test;  ///< "creates an app"
  std::string file;
  std::string message;  ///< "FILE:LINE: ..." and lines below
};

struct TestReport {
  int passed = 0;
  std::vector<TestFailure> failures;
  int coverage = 0;  ///< percent of the lines within functions, rounded down
  std::vector<std::pair<std::string, int>>
      functions;  ///< percent of each verb, as the file has them
};

/// Runs every test by itself, each in fresh VMs. Invalid: the script, or a file of tests, is none.
Result<TestReport> run_tests(const ScriptUnderTest& script);

/// "adapter.lua  6 tests passed, coverage 71 % (observe 100, create 80)", failures before it.
std::string report_text(const ScriptUnderTest& script, const TestReport& report);

}  // namespace croft::cli
