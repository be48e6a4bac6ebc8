#include "reconciler/notify/dispatcher.hpp"

#include <algorithm>
#include <optional>

#include "core/base/log.hpp"

namespace croft::notify {

namespace {

constexpr std::size_t kMostReplayed = 1'000;

bool is_of_source(const std::vector<std::string>& keys, const WebhookRow& row) {
  return std::ranges::find(keys, row.source) != keys.end();
}

bool is_declared(const WebhookSet& set, const Ref& ref) {
  return std::ranges::any_of(set.webhooks,
                             [&ref](const WebhookDeclaration& one) { return one.ref == ref; });
}

}  // namespace

/// Shared with the coroutines that may outlive the dispatcher.
struct Dispatcher::State {
  std::shared_ptr<DispatchParts> parts;
  std::map<Ref, std::shared_ptr<WebhookQueue>> queues;
  std::map<Ref, WebhookRow> known;   ///< rows of before, whose queues do not run
  std::optional<WebhookSet> wanted;  ///< declared, and not followed yet
  bool is_following = false;
  bool is_stopped = false;

  void wake(const std::string& tenant) const {
    for (const auto& [ref, queue] : queues) {
      if (ref.tenant.empty() || ref.tenant == tenant) queue->wake();
    }
  }

  Task<Result<void>> follow(WebhookSet set);
  Task<Result<void>> forget_others(WebhookSet set);
  Task<Result<void>> begin(WebhookDeclaration declaration);
  Task<Result<WebhookRow>> make_row(WebhookDeclaration declaration) const;
};

Dispatcher::Dispatcher(DispatchParts parts, std::function<void()> on_change)
    : state_(std::make_shared<State>()) {
  state_->parts = std::make_shared<DispatchParts>(std::move(parts));
  state_->parts->on_change = std::move(on_change);
  state_->parts->wake = [weak = std::weak_ptr<State>(state_)](const std::string& tenant) {
    if (const auto state = weak.lock()) state->wake(tenant);
  };
}

Dispatcher::~Dispatcher() { stop(); }

Task<Result<void>> Dispatcher::start() {
  DispatchParts& parts = *state_->parts;
  CO_TRY_ASSIGN(KeyRing keys, KeyRing::open(parts.settings.key_file, parts.random));
  parts.keys.emplace(std::move(keys));
  parts.turns.emplace(parts.executor, parts.settings.attempts_at_once,
                      parts.settings.attempts_of_tenant);
  CO_TRY_ASSIGN(std::vector<WebhookRow> rows, co_await parts.store.webhooks());
  for (WebhookRow& row : rows) {
    const Ref ref = row.ref;
    state_->known.insert_or_assign(ref, std::move(row));
  }
  co_return Result<void>();
}

void Dispatcher::stop() {
  state_->is_stopped = true;
  for (const auto& [ref, queue] : state_->queues) queue->end();
}

void Dispatcher::wake(const std::string& tenant) { state_->wake(tenant); }

void Dispatcher::declare(WebhookSet set) {
  state_->wanted = std::move(set);
  if (std::exchange(state_->is_following, true)) return;
  spawn(state_->parts->executor, follow_declarations(state_), "webhook declarations");
}

Task<> Dispatcher::follow_declarations(std::shared_ptr<State> state) {
  while (state->wanted && !state->is_stopped) {
    WebhookSet set = std::move(*state->wanted);
    state->wanted.reset();
    WebhookSet copy = set;
    const Result<void> done = co_await state->follow(std::move(copy));
    if (state->is_stopped) break;
    if (done) {
      state->parts->on_change();
      continue;
    }
    log_warning("notify", "webhooks cannot be taken over; it is tried again",
                {{"error", done.error().describe()}});
    co_await sleep_for(state->parts->settings.ask_again);
    if (!state->wanted) state->wanted = std::move(set);
  }
  state->is_following = false;
}

Task<Result<void>> Dispatcher::State::follow(WebhookSet set) {
  WebhookSet copy = set;
  CO_TRY(co_await forget_others(std::move(copy)));
  for (const WebhookDeclaration& declaration : set.webhooks) {
    const auto running = queues.find(declaration.ref);
    if (running == queues.end()) {
      CO_TRY(co_await begin(declaration));
    } else if (running->second->declaration() != declaration) {
      CO_TRY(co_await WebhookQueue::redeclare(running->second, declaration));
    }
  }
  co_return Result<void>();
}

Task<Result<void>> Dispatcher::State::forget_others(WebhookSet set) {
  std::vector<Ref> gone;
  for (const auto& [ref, queue] : queues) {
    const bool stays =
        is_declared(set, ref) || is_of_source(set.unread_sources, queue->status().row);
    if (!stays) gone.push_back(ref);
  }
  for (const auto& [ref, row] : known) {
    if (!is_declared(set, ref) && !is_of_source(set.unread_sources, row)) gone.push_back(ref);
  }
  if (gone.empty()) co_return Result<void>();
  Transaction transaction;
  // Whose rows are to go write none until they are gone; if they cannot go, all stays as it is.
  std::vector<Semaphore::Permit> held;
  for (const Ref& ref : gone) {
    const auto running = queues.find(ref);
    if (running != queues.end()) held.push_back(co_await WebhookQueue::hold(running->second));
    transaction.add(EraseWebhook{ref});
  }
  CO_TRY(co_await parts->store.commit(std::move(transaction)));
  for (const Ref& ref : gone) {
    const auto running = queues.find(ref);
    if (running != queues.end()) {
      running->second->end();
      queues.erase(running);
    }
    known.erase(ref);
  }
  co_return Result<void>();
}

Task<Result<void>> Dispatcher::State::begin(WebhookDeclaration declaration) {
  const auto before = known.find(declaration.ref);
  const bool is_new = before == known.end();
  WebhookRow row;
  if (is_new) {
    CO_TRY_ASSIGN(row, co_await make_row(declaration));
  } else {
    row = before->second;
    if (row.source != declaration.source) {
      row.source = declaration.source;
      Transaction transaction;
      transaction.add(PutWebhook{row});
      CO_TRY(co_await parts->store.commit(std::move(transaction)));
    }
    known.erase(declaration.ref);
  }
  if (is_stopped) co_return Result<void>();
  const Ref ref = declaration.ref;
  auto queue =
      std::make_shared<WebhookQueue>(parts, std::move(declaration), std::move(row), is_new);
  queues.insert_or_assign(ref, queue);
  spawn(parts->executor, WebhookQueue::run(std::move(queue)), "webhook");
  co_return Result<void>();
}

Task<Result<WebhookRow>> Dispatcher::State::make_row(WebhookDeclaration declaration) const {
  NotificationQuery newest_one;
  newest_one.limit = 1;
  CO_TRY_ASSIGN(const std::vector<NotificationRow> newest,
                co_await parts->store.notifications(std::move(newest_one)));
  WebhookRow row;
  row.ref = declaration.ref;
  row.id = parts->random.id();
  row.source = declaration.source;
  row.created_at = parts->clock.now();
  if (!newest.empty()) row.cursor = newest.back().sequence;
  Transaction transaction;
  transaction.add(PutWebhook{row});
  CO_TRY(co_await parts->store.commit(std::move(transaction)));
  co_return row;
}

Result<std::shared_ptr<WebhookQueue>> Dispatcher::find(const Ref& webhook) const {
  const auto found = state_->queues.find(webhook);
  if (found != state_->queues.end()) return found->second;
  return fail(Error(ErrorCode::NotFound, "there is no " + to_string(webhook))
                  .with_hint("see `croft webhook ls`"));
}

std::vector<WebhookStatus> Dispatcher::list(const std::string& tenant) const {
  std::vector<WebhookStatus> all;
  for (const auto& [ref, queue] : state_->queues) {
    if (tenant.empty() || ref.tenant == tenant) all.push_back(queue->status());
  }
  return all;
}

Task<Result<std::vector<DeliveryRow>>> Dispatcher::deliveries(Ref webhook, std::size_t limit) {
  CO_TRY(find(webhook));
  DeliveryQuery query;
  query.webhook = std::move(webhook);
  query.limit = limit;
  co_return co_await state_->parts->store.deliveries(std::move(query));
}

Task<Result<TestOutcome>> Dispatcher::test(Ref webhook) {
  CO_TRY_ASSIGN(std::shared_ptr<WebhookQueue> queue, find(webhook));
  CO_TRY_ASSIGN(const Attempt attempt, co_await WebhookQueue::test(std::move(queue)));
  TestOutcome outcome;
  outcome.is_taken = attempt.fate == Attempt::Fate::Taken;
  outcome.status = attempt.status;
  outcome.answer = attempt.answer;
  co_return outcome;
}

Task<Result<std::size_t>> Dispatcher::replay(Ref webhook, std::string id) {
  CO_TRY_ASSIGN(std::shared_ptr<WebhookQueue> queue, find(webhook));
  std::vector<DeliveryRow> rows;
  if (id.empty()) {
    CO_TRY_ASSIGN(rows, co_await deliveries(webhook, kMostReplayed));
    std::erase_if(rows, [](const DeliveryRow& row) { return row.state != DeliveryState::Failed; });
  } else {
    CO_TRY_ASSIGN(rows, co_await state_->parts->store.delivery(id));
    std::erase_if(rows, [&](const DeliveryRow& row) {
      return row.webhook != webhook || row.state == DeliveryState::Pending;
    });
    if (rows.empty()) {
      co_return fail(Error(ErrorCode::NotFound, "no delivery '" + id + "' of it has ended")
                         .with_hint("see `croft webhook deliveries`"));
    }
  }
  const std::size_t count = rows.size();
  CO_TRY(co_await WebhookQueue::replay(std::move(queue), std::move(rows)));
  co_return count;
}

Task<Result<std::string>> Dispatcher::rotate(Ref webhook) {
  CO_TRY_ASSIGN(std::shared_ptr<WebhookQueue> queue, find(webhook));
  co_return co_await WebhookQueue::rotate(std::move(queue));
}

}  // namespace croft::notify
