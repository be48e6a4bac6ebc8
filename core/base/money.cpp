#include "core/base/money.hpp"

#include <algorithm>
#include <array>
#include <charconv>

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

std::string format_money(const Money& money) {
  const int digits = currency_digits(money.currency).value_or(2);
  std::int64_t scale = 1;
  for (int i = 0; i < digits; ++i) scale *= 10;
  // Negation is done on the unsigned value, so that the smallest amount does not overflow.
  const auto magnitude = money.minor < 0
                             ? std::uint64_t{0} - static_cast<std::uint64_t>(money.minor)
                             : static_cast<std::uint64_t>(money.minor);
  const auto unsigned_scale = static_cast<std::uint64_t>(scale);
  const std::string_view sign = money.minor < 0 ? "-" : "";
  if (digits == 0) return fmt::format("{}{} {}", sign, magnitude, money.currency);
  return fmt::format("{}{}.{:0{}} {}", sign, magnitude / unsigned_scale, magnitude % unsigned_scale,
                     digits, money.currency);
}

}  // namespace croft
