#include "reconciler/notify/message.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <ctime>

#include <fmt/format.h>

namespace croft::notify {

namespace {

// Chats cut or refuse what is longer; Discord takes 2,000 characters.
constexpr std::size_t kLongestReason = 1'500;
// Everything that is wrong with a revision, if need be.
constexpr std::size_t kLongestMail = 50'000;

bool is_warning(const NotificationRow& notification) {
  return notification.data && notification.data->text_or("severity", "") == "Warning";
}

/// "alice/Site/blog failed".
std::string title_of(const NotificationRow& notification) {
  std::string_view what = notification.type;
  what.remove_prefix(what.rfind('.') + 1);
  std::string_view topic = notification.type;
  topic.remove_prefix(std::min(topic.find('.') + 1, topic.size()));
  topic = topic.substr(0, topic.find('.'));
  const bool names_itself = topic == "resource" || topic == "webhook";
  return names_itself ? fmt::format("{} {}", notification.subject, what)
                      : fmt::format("{} {} {}", notification.subject, topic, what);
}

/// At most so many bytes, cut between two characters.
std::string shortened(std::string text, std::size_t longest) {
  if (text.size() <= longest) return text;
  std::size_t end = longest;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0U) == 0x80U) --end;
  return text.substr(0, end) + " ...";
}

/// "CrashLoop: exit status 1"; without what says nothing.
std::string why_of(const NotificationRow& notification, std::size_t longest = kLongestReason) {
  if (!notification.data) return {};
  const std::string reason = notification.data->text_or("reason", "");
  const std::string message = notification.data->text_or("message", "");
  std::string text = message.empty() ? reason : fmt::format("{}: {}", reason, message);
  const std::string revision = notification.data->text_or("revision", "");
  if (!revision.empty()) text += fmt::format(" (at {})", revision.substr(0, 7));
  return shortened(std::move(text), longest);
}

/// As code, so that nothing in it is a link, a mention or a mark.
std::string as_code(std::string text) {
  std::ranges::replace(text, '`', '\'');
  return text.find('\n') == std::string::npos ? "`" + text + "`" : "```\n" + text + "\n```";
}

/// Slack reads three characters as its own wherever they stand.
std::string for_slack(std::string_view text) {
  std::string safe;
  for (const char c : text) {
    if (c == '&') {
      safe += "&amp;";
    } else if (c == '<') {
      safe += "&lt;";
    } else if (c == '>') {
      safe += "&gt;";
    } else {
      safe += c;
    }
  }
  return safe;
}

std::string in_markdown(const NotificationRow& notification) {
  const std::string why = why_of(notification);
  std::string text = fmt::format(
      "{} **{}**",
      is_warning(notification) ? ":warning:" : ":information_source:", title_of(notification));
  if (!why.empty()) text += "\n" + as_code(why);
  return text;
}

std::string in_slacks_marks(const NotificationRow& notification) {
  const std::string why = why_of(notification);
  std::string text =
      fmt::format("{} *{}*", is_warning(notification) ? ":warning:" : ":information_source:",
                  for_slack(title_of(notification)));
  if (!why.empty()) text += "\n" + for_slack(as_code(why));
  return text;
}

Message json_message(const Value& body) {
  return {{{"Content-Type", "application/json"}}, to_json(body)};
}

/// A header takes one line of ASCII.
std::string for_header(std::string text) {
  std::ranges::replace_if(text, [](char c) { return c < 0x20 || c > 0x7e; }, '?');
  return text;
}

Message for_ntfy(const NotificationRow& notification) {
  const bool is_bad = is_warning(notification);
  return {{{"Content-Type", "text/plain; charset=utf-8"},
           {"Title", for_header(title_of(notification))},
           {"Priority", is_bad ? "high" : "default"},
           {"Tags", is_bad ? "warning" : "information_source"}},
          why_of(notification)};
}

std::string mail_date(Timestamp time) {
  const std::time_t seconds = std::chrono::system_clock::to_time_t(time);
  std::tm utc{};
  ::gmtime_r(&seconds, &utc);
  std::array<char, 64> text{};
  std::strftime(text.data(), text.size(), "%a, %d %b %Y %H:%M:%S +0000", &utc);
  return text.data();
}

Message for_mail(const NotificationRow& notification, std::string_view domain) {
  const std::string why = why_of(notification, kLongestMail);
  std::string text = title_of(notification) + ".\n\n";
  if (!why.empty()) text += why + "\n\n";
  text +=
      fmt::format("When:   {}\nEvent:  {}\n", format_time(notification.time), notification.type);
  if (!notification.tenant.empty()) text += fmt::format("Tenant: {}\n", notification.tenant);
  return {{{"Subject", fmt::format("[croft] {}{}", is_warning(notification) ? "Warning: " : "",
                                   title_of(notification))},
           {"Date", mail_date(notification.time)},
           {"Message-ID", fmt::format("<{}@{}>", notification.id, domain)}},
          std::move(text)};
}

}  // namespace

Value cloud_event(const NotificationRow& notification, std::string_view domain) {
  Value event =
      Value::map({{"specversion", "1.0"},
                  {"type", notification.type},
                  {"id", notification.id},
                  {"source", notification.tenant.empty()
                                 ? fmt::format("croft://{}", domain)
                                 : fmt::format("croft://{}/{}", domain, notification.tenant)},
                  {"subject", notification.subject},
                  {"time", format_time(notification.time)},
                  {"datacontenttype", "application/json"}});
  event.set("data", notification.data ? *notification.data : Value::map());
  return event;
}

Message compose(MessageFormat format, const NotificationRow& notification,
                std::string_view domain) {
  switch (format) {
    case MessageFormat::CloudEvents:
    case MessageFormat::Template:
      break;
    case MessageFormat::Slack:
      return json_message(Value::map({{"text", in_slacks_marks(notification)}}));
    case MessageFormat::Mattermost:
      return json_message(Value::map({{"text", in_markdown(notification)}}));
    case MessageFormat::Discord:
      return json_message(
          Value::map({{"content", in_markdown(notification)},
                      {"allowed_mentions", Value::map({{"parse", Value::list()}})}}));
    case MessageFormat::Ntfy:
      return for_ntfy(notification);
    case MessageFormat::Email:
      return for_mail(notification, domain);
  }
  return {{{"Content-Type", "application/cloudevents+json; charset=utf-8"}},
          to_json(cloud_event(notification, domain))};
}

}  // namespace croft::notify
