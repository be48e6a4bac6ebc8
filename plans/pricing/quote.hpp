#pragma once

#include <memory>
#include <vector>

#include "core/base/result.hpp"
#include "plans/pricing/price.hpp"
#include "plans/terms.hpp"

namespace croft::plans {

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
  std::vector<lua::Row> resources_;
};

/// What pricing rules run in: the sandbox of rules with the global `pricing`. Unavailable if there
/// is no memory.
Result<std::unique_ptr<lua::Sandbox>> make_pricing_sandbox(
    std::shared_ptr<lua::Coverage> coverage = nullptr);

/// Asks pricing rules. Keeps a Lua sandbox: one thread at a time. A call takes some microseconds,
/// and ends by the sandbox's budget if the rule does not end by itself.
class Pricer {
 public:
  /// Unavailable if there is no memory. `coverage` is told of the lines of rules that run.
  static Result<Pricer> make(std::shared_ptr<lua::Coverage> coverage = nullptr);

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
