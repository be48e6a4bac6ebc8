#include "providers/docker/core.hpp"

#include <boost/asio/as_tuple.hpp>
#include <fmt/format.h>

namespace croft::docker {

namespace {

/// Nothing is begun that could only end past the deadline.
constexpr Duration kReserve{20};
constexpr std::chrono::minutes kFailureKept{15};

bool is_over(const Job& job) {
  return job.result && std::chrono::steady_clock::now() - job.ended > kFailureKept;
}

Task<> run_job(CorePtr core, std::string key, std::shared_ptr<Job> job,
               std::function<Task<Result<std::string>>(std::shared_ptr<Job>)> make) {
  Result<std::string> made = co_await make(job);
  // Else what takes longer than an effect would fail, and be begun again, for ever.
  const bool is_kept = !made && made.error().code() != ErrorCode::Cancelled && job->waiters.empty();
  if (!is_kept) core->jobs.erase(key);
  job->result = std::move(made);
  job->ended = std::chrono::steady_clock::now();
  for (asio::steady_timer* waiter : job->waiters) waiter->cancel();
  for (const std::string& uid : job->uids) core->notify(uid);
}

}  // namespace

Result<void> Limit::check(std::string_view before) const {
  if (left() > kReserve) return {};
  return fail(ErrorCode::Timeout, fmt::format("the time ran out before {}", before));
}

Limit limit_of(const Effect& effect) {
  return {std::chrono::steady_clock::now() + effect.deadline};
}

Core::Core(ProviderSettings settings_, EngineClient engine_, asio::any_io_executor executor_,
           BlockingPool& pool_, Clock& clock_)
    : settings(std::move(settings_)),
      engine(std::move(engine_)),
      executor(std::move(executor_)),
      pool(pool_),
      clock(clock_),
      records(settings.data / "records"),
      checkouts(settings.data / "files"),
      walls(settings, executor),
      build_turns(executor, settings.builds_at_once),
      upkeep_timer(executor),
      events_timer(executor) {}

Core::LockPtr Core::lock_of(const std::string& uid) {
  std::weak_ptr<Semaphore>& slot = locks[uid];
  LockPtr lock = slot.lock();
  if (!lock) slot = lock = std::make_shared<Semaphore>(executor, 1);
  return lock;
}

void Core::notify(const std::string& uid) const {
  if (!is_closed && listener && !uid.empty()) listener(uid);
}

void Core::tell(const std::string& uid, std::string reason, std::string message,
                Severity severity) const {
  if (is_closed || !news) return;
  news({.uid = uid,
        .reason = std::move(reason),
        .message = std::move(message),
        .severity = severity});
}

void Core::tell_all(const Job& job, const std::string& reason, const std::string& message,
                    Severity severity) const {
  for (const std::string& uid : job.uids) tell(uid, reason, message, severity);
}

void Core::close() {
  is_closed = true;
  upkeep_timer.cancel();
  events_timer.cancel();
}

Result<void> Core::check_enforceable() const {
  if (settings.isolation == ProviderSettings::Isolation::None) return {};
  const std::string why = walls.why_not();
  if (why.empty()) return {};
  return fail(
      Error(ErrorCode::Unavailable, fmt::format("this machine cannot enforce 'network': {}", why))
          .with_hint("mend that, or accept it with the provider's setting isolation: none"));
}

Ending::Ending(CorePtr core, std::string container)
    : core_(std::move(core)), container_(std::move(container)) {
  ++core_->ending[container_];
}

Ending::~Ending() {
  const auto found = core_->ending.find(container_);
  if (found != core_->ending.end() && --found->second == 0) core_->ending.erase(found);
}

Task<Result<std::string>> join_job(
    CorePtr core, std::string key, std::string uid,
    std::function<Task<Result<std::string>>(std::shared_ptr<Job>)> make, std::string doing,
    Limit limit) {
  std::erase_if(core->jobs, [](const auto& one) { return is_over(*one.second); });
  std::shared_ptr<Job>& slot = core->jobs[key];
  const bool is_new = !slot;
  if (is_new) slot = std::make_shared<Job>();
  const std::shared_ptr<Job> job = slot;
  if (job->result) {
    core->jobs.erase(key);
    co_return *job->result;
  }
  job->uids.insert(uid);
  if (is_new) spawn(core->executor, run_job(core, key, job, std::move(make)), doing);
  asio::steady_timer timer(core->executor, limit.at);
  job->waiters.insert(&timer);
  while (!job->result && limit.left() > Duration(0))
    co_await timer.async_wait(asio::as_tuple(asio::use_awaitable));
  job->waiters.erase(&timer);
  if (job->result) co_return *job->result;
  co_return fail(Error(ErrorCode::Timeout, fmt::format("{} takes longer; it goes on", doing))
                     .with_hint("it is waited for again"));
}

Filters our_filter(const Core& core, std::vector<std::string> more) {
  more.push_back(fmt::format("{}={}", label::kProvider, core.settings.name));
  return {{"label", std::move(more)}};
}

}  // namespace croft::docker
