#include "reconciler/engine/queue.hpp"

#include <algorithm>

#include "core/base/log.hpp"
#include "core/base/metric_families.hpp"

namespace croft {

/// Where its numbers go, found once.
struct Queue::Measures {
  explicit Measures(std::string queue)
      : name(std::move(queue)),
        done(outcome("done")),
        retry(outcome("retry")),
        terminal(outcome("terminal")),
        seconds(metrics::registry().histogram(metrics::kReconcileSeconds, {name})),
        wait(metrics::registry().histogram(metrics::kQueueWaitSeconds, {name})) {}

  metrics::Counter& outcome(const char* word) const {
    return metrics::registry().counter(metrics::kReconciles, {name, word});
  }

  std::string name;
  metrics::Counter& done;
  metrics::Counter& retry;
  metrics::Counter& terminal;
  metrics::Histogram& seconds;
  metrics::Histogram& wait;
};

Queue::Queue(asio::any_io_executor executor, RandomSource& random, int concurrency, Work work)
    : executor_(executor),
      random_(random),
      concurrency_(concurrency),
      work_(std::move(work)),
      idle_(executor) {}

void Queue::measure_as(std::string name) {
  measures_ = std::make_shared<const Measures>(std::move(name));
}

QueueVitals Queue::vitals() const {
  QueueVitals vitals;
  if (measures_) vitals.name = measures_->name;
  vitals.waiting = ready_.size();
  vitals.running = running_;
  const SteadyTime now = std::chrono::steady_clock::now();
  for (const std::string& key : ready_) {
    const auto waited = std::chrono::duration_cast<Duration>(now - keys_.at(key).wanted_since);
    vitals.oldest = std::max(vitals.oldest, waited);
  }
  return vitals;
}

void Queue::make_ready(const std::string& key, Key& state) {
  state.wanted_since = std::chrono::steady_clock::now();
  ready_.push_back(key);
}

void Queue::add(const std::string& key) {
  if (is_stopping_) return;
  Key& state = keys_[key];
  state.timer.reset();
  state.due = asio::steady_timer::time_point::max();
  if (state.is_wanted) return;
  state.is_wanted = true;
  if (!state.is_running) make_ready(key, state);
  pump();
}

void Queue::add_after(const std::string& key, Duration delay) {
  if (is_stopping_) return;
  Key& state = keys_[key];
  const auto due = std::chrono::steady_clock::now() + delay;
  if (state.is_wanted || state.due <= due) return;
  state.due = due;
  state.timer = std::make_unique<asio::steady_timer>(executor_, due);
  state.timer->async_wait([this, key](const boost::system::error_code& error) {
    if (!error) add(key);
  });
}

void Queue::forget(const std::string& key) {
  const auto found = keys_.find(key);
  if (found == keys_.end()) return;
  std::erase(ready_, key);
  if (found->second.is_running) {
    found->second.is_wanted = false;
    found->second.timer.reset();
  } else {
    keys_.erase(found);
  }
}

bool Queue::is_idle() const { return running_ == 0 && ready_.empty(); }

Task<> Queue::stop() {
  is_stopping_ = true;
  ready_.clear();
  for (auto& [name, state] : keys_) state.timer.reset();
  while (running_ > 0) co_await idle_.wait(Duration(1000));
}

Duration Queue::backoff(int failures, std::uint8_t jitter) {
  constexpr Duration kFirst{1'000};
  constexpr Duration kLongest{300'000};
  const Duration whole =
      std::min(kLongest, kFirst * (std::int64_t{1} << std::min(failures - 1, 16)));
  return whole - whole * jitter / 1024;
}

void Queue::pump() {
  while (running_ < concurrency_ && !ready_.empty()) {
    std::string key = std::move(ready_.front());
    ready_.erase(ready_.begin());
    Key& state = keys_[key];
    state.is_wanted = false;
    state.is_running = true;
    ++running_;
    if (measures_) measures_->wait.observe(std::chrono::steady_clock::now() - state.wanted_since);
    spawn(executor_, run(std::move(key)), "pass");
  }
}

Task<> Queue::run(std::string key) {
  const SteadyTime begun = std::chrono::steady_clock::now();
  Outcome outcome = Retry{Error(ErrorCode::Internal, "the pass ended with an exception")};
  try {
    outcome = co_await work_(key);
  } catch (const std::exception& error) {
    log_error("reconciler", "a pass threw", {{"key", key}, {"what", error.what()}});
  }
  measure(outcome, begun);
  finish(key, outcome);
}

void Queue::measure(const Outcome& outcome, SteadyTime begun) const {
  if (!measures_) return;
  measures_->seconds.observe(std::chrono::steady_clock::now() - begun);
  const bool is_retry = std::holds_alternative<Retry>(outcome);
  const bool is_terminal = std::holds_alternative<Terminal>(outcome);
  (is_retry ? measures_->retry : is_terminal ? measures_->terminal : measures_->done).add();
}

void Queue::finish(const std::string& key, const Outcome& outcome) {
  --running_;
  Key& state = keys_[key];
  state.is_running = false;
  const bool failed = std::holds_alternative<Retry>(outcome);
  state.failures = failed ? state.failures + 1 : 0;
  if (state.is_wanted && !is_stopping_) {
    make_ready(key, state);
  } else if (failed) {
    add_after(key, backoff(state.failures, random_.bytes()[0]));
  } else if (const After* after = std::get_if<After>(&outcome)) {
    add_after(key, after->delay);
  } else if (!state.is_wanted && state.due == asio::steady_timer::time_point::max()) {
    keys_.erase(key);  // keys may be of things that come once, such as merge requests
  }
  idle_.notify();
  pump();
}

}  // namespace croft
