#include "core/base/suggest.hpp"

#include <vector>

#include <gtest/gtest.h>

namespace croft {
namespace {

const std::vector<std::string> kCommands{"serve",   "validate", "diff", "reconcile",
                                         "restart", "resume",   "start"};

TEST(SuggestTest, FindsWordsWithTypingErrors) {
  EXPECT_EQ(closest_word("validte", kCommands), "validate");
  EXPECT_EQ(closest_word("dfif", kCommands), "diff") << "neighbours swapped are one mistake";
  EXPECT_EQ(closest_word("idff", kCommands), "diff");
  EXPECT_EQ(closest_word("strat", kCommands), "start");
}

TEST(SuggestTest, FindsWordsByTheirBeginning) {
  EXPECT_EQ(closest_word("recon", kCommands), "reconcile");
}

TEST(SuggestTest, SaysNothingWhenNothingIsNear) {
  EXPECT_EQ(closest_word("kubernetes", kCommands), std::nullopt);
  EXPECT_EQ(closest_word("", kCommands), std::nullopt);
  EXPECT_EQ(closest_word("x", std::vector<std::string>{}), std::nullopt);
  EXPECT_EQ(closest_word("ab", std::vector<std::string>{"cd"}), std::nullopt);
}

}  // namespace
}  // namespace croft
