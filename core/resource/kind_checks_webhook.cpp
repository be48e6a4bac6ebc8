#include <algorithm>
#include <vector>

#include <fmt/format.h>

#include "core/base/suggest.hpp"
#include "core/resource/event_type.hpp"
#include "core/resource/kind_checks.hpp"

// Checks of Webhooks.

namespace croft {

namespace {

Error invalid(std::string message) { return Error(ErrorCode::Invalid, std::move(message)); }

constexpr std::string_view kMail = "mailto:";
constexpr std::size_t kMostAddresses = 10;
constexpr std::size_t kLongestAddress = 254;  // RFC 5321
constexpr std::string_view kLocalPart =
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.!#$'*+/=^_`{|}~-";

/// The addresses that are in use, and no way to say anything else to a mail server.
bool is_address(std::string_view text) {
  const std::size_t at = text.find('@');
  if (at == std::string_view::npos || at == 0 || text.size() > kLongestAddress) return false;
  const std::string_view local = text.substr(0, at);
  if (local.front() == '.' || local.front() == '-' || local.back() == '.') return false;
  return local.find_first_not_of(kLocalPart) == std::string_view::npos &&
         !check_host_name(Value(text.substr(at + 1)));
}

std::optional<Error> check_mail_url(std::string_view addresses) {
  std::size_t count = 0;
  for (;;) {
    const std::size_t comma = addresses.find(',');
    const std::string_view address = addresses.substr(0, comma);
    if (!is_address(address)) {
      return invalid(fmt::format("must hold addresses such as ops@example.com, got '{}'",
                                 address.substr(0, kLongestAddress)));
    }
    if (++count > kMostAddresses)
      return invalid(fmt::format("must not hold more than {} addresses", kMostAddresses));
    if (comma == std::string_view::npos) return std::nullopt;
    addresses.remove_prefix(comma + 1);
  }
}

}  // namespace

std::optional<Error> check_webhook_url(const Value& value) {
  const std::string& url = value.as_text();
  if (url.starts_with(kMail)) return check_mail_url(std::string_view(url).substr(kMail.size()));
  const std::size_t scheme = url.starts_with("https://") ? 8 : url.starts_with("http://") ? 7 : 0;
  if (scheme == 0) return invalid("must begin with https://, http:// or mailto:");
  const std::string_view rest = std::string_view(url).substr(scheme);
  const std::string_view authority = rest.substr(0, rest.find_first_of("/?#"));
  // The url is not repeated here: it may hold the very password that it must not.
  if (authority.find('@') != std::string_view::npos)
    return invalid("must not hold a user or a password");
  if (authority.empty() || authority.front() == ':') return invalid("must name a host");
  if (rest.find('#') != std::string_view::npos) return invalid("must not have a fragment");
  const bool has_odd_character = std::ranges::any_of(
      url, [](char c) { return static_cast<unsigned char>(c) <= 0x20 || c >= 0x7f || c < 0; });
  if (has_odd_character) return invalid("must be printable ASCII: percent-encode what is not");
  return std::nullopt;
}

std::optional<Error> check_event_pattern(const Value& value) {
  const std::string& pattern = value.as_text();
  const bool fits_any = std::ranges::any_of(
      event_types(), [&](const EventType& type) { return fits_pattern(pattern, type.name); });
  if (fits_any) return std::nullopt;
  std::vector<std::string_view> names;
  for (const EventType& type : event_types()) names.push_back(type.name);
  const std::string meant = did_you_mean(pattern, names);
  return invalid(fmt::format("fits no type of event: '{}'{}", pattern.substr(0, 100),
                             meant.empty() ? "" : "; " + meant));
}

std::optional<Error> check_resource_pattern(const Value& value) {
  const std::string& pattern = value.as_text();
  const auto slashes = std::ranges::count(pattern, '/');
  const bool is_odd =
      pattern.starts_with('/') || pattern.ends_with('/') || pattern.find("//") != std::string::npos;
  if ((slashes == 1 || slashes == 2) && !is_odd) return std::nullopt;
  return invalid(
      fmt::format("must be KIND/NAME, such as 'Instance/*', got '{}'", pattern.substr(0, 100)));
}

std::vector<FieldProblem> check_webhook(const Value& spec) {
  std::vector<FieldProblem> problems;
  const bool has_template = spec.find("template") != nullptr;
  if (has_template != (spec.text_or("format", "") == "template"))
    problems.push_back({"", "`format: template` and `template: FILE` go together"});
  if (!spec.text_or("url", "").starts_with(kMail)) return problems;
  if (spec.text_or("format", "cloudevents") != "cloudevents")
    problems.push_back({"format", "is for URLs: a mail is plain text, leave it out"});
  if (spec.find("secret") != nullptr)
    problems.push_back({"secret", "is for URLs: a mail is not signed, leave it out"});
  return problems;
}

std::optional<Error> check_only_a_reference(const Value&) {
  return invalid("must be {secret: NAME}: a key has no place in a repository");
}

}  // namespace croft
