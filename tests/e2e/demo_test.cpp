#include <gtest/gtest.h>

#include "tests/e2e/support/daemon.hpp"

namespace croft::e2e {

namespace {

TEST(DemoTest, RunsToItsEnd) {
  ChildCommand command;
  command.arguments = {CROFT_DEMO, CROFT_BINARY};
  command.environment = {"CROFT_DEMO_PORT=" + std::to_string(free_port()), "NO_COLOR=1"};
  command.deadline = Duration(110'000);
  const Result<ChildOutput> ran = run_child(command);
  ASSERT_TRUE(ran) << ran.error().describe();
  EXPECT_EQ(ran->status, 0) << ran->output << ran->error;
  EXPECT_NE(ran->output.find("== Done."), std::string::npos) << ran->output;
}

}  // namespace

}  // namespace croft::e2e
