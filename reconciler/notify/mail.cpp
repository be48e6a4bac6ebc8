#include "reconciler/notify/mail.hpp"

#include <algorithm>
#include <cctype>
#include <memory>
#include <stop_token>
#include <utility>

#include <fmt/format.h>

#include "core/resource/event_type.hpp"

namespace croft::notify {

namespace {

constexpr std::string_view kScheme = "mailto:";
constexpr std::size_t kAtOnce = 4;
constexpr std::size_t kLongestLine = 76;
constexpr std::int64_t kHour = 3'600'000;
constexpr std::int64_t kBurstPart = 6;

std::string in_lower_case(std::string text) {
  std::ranges::transform(text, text.begin(), [](unsigned char c) { return std::tolower(c); });
  return text;
}

/// Quoted-printable (RFC 2045, 6.7) of text whose lines end in LF.
std::string quoted_printable(std::string_view text) {
  std::string quoted;
  std::size_t width = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '\n') {
      quoted += "\r\n";
      width = 0;
      continue;
    }
    const bool ends_line = i + 1 == text.size() || text[i + 1] == '\n';
    const bool is_plain = (c > ' ' && c < 0x7f && c != '=') || (c == ' ' && !ends_line);
    const std::string piece =
        is_plain ? std::string(1, c) : fmt::format("={:02X}", static_cast<unsigned char>(c));
    if (width + piece.size() >= kLongestLine) {
      quoted += "=\r\n";
      width = 0;
    }
    quoted += piece;
    width += piece.size();
  }
  return quoted;
}

/// What it came to, after the server's last word.
Attempt judge(const SmtpReply& reply) {
  Attempt attempt;
  attempt.status = reply.code;
  if (reply.is_taken()) {
    attempt.fate = Attempt::Fate::Taken;
    return attempt;
  }
  std::string text = reply.text;
  std::ranges::replace_if(text, [](char c) { return c < 0x20 || c > 0x7e; }, '?');
  attempt.answer = "the mail server answered " + redact(text);
  // RFC 3463: 5.1.x is about the address.
  const bool has_no_such_address =
      reply.step == SmtpReply::Step::Recipient && text.find(" 5.1.") == 3;
  if (has_no_such_address) {
    attempt.fate = Attempt::Fate::Gone;
  } else if (reply.code >= 500) {
    attempt.fate = Attempt::Fate::Refused;
  }
  return attempt;
}

Attempt not_sent(const Error& error) {
  Attempt attempt;
  attempt.answer = redact(error.describe());
  return attempt;
}

/// Its threads, and what tells them to end.
struct PostOffice {
  std::stop_source stop;
  BlockingPool pool{kAtOnce};

  ~PostOffice() { stop.request_stop(); }
};

Task<Attempt> send(MailSettings settings, PasswordReader password,
                   std::shared_ptr<PostOffice> office, Post post) {
  if (!settings.server.user.empty()) {
    const auto found = while_doing(password(), "reading smtp.password");
    if (!found) co_return not_sent(found.error());
    settings.server.password = *found;
  }
  SmtpMail mail{settings.from, addresses_of(post.url), {}};
  const Message message{std::move(post.headers), std::move(post.body)};
  mail.text = mail_text(mail.from, mail.to, message);
  std::function<Result<SmtpReply>()> work =
      [server = std::move(settings.server), mail = std::move(mail),
       stop = office->stop.get_token()] { return send_mail(server, mail, stop); };
  const Result<SmtpReply> reply = co_await office->pool.run(std::move(work));
  co_return reply ? judge(*reply) : not_sent(reply.error());
}

}  // namespace

std::vector<std::string> addresses_of(std::string_view url) {
  std::vector<std::string> addresses;
  url.remove_prefix(std::min(kScheme.size(), url.size()));
  while (!url.empty()) {
    const std::size_t comma = std::min(url.find(','), url.size());
    addresses.emplace_back(url.substr(0, comma));
    url.remove_prefix(std::min(comma + 1, url.size()));
  }
  return addresses;
}

bool is_mail(std::string_view url) { return url.starts_with(kScheme); }

Result<void> may_write_to(const std::string& address, const std::vector<std::string>& contacts,
                          const MailSettings& settings) {
  const std::string wanted = in_lower_case(address);
  const bool is_contact = std::ranges::any_of(
      contacts, [&](const std::string& contact) { return in_lower_case(contact) == wanted; });
  const bool is_allowed =
      is_contact || std::ranges::any_of(settings.recipients, [&](const std::string& pattern) {
        return fits_pattern(in_lower_case(pattern), wanted);
      });
  if (is_allowed) return {};
  return fail(Error(ErrorCode::Denied, fmt::format("it may not send mail to {}", address))
                  .with_hint("ask the operator to make it a contact of the Tenant"));
}

std::string mail_text(const std::string& from, const std::vector<std::string>& to,
                      const Message& message) {
  std::string text;
  const auto add = [&text](std::string_view name, std::string value) {
    std::ranges::replace_if(value, [](char c) { return c < 0x20 || c > 0x7e; }, '?');
    text += fmt::format("{}: {}\r\n", name, value);
  };
  add("From", fmt::format("Croft <{}>", from));
  add("To", fmt::format("{}", fmt::join(to, ", ")));
  for (const auto& [name, value] : message.headers.fields()) add(name, value);
  add("MIME-Version", "1.0");
  add("Content-Type", "text/plain; charset=utf-8");
  add("Content-Transfer-Encoding", "quoted-printable");
  // No answering machine is to answer (RFC 3834).
  add("Auto-Submitted", "auto-generated");
  return text + "\r\n" + quoted_printable(message.body) + "\r\n";
}

MailRate::MailRate(std::int64_t per_hour)
    : between_(kHour / std::max<std::int64_t>(per_hour, 1)),
      burst_(between_ * (std::max<std::int64_t>(per_hour / kBurstPart, 1) - 1)) {}

Timestamp MailRate::next(const std::string& tenant, Timestamp now) const {
  const auto due = due_.find(tenant);
  return due == due_.end() ? now : std::max(now, due->second - burst_);
}

void MailRate::take(const std::string& tenant, Timestamp now) {
  Timestamp& due = due_[tenant];
  due = std::max(due, now) + between_;
}

Sender mail_sender(MailSettings settings, PasswordReader password) {
  auto office = std::make_shared<PostOffice>();
  return [settings = std::move(settings), password = std::move(password),
          office](Post post) -> Task<Attempt> {
    return send(settings, password, office, std::move(post));
  };
}

}  // namespace croft::notify
