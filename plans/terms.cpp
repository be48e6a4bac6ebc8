#include "plans/terms.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "core/base/embedded.hpp"
#include "core/base/id.hpp"
#include "core/base/suggest.hpp"

namespace croft {
std::span<const EmbeddedText> embedded_pricing_rules();  // made by croft_embed()
}

namespace croft::plans {

namespace {

/// The rule of a plan that names none.
std::string default_rule(const Value& spec) {
  if (spec.find("rates") != nullptr) return "tiered";
  return spec.text_or("price.per", "") == "hour" ? "hourly" : "flat";
}

bool is_path(std::string_view rule) { return rule.ends_with(".lua"); }

Result<std::string> text_of_rule(const std::string& name, const ReadScript& read) {
  if (is_path(name)) return read(name);
  const std::string_view text = shipped_rule(name);
  if (!text.empty()) return std::string(text);
  const std::vector<std::string> names = shipped_rules();
  const std::optional<std::string> near = closest_word(name, names);
  return fail(Error(ErrorCode::NotFound, fmt::format("there is no rule '{}'", name))
                  .with_hint(near ? fmt::format("did you mean '{}'?", *near)
                                  : fmt::format("those that come with Croft are {}",
                                                fmt::join(names, ", "))));
}

/// The parts of the spec that money depends on, under the names that they have in manifests.
Value seen_by_rule(const std::string& name, const Value& spec) {
  Value plan = Value::map({{"name", name}});
  for (const char* part : {"price", "includes", "rates", "quotas"}) {
    if (const Value* found = spec.find(part)) plan.set(part, *found);
  }
  return plan;
}

}  // namespace

std::vector<std::string> shipped_rules() {
  std::vector<std::string> names;
  for (const EmbeddedText& rule : embedded_pricing_rules()) names.emplace_back(rule.name);
  std::ranges::sort(names);
  return names;
}

std::string_view shipped_rule(std::string_view name) {
  const auto rules = embedded_pricing_rules();
  const auto found = std::ranges::find(rules, name, &EmbeddedText::name);
  return found == rules.end() ? std::string_view() : found->text;
}

std::string rule_path_of(const Value& spec) {
  const std::string rule = spec.text_or("rules", "");
  return is_path(rule) ? rule : "";
}

Result<PlanTerms> make_terms(std::string name, std::shared_ptr<const Value> spec,
                             const ReadScript& read) {
  PlanTerms terms;
  terms.name = std::move(name);
  terms.spec = std::move(spec);
  terms.currency = terms.spec->text_or("price.currency", "");
  terms.seen_by_rule = std::make_shared<const Value>(seen_by_rule(terms.name, *terms.spec));
  if (terms.currency.empty()) {
    terms.digest = sha256_hex(to_json(*terms.seen_by_rule));
    return terms;
  }
  const std::string rule = terms.spec->text_or("rules", default_rule(*terms.spec));
  TRY_ASSIGN(const std::string text, text_of_rule(rule, read));
  const std::string file = is_path(rule) ? rule : rule + ".lua";
  TRY_ASSIGN(lua::Script script, lua::Script::compile(file, text));
  terms.rule = std::make_shared<const Rule>(
      Rule{.name = rule, .script = std::move(script), .digest = sha256_hex(text)});
  terms.digest = sha256_hex(to_json(*terms.seen_by_rule) + terms.rule->digest);
  return terms;
}

}  // namespace croft::plans
