#include "tests/fuzz/rules_fuzz.hpp"

#include <cstdlib>
#include <string>

#include "plans/pricing/quote.hpp"

namespace croft {

namespace {

using plans::PlanTerms;
using plans::Pricer;
using plans::Quote;

void promise(bool is_kept) {
  if (!is_kept) std::abort();
}

Result<PlanTerms> terms_of(std::string_view rule) {
  static const auto spec = std::make_shared<const Value>(
      parse_json(R"({"price":{"amount":"9.00","currency":"USD","per":"month"},"rules":"fuzz.lua",
                     "includes":{"activeHours":100},
                     "rates":[{"meter":"activeHours","mode":"unit","amount":"0.04"}]})")
          .value());
  return plans::make_terms(
      "fuzz", spec, [&](std::string_view) -> Result<std::string> { return std::string(rule); });
}

plans::PricedSet resources() {
  plans::PricedSet set;
  for (const char* name : {"a", "b"}) {
    plans::PricedResource resource;
    resource.footprint = {.ref = {"t", Kind::Instance, name}, .provider = "p", .cpu_millis = 250};
    resource.usage = {.active_seconds = 730 * 3600, .storage_bytes = 1 << 30};
    set.add(resource);
  }
  return set;
}

Pricer& pricer() {
  static Pricer one = Pricer::make().value();
  return one;
}

void check_sum(const Quote& quote) {
  __extension__ __int128 sum = 0;
  for (const plans::QuoteLine& line : quote.lines) {
    sum += line.amount.minor;
    promise(line.amount.currency == "USD");
    if (line.rate.empty()) continue;
    const Result<Money> again = charge(line.rate, line.quantity, line.per, "USD");
    promise(again && *again == line.amount);
  }
  promise(sum == quote.total.minor);
}

}  // namespace

void fuzz_rules(std::string_view bytes) {
  std::string text(bytes);
  if (!bytes.starts_with("--") && !bytes.starts_with("return"))
    text = "return {api = 1, price = function(plan, resources, usage, period) return " + text +
           " end}";
  const Result<PlanTerms> terms = terms_of(text);
  if (!terms) return;
  const plans::PricedSet set = resources();
  const Result<Quote> once = pricer().quote(*terms, set);
  const Result<Quote> again = pricer().quote(*terms, set);
  promise(once.has_value() == again.has_value());
  if (once) {
    promise(*once == *again);
    check_sum(*once);
  } else {
    promise(once.error().describe() == again.error().describe());
  }
  static const PlanTerms good =
      terms_of("return {api = 1, price = function() return {{text = 'x', amount = 42}} end}")
          .value();
  promise(pricer().quote(good, set).value().total.minor == 42);
}

}  // namespace croft
