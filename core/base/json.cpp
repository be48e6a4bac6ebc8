#include "core/base/json.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>

#include <boost/json.hpp>
#include <boost/json/basic_parser_impl.hpp>
#include <fmt/format.h>

namespace croft {

namespace {

namespace json = boost::json;

constexpr std::size_t kMaxDepth = 64;

/// Builds a document as the parser goes through the text. Numbers are read from their own text:
/// Boost.JSON's doubles are off by a last bit here and there, and a document that is read, written
/// and read again would not stay the same.
class Builder {
 public:
  // What the parser asks of a handler: no limits but those of its options.
  static constexpr std::size_t max_object_size = SIZE_MAX;
  static constexpr std::size_t max_array_size = SIZE_MAX;
  static constexpr std::size_t max_key_size = SIZE_MAX;
  static constexpr std::size_t max_string_size = SIZE_MAX;

  explicit Builder(bool keeps_digits) : keeps_digits_(keeps_digits) {}

  Value take() { return std::move(root_); }

  bool on_document_begin(json::error_code& /*error*/) { return true; }
  bool on_document_end(json::error_code& /*error*/) { return true; }
  bool on_array_begin(json::error_code& /*error*/) { return open(false); }
  bool on_object_begin(json::error_code& /*error*/) { return open(true); }
  bool on_array_end(std::size_t /*size*/, json::error_code& /*error*/) {
    return close(Value(std::move(open_.back().items)));
  }
  bool on_object_end(std::size_t /*size*/, json::error_code& /*error*/) {
    std::vector<Value::Entry>& entries = open_.back().entries;
    // In the order of the keys, each is added at the end; of equal ones the last stays.
    std::ranges::stable_sort(entries, {}, &Value::Entry::key);
    Value map = Value::map();
    for (Value::Entry& entry : entries) map.set(entry.key, std::move(entry.value));
    return close(std::move(map));
  }
  bool on_key_part(json::string_view part, std::size_t /*size*/, json::error_code& /*error*/) {
    text_ += std::string_view(part);
    return true;
  }
  bool on_key(json::string_view part, std::size_t /*size*/, json::error_code& /*error*/) {
    open_.back().key = finish_text(part);
    return true;
  }
  bool on_string_part(json::string_view part, std::size_t size, json::error_code& error) {
    return on_key_part(part, size, error);
  }
  bool on_string(json::string_view part, std::size_t /*size*/, json::error_code& /*error*/) {
    return add(Value(finish_text(part)));
  }
  bool on_number_part(json::string_view part, json::error_code& error) {
    return on_key_part(part, 0, error);
  }
  bool on_int64(std::int64_t number, json::string_view /*part*/, json::error_code& /*error*/) {
    text_.clear();
    return add(Value(number));
  }
  bool on_uint64(std::uint64_t number, json::string_view part, json::error_code& error) {
    return add_number(static_cast<double>(number), part, error);
  }
  bool on_double(double number, json::string_view part, json::error_code& error) {
    return add_number(number, part, error);
  }
  bool on_bool(bool value, json::error_code& /*error*/) { return add(Value(value)); }
  bool on_null(json::error_code& /*error*/) { return add(Value()); }
  bool on_comment_part(json::string_view /*part*/, json::error_code& /*error*/) { return true; }
  bool on_comment(json::string_view /*part*/, json::error_code& /*error*/) { return true; }

 private:
  struct Open {
    bool is_map = false;
    std::string key;  ///< of the entry that comes next
    Value::List items;
    std::vector<Value::Entry> entries;
  };

  std::string finish_text(json::string_view part) {
    text_ += std::string_view(part);
    return std::exchange(text_, {});
  }

  bool open(bool is_map) {
    open_.push_back({.is_map = is_map, .key = {}, .items = {}, .entries = {}});
    return true;
  }

  bool close(Value value) {
    open_.pop_back();
    return add(std::move(value));
  }

  bool add(Value value) {
    if (open_.empty()) {
      root_ = std::move(value);
    } else if (open_.back().is_map) {
      open_.back().entries.push_back({std::move(open_.back().key), std::move(value)});
    } else {
      open_.back().items.push_back(std::move(value));
    }
    return true;
  }

