#pragma once

#include <exception>
#include <optional>

#include "core/base/async.hpp"

namespace croft {

/// Runs a coroutine to its end on an io_context and gives its value; work it started goes on only
/// while it runs.
template <typename T>
T run_task(asio::io_context& io, Task<T> task) {
  std::optional<T> output;
  std::exception_ptr failure;
  asio::co_spawn(io, std::move(task), [&](std::exception_ptr thrown, T value) {
    failure = thrown;
    if (!thrown) output.emplace(std::move(value));
    io.stop();
  });
  io.restart();
  io.run();
  if (failure) std::rethrow_exception(failure);
  return std::move(output.value());
}

}  // namespace croft
