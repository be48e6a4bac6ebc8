#pragma once
// What prices are made of: plain values, without the machinery that computes them.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/base/money.hpp"
#include "plans/footprint.hpp"

namespace croft::plans {

/// Over a period, of one resource or of several together. What nobody measured and nobody assumed
/// is not there: a rule finds nil, never an invented zero.
struct Usage {
  std::optional<std::int64_t> active_seconds;
  std::optional<std::int64_t> storage_bytes;  ///< the time average
  std::optional<std::int64_t> egress_bytes;
  std::optional<std::int64_t> requests;

  bool operator==(const Usage&) const = default;
};
/// What is known of either, added up.
Usage operator+(const Usage& a, const Usage& b);

/// A resource as money sees it. Two that are equal here cost the same.
struct PricedResource {
  Footprint footprint;
  Usage usage;

  bool operator==(const PricedResource&) const = default;
};

/// The version of what rules get and return; a rule names it as `api`.
inline constexpr std::int64_t kPricingApi = 1;

/// A length of time, in months of 730 hours.
struct Period {
  std::int64_t months = 1;

  static constexpr std::int64_t kHoursAMonth = 730;
  std::int64_t hours() const { return months * kHoursAMonth; }
  std::int64_t seconds() const { return hours() * 3600; }
};

/// One line: either an amount, or rate × quantity ÷ per, rounded once.
struct QuoteLine {
  std::string text;      ///< "plan studio"
  std::string resource;  ///< "Instance/api", or empty for what they share
  std::string meter;     ///< "activeHours", or empty
  std::string rate;      ///< "0.15", as the rule gave it; empty for a plain amount
  std::string quantity;  ///< "86400"
  std::int64_t per = 1;  ///< how many of the quantity make a unit: 3600
  std::string unit;      ///< "hour"
  Money amount;

  bool operator==(const QuoteLine&) const = default;
};

struct Quote {
  std::vector<QuoteLine> lines;      ///< in the order of the rule
  Money total;                       ///< the sum of the lines
  std::vector<std::string> notices;  ///< what the rule says beside

  bool operator==(const Quote&) const = default;
};

/// What one change costs, given all the others: what is paid with it less what is paid without it.
struct ChangePrice {
  Money before;
  Money after;
  Money delta;  ///< after - before

  bool operator==(const ChangePrice&) const = default;
};

/// What a set of changes costs.
struct SetPrice {
  Quote before;
  Quote after;
  Money delta;                       ///< after.total - before.total
  std::vector<ChangePrice> changes;  ///< as they were given
  /// What the deltas of the changes do not add up to: what allowances that resources share absorb,
  /// or what several changes cost only together.
  Money shared;
};

}  // namespace croft::plans
