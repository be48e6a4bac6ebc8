#include "reconciler/order.hpp"

#include <algorithm>

#include <gtest/gtest.h>

#include "tests/reconciler/worlds.hpp"

namespace croft {
namespace {

Change change(const std::string& name, Action action, std::vector<std::string> needs = {}) {
  Change change;
  change.ref = instance(name);
  change.action = action;
  for (const std::string& need : needs) change.depends_on.push_back(instance(need));
  return change;
}

std::string ordered(std::vector<Change> changes) {
  order_changes(changes);
  std::string names;
  for (const Change& one : changes) names += (names.empty() ? "" : " ") + one.ref.name;
  return names;
}

TEST(OrderTest, WhatOthersNeedComesFirst) {
  EXPECT_EQ(ordered({change("a", Action::Create, {"b"}), change("b", Action::Start, {"c"}),
                     change("c", Action::Update)}),
            "c b a");
}

TEST(OrderTest, DestroysRunInReverseAfterEverythingElse) {
  EXPECT_EQ(ordered({change("app", Action::Destroy, {"db"}), change("db", Action::Destroy),
                     change("z", Action::Create), change("s", Action::Stop, {"t"}),
                     change("t", Action::Stop)}),
            "z s t app db");
}

TEST(OrderTest, DependenciesThroughWhatIsKeptCount) {
  EXPECT_EQ(ordered({change("a", Action::Update, {"b"}), change("b", Action::Keep, {"c"}),
                     change("c", Action::Update)}),
            "c a b");
}

TEST(OrderTest, AmongEqualsByRefWhateverTheInput) {
  std::vector<Change> changes{change("a", Action::Create), change("b", Action::Create, {"d"}),
                              change("c", Action::Create), change("d", Action::Create)};
  do {
    EXPECT_EQ(ordered(changes), "a c d b");
  } while (std::ranges::next_permutation(changes, {}, &Change::ref).found);
}

TEST(OrderTest, ACycleIsBrokenAndNothingIsLost) {
  EXPECT_EQ(ordered({change("b", Action::Create, {"a"}), change("a", Action::Create, {"b"}),
                     change("c", Action::Create, {"c"})}),
            "a b c");
}

TEST(OrderTest, DependenciesThatAreNotThereDoNotMatter) {
  EXPECT_EQ(ordered({change("a", Action::Create, {"nowhere"})}), "a");
}

TEST(OrderTest, AChainOfTenThousandIsOrdered) {
  std::vector<Change> changes;
  for (int i = 0; i < 10'000; ++i) {
    changes.push_back(
        change(std::to_string(100'000 + i), Action::Create, {std::to_string(100'001 + i)}));
  }
  order_changes(changes);
  EXPECT_EQ(changes.front().ref.name, "109999");
  EXPECT_EQ(changes.back().ref.name, "100000");
}

}  // namespace
}  // namespace croft
