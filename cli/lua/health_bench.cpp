#include "cli/lua/health_bench.hpp"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "cli/lua/adapter_bench.hpp"
#include "core/base/suggest.hpp"
#include "core/resource/status.hpp"

namespace croft::cli {

namespace {

constexpr std::array<std::string_view, 3> kWords = {"Passing", "Failing", "Unknown"};

Result<plans::HealthFacts> facts_of(const Value& given) {
  static constexpr std::array<std::string_view, 9> kKeys = {
      "kind", "name", "phase", "health", "reason", "message", "restarts", "started_at", "fields"};
  TRY_ASSIGN(const Value order, map_of(&given, "what is observed"));
  TRY(check_keys(order, "what is observed", kKeys));
  plans::HealthFacts facts;
  const std::string ref = order.text_or("kind", "Instance") + "/" + order.text_or("name", "web");
  TRY_ASSIGN(facts.ref, while_doing(parse_ref(ref, "test"), "what is observed"));
  facts.phase = order.text_or("phase", "Running");
  facts.health = order.text_or("health", "Passing");
  facts.reason = order.text_or("reason", "");
  facts.message = order.text_or("message", "");
  if (std::ranges::find(kWords, facts.health) == kWords.end()) {
    return fail(Error(ErrorCode::Invalid, fmt::format("no health is called '{}'", facts.health))
                    .with_hint(did_you_mean(facts.health, kWords)));
  }
  if (!phase_from(facts.phase))
    return fail(ErrorCode::Invalid, fmt::format("no phase is called '{}'", facts.phase));
  TRY_ASSIGN(facts.restarts, count_of(order, "restarts", "observed", 0));
  if (order.find("started_at") != nullptr) {
    TRY_ASSIGN(const std::int64_t since, count_of(order, "started_at", "observed", 0));
    facts.started_at = Timestamp(Duration(since));
  }
  TRY_ASSIGN(Value fields, map_of(order.find("fields"), "observed.fields"));
  facts.fields = std::make_shared<const Value>(std::move(fields));
  return facts;
}

}  // namespace

Result<HealthBench> HealthBench::make(std::string file, const std::string& source,
                                      std::shared_ptr<lua::Coverage> coverage) {
  TRY_ASSIGN(std::shared_ptr<plans::HealthRule> rule,
             plans::HealthRule::make(file, source, std::move(coverage)));
  return HealthBench(std::move(file), std::move(rule));
}

Result<void> HealthBench::check() {
  bool judges_any = false;
  for (const char* kind : {"Instance", "Site"}) {
    TRY_ASSIGN(const plans::HealthFacts facts, facts_of(Value::map({{"kind", kind}})));
    TRY_ASSIGN(const std::optional<plans::HealthVerdict> verdict, rule_->judge(facts));
    judges_any = judges_any || verdict.has_value();
  }
  if (judges_any) return {};
  return fail(Error(ErrorCode::Invalid, file_ + ": it judges neither Instances nor Sites")
                  .with_hint("return {api = 1, Instance = function(observed) ... end}"));
}

Result<Value> HealthBench::answer(const Value& given) {
  TRY_ASSIGN(const plans::HealthFacts facts, facts_of(given));
  const Result<std::optional<plans::HealthVerdict>> verdict = rule_->judge(facts);
  if (!verdict) return failed_answer(verdict.error(), file_);
  if (!*verdict) return Value::map({{"value", Value()}});
  Value told = Value::map({{"health", (*verdict)->health}});
  if (!(*verdict)->message.empty()) told.set("message", (*verdict)->message);
  return Value::map({{"value", std::move(told)}});
}

}  // namespace croft::cli
