#pragma once

#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/clock.hpp"
#include "core/base/secret.hpp"
#include "core/net/smtp.hpp"
#include "core/resource/resource.hpp"
#include "reconciler/notify/message.hpp"
#include "reconciler/notify/sender.hpp"

namespace croft::notify {

/// How this Croft sends mail.
struct MailSettings {
  SmtpServer server;     ///< without a host no mail is sent
  std::string from;      ///< address of the sender
  std::string password;  ///< name of the secret that the server's user signs in with; or empty
  std::vector<std::string> recipients;  ///< patterns of addresses that every tenant may write to
  std::int64_t per_hour = 60;  ///< mails that the Webhooks of one tenant may send in an hour

  bool is_on() const { return !server.host.empty(); }
};

/// The addresses of "mailto:ops@example.com,eve@example.com".
std::vector<std::string> addresses_of(std::string_view url);
/// Whether a Webhook of that URL sends mail.
bool is_mail(std::string_view url);

/// Whether a tenant whose contacts are those may write to an address; Denied otherwise. Croft is
/// nobody's relay: without the operator's word there is no mail.
Result<void> may_write_to(const std::string& address, const std::vector<std::string>& contacts,
                          const MailSettings& settings);

/// All of a mail (RFC 5322): plain text, lines of at most 76 characters of ASCII. Headers hold what
/// was given to them on one line, whatever it is. Pure.
std::string mail_text(const std::string& from, const std::vector<std::string>& to,
                      const Message& message);

/// So many an hour for each tenant, a sixth of that at once. Not thread safe.
class MailRate {
 public:
  explicit MailRate(std::int64_t per_hour);
  /// When its next mail may be sent: `now` or later.
  Timestamp next(const std::string& tenant, Timestamp now) const;
  void take(const std::string& tenant, Timestamp now);

 private:
  Duration between_;
  Duration burst_;
  std::map<std::string, Timestamp> due_;  ///< when each would be, were they sent evenly
};

using PasswordReader = std::function<Result<Secret<std::string>>()>;

/// Sends Posts whose URL is a mailto: through the server. 4xx is another time, 5xx never for this
/// mail, and a mailbox that does not exist is gone. `password` is asked for each time. Mails are
/// sent on threads of its own; what is under way when it goes is broken off.
Sender mail_sender(MailSettings settings, PasswordReader password);

}  // namespace croft::notify
