#include "plans/health_rule.hpp"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "core/base/id.hpp"

namespace croft::plans {

namespace {

constexpr lua::Limits kLimits{.memory_bytes = 16 << 20, .instructions = 1'000'000};
constexpr std::array<std::string_view, 3> kWords = {"Passing", "Failing", "Unknown"};

/// A word, or a list of the word and a message.
Result<HealthVerdict> read_verdict(const Value& returned) {
  const Value* word = &returned;
  HealthVerdict verdict;
  if (returned.is_list() && returned.size() >= 1) {
    word = &returned.as_list()[0];
    if (returned.size() > 1 && returned.as_list()[1].is_text())
      verdict.message = returned.as_list()[1].as_text();
  }
  const bool is_word =
      word->is_text() && std::ranges::find(kWords, word->as_text()) != kWords.end();
  if (!is_word)
    return fail(Error(ErrorCode::Invalid, "a health rule returned neither of its three words")
                    .with_hint("return \"Passing\", \"Failing\" or \"Unknown\", and a message"));
  verdict.health = word->as_text();
  return verdict;
}

Value to_value(const HealthFacts& facts) {
  Value value = Value::map({{"ref", local_name(facts.ref)},
                            {"kind", to_string(facts.ref.kind)},
                            {"name", facts.ref.name},
                            {"phase", facts.phase},
                            {"health", facts.health},
                            {"reason", facts.reason},
                            {"message", facts.message},
                            {"restarts", facts.restarts},
                            {"fields", facts.fields ? *facts.fields : Value::map()}});
  if (facts.started_at) value.set("started_at", facts.started_at->time_since_epoch().count());
  return value;
}

}  // namespace

Result<std::shared_ptr<HealthRule>> HealthRule::make(const std::string& name, std::string_view text,
                                                     std::shared_ptr<lua::Coverage> coverage) {
  TRY_ASSIGN(lua::Script script, lua::Script::compile(name, text));
  TRY_ASSIGN(std::unique_ptr<lua::Sandbox> sandbox,
             lua::Sandbox::make(kLimits, {}, std::move(coverage)));
  TRY_ASSIGN(const Value api, sandbox->read(script, "api"));
  if (api != Value(kHealthApi)) {
    return fail(
        Error(ErrorCode::Invalid, fmt::format("{} says `api = {}`; this Croft has version {}", name,
                                              api.is_null() ? "nil" : to_json(api), kHealthApi))
            .with_hint("return {api = 1, Instance = function(observed) ... end}"));
  }
  return std::shared_ptr<HealthRule>(
      new HealthRule(std::move(script), std::move(sandbox), sha256_hex(text)));
}

Result<std::optional<HealthVerdict>> HealthRule::judge(const HealthFacts& facts) {
  const Value observed = to_value(facts);
  Result<Value> returned = sandbox_->call_all(script_, to_string(facts.ref.kind), {observed});
  if (!returned && returned.error().code() == ErrorCode::NotFound) return std::nullopt;
  if (!returned) return std::unexpected(std::move(returned.error()));
  TRY_ASSIGN(HealthVerdict verdict, read_verdict(*returned));
  return verdict;
}

}  // namespace croft::plans
