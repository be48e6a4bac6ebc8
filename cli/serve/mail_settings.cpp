#include "cli/serve/mail_settings.hpp"

#include <utility>

namespace croft {

namespace {

using Encryption = SmtpServer::Encryption;

Encryption encryption_of(const Settings& settings) {
  if (settings.smtp_encryption == "none") return Encryption::None;
  return settings.smtp_encryption == "tls" ? Encryption::Tls : Encryption::StartTls;
}

bool is_address(const std::string& text) {
  const std::size_t at = text.find('@');
  return at != 0 && at != std::string::npos && at + 1 != text.size() &&
         text.find_first_of("<>,; \t\r\n") == std::string::npos;
}

std::unexpected<Error> wrong(std::string message, std::string hint) {
  return fail(Error(ErrorCode::Invalid, std::move(message)).with_hint(std::move(hint)));
}

}  // namespace

Result<notify::MailSettings> mail_settings(const Settings& settings) {
  notify::MailSettings mail;
  if (settings.smtp_server.empty()) return mail;
  if (!is_address(settings.smtp_from))
    return wrong("smtp.from must be an address", "set it to such as croft@example.com");
  if (settings.smtp_user.empty() != settings.smtp_password.empty())
    return wrong("smtp.user and smtp.password go together", "set both, or neither");
  const Encryption encryption = encryption_of(settings);
  if (!settings.smtp_user.empty() && encryption == Encryption::None) {
    return wrong("smtp.password would be sent in the clear",
                 "set smtp.encryption to starttls or tls, or leave smtp.user out");
  }
  TRY_ASSIGN(mail.server, while_doing(parse_smtp_server(settings.smtp_server, encryption),
                                      "reading smtp.server"));
  mail.server.user = settings.smtp_user;
  mail.server.certificate_authorities = settings.smtp_authorities.string();
  mail.password = settings.smtp_password;
  mail.from = settings.smtp_from;
  mail.recipients = settings.smtp_recipients;
  mail.per_hour = settings.smtp_per_hour;
  return mail;
}

}  // namespace croft
