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

Value mutants_of(const fs::path& schema, const fs::path& file) {
  const auto said = run_child_checked(
      {.arguments = {kPython, CROFT_SOURCE_DIR "/tests/core/manifest/compose/mutants.py", schema,
                     file},
       .output_limit = 64 << 20});
  EXPECT_TRUE(said) << said.error().describe();
  return said ? parse_json(*said).value() : Value::list();
}

TEST(ComposeSchemaTest, WhatTheSchemaRefusesIsRefused) {
  const fs::path schema = compose_specs() / "compose-spec.json";
  if (!fs::exists(schema)) GTEST_SKIP() << "there is no " << schema;
  if (!run_child_checked({.arguments = {kPython, "-c", "import jsonschema, yaml"}}))
    GTEST_SKIP() << "Python's jsonschema and yaml are not installed";
  std::size_t count = 0;
  for (const fs::path& directory : corpus_directories()) {
    SCOPED_TRACE(directory.filename().string());
    const Files files = read_directory(directory);
    const Value mutants = mutants_of(schema, directory / "compose.yaml");
    std::size_t accepted = 0;
    for (const Value& mutant : mutants.as_list()) {
      Files changed = files;
      for (auto& [path, content] : changed) {
        if (path == "compose.yaml") content = mutant.as_list()[1].as_text();
      }
      const LoadedSet set = load_stack(std::move(changed), "  profiles: [\"*\"]\n");
      if (!set.is_usable()) continue;
      // A few are enough to see what is wrong.
      if (++accepted <= 5) ADD_FAILURE() << "accepted: " << mutant.as_list()[0].as_text();
    }
    count += mutants.size();
  }
  EXPECT_GE(count, 5000u) << "the corpus is not where it should be";
  RecordProperty("mutants", static_cast<int>(count));
}

}  // namespace
}  // namespace croft::manifest
