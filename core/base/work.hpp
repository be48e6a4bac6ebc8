#pragma once

#include <exception>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "core/base/async.hpp"
#include "core/base/trace.hpp"

namespace croft {

// What the work in hand is about: facts that stand in every log line that is written meanwhile
// (core/base/log.hpp), and the span that new ones are parts of (core/base/trace.hpp). It is carried
// by the executor that a coroutine runs on, so that whoever logs, be it the engine, a provider or
// the HTTP client, need not be told of whose sake it works. Work on a BlockingPool has none.

struct Work {
  std::vector<std::pair<std::string, std::string>> facts;
  SpanContext span;
};
using WorkPtr = std::shared_ptr<Work>;

/// That of this thread at this moment; null if it is about nothing in particular.
const WorkPtr& current_work();

/// A copy of the current work, to add to.
WorkPtr part_of_current_work();

/// Adds a fact to the current work, or replaces it: what becomes known on the way, as the revision
/// of a pass. Nothing if there is no current work.
void note_fact(std::string_view name, std::string value);

/// Makes it the current work of this thread until the end of a block without a suspension.
class WorkScope {
 public:
  explicit WorkScope(WorkPtr work);
  ~WorkScope();
  WorkScope(const WorkScope&) = delete;
  WorkScope& operator=(const WorkScope&) = delete;

 private:
  WorkPtr before_;
};

/// An executor like that one, whose functions run with that current work; or with none.
asio::any_io_executor carrying(const asio::any_io_executor& executor, WorkPtr work);
asio::any_io_executor carrying_nothing(const asio::any_io_executor& executor);

/// For doing(): the thread goes on with what it did before.
void resume_work(WorkPtr work);

/// Runs the task as that work. What is spawned meanwhile (core/base/async.hpp) goes its own way and
/// is no part of it.
template <typename T>
Task<T> doing(WorkPtr work, Task<T> task) {
  const WorkPtr outer = current_work();
  const asio::any_io_executor executor =
      carrying(co_await asio::this_coro::executor, std::move(work));
  std::exception_ptr failure;
  if constexpr (std::is_void_v<T>) {
    try {
      co_await asio::co_spawn(executor, std::move(task), asio::use_awaitable);
    } catch (...) {
      failure = std::current_exception();
    }
    // The rest of the caller may run inside of what the task's executor called.
    resume_work(outer);
    if (failure) std::rethrow_exception(failure);
  } else {
    std::optional<T> outcome;
    try {
      outcome.emplace(co_await asio::co_spawn(executor, std::move(task), asio::use_awaitable));
    } catch (...) {
      failure = std::current_exception();
    }
    resume_work(outer);
    if (failure) std::rethrow_exception(failure);
    co_return std::move(*outcome);
  }
}

/// Runs the task as a span that is part of the current work's; as it is if that has none.
template <typename T>
Task<T> traced(std::string name, Task<T> task) {
  const WorkPtr now = current_work();
  Span span = now ? Span::part_of(now->span, name) : Span();
  if (!span) co_return co_await std::move(task);
  const WorkPtr work = part_of_current_work();
  work->span = span.context();
  T outcome = co_await doing(work, std::move(task));
  for (const auto& [fact, value] : work->facts) span.set("croft." + fact, value);
  if constexpr (requires { outcome.error(); }) {
    if (!outcome) span.fail(outcome.error().describe());
  }
  co_return outcome;
}

}  // namespace croft
