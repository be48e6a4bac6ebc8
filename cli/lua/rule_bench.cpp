#include "cli/lua/rule_bench.hpp"

#include <fmt/format.h>

#include "cli/lua/adapter_bench.hpp"
#include "cli/lua/health_bench.hpp"
#include "cli/lua/policy_bench.hpp"
#include "cli/lua/pricing_bench.hpp"

namespace croft::cli {

namespace {

template <typename Bench>
Result<std::unique_ptr<RuleBench>> made(const ScriptUnderTest& script,
                                        std::shared_ptr<lua::Coverage> coverage) {
  TRY_ASSIGN(Bench bench, Bench::make(script.file, script.source, std::move(coverage)));
  return std::make_unique<Bench>(std::move(bench));
}

}  // namespace

Result<std::unique_ptr<RuleBench>> make_rule_bench(const ScriptUnderTest& script,
                                                   std::shared_ptr<lua::Coverage> coverage) {
  switch (script.kind) {
    case lua::ScriptKind::Policy:
      return made<PolicyBench>(script, std::move(coverage));
    case lua::ScriptKind::HealthRule:
      return made<HealthBench>(script, std::move(coverage));
    default:
      return made<PricingBench>(script, std::move(coverage));
  }
}

Result<Value> map_of(const Value* given, std::string_view what) {
  const bool is_empty =
      given == nullptr || given->is_null() || (given->is_list() && given->size() == 0);
  if (is_empty) return Value::map();
  if (given->is_map()) return *given;
  return fail(ErrorCode::Invalid, fmt::format("{} must be a table with names as keys", what));
}

Result<std::int64_t> count_of(const Value& map, std::string_view key, std::string_view what,
                              std::int64_t fallback) {
  const Value* value = map.find(key);
  if (value == nullptr) return fallback;
  if (value->is_integer() && value->as_integer() >= 0) return value->as_integer();
  return fail(ErrorCode::Invalid, fmt::format("{}.{} must be a whole number", what, key));
}

Value failed_answer(const Error& error, const std::string& file) {
  Error plain(error.code(), error.message());
  return Value::map({{"err", failure_for_test(std::move(plain).with_hint(error.hint()), {file})}});
}

}  // namespace croft::cli
