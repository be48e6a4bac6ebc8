#include "providers/process/shim/wire.hpp"

#include <charconv>

namespace croft::shim {

namespace {

void encode(std::string& into, std::string_view value) {
  constexpr char kDigits[] = "0123456789abcdef";
  for (const char c : value) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte > 0x20 && byte != 0x7f && c != '%') {
      into += c;
    } else {
      into += '%';
      into += kDigits[byte >> 4U];
      into += kDigits[byte & 15U];
    }
  }
}

std::optional<std::string> decode(std::string_view text) {
  std::string value;
  value.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      value += text[i];
      continue;
    }
    unsigned byte = 0;
    if (i + 2 >= text.size()) return std::nullopt;
    const char* end = text.data() + i + 3;
    if (std::from_chars(text.data() + i + 1, end, byte, 16).ptr != end) return std::nullopt;
    value += static_cast<char>(byte);
    i += 2;
  }
  return value;
}

}  // namespace

Line& Line::add(std::string_view key, std::string_view value) {
  fields.emplace_back(key, value);
  return *this;
}

Line& Line::add(std::string_view key, long long value) {
  return add(key, std::string_view(std::to_string(value)));
}

const std::string* Line::find(std::string_view key) const {
  for (auto field = fields.rbegin(); field != fields.rend(); ++field) {
    if (field->first == key) return &field->second;
  }
  return nullptr;
}

std::string Line::text(std::string_view key, std::string_view fallback) const {
  const std::string* value = find(key);
  return value != nullptr ? *value : std::string(fallback);
}

long long Line::number(std::string_view key, long long fallback) const {
  const std::string* value = find(key);
  if (value == nullptr) return fallback;
  long long number = 0;
  const char* end = value->data() + value->size();
  const auto [stopped, problem] = std::from_chars(value->data(), end, number);
  return problem == std::errc() && stopped == end ? number : fallback;
}

std::vector<std::string> Line::all(std::string_view key) const {
  std::vector<std::string> values;
  for (const auto& [name, value] : fields) {
    if (name == key) values.push_back(value);
  }
  return values;
}

std::string format_line(const Line& line) {
  std::string text = line.verb;
  for (const auto& [key, value] : line.fields) {
    text += ' ';
    text += key;
    text += '=';
    encode(text, value);
  }
  text += '\n';
  return text;
}

std::optional<Line> parse_line(std::string_view text) {
  Line line;
  bool has_verb = false;
  while (!text.empty()) {
    const std::size_t end = text.find(' ');
    const std::string_view word = text.substr(0, end);
    text = end == std::string_view::npos ? std::string_view() : text.substr(end + 1);
    if (word.empty()) continue;
    if (!has_verb) {
      line.verb = word;
      has_verb = true;
      continue;
    }
    const std::size_t equals = word.find('=');
    if (equals == std::string_view::npos) return std::nullopt;
    std::optional<std::string> value = decode(word.substr(equals + 1));
    if (!value) return std::nullopt;
    line.fields.emplace_back(word.substr(0, equals), std::move(*value));
  }
  if (!has_verb) return std::nullopt;
  return line;
}

}  // namespace croft::shim
