#include "core/resource/kind_checks.hpp"

// The kind that operators and tenants alike declare: Webhook.

namespace croft {

Field describe_webhook() {
  return object_field(
             "spec", "",
             {text_field(
                  "url",
                  "Where notifications are sent: by POST to https:// or http://, or as plain text "
                  "to `mailto:ADDRESS,...`, as far as the operator allows it. Chat services hide a "
                  "key in a URL: keep such a one as a secret.")
                  .as_required()
                  .between(1, 2048)
                  .checked_by(check_webhook_url)
                  .or_secret()
                  .like("https://ops.example.com/hooks/croft"),
              text_field(
                  "format",
                  "What is sent: `cloudevents` (JSON, signed by Standard Webhooks), what `slack`, "
                  "`mattermost`, `discord` or `ntfy` show to people, or what a `template` makes.")
                  .one_of({"cloudevents", "slack", "mattermost", "discord", "ntfy", "template"})
                  .with_default("cloudevents"),
              text_field(
                  "template",
                  "With `format: template`: a Lua file of this repository that makes what is sent.")
                  .checked_by(check_lua_path)
                  .like("templates/pager.lua")
                  .for_operator(),
              list_field(
                  "events",
                  "Which types of events, `*` standing for anything; all of them if it is not "
                  "given. docs/webhooks.md lists them.",
                  text_field("", "").checked_by(check_event_pattern))
                  .between(1, 100)
                  .cross_checked_by(check_distinct)
                  .like("[croft.resource.failed, \"croft.revision.*\"]"),
              list_field(
                  "resources",
                  "Only events about these, `*` standing for anything; the operator's may name a "
                  "tenant, too. Events about no resource are told all the same.",
                  text_field("", "").checked_by(check_resource_pattern))
                  .between(1, 100)
                  .cross_checked_by(check_distinct)
                  .like("[\"Instance/*\", Site/blog]"),
              text_field(
                  "secret",
                  "`{secret: NAME}`: the key that notifications are signed with, in the form "
                  "`whsec_` and base64; of several lines each signs, so that keys can be changed. "
                  "Without, Croft makes one, which `croft webhook rotate` shows.")
                  .checked_by(check_only_a_reference)
                  .or_secret()
                  .like("{secret: ops-hook}"),
              boolean_field(
                  "allowPrivate",
                  "Lets it be an address of a private network or this machine; otherwise only "
                  "addresses that anybody can reach are connected to.")
                  .with_default(false)
                  .for_operator(),
              boolean_field(
                  "disabled",
                  "Nothing is sent; what happens meanwhile is sent later, as far as it is kept.")
                  .with_default(false)})
      .cross_checked_by(check_webhook);
}

}  // namespace croft
