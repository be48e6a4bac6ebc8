#pragma once

#include "core/base/settings.hpp"
#include "reconciler/notify/mail.hpp"

namespace croft {

/// How mail is sent, as `smtp.*` say. Invalid if they do not go together, or would send a password
/// in the clear.
Result<notify::MailSettings> mail_settings(const Settings& settings);

}  // namespace croft
