// What a daemon says of itself, read by the real Prometheus; and what it says while a part of it is
// away.

#include <csignal>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/base/child.hpp"
#include "core/base/files.hpp"
#include "tests/e2e/support/platform.hpp"
#include "tests/support/free_port.hpp"
#include "tests/support/prometheus_server.hpp"

namespace croft::e2e {
namespace {

using testing::HasSubstr;

ChildOutput run(const std::vector<std::string>& arguments, const std::string& input = "") {
  ChildCommand command;
  command.arguments = arguments;
  command.input = input;
  return run_child(command).value_or(ChildOutput{127, "", "it cannot be run"});
}

class MetricsTest : public testing::Test {
 protected:
  MetricsTest() : port_(free_port()), hooks_port_(free_port()), platform_({"alice"}) {
    platform_.daemon.flags.insert(platform_.daemon.flags.end(),
                                  {"--metrics-listen", fmt::format("127.0.0.1:{}", port_),
                                   "--hooks-listen", fmt::format("127.0.0.1:{}", hooks_port_)});
  }

  Answer ask(const std::string& path) const { return http_get(port_, "127.0.0.1", path); }
  std::string scrape() const { return ask("/metrics").body; }
  bool says(const std::string& line) const {
    return scrape().find("\n" + line + "\n") != std::string::npos;
  }
  /// The value of a series that is there once.
  double value_of(const std::string& series) const {
    const std::string text = scrape();
    const std::size_t at = text.find("\n" + series + " ");
    return at == std::string::npos ? -1
                                   : std::strtod(text.c_str() + at + series.size() + 2, nullptr);
  }

