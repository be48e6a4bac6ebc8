#include "providers/script/effect_files.hpp"

#include <gtest/gtest.h>

#include "core/git/tree.hpp"
#include "tests/support/git_repository.hpp"

namespace croft {
namespace {

TEST(EffectFilesTest, GivesFilesSortedWithTheirContent) {
  const auto tree = make_memory_tree({{"b.txt", "bee"}, {"a/x.bin", std::string("\0\xff", 2)}});
  const auto files = script::read_effect_files(*tree);
  ASSERT_TRUE(files) << files.error().describe();
  ASSERT_EQ(files->size(), 2u);
  EXPECT_EQ(files->as_list()[0].text_or("path", ""), "a/x.bin");
  EXPECT_EQ(files->as_list()[0].text_or("content", ""), std::string("\0\xff", 2));
  EXPECT_EQ(files->as_list()[1].integer_or("size", 0), 3);
  EXPECT_EQ(files->as_list()[1].find("executable")->as_boolean(), false);
}

TEST(EffectFilesTest, RefusesMoreThanAScriptCanHold) {
  const std::string half(script::kMostFileBytes / 2, 'x');
  const auto fits = make_memory_tree({{"a", half}, {"b", half}});
  EXPECT_TRUE(script::read_effect_files(*fits));
  const auto large = make_memory_tree({{"a", half}, {"b", half}, {"c", "1"}});
  const auto refused = script::read_effect_files(*large);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), ErrorCode::Invalid);
}

TEST(EffectFilesTest, TellsProgramsAndLinks) {
  const GitRepository repository = GitRepository::make();
  repository.write_executable("run", "#!/bin/sh\n");
  repository.link("link", "run");
  const auto tree = open_working_tree(repository.path().string());
  ASSERT_TRUE(tree) << tree.error().describe();
  const auto files = script::read_effect_files(**tree);
  ASSERT_TRUE(files) << files.error().describe();
  ASSERT_EQ(files->size(), 2u);
  EXPECT_EQ(files->as_list()[0].text_or("link", ""), "run");
  EXPECT_EQ(files->as_list()[1].find("executable")->as_boolean(), true);
}

}  // namespace
}  // namespace croft
