#include "cli/output/yaml.hpp"

#include <algorithm>
#include <array>
#include <string_view>

namespace croft::cli {

namespace {

/// True for digits with a unit ("250m", "1GiB"), which no reader takes for a number of another form
/// (1e3, 0x1f, 1_000, 12:30, a date).
bool is_amount(std::string_view text) {
  const auto is_letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); };
  return text.front() != '0' && std::ranges::any_of(text, is_letter) &&
         text.find_first_of("eE") == std::string_view::npos &&
         std::ranges::all_of(text, [&](char c) { return is_letter(c) || (c >= '0' && c <= '9'); });
}

/// True if plain text would be read back as this very text by YAML 1.1 and 1.2 readers alike.
bool is_plain(std::string_view text) {
  constexpr std::array<std::string_view, 14> kWords{"null", "Null",  "NULL",  "true",  "True",
                                                    "TRUE", "false", "False", "FALSE", "yes",
                                                    "no",   "on",    "off",   "~"};
  if (text.empty() || text.front() == ' ' || text.back() == ' ' || text.back() == ':') return false;
  std::string lower(text);
  std::ranges::transform(lower, lower.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
  });
  if (std::ranges::find(kWords, text) != kWords.end() ||
      std::ranges::find(kWords, lower) != kWords.end())
    return false;
  if (std::string_view("+-.!&*?|>'\"%@`#{}[],<=:~").find(text.front()) != std::string_view::npos) {
    return false;
  }
  if (text.front() >= '0' && text.front() <= '9' && !is_amount(text)) return false;
  if (text.find(": ") != std::string_view::npos || text.find(" #") != std::string_view::npos)
    return false;
  return std::ranges::none_of(
      text, [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; });
}

std::string scalar(const Value& value) {
  if (value.is_null()) return "null";
  if (!value.is_text()) return to_json(value);
  // JSON's quoted text is YAML's.
  return is_plain(value.as_text()) ? value.as_text() : to_json(value);
}

bool is_block_text(const Value& value) {
  if (!value.is_text()) return false;
  const std::string& text = value.as_text();
  const bool is_clean = std::ranges::none_of(text, [](char c) {
    return (static_cast<unsigned char>(c) < 0x20 && c != '\n') || c == 0x7F;
  });
  return is_clean && text.find('\n') != std::string::npos && text.ends_with('\n') &&
         !text.ends_with("\n\n") && text.front() != ' ' && text.front() != '\n';
}

class Writer {
 public:
  std::string out;

  void write_list(const Value& value, std::size_t depth) {
    for (const Value& element : value.as_list()) {
      out.append(depth * 2, ' ').append("- ");
      if (element.is_map() && element.size() > 0) {
        // The first entry stands behind the dash, the others below it.
        const std::size_t start = out.size();
        write_map(element, depth + 1);
        out.erase(start, (depth + 1) * 2);
      } else {
        write_inline(element, depth + 1);
      }
    }
  }

  void write_map(const Value& value, std::size_t depth) {
    for (const Value::Entry& entry : value.as_map()) {
      out.append(depth * 2, ' ').append(scalar(Value(entry.key))).append(":");
      const bool is_nested =
          (entry.value.is_map() || entry.value.is_list()) && entry.value.size() > 0;
      out += is_nested ? "\n" : " ";
      if (entry.value.is_map() && is_nested) {
        write_map(entry.value, depth + 1);
      } else if (is_nested) {
        write_list(entry.value, depth + 1);
      } else {
        write_inline(entry.value, depth + 1);
      }
    }
  }

  /// What stands behind a dash or a key: a scalar, an empty container, block text, a list in a
  /// list.
  void write_inline(const Value& value, std::size_t depth) {
    if (value.is_list() && value.size() > 0) {
      out.pop_back();
      out += "\n";
      write_list(value, depth);
    } else if (value.is_map() || value.is_list()) {
      out += value.is_map() ? "{}\n" : "[]\n";
    } else if (is_block_text(value)) {
      out += "|\n";
      write_lines(value.as_text(), depth);
    } else {
      out += scalar(value) + "\n";
    }
  }

 private:
  void write_lines(std::string_view text, std::size_t depth) {
    while (!text.empty()) {
      const std::size_t end = text.find('\n');
      if (end > 0) out.append(depth * 2, ' ').append(text.substr(0, end));
      out += '\n';
      text.remove_prefix(end + 1);
    }
  }
};

}  // namespace

std::string to_yaml(const Value& value) {
  Writer writer;
  if (value.is_map() && value.size() > 0) {
    writer.write_map(value, 0);
  } else if (value.is_list() && value.size() > 0) {
    writer.write_list(value, 0);
  } else {
    writer.write_inline(value, 0);
  }
  return std::move(writer.out);
}

std::string to_machine_text(const Value& value, const std::string& format) {
  return format == "yaml" ? to_yaml(value) : to_pretty_json(value) + "\n";
}

}  // namespace croft::cli
