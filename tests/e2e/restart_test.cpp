// Croft's processes come and go under load; tenants' traffic and apps do not notice.

#include <csignal>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <gtest/gtest.h>

#include "tests/e2e/support/load.hpp"
#include "tests/e2e/support/platform.hpp"

namespace croft::e2e {

namespace {

using namespace std::chrono_literals;

constexpr const char* kSite = "alice-blog.localhost";
constexpr const char* kApp = "alice-api.localhost";

class RestartTest : public testing::Test {
 protected:
  void SetUp() override {
    GitRepository::Files files = site_files("blog", "garden");
    for (auto& file : app_files("api", "hello", marker_)) files.push_back(std::move(file));
    platform_.push("alice", files);
    platform_.daemon.start();
    platform_.settle();
    ASSERT_TRUE(platform_.shows(kApp, "hello boot "));
    ASSERT_TRUE(platform_.shows(kSite, "garden"));
    boot_ = platform_.get(kApp).body;
    apps_ = daemon().apps(marker_);
    ASSERT_EQ(apps_.size(), 1U);
  }

  Daemon& daemon() { return platform_.daemon; }

  /// Both hosts; the app must be the very process that there was at the beginning.
  std::vector<Target> targets() const { return {{kSite, "/", "garden"}, {kApp, "/", boot_}}; }

  bool is_another(const std::string& role, pid_t than, std::chrono::milliseconds patience = 30s) {
    return wait_until(
        [&] {
          const std::optional<pid_t> now = daemon().role(role);
          return now && *now != than;
        },
        patience);
  }

  /// That traffic flows: so many more answers.
  static void flow(const Load& load, int answers) {
    const int enough = load.answered() + answers;
    EXPECT_TRUE(wait_until([&] { return load.answered() >= enough; }));
  }

  void expect_no_failure(Load& load) {
    const Load::Count count = load.stop();
    EXPECT_TRUE(count.failures.empty()) << fmt::format(
        "{} answered, failures:\n{}\n", count.answered, fmt::join(count.failures, "\n"));
    RecordProperty("answered", count.answered);
    fmt::print("{} requests answered, {} failed\n", count.answered, count.failures.size());
  }

  void expect_same_apps() {
    EXPECT_EQ(daemon().apps(marker_), apps_);
    EXPECT_EQ(platform_.get(kApp).body, boot_);
  }

  /// A push is applied: control really works again.
  void expect_converges(const std::string& text) {
    platform_.push("alice", {{"blog/index.html", "<h1>garden " + text + "</h1>"}});
    EXPECT_TRUE(platform_.shows(kSite, "garden " + text)) << daemon().log();
  }

