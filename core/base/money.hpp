#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "core/base/result.hpp"

namespace croft {

/// An amount in minor units of an ISO 4217 currency: Money{2000, "USD"} is 20 dollars. Never a
/// float.
struct Money {
  std::int64_t minor = 0;
  std::string currency;

  bool operator==(const Money&) const = default;
};

/// Digits after the point of that currency (2 for USD, 0 for JPY); NotFound-coded error for an
/// unknown one.
Result<int> currency_digits(std::string_view currency);

/// Reads "20.00" with currency "USD". More digits than the currency has are an error, not rounded.
Result<Money> parse_money(std::string_view amount, std::string_view currency);

/// "20.00 USD".
std::string format_money(const Money& money);

}  // namespace croft
