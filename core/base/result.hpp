#pragma once

#include <expected>
#include <utility>

#include "core/base/error.hpp"

namespace croft {

/// A value, or the Error that kept it from being. What every function returns that can fail in a
/// correct program.
template <typename T>
using Result = std::expected<T, Error>;

/// Shorthand for `return fail(ErrorCode::Invalid, "...")`.
inline std::unexpected<Error> fail(ErrorCode code, std::string message) {
  return std::unexpected(Error(code, std::move(message)));
}
inline std::unexpected<Error> fail(Error error) { return std::unexpected(std::move(error)); }

/// Adds what was being done to a failed result; a good one passes through.
template <typename T>
Result<T> while_doing(Result<T> result, std::string what) {
  if (result) return result;
  return std::unexpected(std::move(result.error()).while_doing(std::move(what)));
}

}  // namespace croft

#define CROFT_CONCAT_INNER(a, b) a##b
#define CROFT_CONCAT(a, b) CROFT_CONCAT_INNER(a, b)

// Returns the error of `expr` to the caller, or goes on. Statements, not expressions: GCC 12
// crashes on statement expressions around co_await. CO_ forms are for coroutines.
#define TRY_IMPL(tmp, expr, ret) \
  auto tmp = (expr);             \
  if (!tmp) ret std::unexpected(std::move(tmp).error())
#define TRY(expr) TRY_IMPL(CROFT_CONCAT(try_result_, __LINE__), expr, return)
#define CO_TRY(expr) TRY_IMPL(CROFT_CONCAT(try_result_, __LINE__), expr, co_return)
#define TRY_ASSIGN_IMPL(tmp, lhs, expr, ret)             \
  auto tmp = (expr);                                     \
  if (!tmp) ret std::unexpected(std::move(tmp).error()); \
  lhs = std::move(*tmp)
#define TRY_ASSIGN(lhs, expr) \
  TRY_ASSIGN_IMPL(CROFT_CONCAT(try_result_, __LINE__), lhs, expr, return)
#define CO_TRY_ASSIGN(lhs, expr) \
  TRY_ASSIGN_IMPL(CROFT_CONCAT(try_result_, __LINE__), lhs, expr, co_return)
