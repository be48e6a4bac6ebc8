#pragma once

#include <string>

#include <gtest/gtest.h>

#include "core/base/files.hpp"
#include "tests/cli/command_line.hpp"
#include "tests/cli/golden.hpp"

namespace croft::cli {

/// A directory of scripts, and what `croft lua` says of it.
class LuaFilesTest : public testing::Test {
 protected:
  void write(const std::string& name, const std::string& text) {
    const std::filesystem::path file = root.path() / name;
    ASSERT_TRUE(make_directory(file.parent_path(), 0755));
    ASSERT_TRUE(write_file_atomic(file, text, 0644));
  }
  std::string at(const std::string& name = "") const {
    return name.empty() ? root.path().string() : (root.path() / name).string();
  }
  /// Without the temporary directory.
  std::string plain(std::string text) const {
    const std::string prefix = at() + "/";
    for (auto found = text.find(prefix); found != std::string::npos; found = text.find(prefix))
      text.erase(found, prefix.size());
    return text;
  }
  Ran lua(std::vector<std::string> words) {
    words.insert(words.begin(), "lua");
    return run(words);
  }

  TemporaryDirectory root = TemporaryDirectory::make("croft-lua").value();
};

}  // namespace croft::cli
