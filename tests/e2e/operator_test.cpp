// What an operator and tenants do at the command line, against the real server.

#include <regex>
#include <unistd.h>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "tests/e2e/support/platform.hpp"

namespace croft::e2e {

namespace {

constexpr const char* kApp = "alice-api.localhost";

std::string digest_in(const std::string& json) {
  std::smatch match;
  const std::regex pattern(R"re("digest":\s*"([0-9a-f]{64})")re");
  return std::regex_search(json, match, pattern) ? match[1].str() : "";
}

bool has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

class OperatorTest : public testing::Test {
 protected:
  void SetUp() override {
    GitRepository::Files files = site_files("blog", "garden");
    for (auto& file : app_files("api", "hello", marker_)) files.push_back(std::move(file));
    platform_.push("alice", files);
    platform_.push("bob", site_files("home", "bob's"));
    api_port_ = free_port();
    daemon().flags.insert(daemon().flags.end(),
                          {"--api-listen", fmt::format("127.0.0.1:{}", api_port_)});
    daemon().start();
    platform_.settle();
    ASSERT_TRUE(platform_.shows(kApp, "hello"));
  }

  Daemon& daemon() { return platform_.daemon; }

  /// A command that must succeed: what it printed.
  std::string croft(const std::vector<std::string>& words) {
    const ChildOutput done = daemon().croft(words);
    EXPECT_EQ(done.status, 0) << fmt::format("croft {}: {}{}", words.front(), done.output,
                                             done.error);
    return done.output;
  }
  bool comes(const std::vector<std::string>& words, const std::string& part) {
    return wait_until([&] { return has(daemon().croft(words).output, part); });
  }
  int status_of(const std::string& host) { return platform_.get(host).status; }

