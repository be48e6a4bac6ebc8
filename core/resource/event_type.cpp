#include "core/resource/event_type.hpp"

#include <algorithm>
#include <array>
#include <vector>

#include <fmt/format.h>

namespace croft {

namespace {

// To add a type: a row here, and what makes one in reconciler/notify/what_happened.cpp.
constexpr std::array kTypes{
    EventType{"croft.resource.created", EventTopic::Resource, "Its provider has made it."},
    EventType{"croft.resource.updated", EventTopic::Resource,
              "A change of what is declared was applied to it, in place or by a new one."},
    EventType{"croft.resource.started", EventTopic::Resource, "It was started."},
    EventType{"croft.resource.ready", EventTopic::Resource, "It does its work."},
    EventType{"croft.resource.asleep", EventTopic::Resource,
              "It sleeps, and wakes when it is asked for."},
    EventType{"croft.resource.completed", EventTopic::Resource, "It has run to its end."},
    EventType{
        "croft.resource.failed", EventTopic::Resource,
        "It does not do its work, or what was to be done to it did not succeed; `reason` says "
        "which."},
    EventType{"croft.resource.drifted", EventTopic::Resource,
              "It was found to be other than declared, and is about to be repaired."},
    EventType{"croft.resource.repaired", EventTopic::Resource, "It is as declared again."},
    EventType{"croft.resource.stopped", EventTopic::Resource,
              "It was stopped, by an order, a plan or a suspension."},
    EventType{"croft.resource.adopted", EventTopic::Resource,
              "Something that ran already became this resource."},
    EventType{"croft.resource.destroyed", EventTopic::Resource,
              "It is gone from its provider; its data may be kept for a while."},
    EventType{"croft.revision.applied", EventTopic::Source,
              "A commit loaded without error, was admitted, and is what holds now."},
    EventType{"croft.revision.rejected", EventTopic::Source,
              "A commit was refused and changed nothing; `message` holds what is wrong with it."},
    EventType{"croft.source.failed", EventTopic::Source,
              "A repository cannot be fetched, or something beside its commits is missing: a key "
              "that opens its Secrets, a provider's credential; `reason` says which."},
    EventType{"croft.source.recovered", EventTopic::Source,
              "Nothing is in a repository's way any more: neither what `croft.source.failed` told "
              "of, nor what `croft.revision.rejected` did."},
    EventType{"croft.prune.guarded", EventTopic::Tenant,
              "Changes that would lose much wait for a person to acknowledge them."},
    EventType{"croft.prune.acknowledged", EventTopic::Tenant, "A person has let them go on."},
    EventType{"croft.usage.threshold", EventTopic::Usage,
              "A push brought what a tenant uses of a quota to one of its plan's "
              "`usageThresholds`, 80 and 100 percent if it names none."},
    EventType{"croft.webhook.disabled", EventTopic::Webhook,
              "Nothing is sent to an endpoint any more, because it is gone or kept failing."},
    EventType{"croft.webhook.test", EventTopic::Webhook,
              "Somebody asked for it: `croft webhook test`."},
};

struct DataField {
  std::string_view name;
  std::string_view help;
  bool is_required = true;
  std::vector<std::string_view> choices = {};
  std::string_view type = "string";  ///< of JSON Schema
};

std::vector<DataField> fields_of(EventTopic topic) {
  std::vector<DataField> fields{
      {"tenant", "Whose it is; empty: the operator's."},
      {"reason", "Why, for machines."},
      {"message", "Why, for people; may be empty."},
      {"severity", "`Warning` asks to be looked at.", true, {"Normal", "Warning"}}};
  const auto add = [&fields](DataField field) { fields.push_back(std::move(field)); };
  if (topic == EventTopic::Source) {
    add({"source", "Key of the Source."});
    add({"revision", "The commit that it is about; empty if it is about none."});
    return fields;
  }
  if (topic == EventTopic::Tenant) return fields;
  if (topic == EventTopic::Usage) {
    add({"quota", "Which of the plan's `quotas`: `memory`."});
    add({"percent", "Of the limit: the highest threshold that is reached.", true, {}, "integer"});
    add({"used", "How much is used: `13GiB`."});
    add({"limit", "How much the plan allows: `16GiB`."});
    return fields;
  }
  add({"ref", "Its full name, such as alice/Site/blog."});
  add({"kind", "Its kind."});
  add({"name", "Its name."});
  if (topic == EventTopic::Webhook) return fields;
  add({"revision", "The commit that it is about.", false});
  add({"uid", "What it keeps for life.", false});
  add({"provider", "Where it is.", false});
  add({"phase", "Where it is in its life.", false});
  return fields;
}

Value described(std::string_view type, std::string_view description) {
  return Value::map({{"type", type}, {"description", description}});
}

Value text_schema(std::string_view description) { return described("string", description); }

Value data_schema(EventTopic topic) {
  Value properties = Value::map();
  Value required = Value::list();
  for (const DataField& field : fields_of(topic)) {
    Value schema = described(field.type, field.help);
    if (!field.choices.empty()) {
      Value choices = Value::list();
      for (const std::string_view choice : field.choices) choices.push_back(choice);
      schema.set("enum", std::move(choices));
    }
    properties.set(field.name, std::move(schema));
    if (field.is_required) required.push_back(field.name);
  }
  return Value::map({{"type", "object"},
                     {"properties", std::move(properties)},
                     {"required", std::move(required)}});
}

Value constant(std::string_view value, std::string_view description) {
  Value schema = text_schema(description);
  schema.set("const", value);
  return schema;
}

Value formatted(std::string_view format, std::string_view description) {
  Value schema = text_schema(description);
  schema.set("format", format);
  return schema;
}

std::string_view subject_help(EventTopic topic) {
  switch (topic) {
    case EventTopic::Resource:
      return "The resource: alice/Site/blog.";
    case EventTopic::Source:
      return "Key of the Source: alice/main, or platform.";
    case EventTopic::Tenant:
    case EventTopic::Usage:
      return "The tenant's name.";
    case EventTopic::Webhook:
      return "The Webhook: alice/Webhook/ops.";
  }
  return "";
}

}  // namespace

std::span<const EventType> event_types() { return kTypes; }

const EventType* find_event_type(std::string_view name) {
  const auto* found = std::ranges::find(kTypes, name, &EventType::name);
  return found == kTypes.end() ? nullptr : found;
}

bool fits_pattern(std::string_view pattern, std::string_view text) {
  // Where to go on after a mismatch: behind the last star, one character of the text further.
  std::size_t star = std::string_view::npos;
  std::size_t retry = 0;
  std::size_t p = 0;
  std::size_t t = 0;
  while (t < text.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      retry = t;
    } else if (p < pattern.size() && pattern[p] == text[t]) {
      ++p;
      ++t;
    } else if (star != std::string_view::npos && text[retry] != '/') {
      p = star + 1;
      t = ++retry;
    } else {
      return false;
    }
  }
  return pattern.find_first_not_of('*', p) == std::string_view::npos;
}

Value schema_of_event(const EventType& type) {
  Value properties = Value::map(
      {{"specversion", constant("1.0", "Of CloudEvents.")},
       {"type", constant(type.name, type.help)},
       {"id",
        text_schema("Unique; the same if it is sent again, and that of the header webhook-id.")},
       {"source",
        formatted("uri-reference", "The Croft that tells it, and the tenant whose it is.")},
       {"subject", text_schema(subject_help(type.topic))},
       {"time", formatted("date-time", "When it happened.")},
       {"datacontenttype", constant("application/json", "Of `data`.")},
       {"data", data_schema(type.topic)}});
  Value required = Value::list();
  for (const Value::Entry& entry : properties.as_map()) required.push_back(entry.key);
  return Value::map({{"$schema", "https://json-schema.org/draft/2020-12/schema"},
                     {"title", type.name},
                     {"description", type.help},
                     {"type", "object"},
                     {"properties", std::move(properties)},
                     {"required", std::move(required)}});
}

std::string event_catalogue() {
  std::string text = "| type | when |\n|---|---|\n";
  for (const EventType& type : kTypes)
    text += fmt::format("| [`{0}`](events/{0}.json) | {1} |\n", type.name, type.help);
  return text;
}

}  // namespace croft
