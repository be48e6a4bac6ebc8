#pragma once
// reconciler/notify: who is told what happened.
//
//   what_happened     a transaction's facts as notifications; pure. The journal appends them to the
//                     outbox in that same transaction
//   webhook           what a Webhook declares, and which notifications it wants
//   message           a notification in the form that an endpoint understands
//   template          a notification in the operator's own form, by a script
//   signature         keys and signatures of Standard Webhooks
//   retry             when an attempt is made again, and when an endpoint is given up
//   sender            one attempt over HTTP
//   mail              one attempt by mail, whom it may go to, and how often
//   webhook_queue     one Webhook's queue: takes from the outbox, sends, notes what became of it
//   dispatcher        all of them, and what people may ask of them
//
// It runs in the process that writes the store, although endpoints are strangers: what it reads of
// an answer is a status line and headers of bounded size, by the HTTP client that adapters use
// there already, and some bytes of an error's text that nothing looks into.

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "core/resource/resource.hpp"
#include "core/store/rows.hpp"

namespace croft::notify {

enum class MessageFormat { CloudEvents, Slack, Mattermost, Discord, Ntfy, Email, Template };
/// As manifests name it: "cloudevents".
std::string_view to_string(MessageFormat format);

/// A Webhook as it is declared. A value.
struct WebhookDeclaration {
  Ref ref;
  std::string source;                                 ///< key of the source that declares it
  std::string url;                                    ///< or:
  std::string url_secret;                             ///< name of the secret that holds it
  MessageFormat format = MessageFormat::CloudEvents;  ///< Email, and only then, for a mailto:
  std::string template_name;                          ///< path of the Lua file, with Template
  std::string template_text;                          ///< what it says
  std::vector<std::string> events;                    ///< patterns; empty: all
  std::vector<std::string> resources;                 ///< patterns; empty: all
  std::string key_secret;  ///< name of the secret with its signing keys, or empty
  bool allow_private = false;
  bool is_paused = false;

  bool operator==(const WebhookDeclaration&) const = default;
};

/// Reads the spec of a checked Webhook; `scripts` are the Lua files of its repository by path.
WebhookDeclaration webhook_of(const Resource& resource,
                              const std::map<std::string, std::string>& scripts);

/// Whether it is to be told: it is its own tenant's, or the operator's, and fits its patterns.
bool wants(const WebhookDeclaration& webhook, const NotificationRow& notification);

/// All that is declared now.
struct WebhookSet {
  std::vector<WebhookDeclaration> webhooks;
  /// Keys of sources that are declared, but cannot be read: what they declared before stays known.
  std::vector<std::string> unread_sources;
};

}  // namespace croft::notify