  int port_;
  int hooks_port_;
  Platform platform_;
};

TEST_F(MetricsTest, PrometheusScrapesADaemon) {
  if (const std::string missing = PrometheusServer::missing(); !missing.empty())
    GTEST_SKIP() << missing;
  platform_.daemon.start();
  ASSERT_TRUE(wait_until([&] {
    return says("croft_role_up{role=\"edge\"} 1") && says("croft_role_up{role=\"hooks\"} 1");
  })) << scrape();
  const PrometheusServer prometheus(
      port_, std::string(CROFT_SOURCE_DIR) + "/packaging/prometheus/croft.rules.yml");
  ASSERT_TRUE(prometheus.is_scraping()) << prometheus.get("/api/v1/targets");
  const ChildOutput checked = run({"promtool", "check", "metrics"}, scrape());
  EXPECT_EQ(checked.status, 0) << checked.output << checked.error;
}

TEST_F(MetricsTest, NumbersSayWhatHappened) {
  platform_.daemon.start();
  platform_.push("alice", site_files("blog", "hello"));
  platform_.settle();
  ASSERT_TRUE(platform_.shows("alice-blog.localhost", "hello"));
  EXPECT_TRUE(says("croft_ready 1"));
  EXPECT_TRUE(says("croft_tenants 1"));
  EXPECT_TRUE(says("croft_resources{kind=\"Site\",phase=\"Running\"} 1")) << scrape();
  EXPECT_TRUE(says("croft_resources_not_ready{kind=\"Site\"} 0"));
  EXPECT_TRUE(says("croft_sources_stalled 0"));
  EXPECT_TRUE(says("croft_provider_usable{provider=\"site\",adapter=\"site\"} 1")) << scrape();
  EXPECT_GE(value_of("croft_git_fetches_total{outcome=\"ok\"}"), 2);
  EXPECT_GE(value_of("croft_reconciles_total{queue=\"tenants\",outcome=\"done\"}"), 1);
  EXPECT_GE(value_of("croft_notifications_total{type=\"croft.resource.ready\"}"), 1);
  EXPECT_GE(value_of("croft_store_calls_total{call=\"commit\",outcome=\"ok\"}"), 3);
  EXPECT_GE(value_of("croft_provider_calls_total{provider=\"site\",adapter=\"site\","
                     "call=\"create\",outcome=\"ok\"}"),
            1);
  const std::string site = "croft_edge_requests_total{class=\"site\",code=\"2xx\"}";
  const double before = value_of(site);
  for (int i = 0; i < 7; ++i) (void)platform_.get("alice-blog.localhost");
  EXPECT_EQ(value_of(site), before + 7);
  EXPECT_EQ(value_of("croft_edge_request_duration_seconds_count{class=\"site\"}"), before + 7);
  const std::string nobody = "croft_edge_requests_total{class=\"none\",code=\"4xx\"}";
  const double unknown = value_of(nobody);
  (void)platform_.get("nobody.localhost");
  EXPECT_EQ(value_of(nobody), unknown + 1);

  platform_.push("alice", {{"croft.yaml", "apiVersion: croft/v1\nkind: Nonsense\n"}});
  EXPECT_TRUE(wait_until([&] { return says("croft_sources_stalled 1"); })) << scrape();

  const ChildOutput by_socket =
      run({"curl", "-s", "--unix-socket", (platform_.daemon.data() / "api.sock").string(),
           "http://croft/metrics"});
  EXPECT_THAT(by_socket.output, HasSubstr("\ncroft_role_up{role=\"control\"} 1\n"));
}

TEST_F(MetricsTest, WhatIsDoneForOthersIsCountedToo) {
  const std::filesystem::path secrets = platform_.daemon.data() / "secrets";
  std::filesystem::create_directories(secrets);
  ASSERT_TRUE(write_file_atomic(secrets / "hook", "what both know\n", 0600));
  const std::string dead = fmt::format("127.0.0.1:{}", free_port());
  platform_.operate(
      "more.yaml",
      fmt::format("apiVersion: croft/v1\nkind: Tenant\nmetadata: {{name: bob}}\nspec:\n"
                  "  plan: studio\n  source:\n    url: \"https://{0}/bob.git\"\n"
                  "    receiver: {{type: token, secret: hook}}\n"
                  "---\napiVersion: croft/v1\nkind: Webhook\nmetadata: {{name: ops}}\n"
                  "spec: {{url: \"http://{0}/ops\", allowPrivate: true}}\n",
                  dead));
  platform_.push("alice", site_files("blog", "hello"));
  platform_.daemon.start();
  const auto counts = [&](const std::string& series) {
    return wait_until([&] { return value_of(series) >= 1; });
  };
  EXPECT_TRUE(counts("croft_git_fetches_total{outcome=\"failed\"}")) << scrape();
  EXPECT_TRUE(counts("croft_webhook_attempts_total{outcome=\"retry\"}")) << scrape();
  EXPECT_TRUE(counts("croft_webhook_attempt_duration_seconds_count"));
  EXPECT_TRUE(counts("croft_webhooks{state=\"failing\"}")) << scrape();
  EXPECT_TRUE(counts("croft_queue_wait_seconds_count{queue=\"tenants\"}")) << scrape();
  EXPECT_TRUE(counts("croft_store_read_duration_seconds_count")) << scrape();

  const ChildOutput hooks = platform_.daemon.croft({"hooks", "-o", "json"});
  const std::size_t path = hooks.output.find("/hooks/");
  ASSERT_NE(path, std::string::npos) << hooks.output << hooks.error;
  const std::string hook = hooks.output.substr(path, hooks.output.find('"', path) - path);
  (void)run({"curl", "-s", "-X", "POST", "-H", "Authorization: Bearer a guess", "-d", "{}",
             fmt::format("http://127.0.0.1:{}{}", hooks_port_, hook)});
  EXPECT_TRUE(counts("croft_hook_deliveries_total{type=\"token\",outcome=\"unproven\"}"))
      << scrape();

  // A price is a script's.
  const ChildOutput priced = platform_.daemon.croft({"price", "-t", "alice"});
  EXPECT_EQ(priced.status, 0) << priced.error;
  EXPECT_THAT(scrape(), HasSubstr("\ncroft_lua_turn_duration_seconds_count{script=\"rule\""));
}

TEST_F(MetricsTest, TenantsAreNamedOnlyIfTheOperatorWantsIt) {
  platform_.daemon.flags.insert(platform_.daemon.flags.end(), {"--metrics-tenants", "true"});
  platform_.daemon.start();
  platform_.push("alice", site_files("blog", "hello"));
  platform_.settle();
  EXPECT_TRUE(says("croft_resources{tenant=\"alice\",kind=\"Site\",phase=\"Running\"} 1"))
      << scrape();
  EXPECT_TRUE(says("croft_sources_stalled{tenant=\"alice\"} 0"));
}

TEST_F(MetricsTest, ADeadRoleShowsAndDoesNotFailTheScrape) {
  platform_.daemon.start();
  ASSERT_TRUE(wait_until([&] { return says("croft_role_up{role=\"edge\"} 1"); }));
  const pid_t edge = platform_.daemon.role("edge").value();
  const std::string open = "process_open_fds{role=\"edge\"}";
  EXPECT_GT(value_of(open), 0);
  ::kill(edge, SIGSTOP);
  const auto begun = std::chrono::steady_clock::now();
  const Answer answer = ask("/metrics");
  EXPECT_LT(std::chrono::steady_clock::now() - begun, std::chrono::seconds(5));
  EXPECT_EQ(answer.status, 200);
  EXPECT_THAT(answer.body, HasSubstr("\ncroft_role_up{role=\"edge\"} 0\n"));
  EXPECT_THAT(answer.body, HasSubstr("\ncroft_role_up{role=\"control\"} 1\n"));
  EXPECT_EQ(value_of(open), -1);
  ::kill(edge, SIGCONT);
  EXPECT_TRUE(wait_until([&] { return says("croft_role_up{role=\"edge\"} 1"); }));
  // One that was killed is started anew, and shows its own numbers.
  ::kill(edge, SIGKILL);
  EXPECT_TRUE(wait_until([&] {
    const auto now = platform_.daemon.role("edge");
    return now && *now != edge && says("croft_role_up{role=\"edge\"} 1");
  })) << scrape();
}

TEST_F(MetricsTest, AnUpgradeLeavesTheNumbersOfTheNewEdge) {
  platform_.daemon.start();
  ASSERT_TRUE(wait_until([&] { return says("croft_role_up{role=\"edge\"} 1"); }));
  const std::string start = "process_start_time_seconds{role=\"edge\"}";
  const double before = value_of(start);
  platform_.daemon.signal(SIGHUP);
  EXPECT_TRUE(wait_until([&] { return value_of(start) > before; })) << scrape();
}

TEST_F(MetricsTest, ReadinessSaysWhyNotWhileHealthIsFine) {
  Daemon daemon;
  const int port = free_port();
  const TemporaryDirectory nowhere = TemporaryDirectory::make("croft-nowhere").value();
  daemon.flags = {"--platform-url", (nowhere.path() / "platform.git").string(), "--metrics-listen",
                  fmt::format("127.0.0.1:{}", port)};
  daemon.start();
  ASSERT_TRUE(wait_until([&] { return http_get(port, "127.0.0.1", "/healthz").status == 200; }));
  const Answer ready = http_get(port, "127.0.0.1", "/readyz");
  EXPECT_EQ(ready.status, 503);
  EXPECT_THAT(ready.body, HasSubstr("\"reasons\":[\"source platform was never loaded"));
  EXPECT_THAT(http_get(port, "127.0.0.1", "/metrics").body, HasSubstr("\ncroft_ready 0\n"));
  EXPECT_EQ(http_get(port, "127.0.0.1", "/v1/tenants").status, 404);

  platform_.daemon.start();
  EXPECT_TRUE(wait_until([&] { return ask("/readyz").status == 200; })) << ask("/readyz").body;
}

}  // namespace
}  // namespace croft::e2e
