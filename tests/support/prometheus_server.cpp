#include "tests/support/prometheus_server.hpp"

#include <chrono>
#include <csignal>
#include <stdexcept>
#include <vector>

#include <fmt/format.h>

#include "core/base/child.hpp"
#include "tests/support/free_port.hpp"

namespace croft {

namespace {

constexpr std::chrono::seconds kPatience{60};

ChildOutput run(const std::vector<std::string>& arguments) {
  ChildCommand command;
  command.arguments = arguments;
  return run_child(command).value_or(ChildOutput{127, "", "it cannot be run"});
}

}  // namespace

std::string PrometheusServer::missing() {
  const bool has_both =
      run({"prometheus", "--version"}).status == 0 && run({"promtool", "--version"}).status == 0;
  return has_both ? "" : "prometheus is not installed (Debian's package prometheus)";
}

PrometheusServer::PrometheusServer(int target, const std::string& rules)
    : port_(free_port()), root_(TemporaryDirectory::make("croft-prometheus").value()) {
  const std::string configuration = fmt::format(
      "global: {{scrape_interval: 1s, evaluation_interval: 1s}}\n"
      "rule_files: [{}]\n"
      "scrape_configs:\n"
      "  - job_name: croft\n"
      "    static_configs: [{{targets: ['127.0.0.1:{}']}}]\n",
      rules, target);
  const std::string file = (root_.path() / "prometheus.yml").string();
  const Result<void> written = write_file_atomic(file, configuration, 0644);
  if (!written) throw std::runtime_error(written.error().describe());
  const std::vector<std::string> arguments{
      "/usr/bin/env", "prometheus", "--config.file=" + file,
      "--storage.tsdb.path=" + (root_.path() / "data").string(),
      fmt::format("--web.listen-address=127.0.0.1:{}", port_)};
  process_ = std::make_unique<ServerProcess>(arguments, root_.path() / "log", "", SIGTERM);
}

std::string PrometheusServer::url() const { return fmt::format("http://127.0.0.1:{}", port_); }

bool PrometheusServer::is_scraping() const {
  const auto end = std::chrono::steady_clock::now() + kPatience;
  while (std::chrono::steady_clock::now() < end) {
    if (ask("up{job=\"croft\"} == 1").find("\"1\"") != std::string::npos) return true;
  }
  return false;
}

std::string PrometheusServer::ask(const std::string& expression) const {
  const ChildOutput answer = run({"promtool", "query", "instant", "-o", "json", url(), expression});
  return answer.status == 0 ? answer.output : "";
}

std::string PrometheusServer::get(const std::string& path) const {
  return run({"curl", "-s", url() + path}).output;
}

}  // namespace croft
