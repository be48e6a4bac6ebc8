#include "plans/pricing/delta.hpp"

namespace croft::plans {

namespace {

Money difference(const Money& after, const Money& before) {
  return {.minor = after.minor - before.minor, .currency = after.currency};
}

class DeltaPricer {
 public:
  DeltaPricer(Pricer& pricer, const PlanTerms& terms, const std::vector<ResourceChange>& changes,
              Period period)
      : pricer_(pricer), terms_(terms), changes_(changes), period_(period) {}

  Result<SetPrice> run() {
    PricedSet before;
    for (const ResourceChange& change : changes_) {
      if (change.before) before.add(*change.before);
      if (change.after) after_.add(*change.after);
    }
    SetPrice price;
    TRY_ASSIGN(price.before, quote(before));
    TRY_ASSIGN(price.after, quote(after_));
    total_ = price.after.total;
    price.delta = difference(price.after.total, price.before.total);
    price.shared = price.delta;
    price.changes.reserve(changes_.size());
    std::size_t index = 0;
    for (const ResourceChange& change : changes_) {
      TRY_ASSIGN(ChangePrice one, price_of(change, index));
      price.shared = difference(price.shared, one.delta);
      price.changes.push_back(std::move(one));
      if (change.after) ++index;
    }
    return price;
  }

 private:
  Result<Quote> quote(const PricedSet& set) { return pricer_.quote(terms_, set, period_); }

  /// `index` is where the changed resource is, or would be, in the set after.
  Result<ChangePrice> price_of(const ResourceChange& change, std::size_t index) {
    const Money nothing{.minor = 0, .currency = terms_.currency};
    ChangePrice price{.before = nothing, .after = nothing, .delta = nothing};
    if (change.before == change.after) return price;
    PricedSet without = after_;
    if (change.after) without.erase(index);
    if (change.after) {
      TRY_ASSIGN(const Quote rest, quote(without));
      price.after = difference(total_, rest.total);
      price.delta = price.after;
    }
    if (change.before) {
      PricedSet unchanged = change.after ? after_ : without;
      if (change.after) {
        unchanged.replace(index, *change.before);
      } else {
        unchanged.add(*change.before);
      }
      TRY_ASSIGN(const Quote with, quote(unchanged));
      price.delta = difference(total_, with.total);
      price.before = difference(price.after, price.delta);
    }
    return price;
  }

  Pricer& pricer_;
  const PlanTerms& terms_;
  const std::vector<ResourceChange>& changes_;
  Period period_;
  PricedSet after_;
  Money total_;
};

}  // namespace

Result<SetPrice> price_changes(Pricer& pricer, const PlanTerms& terms,
                               const std::vector<ResourceChange>& changes, Period period) {
  return DeltaPricer(pricer, terms, changes, period).run();
}

}  // namespace croft::plans
