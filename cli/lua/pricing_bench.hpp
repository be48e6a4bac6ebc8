#pragma once

#include <memory>
#include <string>

#include "core/base/result.hpp"
#include "core/base/value.hpp"
#include "plans/pricing/quote.hpp"

namespace croft::cli {

/// Prices what a test of a pricing rule says, by the rule under test.
class PricingBench {
 public:
  /// `file` ends with ".lua": it stands in errors. Unavailable if there is no memory.
  static Result<PricingBench> make(std::string file, std::string source,
                                   std::shared_ptr<lua::Coverage> coverage);

  /// Whether it is a rule at all, by an example.
  Result<void> check();

  /// {plan, resources, usage, months}, all of it optional, under the names of lua/meta/pricing.lua;
  /// gives {value = {total, currency, lines, notices}} or {err}. Invalid for what the test does
  /// wrong.
  Result<Value> quote(const Value& given);

 private:
  PricingBench(std::string file, std::string source, plans::Pricer pricer)
      : file_(std::move(file)), source_(std::move(source)), pricer_(std::move(pricer)) {}
  Result<plans::PlanTerms> terms_of(const Value* plan) const;

  std::string file_;
  std::string source_;
  plans::Pricer pricer_;
};

}  // namespace croft::cli
