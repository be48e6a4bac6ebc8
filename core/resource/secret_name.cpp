#include "core/resource/secret_name.hpp"

#include <algorithm>

namespace croft {

namespace {

constexpr std::size_t kLongestName = 253;

bool is_name(std::string_view text) {
  const auto is_letter = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
  };
  return !text.empty() && text.size() <= kLongestName && is_letter(text.front()) &&
         std::ranges::all_of(
             text, [&](char c) { return is_letter(c) || c == '-' || c == '_' || c == '.'; });
}

}  // namespace

SecretName parse_secret_name(std::string_view text) {
  const std::size_t slash = text.find('/');
  if (slash == std::string_view::npos) return {std::string(text), ""};
  return {std::string(text.substr(0, slash)), std::string(text.substr(slash + 1))};
}

std::optional<std::string> secret_name_problem(std::string_view text) {
  const std::size_t slash = text.find('/');
  if (!is_name(text.substr(0, slash)))
    return "a name is of letters, digits, '-', '_' and '.', as in 'api-token' or 'tls/key'";
  if (slash != std::string_view::npos && !is_secret_key(text.substr(slash + 1)))
    return "behind the '/' stands which of its values is meant, as in 'tls/key'";
  return std::nullopt;
}

bool is_secret_key(std::string_view text) {
  return !text.empty() && text.size() <= kLongestName &&
         std::ranges::all_of(text, [](char c) { return c > ' ' && c <= '~' && c != '/'; });
}

}  // namespace croft
