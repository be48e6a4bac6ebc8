#pragma once

#include <memory>
#include <string>

#include "cli/lua/rule_bench.hpp"
#include "plans/pricing/quote.hpp"

namespace croft::cli {

/// Prices what a test of a pricing rule says, by the rule under test.
class PricingBench final : public RuleBench {
 public:
  /// `file` ends with ".lua": it stands in errors. Unavailable if there is no memory.
  static Result<PricingBench> make(std::string file, std::string source,
                                   std::shared_ptr<lua::Coverage> coverage);

  std::string_view words() const override { return "pricing rule"; }
  std::string_view question() const override { return "quote"; }
  Result<void> check() override;

  /// {plan, resources, usage, months}, all of it optional, under the names of lua/meta/pricing.lua;
  /// gives {total, currency, lines, notices}.
  Result<Value> answer(const Value& given) override;

 private:
  PricingBench(std::string file, std::string source, plans::Pricer pricer)
      : file_(std::move(file)), source_(std::move(source)), pricer_(std::move(pricer)) {}
  Result<plans::PlanTerms> terms_of(const Value* plan) const;

  std::string file_;
  std::string source_;
  plans::Pricer pricer_;
};

}  // namespace croft::cli
