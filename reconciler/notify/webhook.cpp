#include "reconciler/notify/webhook.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "core/resource/event_type.hpp"
#include "reconciler/notify/mail.hpp"

namespace croft::notify {

namespace {

using Name = std::pair<std::string_view, MessageFormat>;
constexpr std::array kFormats{Name{"cloudevents", MessageFormat::CloudEvents},
                              Name{"slack", MessageFormat::Slack},
                              Name{"mattermost", MessageFormat::Mattermost},
                              Name{"discord", MessageFormat::Discord},
                              Name{"ntfy", MessageFormat::Ntfy},
                              Name{"email", MessageFormat::Email},
                              Name{"template", MessageFormat::Template}};

std::vector<std::string> texts_at(const Value& spec, std::string_view field) {
  std::vector<std::string> texts;
  const Value* list = spec.find(field);
  if (list == nullptr || !list->is_list()) return texts;
  for (const Value& element : list->as_list()) texts.push_back(element.as_text());
  return texts;
}

bool fits_any(const std::vector<std::string>& patterns, std::string_view text) {
  return patterns.empty() || std::ranges::any_of(patterns, [text](const std::string& pattern) {
           return fits_pattern(pattern, text);
         });
}

/// "Site/blog" of "alice/Site/blog".
std::string_view local_part(std::string_view ref) {
  return std::ranges::count(ref, '/') == 2 ? ref.substr(ref.find('/') + 1) : ref;
}

bool is_about(const std::vector<std::string>& patterns, std::string_view ref) {
  return patterns.empty() || std::ranges::any_of(patterns, [ref](const std::string& pattern) {
           const bool names_tenant = std::ranges::count(pattern, '/') == 2;
           return fits_pattern(pattern, names_tenant ? ref : local_part(ref));
         });
}

}  // namespace

std::string_view to_string(MessageFormat format) {
  return std::ranges::find(kFormats, format, &Name::second)->first;
}

WebhookDeclaration webhook_of(const Resource& resource,
                              const std::map<std::string, std::string>& scripts) {
  const Value& spec = *resource.spec;
  WebhookDeclaration webhook;
  webhook.ref = resource.ref;
  webhook.source = resource.origin.source;
  webhook.url = spec.text_or("url", "");
  webhook.url_secret = spec.text_or("url.secret", "");
  const std::string format = spec.text_or("format", "");
  const auto* known = std::ranges::find(kFormats, format, &Name::first);
  if (known != kFormats.end()) webhook.format = known->second;
  if (is_mail(webhook.url)) webhook.format = MessageFormat::Email;
  webhook.template_name = spec.text_or("template", "");
  const auto script = scripts.find(webhook.template_name);
  if (script != scripts.end()) webhook.template_text = script->second;
  webhook.events = texts_at(spec, "events");
  webhook.resources = texts_at(spec, "resources");
  webhook.key_secret = spec.text_or("secret.secret", "");
  webhook.allow_private = spec.boolean_or("allowPrivate", false);
  webhook.is_paused = spec.boolean_or("disabled", false);
  return webhook;
}

bool wants(const WebhookDeclaration& webhook, const NotificationRow& notification) {
  const bool may_know = webhook.ref.tenant.empty() || webhook.ref.tenant == notification.tenant;
  if (!may_know || !fits_any(webhook.events, notification.type)) return false;
  const EventType* type = find_event_type(notification.type);
  const bool is_of_resource = type != nullptr && type->topic == EventTopic::Resource;
  return !is_of_resource || is_about(webhook.resources, notification.subject);
}

}  // namespace croft::notify
