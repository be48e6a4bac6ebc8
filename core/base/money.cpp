#include "core/base/money.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdlib>

#include <fmt/format.h>

namespace croft {

namespace {

// ISO 4217 currencies in use with the digits that differ from 2, and the most used of the others.
// Source: ISO 4217 list one.
struct Currency {
  std::string_view code;
  int digits;
};
constexpr std::array<Currency, 38> kCurrencies{
    {{"AED", 2}, {"ARS", 2}, {"AUD", 2}, {"BGN", 2}, {"BHD", 3}, {"BRL", 2}, {"CAD", 2}, {"CHF", 2},
     {"CLP", 0}, {"CNY", 2}, {"COP", 2}, {"CZK", 2}, {"DKK", 2}, {"EUR", 2}, {"GBP", 2}, {"HKD", 2},
     {"HUF", 2}, {"IDR", 2}, {"ILS", 2}, {"INR", 2}, {"ISK", 0}, {"JPY", 0}, {"KRW", 0}, {"KWD", 3},
     {"MXN", 2}, {"MYR", 2}, {"NOK", 2}, {"NZD", 2}, {"PLN", 2}, {"RON", 2}, {"SEK", 2}, {"SGD", 2},
     {"THB", 2}, {"TRY", 2}, {"UAH", 2}, {"USD", 2}, {"VND", 0}, {"ZAR", 2}}};

}  // namespace

Result<int> currency_digits(std::string_view currency) {
  const auto* found = std::find_if(kCurrencies.begin(), kCurrencies.end(),
                                   [&](const Currency& known) { return known.code == currency; });
  if (found == kCurrencies.end()) {
    return fail(
        ErrorCode::NotFound,
        fmt::format("'{}' is not a currency Croft knows; use an ISO 4217 code such as 'USD'",
                    currency));
  }
  return found->digits;
}

Result<Money> parse_money(std::string_view amount, std::string_view currency) {
  TRY_ASSIGN(const int digits, currency_digits(currency));
  const auto invalid = [&](std::string_view why) {
    return fail(ErrorCode::Invalid,
                fmt::format("'{}' is not an amount of {}: {}", amount, currency, why));
  };
  std::string_view rest = amount;
  const bool negative = rest.starts_with('-');
  if (negative) rest.remove_prefix(1);
  const std::size_t point = rest.find('.');
  const std::string_view whole = rest.substr(0, point);
  const std::string_view fraction = point == std::string_view::npos ? "" : rest.substr(point + 1);
  const auto all_digits = [](std::string_view text) {
    return std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
  };
  if (whole.empty() || !all_digits(whole) || !all_digits(fraction) ||
      (point != std::string_view::npos && fraction.empty())) {
    return invalid("write digits with a point, for example '20.00'");
  }
  if (static_cast<int>(fraction.size()) > digits)
    return invalid("it has too many digits after the point");
  std::string text(whole);
  text += fraction;
  text.append(static_cast<std::size_t>(digits) - fraction.size(), '0');
  std::int64_t minor = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), minor);
  if (error != std::errc{} || end != text.data() + text.size()) return invalid("it is too large");
  return Money{negative ? -minor : minor, std::string(currency)};
}

