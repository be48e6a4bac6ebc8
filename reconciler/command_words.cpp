#include "reconciler/command_words.hpp"

#include <algorithm>
#include <array>
#include <string_view>

#include "core/base/secret.hpp"

namespace croft {

namespace {

constexpr std::size_t kLongest = 200;

bool holds_secret_word(std::string_view name) {
  constexpr std::array<std::string_view, 9> kWords{"password", "passwd",  "passphrase",
                                                   "secret",   "token",   "apikey",
                                                   "api-key",  "api_key", "credential"};
  std::string lower(name);
  for (char& c : lower) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  if (lower.starts_with("pgpass") || lower == "auth" || lower == "authorization") return true;
  return std::ranges::any_of(
      kWords, [&](std::string_view word) { return lower.find(word) != std::string::npos; });
}

std::string_view without_dashes(std::string_view word) {
  while (word.starts_with('-')) word.remove_prefix(1);
  return word;
}

/// True for `--password` and `Authorization:`, whose value is the next word.
bool announces_secret(std::string_view word) {
  if (word.ends_with(':')) return holds_secret_word(word.substr(0, word.size() - 1));
  return word.starts_with('-') && word.find('=') == std::string_view::npos &&
         holds_secret_word(without_dashes(word));
}

/// "NAME=value" and "scheme://user:value@host".
std::string hide_in_word(std::string word) {
  const std::size_t equals = word.find('=');
  if (equals != std::string::npos && equals + 1 < word.size() &&
      holds_secret_word(without_dashes(std::string_view(word).substr(0, equals)))) {
    return word.substr(0, equals + 1) + std::string(kRedacted);
  }
  const std::size_t scheme = word.find("://");
  if (scheme == std::string::npos) return word;
  const std::size_t end = word.find_first_of("/?#", scheme + 3);
  const std::size_t at = word.rfind('@', end);
  const std::size_t colon = word.find(':', scheme + 3);
  if (at == std::string::npos || at < scheme + 3 || colon == std::string::npos || colon > at)
    return word;
  return word.substr(0, colon + 1) + std::string(kRedacted) + word.substr(at);
}

/// An argument, word by word: it may be a script. `hides_next` goes on from argument to argument.
std::string hide_in_argument(const std::string& argument, bool& hides_next) {
  constexpr std::string_view kBetween = " \t\n;|&'\"";
  if (std::exchange(hides_next, false)) return std::string(kRedacted);
  std::string out;
  std::size_t at = 0;
  int hidden_words = 0;  // `Authorization: Bearer X` has two
  while (at < argument.size()) {
    const std::size_t end = std::min(argument.find_first_of(kBetween, at), argument.size());
    std::string word = argument.substr(at, end - at);
    if (!word.empty() && hidden_words > 0) {
      word = kRedacted;
      --hidden_words;
    } else if (announces_secret(word)) {
      hidden_words = word.ends_with(':') ? 2 : 1;
    } else {
      word = hide_in_word(std::move(word));
    }
    out += word;
    if (end < argument.size()) out += argument[end];
    at = end + 1;
  }
  hides_next = hidden_words > 0 && argument.find_first_of(kBetween) == std::string::npos;
  return out;
}

std::string quoted(const std::string& word) {
  const bool is_plain = !word.empty() && std::ranges::all_of(word, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           std::string_view("-_./:=@%+,[]").find(c) != std::string_view::npos;
  });
  if (is_plain) return word;
  std::string out = "'";
  for (const char c : word) out += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return out + "'";
}

}  // namespace

std::vector<std::string> without_secrets(const std::vector<std::string>& command) {
  std::vector<std::string> shown;
  bool hides_next = false;
  for (const std::string& argument : command)
    shown.push_back(redact(hide_in_argument(argument, hides_next)));
  return shown;
}

std::string describe_command(const std::vector<std::string>& command) {
  if (command.empty()) return "a shell";
  std::string line;
  for (const std::string& word : without_secrets(command))
    line += (line.empty() ? "" : " ") + quoted(word);
  if (line.size() > kLongest) line = line.substr(0, kLongest) + "...";
  return line;
}

}  // namespace croft