  std::string marker_ = unique_marker();
  Platform platform_{{"alice"}};
  std::string boot_;
  std::vector<pid_t> apps_;
};

TEST_F(RestartTest, KillingControlFailsNoRequestAndRestartsNoApp) {
  const int kills = is_soak() ? 50 : 3;
  Load load(daemon().port(), targets());
  for (int i = 1; i <= kills; ++i) {
    flow(load, 20);
    const std::optional<pid_t> control = daemon().role("control");
    ASSERT_TRUE(control);
    // Every other time in the middle of a push.
    if (i % 2 == 0) platform_.push("alice", {{"blog/index.html", fmt::format("garden {}", i)}});
    ::kill(*control, SIGKILL);
    ASSERT_TRUE(is_another("control", *control)) << daemon().log();
    // Sometimes before it is up again.
    if (i % 3 == 0) continue;
    ASSERT_TRUE(daemon().is_up()) << daemon().log();
  }
  ASSERT_TRUE(daemon().is_up());
  expect_converges("in the end");
  platform_.settle();
  expect_no_failure(load);
  expect_same_apps();
  fmt::print("control was killed {} times\n", kills);
}

TEST_F(RestartTest, AnUpgradeFailsNoRequestAndRestartsNoApp) {
  const int upgrades = is_soak() ? 20 : 2;
  Load load(daemon().port(), targets());
  for (int i = 1; i <= upgrades; ++i) {
    flow(load, 20);
    const std::optional<pid_t> control = daemon().role("control");
    const std::optional<pid_t> edge = daemon().role("edge");
    ASSERT_TRUE(control && edge);
    daemon().signal(SIGHUP);
    ASSERT_TRUE(is_another("control", *control)) << daemon().log();
    ASSERT_TRUE(is_another("edge", *edge)) << daemon().log();
    ASSERT_TRUE(daemon().is_up()) << daemon().log();
    // The old edge goes by itself once the new one serves.
    EXPECT_TRUE(wait_until([&] { return ::kill(*edge, 0) != 0; }, 30s)) << daemon().log();
  }
  flow(load, 20);
  expect_converges("upgraded");
  expect_no_failure(load);
  expect_same_apps();
}

TEST_F(RestartTest, AnUpgradeInTheMiddleOfAnotherLeavesOneEdge) {
  Load load(daemon().port(), targets());
  flow(load, 20);
  for (int i = 0; i < 3; ++i) {
    const std::optional<pid_t> edge = daemon().role("edge");
    ASSERT_TRUE(edge);
    daemon().signal(SIGHUP);
    // The next one comes as soon as there is a new edge, which may not serve yet.
    ASSERT_TRUE(is_another("edge", *edge)) << daemon().log();
  }
  ASSERT_TRUE(daemon().is_up()) << daemon().log();
  EXPECT_TRUE(wait_until([&] { return daemon().processes_of("edge").size() == 1; }, 30s))
      << daemon().processes_of("edge").size() << " edges\n"
      << daemon().log();
  EXPECT_EQ(daemon().processes_of("control").size(), 1U);
  flow(load, 20);
  expect_no_failure(load);
  expect_same_apps();
}

TEST_F(RestartTest, AKilledSupervisorLeavesTheEdgeServingAndANewOneTakesOver) {
  Load load(daemon().port(), targets());
  flow(load, 20);
  const std::optional<pid_t> edge = daemon().role("edge");
  const std::optional<pid_t> control = daemon().role("control");
  ASSERT_TRUE(edge && control);
  daemon().kill();
  flow(load, 50);
  EXPECT_TRUE(daemon().role("edge")) << "the edge must outlive its supervisor";
  daemon().start();
  ASSERT_TRUE(is_another("edge", *edge)) << daemon().log();
  ASSERT_TRUE(is_another("control", *control)) << daemon().log();
  EXPECT_TRUE(wait_until([&] { return ::kill(*edge, 0) != 0; }, 30s)) << daemon().log();
  expect_converges("taken over");
  expect_no_failure(load);
  expect_same_apps();
}

TEST_F(RestartTest, ASupervisorStartedAtOnceAfterAKillComesUp) {
  // No pause at all: the old control may still hold the store.
  daemon().kill();
  daemon().start();
  expect_converges("at once");
  expect_same_apps();
}

TEST_F(RestartTest, AKilledEdgeIsReplaced) {
  const std::optional<pid_t> edge = daemon().role("edge");
  ASSERT_TRUE(edge);
  ::kill(*edge, SIGKILL);
  ASSERT_TRUE(is_another("edge", *edge)) << daemon().log();
  ASSERT_TRUE(platform_.shows(kSite, "garden"));
  ASSERT_TRUE(platform_.shows(kApp, boot_));
  expect_same_apps();
}

TEST_F(RestartTest, DownEndsAppsOnceCroftIsStoppedAndStartingBringsThemBack) {
  const std::vector<std::string> down{"down", "--data", daemon().data().string()};
  const ChildOutput refused = daemon().croft(down);
  EXPECT_NE(refused.status, 0);
  EXPECT_NE(refused.error.find("pid"), std::string::npos) << refused.error;
  expect_same_apps();

  EXPECT_EQ(daemon().stop(), 0) << daemon().log();
  const ChildOutput done = daemon().croft(down);
  EXPECT_EQ(done.status, 0) << done.error;
  EXPECT_NE(done.output.find("Ended 1 app"), std::string::npos) << done.output;
  EXPECT_TRUE(daemon().apps(marker_).empty());
  EXPECT_NE(daemon().croft({"down", "--data", "/nowhere"}).status, 0);

  daemon().start();
  EXPECT_TRUE(platform_.shows(kApp, "hello boot ")) << daemon().log();
  EXPECT_EQ(daemon().apps(marker_).size(), 1U);
}

TEST_F(RestartTest, StoppingCroftLeavesAppsRunningAndStartingFindsThemAgain) {
  EXPECT_EQ(daemon().stop(), 0) << daemon().log();
  EXPECT_FALSE(daemon().role("edge"));
  EXPECT_FALSE(daemon().role("control"));
  EXPECT_EQ(daemon().apps(marker_), apps_);
  daemon().start();
  ASSERT_TRUE(platform_.shows(kApp, boot_)) << daemon().log();
  expect_same_apps();
}

}  // namespace

}  // namespace croft::e2e
