#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "core/base/result.hpp"

namespace croft {

/// A document: null, boolean, integer, real, text, list or map. Specs, observed fields, JSON bodies
/// and settings are made of it. A value type; a map is kept sorted by key, so that equal documents
/// have equal bytes.
class Value {
 public:
  struct Entry;
  using List = std::vector<Value>;
  using Map = std::vector<Entry>;  ///< sorted by key, keys unique

  Value();
  Value(bool value);              // NOLINT(google-explicit-constructor)
  Value(int value);               // NOLINT(google-explicit-constructor)
  Value(std::int64_t value);      // NOLINT(google-explicit-constructor)
  Value(double value);            // NOLINT(google-explicit-constructor)
  Value(std::string value);       // NOLINT(google-explicit-constructor)
  Value(std::string_view value);  // NOLINT(google-explicit-constructor)
  Value(const char* value);       // NOLINT(google-explicit-constructor)
  Value(List list);               // NOLINT(google-explicit-constructor)

  static Value list();
  static Value map();
  /// A map of the given entries; the last of equal keys wins.
  static Value map(std::initializer_list<std::pair<std::string_view, Value>> entries);

  bool is_null() const { return std::holds_alternative<std::monostate>(data_); }
  bool is_boolean() const { return std::holds_alternative<bool>(data_); }
  bool is_integer() const { return std::holds_alternative<std::int64_t>(data_); }
  bool is_real() const { return std::holds_alternative<double>(data_); }
  bool is_text() const { return std::holds_alternative<std::string>(data_); }
  bool is_list() const { return std::holds_alternative<List>(data_); }
  bool is_map() const { return std::holds_alternative<Map>(data_); }

  // The content; asking for another type than it has is a bug and throws std::bad_variant_access.
  bool as_boolean() const { return std::get<bool>(data_); }
  std::int64_t as_integer() const { return std::get<std::int64_t>(data_); }
  double as_real() const { return std::get<double>(data_); }
  const std::string& as_text() const { return std::get<std::string>(data_); }
  const List& as_list() const { return std::get<List>(data_); }
  List& as_list() { return std::get<List>(data_); }
  const Map& as_map() const { return std::get<Map>(data_); }

  /// The entry of that key, or null if this is no map or has none.
  const Value* find(std::string_view key) const;
  Value* find(std::string_view key);
  /// Follows a dotted path of keys and list indexes, "http.hosts[0]"; null where it ends early.
  const Value* at_path(std::string_view path) const;

  // What stands at a dotted path, or the fallback if nothing or something of another type stands
  // there.
  std::string text_or(std::string_view path, std::string_view fallback) const;
  std::int64_t integer_or(std::string_view path, std::int64_t fallback) const;
  bool boolean_or(std::string_view path, bool fallback) const;

  /// Sets an entry; null becomes a map first. Returns the entry's value.
  Value& set(std::string_view key, Value value);
  bool erase(std::string_view key);
  /// Appends to a list; null becomes a list first.
  void push_back(Value value);

  /// Entries of a map, elements of a list, else 0.
  std::size_t size() const;

  bool operator==(const Value& other) const;

 private:
  std::variant<std::monostate, bool, std::int64_t, double, std::string, List, Map> data_;
};

struct Value::Entry {
  std::string key;
  Value value;
  bool operator==(const Entry&) const = default;
};

// Here and not in the class, because an Entry must be complete before clang makes a vector of them.
inline Value::Value() = default;
inline Value::Value(bool value) : data_(value) {}
inline Value::Value(int value) : data_(std::int64_t{value}) {}
inline Value::Value(std::int64_t value) : data_(value) {}
inline Value::Value(double value) : data_(value) {}
inline Value::Value(std::string value) : data_(std::move(value)) {}
inline Value::Value(std::string_view value) : data_(std::string(value)) {}
inline Value::Value(const char* value) : data_(std::string(value)) {}
inline Value Value::list() { return Value(List{}); }

/// Reads one JSON document of at most 64 levels; Invalid with the offset if it is none.
Result<Value> parse_json(std::string_view text);
/// The canonical form: keys sorted, no white space. Digests are made over it.
std::string to_json(const Value& value);
/// For people: two spaces a level.
std::string to_pretty_json(const Value& value);

}  // namespace croft
