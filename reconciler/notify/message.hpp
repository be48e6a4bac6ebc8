#pragma once

#include <string>
#include <string_view>

#include "core/base/value.hpp"
#include "core/net/http.hpp"
#include "reconciler/notify/webhook.hpp"

namespace croft::notify {

/// The CloudEvent (1.0) that stands for a notification. `domain` is the platform's.
Value cloud_event(const NotificationRow& notification, std::string_view domain);

/// What is sent, but for its signature.
struct Message {
  HttpHeaders headers;
  std::string body;
};

/// The notification as an endpoint of that format takes it; without the operator's template for
/// Template, which is a CloudEvent then. Pure.
///
/// What is for people has one line that says what happened to what, and below it why. None of it
/// can mention anybody or make links of a stranger's choice: chats' own marks are taken out of it.
/// Of a mail the headers are those that are its own, the same whenever it is composed.
Message compose(MessageFormat format, const NotificationRow& notification, std::string_view domain);

}  // namespace croft::notify
