// What a daemon says of itself, read by the real Prometheus; and what it says while a part of it is
// away.

#include <csignal>
#include <regex>
#include <set>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/base/child.hpp"
#include "core/base/files.hpp"
#include "core/base/json.hpp"
#include "tests/e2e/support/platform.hpp"
#include "tests/support/free_port.hpp"
#include "tests/support/server_process.hpp"

namespace croft::e2e {
namespace {

using testing::HasSubstr;

const std::string kSource = CROFT_SOURCE_DIR;

ChildOutput run(const std::vector<std::string>& arguments, const std::string& input = "") {
  ChildCommand command;
  command.arguments = arguments;
  command.input = input;
  return run_child(command).value_or(ChildOutput{127, "", "it cannot be run"});
}

bool has_prometheus() { return run({"promtool", "--version"}).status == 0; }

class MetricsTest : public testing::Test {
 protected:
  MetricsTest() : port_(free_port()), platform_({"alice"}) {
    platform_.daemon.flags.insert(platform_.daemon.flags.end(),
                                  {"--metrics-listen", fmt::format("127.0.0.1:{}", port_),
                                   "--hooks-listen", fmt::format("127.0.0.1:{}", free_port())});
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
  Platform platform_;
};

/// Prometheus on loopback, which scrapes that port each second and knows our rules.
class Prometheus {
 public:
  explicit Prometheus(int target)
      : port_(free_port()), root_("croft-prometheus"), process_(start(target)) {}

  /// What promtool prints for an expression; empty if Prometheus refuses it.
  std::string ask(const std::string& expression) const {
    const ChildOutput answer =
        run({"promtool", "query", "instant", "-o", "json", url(), expression});
    return answer.status == 0 ? answer.output : "";
  }
  std::string get(const std::string& path) const { return http_get(port_, "127.0.0.1", path).body; }

 private:
  std::string url() const { return fmt::format("http://127.0.0.1:{}", port_); }

  std::unique_ptr<ServerProcess> start(int target) {
    const std::string configuration = fmt::format(
        "global: {{scrape_interval: 1s, evaluation_interval: 1s}}\n"
        "rule_files: [{}/packaging/prometheus/croft.rules.yml]\n"
        "scrape_configs:\n"
        "  - job_name: croft\n"
        "    static_configs: [{{targets: ['127.0.0.1:{}']}}]\n",
        kSource, target);
    const std::string file = (root_.path() / "prometheus.yml").string();
    if (!write_file_atomic(file, configuration, 0644)) std::abort();
    return std::make_unique<ServerProcess>(
        std::vector<std::string>{"prometheus", "--config.file=" + file,
                                 "--storage.tsdb.path=" + (root_.path() / "data").string(),
                                 fmt::format("--web.listen-address=127.0.0.1:{}", port_)},
        root_.path() / "log", "", SIGTERM);
  }

  int port_;
  TemporaryDirectory root_;
  std::unique_ptr<ServerProcess> process_;
};

/// The expressions of the dashboard, as Grafana would ask them.
std::vector<std::string> dashboard_expressions() {
  const std::string text =
      read_file(kSource + "/packaging/grafana/croft.json", 4U << 20U).value_or("");
  const Value dashboard = parse_json(text).value_or(Value());
  std::vector<std::string> all;
  for (const Value& panel : dashboard.find("panels")->as_list()) {
    const Value* targets = panel.find("targets");
    if (targets == nullptr) continue;
    for (const Value& target : targets->as_list()) {
      std::string expression = target.text_or("expr", "");
      expression = std::regex_replace(expression, std::regex("\\$__rate_interval"), "1m");
      all.push_back(std::regex_replace(expression, std::regex("\\$job"), ".+"));
    }
  }
  return all;
}

/// Names of families in a text, without what a histogram adds.
std::set<std::string> families_in(const std::string& text) {
  static const std::regex name("\\b(croft|process)_[a-z_]+");
  std::set<std::string> names;
  for (std::sregex_iterator at(text.begin(), text.end(), name), end; at != end; ++at)
    names.insert(std::regex_replace(at->str(), std::regex("_(bucket|sum|count)$"), ""));
  return names;
}

TEST_F(MetricsTest, PrometheusScrapesAllThatDashboardAndRulesName) {
  if (!has_prometheus()) GTEST_SKIP() << "there is no prometheus here";
  platform_.daemon.start();
  platform_.push("alice", site_files("blog", "hello"));
  platform_.settle();
  ASSERT_TRUE(platform_.shows("alice-blog.localhost", "hello"));
  ASSERT_TRUE(wait_until([&] {
    return says("croft_role_up{role=\"edge\"} 1") && says("croft_role_up{role=\"hooks\"} 1");
  })) << scrape();
  const Prometheus prometheus(port_);
  ASSERT_TRUE(wait_until([&] {
    return prometheus.ask("up{job=\"croft\"} == 1").find("\"1\"") != std::string::npos;
  })) << prometheus.get("/api/v1/targets");
  EXPECT_THAT(prometheus.get("/api/v1/targets"), HasSubstr("\"health\":\"up\""));
  EXPECT_THAT(prometheus.get("/api/v1/rules"), HasSubstr("\"name\":\"CroftDown\""));

  const std::string page = scrape();
  const ChildOutput checked = run({"promtool", "check", "metrics"}, page);
  EXPECT_EQ(checked.status, 0) << checked.output << checked.error;
  std::string named =
      read_file(kSource + "/packaging/prometheus/croft.rules.yml", 1U << 20U).value_or("");
  for (const std::string& expression : dashboard_expressions()) {
    named += expression + "\n";
    EXPECT_NE(prometheus.ask(expression), "") << expression;
  }
  const std::set<std::string> names = families_in(named);
  EXPECT_GT(names.size(), 30U);
  for (const std::string& name : names)
    EXPECT_THAT(page, HasSubstr("# TYPE " + name + " ")) << "of dashboard or rules";
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
  TemporaryDirectory nowhere("croft-nowhere");
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
