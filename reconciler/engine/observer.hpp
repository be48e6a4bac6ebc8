#pragma once

#include <chrono>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "core/base/async.hpp"
#include "core/base/result.hpp"
#include "core/manifest/spec_pool.hpp"
#include "plans/health_rule.hpp"
#include "providers/port/provider.hpp"

namespace croft {

/// Finer than Clock on purpose: what happens within the millisecond in which an observation began
/// may not be in it.
using SteadyTime = std::chrono::steady_clock::time_point;

/// What one provider last reported, by uid.
struct ProviderSnapshot {
  std::map<std::string, Observed> by_uid;
  std::map<std::string, std::vector<std::string>> uids_of;  ///< by the tenant in their refs
  SteadyTime begun;  ///< when the call began: it saw everything that happened before
};

/// Observes one provider. Callers that ask at about the same time share one call, so that a
/// thousand passes cost one observation. On the control executor.
class Observer {
 public:
  /// What is reported shares its copy in `specs` with what was declared and applied.
  Observer(asio::any_io_executor executor, std::shared_ptr<Provider> provider,
           manifest::SpecPool& specs)
      : provider_(std::move(provider)), specs_(specs), done_(std::move(executor)) {}

  /// A snapshot begun at or after that time.
  Task<Result<std::shared_ptr<const ProviderSnapshot>>> observe(SteadyTime not_before);

  /// From the next observation on, that rule judges health in the place of the provider; null: the
  /// provider does.
  void judge_by(std::shared_ptr<plans::HealthRule> rule) { rule_ = std::move(rule); }

  /// The newest snapshot, or null before the first.
  std::shared_ptr<const ProviderSnapshot> latest() const { return latest_; }
  Provider& provider() { return *provider_; }

 private:
  Task<Result<void>> call();

  void judge(Observed& item) const;

  /// The reported fields, as the copy that was seen before or that others hold.
  std::shared_ptr<const Value> shared(const Observed& item) const;

  std::shared_ptr<Provider> provider_;
  std::shared_ptr<plans::HealthRule> rule_;
  manifest::SpecPool& specs_;
  std::shared_ptr<const ProviderSnapshot> latest_;
  bool is_calling_ = false;
  Error last_error_;
  int failures_ = 0;  ///< rises with each failed call, so that waiters see that theirs failed
  asio::steady_timer done_;
};

}  // namespace croft
