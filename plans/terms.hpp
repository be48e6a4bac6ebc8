#pragma once
// Room plans: what tenants may use and what it costs.
//
//   terms             a Plan, ready to be asked: its price, rates, quotas and its pricing rule
//   footprint         how much of a plan a resource takes up
//   pricing/price     what prices are made of
//   pricing/quote     what a set of resources costs under a plan, computed by its rule
//   pricing/basis     the usage that a quote stands on: what was measured, else always-on
//   pricing/delta     what each change of a set costs
//   admission/quotas  whether a plan allows what is asked for
//   admission/walls   whether its containers may do what they ask for
//   admission/policy  whether the operator's own rule does
//   health_rule       the operator's judgement of what a provider runs
//   rules/*.lua       the pricing rules that come with Croft
//
// Pure: no I/O, no clock. The same terms and resources give the same bytes on every machine.

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/result.hpp"
#include "core/base/value.hpp"
#include "lua/engine/sandbox.hpp"

namespace croft::plans {

/// A script with what it is known by.
struct Rule {
  std::string name;  ///< "hourly", or "rules/mine.lua"
  lua::Script script;
  std::string digest;  ///< of its text
};

/// A Plan as admission and pricing read it. A value, cheap to copy.
struct PlanTerms {
  std::string name;
  std::shared_ptr<const Value> spec;          ///< as declared
  std::shared_ptr<const Value> seen_by_rule;  ///< what a rule gets of it
  std::string currency;                       ///< empty: the plan has no price
  std::shared_ptr<const Rule> rule;           ///< null: the plan has no price
  /// Of all that decides what it costs: the price, rates, what is included, the rule's text.
  std::string digest;

  bool has_price() const { return rule != nullptr; }
};

/// Reads a Lua file of the platform's manifests by its path. NotFound if there is none.
using ReadScript = std::function<Result<std::string>(std::string_view path)>;

/// Takes a Plan's spec and its rule. Fails (NotFound, Invalid) for a rule that is not there, is no
/// Lua, or was written for another version of the pricing API; the message goes on from
/// "spec.rules". Deterministic.
Result<PlanTerms> make_terms(std::string name, std::shared_ptr<const Value> spec,
                             const ReadScript& read);

/// The names of the rules that come with Croft, sorted.
std::vector<std::string> shipped_rules();
/// The text of one, or nothing.
std::string_view shipped_rule(std::string_view name);

/// The paths of the scripts that a Plan's spec names, for whoever reads them ahead.
std::string rule_path_of(const Value& spec);

}  // namespace croft::plans
