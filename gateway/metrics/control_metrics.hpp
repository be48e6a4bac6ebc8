#pragma once
// Room gateway/metrics: what Croft says of itself to those who watch over it.
//
// - exposition: answers in the form of Prometheus
// - role_metrics: a role's own numbers, at a socket in DATA/run
// - control_metrics: the page of all roles, and whether control can do its work
// - watch_server: both over HTTP, where the setting `metrics.listen` says
//
// What is counted, and what it is called, is in core/base/metric_families.hpp.

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "core/base/metrics.hpp"
#include "core/store/store.hpp"
#include "reconciler/engine.hpp"

namespace croft {

struct ControlMetricsSettings {
  struct Other {
    metrics::Role role;
    std::filesystem::path socket;
  };
  std::vector<Other> others;  ///< the roles that should run beside control
  bool with_tenants = false;  ///< whether series of resources and sources say whose they are
  Duration patience{1'000};   ///< for the answer of each of them, and of the store
};

/// On the control executor, as the engine is.
class ControlMetrics {
 public:
  ControlMetrics(Engine& engine, Store& store, ControlMetricsSettings settings);

  /// The page of this process and of all others that answer in time.
  Task<std::string> page() const;
  /// Why control cannot do its work now; empty if it can. Each is a short sentence for operators.
  Task<std::vector<std::string>> reasons_not_ready() const;

 private:
  void add_engine(metrics::Page& page) const;
  void add_resources(metrics::Page& page) const;
  void add_sources(metrics::Page& page) const;
  void add_webhooks(metrics::Page& page) const;
  /// Whether the store answers a small question in time.
  Task<bool> answers() const;
  struct Question;
  static Task<> ask(Store& store, std::shared_ptr<Question> question);

  Engine& engine_;
  Store& store_;
  ControlMetricsSettings settings_;
  /// The one that the store was asked last: while it has no answer, it is not asked again.
  mutable std::shared_ptr<Question> question_;
};

}  // namespace croft
