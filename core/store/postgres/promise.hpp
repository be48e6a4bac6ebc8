#pragma once

#include <utility>

#include "core/base/result.hpp"
#include "core/store/sql/outcome.hpp"

namespace croft::postgres {

/// Somebody waits for this: whoever drops it unanswered answers that the store was closed.
template <typename T>
class Promise {
 public:
  explicit Promise(sql::Done<Result<T>> done) : done_(std::move(done)) {}
  Promise(Promise&& other) noexcept : done_(std::exchange(other.done_, nullptr)) {}
  Promise& operator=(Promise&& other) noexcept {
    std::swap(done_, other.done_);
    return *this;
  }
  Promise(const Promise&) = delete;
  Promise& operator=(const Promise&) = delete;
  ~Promise() {
    if (done_) answer(fail(ErrorCode::Unavailable, "the store was closed before the answer came"));
  }

  void answer(Result<T> result) { std::exchange(done_, nullptr)(std::move(result)); }

 private:
  sql::Done<Result<T>> done_;
};

}  // namespace croft::postgres
