#pragma once

#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "core/store/rows.hpp"

namespace croft {

// One write each. Put replaces the row with the same key (uid, key, id, ...) or inserts it; Invalid
// if the key is empty, or longer than keys.hpp allows, as what rows are found by must not be. Erase
// of what is not there succeeds. Texts are UTF-8: bytes that are not (and NUL) are kept as U+FFFD,
// so that no output of a stranger's program makes a row unreadable.

/// With number 0 a new tenant gets the next number, and a known one keeps its own: read it back
/// with Store::tenants(). Another number for a known tenant is a Conflict, as is a number for a new
/// one that was given before.
struct PutTenant {
  TenantRow row;
};
struct EraseTenant {
  std::string uid;
};
struct PutSource {
  SourceRow row;
};
struct EraseSource {
  std::string key;
};
struct PutResource {
  ResourceRow row;
};
struct EraseResource {
  std::string uid;
};
struct PutIntent {
  IntentRow row;
};
struct PutDirective {
  DirectiveRow row;
};
struct EraseDirective {
  Ref ref;
  DirectiveVerb verb;
};
/// The row's own sequence is ignored.
struct AppendEvent {
  EventRow row;
};
struct PutUsage {
  UsageRow row;
};
struct PutToken {
  TokenRow row;
};
struct EraseToken {
  std::string id;
};
struct PutAcknowledgement {
  AcknowledgementRow row;
};
struct EraseAcknowledgement {
  std::string tenant;
  std::string digest;
};

/// The row's own sequence is ignored.
struct AppendNotification {
  NotificationRow row;
};
struct PutWebhook {
  WebhookRow row;
};
/// Its deliveries go with it.
struct EraseWebhook {
  Ref ref;
};
struct PutDelivery {
  DeliveryRow row;
};

using Write = std::variant<PutTenant, EraseTenant, PutSource, EraseSource, PutResource,
                           EraseResource, PutIntent, PutDirective, EraseDirective, AppendEvent,
                           PutUsage, PutToken, EraseToken, PutAcknowledgement, EraseAcknowledgement,
                           AppendNotification, PutWebhook, EraseWebhook, PutDelivery>;

/// Changes that happen together or not at all, in order.
struct Transaction {
  std::vector<Write> writes;

  template <typename Row>
  Transaction& add(Row write) {
    writes.emplace_back(std::move(write));
    return *this;
  }
};

}  // namespace croft
