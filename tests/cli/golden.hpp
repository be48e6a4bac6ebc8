#pragma once

#include <cstdlib>
#include <filesystem>
#include <string>

#include <gtest/gtest.h>

#include "core/base/files.hpp"

namespace croft {

/// Holds what people read against the file tests/data/golden/cli/NAME; UPDATE_GOLDEN=1 rewrites the
/// file.
inline void expect_golden(const std::string& name, const std::string& text) {
  const std::filesystem::path path = std::filesystem::path(CROFT_GOLDEN_DIRECTORY) / name;
  if (std::getenv("UPDATE_GOLDEN") != nullptr) {
    ASSERT_TRUE(make_directory(path.parent_path(), 0755));
    ASSERT_TRUE(write_file_atomic(path, text, 0644));
    return;
  }
  const Result<std::string> expected = read_file(path, 1 << 20);
  ASSERT_TRUE(expected) << "no golden file " << path
                        << "; run with UPDATE_GOLDEN=1 and look at what it writes";
  EXPECT_EQ(*expected, text) << "differs from " << path
                             << "; UPDATE_GOLDEN=1 rewrites it if that is meant";
}

}  // namespace croft
