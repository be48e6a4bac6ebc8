#pragma once

#include <string>

#include <gtest/gtest.h>

#include "core/base/value.hpp"
#include "plans/pricing/quote.hpp"

namespace croft::plans {

inline Result<std::string> no_scripts(std::string_view path) {
  return fail(ErrorCode::NotFound, "there is no file " + std::string(path));
}

/// Terms from a Plan's spec in its checked form, as JSON; with a rule of its own if one is given.
inline PlanTerms terms_of(const std::string& spec, const std::string& rule = {}) {
  Value value = parse_json(spec).value();
  if (!rule.empty()) value.set("rules", "rules/own.lua");
  Result<PlanTerms> terms =
      make_terms("studio", std::make_shared<const Value>(std::move(value)),
                 [&](std::string_view path) -> Result<std::string> {
                   return rule.empty() ? no_scripts(path) : Result<std::string>(rule);
                 });
  EXPECT_TRUE(terms) << terms.error().describe();
  return terms.value_or(PlanTerms{});
}

inline PricedResource instance(const std::string& name, std::int64_t hours,
                               std::int64_t storage_gib = 0) {
  PricedResource resource;
  resource.footprint = {.ref = {"alice", Kind::Instance, name},
                        .provider = "local",
                        .cpu_millis = 250,
                        .memory_bytes = 128 << 20,
                        .storage_bytes = storage_gib << 30};
  resource.usage.active_seconds = hours * 3600;
  resource.usage.storage_bytes = resource.footprint.storage_bytes;
  return resource;
}

inline PricedSet set_of(const std::vector<PricedResource>& resources) {
  PricedSet set;
  for (const PricedResource& resource : resources) set.add(resource);
  return set;
}

/// "plan studio 9.00 | activeHours 0.80 | = 9.80 USD", or the error.
inline std::string told(const Result<Quote>& quote) {
  if (!quote) return quote.error().describe();
  std::string text;
  for (const QuoteLine& line : quote->lines) {
    text += line.text + (line.resource.empty() ? "" : " " + line.resource) + " " +
            format_amount(line.amount) + " | ";
  }
  return text + "= " + format_money(quote->total);
}

}  // namespace croft::plans