  /// What is no signed 64-bit integer; `number` is about what it is.
  bool add_number(double number, json::string_view part, json::error_code& error) {
    const std::string text = finish_text(part);
    const bool is_whole = text.find_first_of(".eE") == std::string::npos;
    if (is_whole && keeps_digits_) return add(Value(text));
    double exact = 0;
    const auto outcome = std::from_chars(text.data(), text.data() + text.size(), exact);
    if (outcome.ec != std::errc::result_out_of_range) return add(Value(exact));
    // What is too small is nothing.
    if (std::abs(number) < 1) return add(Value(0.0));
    error = json::error::exponent_overflow;
    return false;
  }

  bool keeps_digits_;
  Value root_;
  std::string text_;  ///< the parts of a text or number so far
  std::vector<Open> open_;
};

Result<Value> parse(std::string_view text, bool keeps_digits) {
  json::parse_options options;
  options.max_depth = kMaxDepth;
  json::error_code error;
  json::basic_parser<Builder> parser(options, keeps_digits);
  const std::size_t consumed = parser.write_some(false, text.data(), text.size(), error);
  if (!error && consumed < text.size() &&
      text.find_first_not_of(" \t\r\n", consumed) != std::string_view::npos) {
    return fail(ErrorCode::Invalid,
                fmt::format("not JSON at byte {}: text after the end", consumed));
  }
  if (error) {
    return fail(ErrorCode::Invalid,
                fmt::format("not JSON at byte {}: {}", consumed, error.message()));
  }
  return parser.handler().take();
}

void write_text(std::string& out, std::string_view text) {
  out += '"';
  for (const char c : text) {
    switch (c) {
      case '"':
        out += "\\\"";
        break;
      case '\\':
        out += "\\\\";
        break;
      case '\n':
        out += "\\n";
        break;
      case '\r':
        out += "\\r";
        break;
      case '\t':
        out += "\\t";
        break;
      default:
        if (static_cast<unsigned char>(c) < 0x20) {
          out += fmt::format("\\u{:04x}", static_cast<unsigned>(c));
        } else {
          out += c;
        }
    }
  }
  out += '"';
}

/// Writes canonical (indent < 0) or indented JSON.
class Writer {
 public:
  explicit Writer(bool pretty) : pretty_(pretty) {}

  void write(const Value& value) {
    if (value.is_null()) {
      out += "null";
    } else if (value.is_boolean()) {
      out += value.as_boolean() ? "true" : "false";
    } else if (value.is_integer()) {
      out += std::to_string(value.as_integer());
    } else if (value.is_real()) {
      out += json::serialize(json::value(value.as_real()));
    } else if (value.is_text()) {
      write_text(out, value.as_text());
    } else if (value.is_list()) {
      write_all('[', ']', value.as_list(), [this](const Value& element) { write(element); });
    } else {
      write_all('{', '}', value.as_map(), [this](const Value::Entry& entry) {
        write_text(out, entry.key);
        out += pretty_ ? ": " : ":";
        write(entry.value);
      });
    }
  }

  std::string out;

 private:
  template <typename Elements, typename Write>
  void write_all(char open, char close, const Elements& elements, Write write_one) {
    out += open;
    ++depth_;
    bool first = true;
    for (const auto& element : elements) {
      if (!first) out += ',';
      first = false;
      new_line();
      write_one(element);
    }
    --depth_;
    if (!elements.empty()) new_line();
    out += close;
  }

  void new_line() {
    if (pretty_) out.append("\n").append(static_cast<std::size_t>(depth_) * 2, ' ');
  }

  bool pretty_;
  int depth_ = 0;
};

}  // namespace

Result<Value> parse_json(std::string_view text) { return parse(text, false); }
Result<Value> parse_json_digits(std::string_view text) { return parse(text, true); }

std::string to_json(const Value& value) {
  Writer writer(false);
  writer.write(value);
  return std::move(writer.out);
}

std::string to_pretty_json(const Value& value) {
  Writer writer(true);
  writer.write(value);
  return std::move(writer.out);
}

}  // namespace croft
