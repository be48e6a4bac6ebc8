#pragma once

#include <span>
#include <string>
#include <string_view>

#include "core/base/value.hpp"

namespace croft {

/// What an event is about, which says what its data holds.
enum class EventTopic {
  Resource,  ///< subject: a ref
  Source,    ///< subject: the key of a Source
  Tenant,    ///< subject: a tenant's name
  Usage,     ///< subject: a tenant's name
  Webhook,   ///< subject: the ref of a Webhook
};

/// A kind of thing that happens and that Webhooks may ask for. The table of these is the only list:
/// what Webhook.spec.events may name, the JSON Schemas in docs/events and the catalogue in
/// docs/webhooks.md come from it.
struct EventType {
  std::string_view name;  ///< "croft.resource.ready"
  EventTopic topic;
  std::string_view help;  ///< one sentence: when it is told
};

/// All of them, in the order in which docs list them.
std::span<const EventType> event_types();
/// The one of that name, or null.
const EventType* find_event_type(std::string_view name);

/// Whether a pattern fits: `*` in it stands for any run of characters but '/'.
bool fits_pattern(std::string_view pattern, std::string_view text);

/// JSON Schema (2020-12) of a whole event of that type: the CloudEvent with its data.
Value schema_of_event(const EventType& type);

/// The catalogue as a Markdown table.
std::string event_catalogue();

}  // namespace croft
