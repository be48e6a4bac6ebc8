// The page of all roles over a real edge, read by the real Prometheus; and what is said while a
// part is away.

#include <csignal>
#include <regex>
#include <set>
#include <thread>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/base/child.hpp"
#include "core/base/files.hpp"
#include "core/base/json.hpp"
#include "core/base/metric_families.hpp"
#include "core/net/client.hpp"
#include "core/store/measured.hpp"
#include "core/store/sqlite.hpp"
#include "gateway/edge/edge.hpp"
#include "gateway/metrics/role_metrics.hpp"
#include "gateway/metrics/watch_server.hpp"
#include "tests/support/fake_engine.hpp"
#include "tests/support/prometheus_server.hpp"
#include "tests/support/run_task.hpp"

namespace croft {
namespace {

using testing::HasSubstr;
using testing::Not;

const std::string kSource = CROFT_SOURCE_DIR;

ChildOutput run(const std::vector<std::string>& arguments, const std::string& input = "") {
  ChildCommand command;
  command.arguments = arguments;
  command.input = input;
  return run_child(command).value_or(ChildOutput{127, "", "it cannot be run"});
}

/// Control's side on a thread of its own, with an edge that serves in this process.
class WatchTest : public testing::Test {
 protected:
  WatchTest() {
    store_ = measured(open_sqlite_store(directory_.path()).value());
    EdgeSettings edge;
    edge.listen = {"127.0.0.1:0"};
    edge.routes_file = directory_.path() / "routes.json";
    edge.release_store = directory_.path() / "sites";
    EXPECT_TRUE(write_file_atomic(
        edge.routes_file,
        R"({"generation":7,"hosts":{"app.test":{"ref":"a/Instance/app","endpoint":"",)"
        R"("state":"Starting"}}})",
        0644));
    edge_ = Edge::start(std::move(edge)).value();
    const std::string address = edge_->addresses().front();
    edge_port_ = std::atoi(address.c_str() + address.rfind(':') + 1);
  }
  ~WatchTest() override {
    stop_control();
    edge_->drain();
    edge_->join();
  }

  std::filesystem::path socket() const { return directory_.path() / "run" / "metrics-edge.sock"; }
  void show_edge() {
    EXPECT_TRUE(make_directory(directory_.path() / "run", 0755));
    shown_ = std::make_unique<RoleMetrics>(
        role_metrics_socket(directory_.path(), metrics::Role::Edge), metrics::Role::Edge,
        [this](metrics::Page& page) { edge_->measure(page); });
  }
  void start_control(bool with_tenants = false) {
    ControlMetricsSettings settings;
    settings.others = {{metrics::Role::Edge, socket()}};
    settings.with_tenants = with_tenants;
    settings.patience = Duration(500);
    metrics_ = std::make_unique<ControlMetrics>(engine_, *store_, std::move(settings));
    server_ = std::make_unique<WatchServer>(io_.get_executor(), [this] { return metrics_.get(); });
    port_ = server_->listen("127.0.0.1:0").value();
    thread_ = std::thread([this] { io_.run(); });
  }
  void stop_control() {
    if (!thread_.joinable()) return;
    io_.stop();
    thread_.join();
    server_.reset();
  }

  std::string url(const std::string& path) const {
    return fmt::format("http://127.0.0.1:{}{}", port_, path);
  }
  std::string get(const std::string& path) const { return run({"curl", "-s", url(path)}).output; }
  int status(const std::string& path) const {
    return std::atoi(
        run({"curl", "-s", "-o", "/dev/null", "-w", "%{http_code}", url(path)}).output.c_str());
  }
  void ask_edge(const std::string& host) const {
    (void)run(
        {"curl", "-s", "-H", "Host: " + host, fmt::format("http://127.0.0.1:{}/", edge_port_)});
  }
  bool becomes(const std::string& line) const {
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(30);
    do {
      if (get("/metrics").find("\n" + line + "\n") != std::string::npos) return true;
    } while (std::chrono::steady_clock::now() < end);
    return false;
  }

