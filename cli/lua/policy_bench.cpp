#include "cli/lua/policy_bench.hpp"

#include <array>

#include <fmt/format.h>

#include "cli/lua/adapter_bench.hpp"
#include "core/manifest/document.hpp"

namespace croft::cli {

namespace {

/// What a spec cannot do without, where the test says nothing of it.
void complete(Value& spec, Kind kind) {
  if (kind == Kind::Site && spec.find("files") == nullptr)
    spec.set("files", Value::map({{"path", "public"}}));
  if (kind == Kind::Instance && spec.find("command") == nullptr)
    spec.set("command", Value(Value::List{"./web"}));
}

/// The spec as a tenant's manifest would have it: JSON is YAML.
Result<std::shared_ptr<const Value>> checked(const Ref& ref, const Value& spec) {
  const Value manifest = Value::map({{"apiVersion", "croft/v1"},
                                     {"kind", to_string(ref.kind)},
                                     {"metadata", Value::map({{"name", ref.name}})},
                                     {"spec", spec}});
  manifest::SpecPool pool;
  manifest::Diagnostics found;
  const manifest::ParsedFile parsed =
      manifest::read_documents("resource", to_json(manifest), {.tenant = ref.tenant}, pool, found);
  if (found.has_errors() || parsed.documents.empty()) {
    const manifest::Diagnostic& first = found.list.front();
    return fail(Error(ErrorCode::Invalid, "resource: " + first.message).with_hint(first.hint));
  }
  return parsed.documents.front().spec;
}

Result<plans::PolicySubject> subject_of(const Value& given) {
  static constexpr std::array<std::string_view, 2> kParts = {"resource", "tenant"};
  static constexpr std::array<std::string_view, 4> kOfResource = {"kind", "name", "provider",
                                                                  "spec"};
  static constexpr std::array<std::string_view, 2> kOfTenant = {"name", "plan"};
  TRY_ASSIGN(const Value order, map_of(&given, "what is asked"));
  TRY(check_keys(order, "what is asked", kParts));
  TRY_ASSIGN(const Value resource, map_of(order.find("resource"), "the resource"));
  TRY_ASSIGN(const Value tenant, map_of(order.find("tenant"), "the tenant"));
  TRY(check_keys(resource, "the resource", kOfResource));
  TRY(check_keys(tenant, "the tenant", kOfTenant));
  plans::PolicySubject subject;
  subject.tenant = tenant.text_or("name", "test");
  subject.plan = tenant.text_or("plan", "example");
  subject.provider = resource.text_or("provider", "local");
  const std::string ref =
      resource.text_or("kind", "Instance") + "/" + resource.text_or("name", "web");
  TRY_ASSIGN(subject.ref, while_doing(parse_ref(ref, subject.tenant), "the resource"));
  TRY_ASSIGN(Value spec, map_of(resource.find("spec"), "the resource's spec"));
  complete(spec, subject.ref.kind);
  TRY_ASSIGN(subject.spec, checked(subject.ref, spec));
  return subject;
}

}  // namespace

Result<PolicyBench> PolicyBench::make(std::string file, const std::string& source,
                                      std::shared_ptr<lua::Coverage> coverage) {
  TRY_ASSIGN(std::shared_ptr<plans::Policy> policy,
             plans::Policy::make(source, file, std::move(coverage)));
  return PolicyBench(std::move(file), std::move(policy));
}

Result<void> PolicyBench::check() {
  for (const char* kind : {"Instance", "Site"}) {
    const Value resource = Value::map({{"kind", kind}});
    TRY_ASSIGN(const plans::PolicySubject subject,
               subject_of(Value::map({{"resource", resource}})));
    TRY(policy_->judge(subject));
  }
  return {};
}

Result<Value> PolicyBench::answer(const Value& given) {
  TRY_ASSIGN(const plans::PolicySubject subject, subject_of(given));
  const Result<plans::PolicyVerdict> verdict = policy_->judge(subject);
  if (!verdict) return failed_answer(verdict.error(), file_);
  Value told = Value::map();
  if (verdict->word == plans::PolicyVerdict::Word::Warn) told.set("warn", verdict->reason);
  if (verdict->word == plans::PolicyVerdict::Word::Deny) told.set("deny", verdict->reason);
  return Value::map({{"value", std::move(told)}});
}

}  // namespace croft::cli
