#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/base/money.hpp"
#include "core/base/result.hpp"
#include "core/resource/ref.hpp"
#include "plans/terms.hpp"

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
  Ref ref;
  std::string provider;
  std::int64_t cpu_millis = 0;
  std::int64_t memory_bytes = 0;
  std::int64_t storage_bytes = 0;  ///< of its volumes
  std::int64_t hosts = 0;          ///< of its own, beside TENANT-NAME.DOMAIN
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
  std::vector<QuoteLine> lines;  ///< in the order of the rule
  Money total;                   ///< the sum of the lines
  std::vector<std::string> notices;  ///< what the rule says beside

  bool operator==(const Quote&) const = default;
};

/// Resources ready to be priced again and again, one more or one less: what a rule gets of each is
/// made once. A value, cheap to copy but for the list itself.
class PricedSet {
 public:
  void add(const PricedResource& resource);
  void replace(std::size_t index, const PricedResource& resource);
  void erase(std::size_t index);
  std::size_t size() const { return resources_.size(); }

 private:
  friend class Pricer;
  std::vector<std::shared_ptr<const Value>> resources_;
  std::vector<Usage> usages_;
};

/// Asks pricing rules. Keeps a Lua sandbox: one thread at a time. A call takes some microseconds,
/// and ends by the sandbox's budget if the rule does not end by itself.
class Pricer {
 public:
  /// Unavailable if there is no memory.
  static Result<Pricer> make();

  /// What the set costs for that long. Errors name the rule and its line: Invalid for what it does
  /// wrong (it raises, takes too long, returns what is no list of lines, gives money as a float),
  /// and for terms without a price.
  Result<Quote> quote(const PlanTerms& terms, const PricedSet& set, Period period = {});

  /// Whether the terms' rule can be used: it names the version of this API that it was written for,
  /// and prices an example. Errors as above.
  Result<void> check(const PlanTerms& terms);

  /// Bytes that the sandbox holds.
  std::size_t memory_used() const { return sandbox_->memory_used(); }

 private:
  explicit Pricer(std::unique_ptr<lua::Sandbox> sandbox) : sandbox_(std::move(sandbox)) {}
  std::unique_ptr<lua::Sandbox> sandbox_;
};

}  // namespace croft::plans