  TemporaryDirectory directory_ = TemporaryDirectory::make("croft-watch").value();
  FakeEngine engine_;
  std::unique_ptr<Store> store_;
  asio::io_context io_{1};
  std::unique_ptr<Edge> edge_;
  std::unique_ptr<RoleMetrics> shown_;
  std::unique_ptr<ControlMetrics> metrics_;
  std::unique_ptr<WatchServer> server_;
  std::thread thread_;
  int port_ = 0;
  int edge_port_ = 0;
};

TEST_F(WatchTest, TheEdgesNumbersAreOnThePage) {
  show_edge();
  start_control();
  ASSERT_TRUE(becomes("croft_role_up{role=\"edge\"} 1"));
  for (int i = 0; i < 3; ++i) ask_edge("app.test");
  for (int i = 0; i < 2; ++i) ask_edge("nobody.test");
  const std::string page = get("/metrics");
  EXPECT_THAT(page, HasSubstr("\ncroft_edge_requests_total{class=\"instance\",code=\"5xx\"} 3\n"));
  EXPECT_THAT(page, HasSubstr("\ncroft_edge_requests_total{class=\"none\",code=\"4xx\"} 2\n"));
  EXPECT_THAT(page,
              HasSubstr("\ncroft_edge_request_duration_seconds_count{class=\"instance\"} 3\n"));
  EXPECT_THAT(page, HasSubstr("\ncroft_edge_routes_generation 7\n"));
  EXPECT_THAT(page, HasSubstr("\nprocess_open_fds{role=\"control\"} "));
  EXPECT_THAT(page, HasSubstr("\nprocess_open_fds{role=\"edge\"} "));
}

TEST_F(WatchTest, ARoleThatIsAwayShowsAndDoesNotFailTheScrape) {
  start_control();
  EXPECT_THAT(get("/metrics"), HasSubstr("\ncroft_role_up{role=\"edge\"} 0\n"));
  show_edge();
  EXPECT_TRUE(becomes("croft_role_up{role=\"edge\"} 1"));
  shown_.reset();
  EXPECT_TRUE(becomes("croft_role_up{role=\"edge\"} 0"));
  EXPECT_EQ(status("/metrics"), 200);
}

TEST_F(WatchTest, ANewEdgeWaitsForTheSocketOfTheOldOne) {
  show_edge();
  start_control();
  ASSERT_TRUE(becomes("croft_role_up{role=\"edge\"} 1"));
  const RoleMetrics newer(socket(), metrics::Role::Edge,
                          [](metrics::Page& page) { page.add(metrics::kEdgeGeneration, {}, 99); });
  EXPECT_THAT(get("/metrics"), HasSubstr("\ncroft_edge_routes_generation 7\n"));
  shown_.reset();
  EXPECT_TRUE(becomes("croft_edge_routes_generation 99"));
}

TEST_F(WatchTest, WhatThereIsIsCountedByKindAndPhase) {
  engine_.tenant_names = {"alice", "bob"};
  engine_.add_resource("alice/Site/blog", Phase::Running);
  engine_.add_resource("bob/Site/shop", Phase::Running);
  engine_.add_resource("bob/Instance/api", Phase::Failed);
  SourceStatus source;
  source.key = "bob/bob";
  source.tenant = "bob";
  source.conditions = {{"Stalled", ConditionStatus::True, "InvalidManifests", "", {}}};
  engine_.watched = {source};
  engine_.engine_vitals.queues = {{"tenants", 3, 2, Duration(2'500)}};
  engine_.engine_vitals.providers = {{"local", "process", true}, {"far", "fly", false}};
  start_control();
  const std::string page = get("/metrics");
  for (const char* line :
       {"croft_tenants 2", "croft_resources{kind=\"Site\",phase=\"Running\"} 2",
        "croft_resources{kind=\"Instance\",phase=\"Failed\"} 1", "croft_sources 1",
        "croft_sources_stalled 1", "croft_queue_depth{queue=\"tenants\"} 3",
        "croft_queue_running{queue=\"tenants\"} 2",
        "croft_queue_oldest_seconds{queue=\"tenants\"} 2.5",
        "croft_provider_usable{provider=\"local\",adapter=\"process\"} 1",
        "croft_provider_usable{provider=\"far\",adapter=\"fly\"} 0", "croft_changesets_guarded 0",
        "croft_webhook_waiting 0", "croft_webhooks{state=\"failing\"} 0", "croft_ready 1"}) {
    EXPECT_THAT(page, HasSubstr(std::string("\n") + line + "\n"));
  }
  EXPECT_THAT(page, Not(HasSubstr("alice")));
}

TEST_F(WatchTest, TenantsAreNamedOnlyIfTheOperatorWantsIt) {
  engine_.add_resource("alice/Site/blog", Phase::Running);
  start_control(true);
  EXPECT_THAT(get("/metrics"),
              HasSubstr("\ncroft_resources{tenant=\"alice\",kind=\"Site\",phase=\"Running\"} 1\n"));
}

TEST_F(WatchTest, ReadinessSaysWhyNotWhileHealthIsFine) {
  engine_.engine_vitals.waits_for = "source platform was never loaded (FetchFailed)";
  start_control();
  EXPECT_EQ(status("/healthz"), 200);
  EXPECT_EQ(status("/readyz"), 503);
  EXPECT_THAT(get("/readyz"), HasSubstr("\"source platform was never loaded (FetchFailed)\""));
  EXPECT_THAT(get("/metrics"), HasSubstr("\ncroft_ready 0\n"));
  EXPECT_EQ(status("/v1/tenants"), 404);
}

TEST_F(WatchTest, CommitsOfTheStoreAreTimed) {
  const auto count = [] {
    return metrics::registry().histogram(metrics::kStoreCommitSeconds).value().count();
  };
  const std::uint64_t before = count();
  Transaction transaction;
  transaction.add(AppendEvent{EventRow()});
  const auto done = run_task(io_, store_->commit(std::move(transaction)));
  EXPECT_EQ(count(), before + 1);
  const std::string outcome = done ? "ok" : std::string(to_string(done.error().code()));
  EXPECT_GE(metrics::registry().counter(metrics::kStoreCalls, {"commit", outcome}).value(), 1U);
}

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

TEST_F(WatchTest, PrometheusFindsAllThatDashboardAndRulesName) {
  if (const std::string missing = PrometheusServer::missing(); !missing.empty())
    GTEST_SKIP() << missing;
  show_edge();
  start_control();
  ASSERT_TRUE(becomes("croft_role_up{role=\"edge\"} 1"));
  const PrometheusServer prometheus(port_, kSource + "/packaging/prometheus/croft.rules.yml");
  ASSERT_TRUE(prometheus.is_scraping()) << prometheus.get("/api/v1/targets");
  EXPECT_THAT(prometheus.get("/api/v1/targets"), HasSubstr("\"health\":\"up\""));
  EXPECT_THAT(prometheus.get("/api/v1/rules"), HasSubstr("\"name\":\"CroftDown\""));

  std::string page = get("/metrics");
  const ChildOutput checked = run({"promtool", "check", "metrics"}, page);
  EXPECT_EQ(checked.status, 0) << checked.output << checked.error;
  page += metrics::Page(metrics::Role::Hooks).text();  // a role that not everybody has
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

}  // namespace
}  // namespace croft
