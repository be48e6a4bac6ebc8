#pragma once
// cli/lua: what authors of scripts need, without a server and without a network.
//
//   script_under_test   finds a script, what it is, and its tests
//   test_run            runs the tests, and says what they ran through
//   check               what is wrong with a script that nobody ran
//   scaffold            a folder to begin with
//   adapter_bench       what an adapter finds around itself in a test
//   rule_bench          the same for rules: pricing_bench, policy_bench, health_bench

#include <string>
#include <utility>
#include <vector>

#include "cli/lua/script_under_test.hpp"
#include "core/base/result.hpp"
#include "lua/engine/adapter_host.hpp"

namespace croft::cli {

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
