#include "gateway/edge/host.hpp"

#include <algorithm>

namespace croft::edge {

namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }

bool is_port(std::string_view text) {
  return text.size() <= 5 && std::ranges::all_of(text, is_digit);
}

// The host without its port; IPv6 literals keep their brackets.
std::optional<std::string_view> without_port(std::string_view text) {
  std::size_t end = text.find(':');
  if (text.starts_with('[')) {
    const std::size_t bracket = text.find(']');
    if (bracket == std::string_view::npos) return std::nullopt;
    end = bracket + 1;
  }
  if (end >= text.size()) return text;
  if (text[end] != ':' || !is_port(text.substr(end + 1))) return std::nullopt;
  return text.substr(0, end);
}

// Lower case, or 0 for a character that no host has.
char host_character(char c) {
  if (c >= 'A' && c <= 'Z') return static_cast<char>(c - 'A' + 'a');
  const bool fine = (c >= 'a' && c <= 'z') || is_digit(c) || c == '-' || c == '.' || c == '_';
  return fine ? c : '\0';
}

char literal_character(char c) { return c == ':' || c == '[' || c == ']' ? c : host_character(c); }

}  // namespace

std::optional<std::string_view> normalize_host(std::string_view text, HostBuffer& buffer) {
  const std::optional<std::string_view> bare = without_port(text);
  if (!bare) return std::nullopt;
  std::string_view host = *bare;
  if (host.ends_with('.')) host.remove_suffix(1);
  if (host.empty() || host.size() > buffer.size()) return std::nullopt;
  const bool is_literal = host.front() == '[';
  for (std::size_t i = 0; i < host.size(); ++i) {
    buffer[i] = is_literal ? literal_character(host[i]) : host_character(host[i]);
    if (buffer[i] == '\0') return std::nullopt;
  }
  return std::string_view(buffer.data(), host.size());
}

}  // namespace croft::edge
