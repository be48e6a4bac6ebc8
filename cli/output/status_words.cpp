#include "cli/output/status_words.hpp"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "core/resource/kinds.hpp"

namespace croft::cli {

namespace {

struct Advice {
  std::string_view reason;
  std::string_view text;  ///< {0} is the ref
};

// What a person can do about each reason; a reason that is not here has no better advice than its
// message.
constexpr std::array kAdvice{
    Advice{"CrashLoop", "croft logs {0}; mend the command or what it needs, and push"},
    Advice{"OutOfMemory", "croft logs {0}; give it more in spec.resources.memory, and push"},
    Advice{"Unhealthy", "croft logs {0}; does the app listen on $PORT, and answer spec.health?"},
    Advice{"StorageExceeded",
           "delete some of its data, or give the volume a larger size, and push"},
    Advice{"Held", "croft start {0}"},
    Advice{"Suspended", "croft resume {0}"},
    Advice{"TenantSuspended", "ask the operator; `suspended` is set in the Tenant"},
    Advice{"PruneGuarded", "croft prune show; croft prune ack DIGEST"},
    Advice{
        "ApplyFailed",
        "mend what the message names; it is tried again by itself, and at once by croft reconcile"},
    Advice{"DependencyNotReady", "croft get shows what it waits for; croft describe that one"},
    Advice{"ProviderUnavailable",
           "nothing, it is tried again by itself; croft events {0} shows how that goes"},
    Advice{
        "Unenforced",
        "the operator accepted it (isolation: none); mend what the message names to have it kept"},
};

Value readable(const Field& field, const Value& value);

Value readable_map(const Field& field, const Value& value) {
  Value out = Value::map();
  for (const Value::Entry& entry : value.as_map()) {
    const Field* inner =
        field.type == FieldType::Object ? field.find(entry.key) : field.element.get();
    out.set(entry.key, inner == nullptr ? entry.value : readable(*inner, entry.value));
  }
  return out;
}

Value readable(const Field& field, const Value& value) {
  if (value.is_map()) return readable_map(field, value);
  if (value.is_list() && field.element != nullptr) {
    Value out = Value::list();
    for (const Value& element : value.as_list()) out.push_back(readable(*field.element, element));
    return out;
  }
  const bool has_unit = field.type == FieldType::Duration || field.type == FieldType::Bytes ||
                        field.type == FieldType::Cpu;
  return has_unit && value.is_integer() ? Value(print_value(field, value, false)) : value;
}

std::string first_line(std::string_view text) {
  return std::string(text.substr(0, text.find('\n')));
}

}  // namespace

std::string ready_word(const ResourceStatus& status) {
  const Condition* ready = find_condition(status.conditions, "Ready");
  return ready == nullptr ? "-" : std::string(to_string(ready->status));
}

bool is_ready(const ResourceStatus& status) { return ready_word(status) == "True"; }

bool is_stuck(const ResourceStatus& status) {
  return std::ranges::any_of(status.conditions, [](const Condition& condition) {
    return (condition.type == "Stalled" || condition.type == "PruneGuarded") &&
           condition.status == ConditionStatus::True;
  });
}

std::string remark_on(const ResourceStatus& status) {
  const Condition* ready = find_condition(status.conditions, "Ready");
  if (ready == nullptr) return first_line(status.message);
  if (ready->status == ConditionStatus::True) {
    const bool says_more = ready->reason != "Running" && ready->reason != "Ready" &&
                           ready->reason != "Healthy" && ready->reason != "Served" &&
                           !ready->message.empty();
    return first_line(says_more ? ready->message : status.message);
  }
  if (ready->message.empty()) return ready->reason;
  return ready->reason.empty() ? first_line(ready->message)
                               : fmt::format("{}: {}", ready->reason, first_line(ready->message));
}

Colour colour_of(const ResourceStatus& status) {
  const std::string word = ready_word(status);
  return word == "True" ? Colour::Green : word == "False" ? Colour::Red : Colour::Yellow;
}

std::string advice_for(const ResourceStatus& status) {
  for (const Condition& condition : status.conditions) {
    const bool is_good = condition.type == "Ready" && condition.status == ConditionStatus::True;
    if (is_good) continue;
    for (const std::string& key : {condition.reason, condition.type}) {
      const auto found = std::ranges::find(kAdvice, key, &Advice::reason);
      if (found != kAdvice.end())
        return fmt::format(fmt::runtime(found->text), to_string(status.ref));
    }
  }
  if (is_ready(status)) return {};
  return fmt::format("croft events {0}; croft logs {0}", to_string(status.ref));
}

Value readable_spec(const ResourceStatus& status) {
  if (status.spec == nullptr || !status.spec->is_map()) return Value::map();
  return readable(spec_of(status.ref.kind), *status.spec);
}

}  // namespace croft::cli
