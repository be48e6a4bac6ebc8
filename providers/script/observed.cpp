#include "providers/script/observed.hpp"

#include <array>

#include <fmt/format.h>

#include "core/base/suggest.hpp"

namespace croft::script {

namespace {

constexpr std::array<std::string_view, 9> kPhases = {"Created",   "Starting", "Running",
                                                     "Asleep",    "Stopping", "Stopped",
                                                     "Completed", "Failed",   "Destroyed"};

/// One entry of the list, with its place for errors.
class Entry {
 public:
  Entry(const Value& table, std::size_t index) : table_(table), index_(index) {}

  std::unexpected<Error> refuse(std::string_view field, std::string_view why) const {
    return fail(ErrorCode::Internal,
                fmt::format("observe() returned [{}].{}: {}", index_ + 1, field, why));
  }

  Result<std::string> text(const char* field, bool is_required) const {
    const Value* value = table_.find(field);
    if (value == nullptr || value->is_null()) {
      if (is_required) return refuse(field, "is missing");
      return std::string();
    }
    if (!value->is_text()) return refuse(field, "must be a text");
    return value->as_text();
  }

  Result<std::int64_t> integer(const char* field) const {
    const Value* value = table_.find(field);
    if (value == nullptr || value->is_null()) return 0;
    if (value->is_real()) return static_cast<std::int64_t>(value->as_real());
    if (!value->is_integer()) return refuse(field, "must be a number");
    return value->as_integer();
  }

  Result<Observed> read() const {
    static constexpr std::array<std::string_view, 12> kFields = {
        "uid",      "ref",    "intent",  "spec_digest", "phase",      "fields",
        "endpoint", "reason", "message", "health",      "started_at", "restarts"};
    if (!table_.is_map())
      return fail(ErrorCode::Internal,
                  fmt::format("observe() returned no table at [{}]", index_ + 1));
    for (const Value::Entry& entry : table_.as_map()) {
      if (std::ranges::find(kFields, entry.key) == kFields.end()) {
        return refuse(entry.key, "there is no such field " + did_you_mean(entry.key, kFields));
      }
    }
    Observed observed;
    TRY_ASSIGN(observed.uid, text("uid", true));
    TRY_ASSIGN(observed.intent, text("intent", false));
    TRY_ASSIGN(observed.spec_digest, text("spec_digest", false));
    TRY_ASSIGN(observed.reason, text("reason", false));
    TRY_ASSIGN(observed.message, text("message", false));
    TRY(read_ref(observed));
    TRY(read_state(observed));
    if (const Value* fields = table_.find("fields"); fields != nullptr && !fields->is_null()) {
      if (!fields->is_map() && fields->size() > 0) return refuse("fields", "must be a map");
      observed.fields = std::make_shared<const Value>(fields->is_map() ? *fields : Value::map());
    }
    return observed;
  }

 private:
  Result<void> read_ref(Observed& observed) const {
    TRY_ASSIGN(const std::string name, text("ref", true));
    Result<Ref> ref = parse_ref(name);
    if (!ref) return refuse("ref", ref.error().message());
    observed.ref = std::move(*ref);
    TRY_ASSIGN(const std::string endpoint, text("endpoint", false));
    Result<Endpoint> parsed = parse_endpoint(endpoint);
    if (!parsed) return refuse("endpoint", parsed.error().message());
    observed.endpoint = std::move(*parsed);
    return {};
  }

  Result<void> read_state(Observed& observed) const {
    TRY_ASSIGN(const std::string name, text("phase", true));
    const auto phase = phase_from(name);
    if (!phase)
      return refuse("phase", fmt::format("'{}' is no phase {}", name, did_you_mean(name, kPhases)));
    observed.phase = *phase;
    TRY_ASSIGN(const std::string health, text("health", false));
    if (health == "Passing") {
      observed.health = Health::Passing;
    } else if (health == "Failing") {
      observed.health = Health::Failing;
    } else if (!health.empty() && health != "Unknown") {
      return refuse("health", "must be Passing, Failing or Unknown");
    }
    TRY_ASSIGN(const std::int64_t started, integer("started_at"));
    if (started > 0) observed.started_at = Timestamp(Duration(started));
    TRY_ASSIGN(const std::int64_t restarts, integer("restarts"));
    observed.restarts = static_cast<int>(restarts);
    return {};
  }

  const Value& table_;
  std::size_t index_;
};

}  // namespace

Result<std::vector<Observed>> read_observed(const Value& list) {
  if (!list.is_list()) return fail(ErrorCode::Internal, "observe() returned no list");
  std::vector<Observed> all;
  all.reserve(list.size());
  for (std::size_t i = 0; i < list.size(); ++i) {
    TRY_ASSIGN(Observed one, Entry(list.as_list()[i], i).read());
    all.push_back(std::move(one));
  }
  return all;
}

Result<Capabilities> read_capabilities(const Value& table, bool has_logs) {
  static constexpr std::array<std::string_view, 6> kKnown = {"workloads", "volumes",  "logs",
                                                             "files",     "in_place", "missing"};
  if (!table.is_map()) return fail(ErrorCode::Invalid, "capabilities() returned no table");
  for (const Value::Entry& entry : table.as_map()) {
    if (std::ranges::find(kKnown, entry.key) != kKnown.end()) continue;
    return fail(Error(ErrorCode::Invalid,
                      fmt::format("capabilities() returned '{}', which is none", entry.key))
                    .with_hint(did_you_mean(entry.key, kKnown)));
  }
  Capabilities capabilities;
  capabilities.workloads = table.boolean_or("workloads", false);
  capabilities.volumes = table.boolean_or("volumes", false);
  capabilities.logs = table.boolean_or("logs", false);
  if (capabilities.logs && !has_logs)
    return fail(ErrorCode::Invalid, "capabilities() has logs, but there is no function 'logs'");
  const Value* missing = table.find("missing");
  for (std::size_t i = 0; missing != nullptr && i < missing->size(); ++i) {
    const Value* one = missing->is_list() ? &missing->as_list()[i] : nullptr;
    if (one == nullptr || one->text_or("what", "").empty() || one->text_or("why", "").empty())
      return fail(ErrorCode::Invalid, "capabilities().missing must be a list of {what, why}");
    capabilities.missing.push_back({one->text_or("what", ""), one->text_or("why", "")});
  }
  return capabilities;
}

Value effect_value(const Effect& effect, std::optional<DataPolicy> data) {
  Value value = Value::map(
      {{"intent", effect.intent},
       {"uid", effect.uid},
       {"ref", to_string(effect.ref)},
       {"tenant", Value::map({{"uid", effect.tenant.uid}, {"name", effect.tenant.name}})},
       {"kind", to_string(effect.ref.kind)},
       {"name", effect.ref.name},
       {"allow_egress", effect.allow_egress},
       {"deadline_ms", std::int64_t{effect.deadline.count()}},
       {"labels", Value::map({{"croft.uid", effect.uid},
                              {"croft.ref", to_string(effect.ref)},
                              {"croft.intent", effect.intent}})}});
  if (effect.spec) {
    value.set("spec", *effect.spec);
    value.set("spec_digest", effect.spec_digest);
    value.find("labels")->set("croft.spec", effect.spec_digest);
  }
  if (data) value.set("erase_data", *data == DataPolicy::Erase);
  return value;
}

}  // namespace croft::script
