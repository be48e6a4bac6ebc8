#include "plans/admission/policy.hpp"

#include <fmt/format.h>

namespace croft::plans {

namespace {

constexpr lua::Limits kLimits{.memory_bytes = 16 << 20, .instructions = 2'000'000};

Result<PolicyVerdict> read_verdict(const Value& returned) {
  const auto refuse = [](std::string_view why) {
    return fail(Error(ErrorCode::Invalid, fmt::format("admit() {}", why))
                    .with_hint("return nothing, {warn = \"why\"} or {deny = \"why\"}"));
  };
  if (returned.is_null()) return PolicyVerdict{};
  if (returned.is_list() && returned.size() == 0) return PolicyVerdict{};
  const bool has_one_word = returned.is_map() && returned.size() == 1;
  if (!has_one_word) return refuse("returned neither nothing nor one verdict");
  const Value::Entry& entry = returned.as_map().front();
  if (entry.key != "deny" && entry.key != "warn")
    return refuse(fmt::format("returned the verdict '{}', which there is not", entry.key));
  if (!entry.value.is_text() || entry.value.as_text().empty())
    return refuse(fmt::format("gave no reason for '{}'", entry.key));
  const auto word = entry.key == "deny" ? PolicyVerdict::Word::Deny : PolicyVerdict::Word::Warn;
  return PolicyVerdict{.word = word, .reason = entry.value.as_text()};
}

}  // namespace

Result<std::shared_ptr<Policy>> Policy::make(std::string_view text, std::string_view name,
                                             std::shared_ptr<lua::Coverage> coverage) {
  TRY_ASSIGN(lua::Script script, lua::Script::compile(std::string(name), text));
  TRY_ASSIGN(std::unique_ptr<lua::Sandbox> sandbox,
             lua::Sandbox::make(kLimits, {}, std::move(coverage)));
  TRY_ASSIGN(const Value api, sandbox->read(script, "api"));
  if (api != Value(kPolicyApi)) {
    return fail(
        Error(ErrorCode::Invalid, fmt::format("{} says `api = {}`; this Croft has version {}", name,
                                              api.is_null() ? "nil" : to_json(api), kPolicyApi))
            .with_hint("return {api = 1, admit = function(resource, tenant) ... end}"));
  }
  return std::shared_ptr<Policy>(new Policy(std::move(script), std::move(sandbox)));
}

Result<PolicyVerdict> Policy::judge(const PolicySubject& subject) {
  const Value resource = Value::map({{"ref", local_name(subject.ref)},
                                     {"kind", to_string(subject.ref.kind)},
                                     {"name", subject.ref.name},
                                     {"provider", subject.provider},
                                     {"spec", subject.spec ? *subject.spec : Value::map()}});
  const Value tenant = Value::map({{"name", subject.tenant}, {"plan", subject.plan}});
  TRY_ASSIGN(const Value returned, sandbox_->call(script_, "admit", {resource, tenant}));
  return read_verdict(returned);
}

}  // namespace croft::plans
