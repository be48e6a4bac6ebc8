#include "reconciler/engine/effect_permits.hpp"

#include <chrono>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

namespace croft {
namespace {

struct EffectPermitsTest : testing::Test {
  /// Asks for a permit; it is in `granted` once it is there.
  void ask(EffectPermits& permits, const std::string& tenant) {
    spawn(
        io.get_executor(),
        [](EffectPermits& from, std::string of,
           std::vector<std::pair<std::string, EffectPermits::Permit>>& into) -> Task<> {
          EffectPermits::Permit permit = co_await from.acquire(of);
          into.emplace_back(std::move(of), std::move(permit));
        }(permits, tenant, granted),
        "ask");
    run();
  }
  void run() {
    io.restart();
    io.poll();
  }
  std::size_t granted_to(const std::string& tenant) const {
    std::size_t count = 0;
    for (const auto& [of, permit] : granted) count += of == tenant ? 1 : 0;
    return count;
  }
  /// The oldest of a tenant ends.
  void end_one(const std::string& tenant) {
    std::vector<std::pair<std::string, EffectPermits::Permit>> left;
    bool is_ended = false;
    for (auto& entry : granted) {
      if (!is_ended && entry.first == tenant) {
        is_ended = true;
        continue;
      }
      left.emplace_back(entry.first, std::move(entry.second));
    }
    granted.swap(left);
    left.clear();
    run();
  }

  asio::io_context io;
  std::vector<std::pair<std::string, EffectPermits::Permit>> granted;
};

const EffectLimits kSmall{.of_tenant = 4, .of_all = 6, .waits_after = Duration(3'600'000)};

TEST_F(EffectPermitsTest, ATenantAloneGetsItsWholeShareAtOnceAndNoMore) {
  EffectPermits permits(io.get_executor(), kSmall);
  for (int i = 0; i < 7; ++i) ask(permits, "alice");
  EXPECT_EQ(granted_to("alice"), 4U);
  end_one("alice");
  EXPECT_EQ(granted_to("alice"), 4U) << "the next one takes what came free";
}

TEST_F(EffectPermitsTest, ATenantThatTakesAllItMayLeavesSomeForOthers) {
  EffectPermits permits(io.get_executor(), kSmall);
  for (int i = 0; i < 20; ++i) ask(permits, "mallory");
  ask(permits, "bob");
  ask(permits, "carol");
  EXPECT_EQ(granted_to("bob"), 1U);
  EXPECT_EQ(granted_to("carol"), 1U);
}

TEST_F(EffectPermitsTest, WhatComesFreeGoesToTheTenantWithTheFewest) {
  EffectPermits permits(io.get_executor(),
                        {.of_tenant = 4, .of_all = 4, .waits_after = Duration(3'600'000)});
  for (int i = 0; i < 8; ++i) ask(permits, "mallory");
  ask(permits, "bob");
  ask(permits, "bob");
  EXPECT_EQ(granted_to("bob"), 0U);
  end_one("mallory");
  EXPECT_EQ(granted_to("bob"), 1U) << "though four of mallory's asked before";
  end_one("mallory");
  EXPECT_EQ(granted_to("bob"), 2U);
}

// Two tenants whose services ignore TERM for an hour hold everything there is.
TEST_F(EffectPermitsTest, WhatOnlyWaitsMakesRoomForOthersButNotForItsTenant) {
  EffectPermits permits(io.get_executor(),
                        {.of_tenant = 4, .of_all = 6, .waits_after = Duration(30)});
  for (int i = 0; i < 8; ++i) ask(permits, "mallory");
  for (int i = 0; i < 2; ++i) ask(permits, "trudy");
  ask(permits, "bob");
  EXPECT_EQ(granted.size(), 6U);
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  while (granted_to("bob") == 0 && std::chrono::steady_clock::now() < end) {
    io.restart();
    io.run_one_for(std::chrono::milliseconds(50));
  }
  EXPECT_EQ(granted_to("bob"), 1U);
  EXPECT_EQ(granted_to("mallory"), 4U);
  // Those that ended after they no longer counted give nothing back twice.
  granted.clear();
  run();
  EXPECT_EQ(granted_to("mallory"), 4U);
}

}  // namespace
}  // namespace croft
