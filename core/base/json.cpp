#include <boost/json.hpp>
#include <fmt/format.h>

#include "core/base/value.hpp"

namespace croft {

namespace {

namespace json = boost::json;

constexpr std::size_t kMaxDepth = 64;

Value from_boost(const json::value& source);

Value from_boost(const json::object& source) {
  Value map = Value::map();
  for (const auto& entry : source)
    map.set(std::string_view(entry.key()), from_boost(entry.value()));
  return map;
}

Value from_boost(const json::array& source) {
  Value::List list;
  list.reserve(source.size());
  for (const json::value& element : source) list.push_back(from_boost(element));
  return Value(std::move(list));
}

Value from_boost(const json::value& source) {
  switch (source.kind()) {
    case json::kind::null:
      return {};
    case json::kind::bool_:
      return source.get_bool();
    case json::kind::int64:
      return source.get_int64();
    // Larger than a signed 64-bit integer: kept as real, as every JSON reader without big integers
    // does.
    case json::kind::uint64:
      return static_cast<double>(source.get_uint64());
    case json::kind::double_:
      return source.get_double();
    case json::kind::string:
      return std::string_view(source.get_string());
    case json::kind::array:
      return from_boost(source.get_array());
    case json::kind::object:
      return from_boost(source.get_object());
  }
  return {};
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

Result<Value> parse_json(std::string_view text) {
  json::parse_options options;
  options.max_depth = kMaxDepth;
  boost::system::error_code error;
  json::stream_parser parser({}, options);
  const std::size_t consumed = parser.write_some(text.data(), text.size(), error);
  if (!error && consumed < text.size() &&
      text.find_first_not_of(" \t\r\n", consumed) != std::string_view::npos) {
    return fail(ErrorCode::Invalid,
                fmt::format("not JSON at byte {}: text after the end", consumed));
  }
  if (!error) parser.finish(error);
  if (error) {
    return fail(ErrorCode::Invalid,
                fmt::format("not JSON at byte {}: {}", consumed, error.message()));
  }
  return from_boost(parser.release());
}

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
