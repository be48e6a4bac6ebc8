#include <algorithm>

#include <fmt/format.h>

#include "core/base/money.hpp"
#include "core/resource/kind_checks.hpp"

namespace croft {

namespace {

std::optional<Error> invalid(std::string message) {
  return Error(ErrorCode::Invalid, std::move(message));
}

/// Tiers rise, and only the last one has no end.
std::vector<FieldProblem> check_tiers(const Value& tiers) {
  std::vector<FieldProblem> problems;
  std::int64_t before = 0;
  const Value::List& list = tiers.as_list();
  for (std::size_t i = 0; i < list.size(); ++i) {
    const std::string path = fmt::format("tiers[{}].upTo", i);
    const bool is_last = i + 1 == list.size();
    const Value* up_to = list[i].find("upTo");
    if ((up_to == nullptr) != is_last) {
      problems.push_back({path, is_last ? "must not be given: the last tier has no end"
                                        : "is required: only the last tier has no end"});
      continue;
    }
    if (up_to == nullptr || !up_to->is_integer()) continue;
    if (up_to->as_integer() <= before)
      problems.push_back(
          {path, fmt::format("must be more than {}, where the tier before ends", before)});
    before = up_to->as_integer();
  }
  return problems;
}

}  // namespace

std::optional<Error> check_rate(const Value& value) {
  // Any currency will do: only the form is judged here.
  const Result<Money> money = charge(value.as_text(), "1", 1, "USD");
  if (!money) return invalid(fmt::format("must be a decimal number: {}", money.error().message()));
  if (value.as_text().starts_with('-'))
    return invalid(fmt::format("must not be negative, got '{}'", value.as_text()));
  return std::nullopt;
}

std::optional<Error> check_lua_path(const Value& value) {
  if (value.as_text().ends_with(".lua")) return check_relative_path(value);
  return invalid(fmt::format("must be a path that ends in .lua, got '{}'", value.as_text()));
}

std::optional<Error> check_rules_name(const Value& value) {
  const std::string& name = value.as_text();
  if (name.ends_with(".lua")) return check_relative_path(value);
  if (!check_resource_name(value)) return std::nullopt;
  return invalid(fmt::format(
      "must be the name of a rule that comes with Croft, or a path that ends in .lua, got '{}'",
      name));
}

std::vector<FieldProblem> check_rate_fields(const Value& rate) {
  const std::string mode = rate.text_or("mode", "unit");
  const bool is_tiered = mode == "graduated" || mode == "volume";
  std::vector<FieldProblem> problems;
  const auto want = [&](const std::string& field, bool is_wanted) {
    const bool is_there = rate.find(field) != nullptr;
    if (is_there == is_wanted) return;
    const std::string_view verdict = is_wanted ? "is required" : "has no meaning";
    problems.push_back({field, fmt::format("{} for mode '{}'", verdict, mode)});
  };
  want("tiers", is_tiered);
  want("amount", !is_tiered);
  want("size", mode == "package");
  const Value* tiers = rate.find("tiers");
  if (tiers != nullptr && tiers->is_list()) {
    for (FieldProblem& problem : check_tiers(*tiers)) problems.push_back(std::move(problem));
  }
  return problems;
}

std::vector<FieldProblem> check_plan(const Value& spec) {
  std::vector<FieldProblem> problems;
  for (const char* field : {"rates", "rules"}) {
    if (spec.find(field) == nullptr || spec.find("price") != nullptr) continue;
    problems.push_back({field, "needs `price`, which says the currency; its amount may be \"0\""});
  }
  const Value* rates = spec.find("rates");
  if (rates == nullptr || !rates->is_list()) return problems;
  std::vector<std::string> meters;
  for (std::size_t i = 0; i < rates->size(); ++i) {
    const std::string meter = rates->as_list()[i].text_or("meter", "");
    if (std::find(meters.begin(), meters.end(), meter) != meters.end())
      problems.push_back(
          {fmt::format("rates[{}].meter", i), fmt::format("'{}' has a rate already", meter)});
    meters.push_back(meter);
  }
  return problems;
}

}  // namespace croft
