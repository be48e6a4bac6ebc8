#include "core/net/http.hpp"

#include <algorithm>
#include <array>

namespace croft {

namespace {

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

bool equal_without_case(std::string_view a, std::string_view b) {
  return std::ranges::equal(a, b, [](char x, char y) { return lower(x) == lower(y); });
}

constexpr std::array<std::pair<int, std::string_view>, 23> kReasons{{
    {100, "Continue"},
    {101, "Switching Protocols"},
    {200, "OK"},
    {201, "Created"},
    {202, "Accepted"},
    {204, "No Content"},
    {304, "Not Modified"},
    {400, "Bad Request"},
    {401, "Unauthorized"},
    {403, "Forbidden"},
    {404, "Not Found"},
    {405, "Method Not Allowed"},
    {406, "Not Acceptable"},
    {408, "Request Timeout"},
    {409, "Conflict"},
    {413, "Content Too Large"},
    {415, "Unsupported Media Type"},
    {422, "Unprocessable Content"},
    {431, "Request Header Fields Too Large"},
    {499, "Client Closed Request"},
    {500, "Internal Server Error"},
    {503, "Service Unavailable"},
    {504, "Gateway Timeout"},
}};

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (lower(c) >= 'a' && lower(c) <= 'f') return lower(c) - 'a' + 10;
  return -1;
}

Result<std::string> percent_decode(std::string_view text, bool plus_is_space) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%') {
      const int high = i + 2 < text.size() ? hex_digit(text[i + 1]) : -1;
      const int low = i + 2 < text.size() ? hex_digit(text[i + 2]) : -1;
      if (high < 0 || low < 0) return fail(ErrorCode::Invalid, "a '%' without two hex digits");
      out += static_cast<char>(high * 16 + low);
      i += 2;
    } else {
      out += plus_is_space && text[i] == '+' ? ' ' : text[i];
    }
  }
  const bool has_control = std::ranges::any_of(
      out, [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; });
  if (has_control) return fail(ErrorCode::Invalid, "a control character");
  if (!is_utf8(out)) return fail(ErrorCode::Invalid, "bytes that are not UTF-8");
  return out;
}

Result<void> read_path(std::string_view path, RequestTarget& target) {
  while (!path.empty()) {
    path.remove_prefix(1);  // the '/'
    const std::string_view raw = path.substr(0, path.find('/'));
    path.remove_prefix(raw.size());
    if (raw.empty() && path.empty()) break;  // a trailing slash
    TRY_ASSIGN(std::string segment, percent_decode(raw, false));
    if (segment.empty() || segment == "." || segment == "..") {
      return fail(ErrorCode::Invalid, "an empty or relative path segment");
    }
    target.segments.push_back(std::move(segment));
  }
  return {};
}

Result<void> read_query(std::string_view query, RequestTarget& target) {
  while (!query.empty()) {
    const std::string_view pair = query.substr(0, query.find('&'));
    query.remove_prefix(std::min(query.size(), pair.size() + 1));
    if (pair.empty()) continue;
    const std::string_view name = pair.substr(0, pair.find('='));
    const std::string_view value = name.size() < pair.size() ? pair.substr(name.size() + 1) : "";
    TRY_ASSIGN(std::string decoded_name, percent_decode(name, true));
    TRY_ASSIGN(std::string decoded_value, percent_decode(value, true));
    target.query.emplace_back(std::move(decoded_name), std::move(decoded_value));
  }
  return {};
}

/// Length of the UTF-8 sequence that begins here, 0 if it is malformed.
std::size_t sequence_length(std::string_view bytes) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(bytes[i]); };
  const unsigned first = byte(0);
  if (first < 0x80) return 1;
  const std::size_t length = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
  if (first < 0xc2 || first > 0xf4 || bytes.size() < length) return 0;
  for (std::size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xc0) != 0x80) return 0;
  }
  const unsigned second = byte(1);
  const bool is_overlong = (first == 0xe0 && second < 0xa0) || (first == 0xf0 && second < 0x90);
  const bool is_surrogate = first == 0xed && second >= 0xa0;
  const bool is_too_large = first == 0xf4 && second >= 0x90;
  return is_overlong || is_surrogate || is_too_large ? 0 : length;
}

}  // namespace

const std::string* HttpHeaders::find(std::string_view name) const {
  for (const Field& field : fields_) {
    if (equal_without_case(field.first, name)) return &field.second;
  }
  return nullptr;
}

std::string HttpHeaders::value_or(std::string_view name, std::string_view fallback) const {
  const std::string* value = find(name);
  return value != nullptr ? *value : std::string(fallback);
}

void HttpHeaders::add(std::string name, std::string value) {
  fields_.emplace_back(std::move(name), std::move(value));
}

void HttpHeaders::set(std::string name, std::string value) {
  std::erase_if(fields_, [&](const Field& field) { return equal_without_case(field.first, name); });
  add(std::move(name), std::move(value));
}

std::string_view reason_phrase(int status) {
  for (const auto& [known, phrase] : kReasons) {
    if (known == status) return phrase;
  }
  return "Unknown";
}

const std::string* RequestTarget::parameter(std::string_view name) const {
  for (const auto& [known, value] : query) {
    if (known == name) return &value;
  }
  return nullptr;
}

Result<RequestTarget> parse_target(std::string_view target) {
  if (!target.starts_with('/')) return fail(ErrorCode::Invalid, "the target is no absolute path");
  RequestTarget parsed;
  const std::string_view path = target.substr(0, target.find('?'));
  TRY(while_doing(read_path(path, parsed), "reading the path"));
  if (path.size() < target.size()) {
    TRY(while_doing(read_query(target.substr(path.size() + 1), parsed), "reading the query"));
  }
  return parsed;
}

std::string percent_encode(std::string_view text) {
  constexpr std::string_view kHex = "0123456789ABCDEF";
  std::string out;
  for (const char c : text) {
    const bool is_unreserved = (c >= '0' && c <= '9') || (lower(c) >= 'a' && lower(c) <= 'z') ||
                               std::string_view("-._~").find(c) != std::string_view::npos;
    if (is_unreserved) {
      out += c;
    } else {
      const auto byte = static_cast<unsigned char>(c);
      out += '%';
      out += kHex[byte >> 4U];
      out += kHex[byte & 15U];
    }
  }
  return out;
}

std::string repair_utf8(std::string_view bytes) {
  std::string out;
  out.reserve(bytes.size());
  while (!bytes.empty()) {
    const std::size_t length = sequence_length(bytes);
    out += length > 0 ? bytes.substr(0, length) : "\xef\xbf\xbd";
    bytes.remove_prefix(std::max<std::size_t>(length, 1));
  }
  return out;
}

bool is_utf8(std::string_view bytes) {
  while (!bytes.empty()) {
    const std::size_t length = sequence_length(bytes);
    if (length == 0) return false;
    bytes.remove_prefix(length);
  }
  return true;
}

}  // namespace croft
