#pragma once

#include <memory>
#include <string>

#include "core/base/files.hpp"
#include "tests/support/server_process.hpp"

namespace croft {

/// The real Prometheus on loopback, which scrapes one port there each second under the job "croft".
class PrometheusServer {
 public:
  /// Why there cannot be one here; empty if there can.
  static std::string missing();

  /// `rules` is a file of rules that it evaluates each second.
  PrometheusServer(int target, const std::string& rules);

  /// Waits until it has seen the target up; false after a minute.
  bool is_scraping() const;
  /// The answer to an expression as JSON; empty if Prometheus refuses it.
  std::string ask(const std::string& expression) const;
  /// The body at that path of its API.
  std::string get(const std::string& path) const;

 private:
  std::string url() const;

  int port_;
  TemporaryDirectory root_;
  std::unique_ptr<ServerProcess> process_;
};

}  // namespace croft
