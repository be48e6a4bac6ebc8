#pragma once

#include <chrono>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>

#include "core/base/async.hpp"
#include "core/base/clock.hpp"
#include "providers/docker/engine/engine_client.hpp"
#include "providers/docker/observation.hpp"
#include "providers/docker/record.hpp"
#include "providers/docker/settings.hpp"
#include "providers/docker/walls.hpp"
#include "providers/local/checkout.hpp"
#include "providers/port/provider.hpp"

namespace croft::docker {

// Work for the pool is made in a statement before it is awaited: GCC 12 destroys a lambda's
// captures twice when the lambda is a temporary of the co_await expression.

/// When an effect must not act any more.
struct Limit {
  Deadline at;

  Duration left() const {
    return std::chrono::duration_cast<Duration>(at - std::chrono::steady_clock::now());
  }
  /// Fails with Timeout if nothing more may be begun.
  Result<void> check(std::string_view before) const;
  Limit at_most(Duration limit) const {
    return {std::min(at, std::chrono::steady_clock::now() + limit)};
  }
};
Limit limit_of(const Effect& effect);

/// A pull or build that is under way. It goes on when an effect that waits for it runs out of time;
/// the next one finds it again, also if it failed meanwhile.
struct Job {
  std::optional<Result<std::string>> result;
  std::chrono::steady_clock::time_point ended{};
  std::set<std::string> uids;  ///< who wants to hear of it
  std::set<asio::steady_timer*> waiters;
};

/// What the provider and its coroutines share; touched on the executor only, but for what says
/// otherwise.
struct Core : std::enable_shared_from_this<Core> {
  Core(ProviderSettings settings_, EngineClient engine_, asio::any_io_executor executor_,
       BlockingPool& pool_, Clock& clock_);

  using LockPtr = std::shared_ptr<Semaphore>;
  LockPtr lock_of(const std::string& uid);
  void notify(const std::string& uid) const;
  void tell(const std::string& uid, std::string reason, std::string message,
            Severity severity = Severity::Normal) const;
  /// Tells everyone who waits for a job.
  void tell_all(const Job& job, const std::string& reason, const std::string& message,
                Severity severity = Severity::Normal) const;
  void close();

  /// The words for an error that says what is not enforceable here; fine if the operator accepts
  /// that.
  Result<void> check_enforceable() const;

  ProviderSettings settings;
  EngineClient engine;
  asio::any_io_executor executor;
  BlockingPool& pool;
  Clock& clock;
  Records records;      ///< thread safe
  Checkouts checkouts;  ///< thread safe
  Walls walls;
  std::optional<EngineIdentity> identity;

  struct KnownDetails {
    std::string fingerprint;
    std::shared_ptr<const ContainerDetails> details;
  };
  std::map<std::string, KnownDetails> details;  ///< by container id; only while events are heard
  bool hears_events = false;
  std::uint64_t events_heard = 0;     ///< of containers; details looked at meanwhile may be old
  std::set<std::string> killed;       ///< containers that somebody else sent a signal
  std::set<std::string> completed;    ///< containers that were heard to end well by themselves
  std::map<std::string, int> ending;  ///< containers that we end
  std::map<std::string, std::int64_t> volume_sizes;   ///< by the engine's name, as measured last
  std::map<std::string, std::string> moved_images;    ///< by uid, of `imagePolicy: follow`
  std::map<std::string, std::string> told_of_images;  ///< by uid: a digest that was told
  std::map<std::string, std::shared_ptr<Job>> jobs;   ///< by what they make
  std::map<std::string, std::string> wanted_builds;   ///< by uid: what is to be built last
  std::set<std::string> building;                     ///< tenants a build of whom is under way
  Semaphore build_turns;                              ///< of all tenants together

  std::map<std::string, std::weak_ptr<Semaphore>> locks;
  asio::steady_timer upkeep_timer;
  asio::steady_timer events_timer;
  std::function<void(const std::string&)> listener;
  std::function<void(ProviderNews)> news;
  bool has_told_of_builds = false;  ///< that their processes are not bounded here
  bool is_closed = false;
};

using CorePtr = std::shared_ptr<Core>;
using EffectPtr = std::shared_ptr<const Effect>;

/// A container that we end: what its end says is no news from outside.
class Ending {
 public:
  Ending(CorePtr core, std::string container);
  Ending(const Ending&) = delete;
  Ending& operator=(const Ending&) = delete;
  ~Ending();

 private:
  CorePtr core_;
  std::string container_;
};

/// Waits for a job, or starts it with `make`. Gives what it made; Timeout at the limit, while it
/// goes on. A failure that nobody waited for is given to the next that asks within 15 minutes.
Task<Result<std::string>> join_job(
    CorePtr core, std::string key, std::string uid,
    std::function<Task<Result<std::string>>(std::shared_ptr<Job>)> make, std::string doing,
    Limit limit);

/// {"label": ["croft.provider=NAME", ...more]}
Filters our_filter(const Core& core, std::vector<std::string> more = {});

}  // namespace croft::docker