namespace {

__extension__ using Wide = __int128;

/// An exact decimal number: units × 10^-digits.
struct Decimal {
  Wide units = 0;
  int digits = 0;  ///< after the point
};

Result<Decimal> parse_decimal(std::string_view text) {
  constexpr std::size_t kMostDigits = 18;
  const bool is_negative = text.starts_with('-');
  const std::string_view rest = text.substr(is_negative ? 1 : 0);
  const std::size_t point = rest.find('.');
  const std::string_view whole = rest.substr(0, point);
  const std::string_view fraction = point == std::string_view::npos ? "" : rest.substr(point + 1);
  const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
  const bool is_decimal = !whole.empty() && std::ranges::all_of(whole, is_digit) &&
                          std::ranges::all_of(fraction, is_digit) &&
                          (point == std::string_view::npos || !fraction.empty());
  if (!is_decimal)
    return fail(ErrorCode::Invalid, fmt::format("'{}' is not a decimal number such as '0.15'",
                                                text.substr(0, 2 * kMostDigits)));
  if (whole.size() > kMostDigits || fraction.size() > kMostDigits)
    return fail(ErrorCode::Invalid, fmt::format("'{}' has more than {} digits on a side",
                                                text.substr(0, 2 * kMostDigits), kMostDigits));
  Decimal number{.units = 0, .digits = static_cast<int>(fraction.size())};
  for (const char c : whole) number.units = number.units * 10 + (c - '0');
  for (const char c : fraction) number.units = number.units * 10 + (c - '0');
  while (number.digits > 0 && number.units % 10 == 0) {
    number.units /= 10;
    --number.digits;
  }
  if (is_negative) number.units = -number.units;
  return number;
}

/// False if it does not fit.
bool multiply(Wide& number, Wide factor) {
  return !__builtin_mul_overflow(number, factor, &number);
}

bool multiply_by_power_of_ten(Wide& number, int power) {
  for (int i = 0; i < power; ++i) {
    if (!multiply(number, 10)) return false;
  }
  return true;
}

Wide divide_half_away_from_zero(Wide dividend, Wide divisor) {
  const Wide quotient = dividend / divisor;
  const Wide rest = dividend % divisor;
  const Wide magnitude = rest < 0 ? -rest : rest;
  if (magnitude < divisor - magnitude) return quotient;
  return dividend < 0 ? quotient - 1 : quotient + 1;
}

}  // namespace

Result<Money> charge(std::string_view rate, std::string_view quantity, std::int64_t per,
                     std::string_view currency) {
  TRY_ASSIGN(const int digits, currency_digits(currency));
  TRY_ASSIGN(const Decimal price, parse_decimal(rate));
  TRY_ASSIGN(const Decimal amount, parse_decimal(quantity));
  if (per < 1) return fail(ErrorCode::Invalid, "a rate is for a whole number of units above zero");
  const int scale = digits - price.digits - amount.digits;
  Wide dividend = price.units;
  Wide divisor = per;
  const bool fits = multiply(dividend, amount.units) &&
                    multiply_by_power_of_ten(scale > 0 ? dividend : divisor, std::abs(scale));
  const Wide minor = fits ? divide_half_away_from_zero(dividend, divisor) : 0;
  if (!fits || minor > INT64_MAX || minor < INT64_MIN) {
    return fail(ErrorCode::Invalid,
                fmt::format("{} × {} is too large to compute exactly", rate, quantity));
  }
  return Money{static_cast<std::int64_t>(minor), std::string(currency)};
}

Result<Money> add_money(const Money& a, const Money& b) {
  if (a.currency != b.currency)
    return fail(ErrorCode::Invalid,
                fmt::format("{} and {} cannot be added", a.currency, b.currency));
  Money sum{.currency = a.currency};
  if (__builtin_add_overflow(a.minor, b.minor, &sum.minor))
    return fail(ErrorCode::Invalid, "a sum of money is too large");
  return sum;
}

std::string format_amount(const Money& money) {
  const int digits = currency_digits(money.currency).value_or(2);
  std::int64_t scale = 1;
  for (int i = 0; i < digits; ++i) scale *= 10;
  // Negation is done on the unsigned value, so that the smallest amount does not overflow.
  const auto magnitude = money.minor < 0
                             ? std::uint64_t{0} - static_cast<std::uint64_t>(money.minor)
                             : static_cast<std::uint64_t>(money.minor);
  const auto unsigned_scale = static_cast<std::uint64_t>(scale);
  const std::string_view sign = money.minor < 0 ? "-" : "";
  if (digits == 0) return fmt::format("{}{}", sign, magnitude);
  return fmt::format("{}{}.{:0{}}", sign, magnitude / unsigned_scale, magnitude % unsigned_scale,
                     digits);
}

std::string format_money(const Money& money) { return format_amount(money) + " " + money.currency; }

}  // namespace croft
