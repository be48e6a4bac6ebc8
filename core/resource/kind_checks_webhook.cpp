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

}  // namespace

std::optional<Error> check_webhook_url(const Value& value) {
  const std::string& url = value.as_text();
  const std::size_t scheme = url.starts_with("https://") ? 8 : url.starts_with("http://") ? 7 : 0;
  if (scheme == 0) return invalid("must begin with https:// or http://");
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

std::optional<Error> check_only_a_reference(const Value&) {
  return invalid("must be {secret: NAME}: a key has no place in a repository");
}

}  // namespace croft