  std::string marker_ = unique_marker();
  Platform platform_{{"alice", "bob"}};
  int api_port_ = 0;
};

TEST_F(OperatorTest, ATenantsTokenSeesOnlyThatTenant) {
  const std::string bob_token = [&] {
    std::string text = croft({"token", "create", "ci", "-t", "bob"});
    text.erase(text.find_last_not_of('\n') + 1);
    return text;
  }();
  const std::vector<std::string> as_bob{fmt::format("CROFT_SERVER=http://127.0.0.1:{}", api_port_),
                                        "CROFT_TOKEN=" + bob_token};
  const auto bob = [&](const std::vector<std::string>& words) {
    return daemon().croft(words, as_bob);
  };
  const ChildOutput got = bob({"get"});
  EXPECT_EQ(got.status, 0) << got.error;
  EXPECT_TRUE(has(got.output, "Site/home")) << got.output;
  EXPECT_FALSE(has(got.output, "alice")) << got.output;
  EXPECT_FALSE(has(bob({"get", "-A"}).output, "Instance/api"));
  for (const std::vector<std::string>& words :
       std::vector<std::vector<std::string>>{{"describe", "alice/Instance/api"},
                                             {"stop", "alice/Instance/api"},
                                             {"logs", "alice/Instance/api"},
                                             {"get", "-t", "alice"},
                                             {"reconcile", "-t", "alice"},
                                             {"token", "create", "mine", "--operator"}}) {
    const ChildOutput refused = bob(words);
    EXPECT_NE(refused.status, 0) << words[0] << ' ' << words[1] << ": " << refused.output;
    EXPECT_FALSE(refused.error.empty());
    EXPECT_FALSE(has(refused.output, "garden"));
  }
  EXPECT_FALSE(has(bob({"events"}).output, "alice"));
  EXPECT_EQ(status_of(kApp), 200);

  const ChildOutput nobody = daemon().croft({"get"}, {as_bob[0], "CROFT_TOKEN=croft_wrong"});
  EXPECT_NE(nobody.status, 0);
  croft({"token", "revoke", "ci"});
  EXPECT_NE(bob({"get"}).status, 0) << "a revoked token still works";
  EXPECT_EQ(daemon().log().find(bob_token), std::string::npos) << "the token is in the log";
}

TEST(OperatorSettingsTest, AnOperatorWhoDoesNotExistIsRefused) {
  Platform platform({"alice"});
  platform.daemon.flags.insert(platform.daemon.flags.end(), {"--api-operators", "root,mallroy"});
  platform.daemon.launch();
  const std::optional<int> status = platform.daemon.ended(std::chrono::seconds(20));
  ASSERT_TRUE(status) << platform.daemon.log();
  EXPECT_NE(*status, 0);
  EXPECT_TRUE(has(platform.daemon.log(), "api.operators: there is no user 'mallroy'"))
      << platform.daemon.log();
}

TEST_F(OperatorTest, StopHoldsStartEndsItAndRestartMakesANewProcess) {
  const std::string boot = platform_.get(kApp).body;
  croft({"stop", "alice/Instance/api", "--why", "maintenance"});
  EXPECT_TRUE(comes({"get", "-t", "alice"}, "Held"));
  EXPECT_TRUE(wait_until([&] { return daemon().apps(marker_).empty(); })) << daemon().log();
  // The edge learns of it a moment after the journal.
  EXPECT_TRUE(wait_until([&] {
    const Answer held = platform_.get(kApp);
    return held.status == 503 && has(held.body, "Held");
  })) << platform_.get(kApp).body;
  // A push meanwhile does not start it.
  platform_.push("alice", {{"blog/index.html", "<h1>meanwhile</h1>"}});
  EXPECT_TRUE(platform_.shows("alice-blog.localhost", "meanwhile"));
  EXPECT_TRUE(daemon().apps(marker_).empty());
  EXPECT_TRUE(has(croft({"describe", "alice/Instance/api"}), "maintenance"));

  croft({"start", "alice/Instance/api"});
  ASSERT_TRUE(platform_.shows(kApp, "hello")) << daemon().log();
  const std::string second = platform_.get(kApp).body;
  EXPECT_NE(second, boot);

  croft({"restart", "alice/Instance/api"});
  EXPECT_TRUE(wait_until([&] {
    const Answer answer = platform_.get(kApp);
    return answer.status == 200 && answer.body != second;
  })) << daemon().log();
  EXPECT_EQ(daemon().apps(marker_).size(), 1U);
}

TEST_F(OperatorTest, SuspendedIsLeftAsItIsUntilResumed) {
  const std::string boot = platform_.get(kApp).body;
  croft({"suspend", "alice/Instance/api"});
  platform_.push("alice", app_files("api", "good morning", marker_));
  platform_.push("alice", {{"blog/index.html", "<h1>pushed</h1>"}});
  ASSERT_TRUE(platform_.shows("alice-blog.localhost", "pushed")) << daemon().log();
  EXPECT_EQ(platform_.get(kApp).body, boot) << "what runs, runs on as it is";
  croft({"resume", "alice/Instance/api"});
  EXPECT_TRUE(platform_.shows(kApp, "good morning")) << daemon().log();
}

TEST_F(OperatorTest, DescribeLogsAndEventsTellWhatHappened) {
  const std::string described = croft({"describe", "alice/Instance/api"});
  EXPECT_TRUE(has(described, "Running")) << described;
  EXPECT_TRUE(has(described, fmt::format("http://{}:{}", kApp, daemon().port()))) << described;
  EXPECT_TRUE(has(croft({"logs", "alice/Instance/api"}), "app says hello"));
  EXPECT_TRUE(has(croft({"events", "-t", "alice"}), "Instance/api"));
  EXPECT_FALSE(has(croft({"events", "-t", "alice"}), "bob"));
  const std::string json = croft({"get", "-A", "-o", "json"});
  EXPECT_TRUE(has(json, "\"applied")) << json;
  const ChildOutput missing = daemon().croft({"describe", "alice/Instance/nothing"});
  EXPECT_NE(missing.status, 0);
  EXPECT_TRUE(has(missing.error, "nothing")) << missing.error;
}

TEST_F(OperatorTest, OnlyTheChangesetThatWasShownIsApplied) {
  const auto pending = [&] {
    return daemon().croft({"diff", platform_.clone("alice").path().string(), "-t", "alice"});
  };
  EXPECT_EQ(pending().status, 0) << pending().output;
  platform_.clone("alice").write("blog/index.html", "<h1>shown</h1>");
  const ChildOutput shown = daemon().croft(
      {"diff", platform_.clone("alice").path().string(), "-t", "alice", "-o", "json"});
  EXPECT_EQ(shown.status, 1) << shown.error;
  const std::string digest = digest_in(shown.output);
  ASSERT_FALSE(digest.empty()) << shown.output;
  const std::vector<std::string> again{
      "diff", platform_.clone("alice").path().string(), "-t", "alice", "--expect", digest};
  EXPECT_LE(daemon().croft(again).status, 1);
  platform_.clone("alice").write("blog/index.html", "<h1>something else</h1>");
  EXPECT_GT(daemon().croft(again).status, 1) << "the tree moved since it was shown";

  // A guarded changeset stays until somebody accepts exactly it: here everything would go.
  for (const char* file : {"api.yaml", "blog.yaml"}) platform_.clone("alice").remove(file);
  platform_.push("alice", {{"blog/index.html", "<h1>gone</h1>"}});
  ASSERT_TRUE(comes({"prune", "show", "-t", "alice"}, "Instance/api")) << daemon().log();
  const ChildOutput stale = daemon().croft({"reconcile", "-t", "alice", "--expect", digest});
  EXPECT_NE(stale.status, 0) << stale.output;
  EXPECT_TRUE(has(stale.error, "diff")) << stale.error;
  EXPECT_EQ(status_of(kApp), 200);
  const std::string waiting = digest_in(croft({"prune", "show", "-t", "alice", "-o", "json"}));
  ASSERT_FALSE(waiting.empty());
  croft({"reconcile", "-t", "alice", "--expect", waiting});
}

TEST_F(OperatorTest, ARemovedTenantIsGuardedThenGone) {
  platform_.declare({"bob"});
  ASSERT_TRUE(comes({"prune", "show", "-A"}, "Instance/api")) << daemon().log();
  EXPECT_EQ(status_of(kApp), 200) << "nothing happens before somebody agrees";
  EXPECT_EQ(daemon().apps(marker_).size(), 1U);

  const std::string digest = digest_in(croft({"prune", "show", "-A", "-o", "json"}));
  ASSERT_FALSE(digest.empty());
  croft({"prune", "ack", digest});
  EXPECT_TRUE(wait_until([&] { return status_of(kApp) == 404; })) << daemon().log();
  EXPECT_TRUE(wait_until([&] { return status_of("alice-blog.localhost") == 404; }));
  EXPECT_TRUE(wait_until([&] { return daemon().apps(marker_).empty(); })) << daemon().log();
  EXPECT_TRUE(wait_until([&] { return !has(daemon().croft({"get", "-A"}).output, "alice"); }));
  EXPECT_EQ(status_of("bob-home.localhost"), 200);
}

}  // namespace

}  // namespace croft::e2e
