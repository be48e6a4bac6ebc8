#include "reconciler/engine/news.hpp"

#include <fmt/format.h>

#include "core/base/log.hpp"

namespace croft {

namespace {

constexpr Duration kGathered{200};
constexpr std::size_t kLongestMessage = 4096;

}  // namespace

struct NewsDesk::State {
  State(asio::any_io_executor on, Journal& to, const Clock& with)
      : executor(std::move(on)), journal(&to), clock(with) {}

  asio::any_io_executor executor;
  Journal* journal;  ///< null once the desk is gone
  const Clock& clock;
  std::map<std::string, Waiting> waiting;  ///< by uid
  bool is_writing = false;
};

NewsDesk::NewsDesk(asio::any_io_executor executor, Journal& journal, const Clock& clock)
    : state_(std::make_shared<State>(std::move(executor), journal, clock)) {}

NewsDesk::~NewsDesk() { state_->journal = nullptr; }

void NewsDesk::add(ProviderNews news) {
  const auto row = state_->journal->resources().find(news.uid);
  if (row == state_->journal->resources().end()) return;
  EventRow event;
  event.time = state_->clock.now();
  event.tenant = row->second.ref.tenant;
  event.subject = to_string(row->second.ref);
  event.severity = news.severity;
  event.reason = std::move(news.reason);
  event.message = std::move(news.message);
  if (event.message.size() > kLongestMessage) event.message.resize(kLongestMessage);
  event.revision = row->second.attempted_revision;
  Waiting& waiting = state_->waiting[news.uid];
  if (waiting.events.size() == kMostWaiting) {
    waiting.events.erase(waiting.events.begin());
    ++waiting.left_out;
  }
  waiting.events.push_back(std::move(event));
  if (state_->is_writing) return;
  state_->is_writing = true;
  spawn(state_->executor, write_soon(state_), "writing news of providers");
}

Task<> NewsDesk::write_soon(std::shared_ptr<State> state) {
  while (!state->waiting.empty()) {
    co_await sleep_for(kGathered);
    if (state->journal == nullptr) co_return;
    Transaction transaction;
    for (auto& [uid, waiting] : state->waiting) {
      if (waiting.left_out > 0) {
        EventRow gap = waiting.events.front();
        gap.message = fmt::format("{} more before this were left out", waiting.left_out);
        transaction.add(AppendEvent{std::move(gap)});
      }
      for (EventRow& event : waiting.events) transaction.add(AppendEvent{std::move(event)});
    }
    state->waiting.clear();
    const Result<void> done = co_await state->journal->commit(std::move(transaction));
    if (!done)
      log_warning("reconciler", "news of a provider not written",
                  {{"error", done.error().describe()}});
  }
  state->is_writing = false;
}

}  // namespace croft
