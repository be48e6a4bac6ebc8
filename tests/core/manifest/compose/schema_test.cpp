#include <cstdlib>
#include <filesystem>

#include <gtest/gtest.h>

#include "core/base/child.hpp"
#include "core/base/files.hpp"
#include "tests/core/manifest/compose/composing.hpp"
#include "tests/core/manifest/compose/corpus.hpp"

// What the compose specification's JSON Schema refuses, Croft refuses: mutants of good files are
// judged by a validator of that schema.

namespace croft::manifest {
namespace {

namespace fs = std::filesystem;

// Of each directory's compose.yaml, by its path.
Value mutants_of(const fs::path& schema, const std::vector<fs::path>& directories) {
  ChildCommand command;
  command.arguments = {kPython, CROFT_SOURCE_DIR "/tests/core/manifest/compose/mutants.py", schema};
  for (const fs::path& directory : directories)
    command.arguments.push_back(directory / "compose.yaml");
  command.output_limit = 64 << 20;
  command.deadline = Duration(100'000);
  const auto said = run_child_checked(command);
  EXPECT_TRUE(said) << said.error().describe();
  return said ? parse_json(*said).value() : Value::map();
}

void expect_refused(const fs::path& directory, const Value::List& mutants) {
  const Files files = read_directory(directory);
  int accepted = 0;
  for (const Value& mutant : mutants) {
    Files changed = files;
    for (auto& [path, content] : changed) {
      if (path == "compose.yaml") content = mutant.as_list()[1].as_text();
    }
    const LoadedSet set = load_stack(std::move(changed), "  profiles: [\"*\"]\n");
    // A few are enough to see what is wrong.
    if (set.is_usable() && ++accepted <= 5)
      ADD_FAILURE() << "accepted: " << mutant.as_list()[0].as_text();
  }
}

TEST(ComposeSchemaTest, WhatTheSchemaRefusesIsRefused) {
  const fs::path schema = compose_specs() / "compose-spec.json";
  if (!fs::exists(schema)) GTEST_SKIP() << "there is no " << schema;
  if (!run_child_checked({.arguments = {kPython, "-c", "import jsonschema, yaml"}}))
    GTEST_SKIP() << "Python's jsonschema and yaml are not installed";
  const std::vector<fs::path> directories = corpus_directories();
  const Value mutants = mutants_of(schema, directories);
  std::size_t count = 0;
  for (const fs::path& directory : directories) {
    SCOPED_TRACE(directory.filename().string());
    const Value* broken = mutants.find((directory / "compose.yaml").string());
    ASSERT_NE(broken, nullptr);
    expect_refused(directory, broken->as_list());
    count += broken->size();
  }
  EXPECT_GE(count, 5000u) << "the corpus is not where it should be";
}

}  // namespace
}  // namespace croft::manifest
