#pragma once

#include <functional>
#include <utility>

#include "core/base/async.hpp"

namespace croft::sql {

/// What is called with the outcome, once, from any thread.
template <typename Outcome>
using Done = std::move_only_function<void(Outcome)>;

/// Hands `start` a function to call with the outcome; resumes on the caller's executor with it.
template <typename Outcome>
Task<Outcome> await_outcome(std::move_only_function<void(Done<Outcome>)> start) {
  using Start = std::move_only_function<void(Done<Outcome>)>;
  auto initiate = [](auto handler, Start begin) {
    auto executor = asio::get_associated_executor(handler);
    // Keeps the caller's io_context running while only another thread knows of this wait.
    auto work = asio::make_work_guard(executor);
    begin([handler = std::move(handler), work = std::move(work)](Outcome outcome) mutable {
      asio::post(work.get_executor(),
                 [handler = std::move(handler), outcome = std::move(outcome)]() mutable {
                   std::move(handler)(std::move(outcome));
                 });
    });
  };
  co_return co_await asio::async_initiate<const asio::use_awaitable_t<>, void(Outcome)>(
      std::move(initiate), asio::use_awaitable, std::move(start));
}

}  // namespace croft::sql
