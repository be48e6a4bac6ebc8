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

/// What a quantity costs: rate × quantity ÷ per, exact, then rounded once to minor units, half away
/// from zero. Rate (in major units) and quantity are decimal texts of up to 18 digits before and
/// after the point: charge("0.15", "5368709120", 1073741824, "USD") is 75 cents. Invalid: no
/// decimal text, `per` below 1, too large to compute exactly.
Result<Money> charge(std::string_view rate, std::string_view quantity, std::int64_t per,
                     std::string_view currency);

/// The sum; Invalid if the currencies differ or it is too large.
Result<Money> add_money(const Money& a, const Money& b);

/// "20.00 USD".
std::string format_money(const Money& money);
/// "20.00": for tables that name the currency once.
std::string format_amount(const Money& money);

}  // namespace croft
