#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/result.hpp"
#include "core/base/value.hpp"

namespace croft {

/// What may stand in a field, and how a checked spec (a Value) holds it.
enum class FieldType {
  Boolean,   ///< boolean
  Integer,   ///< integer
  Text,      ///< text, taken as written: `no`, `012` and `1e3` stay text
  Duration,  ///< integer: milliseconds
  Bytes,     ///< integer: bytes
  Cpu,       ///< integer: thousandths of a core
  Object,    ///< map with the fields of `fields`
  List,      ///< list of `element`
  Map,       ///< map from text to `element`
};

/// What a change of the field does to what runs.
enum class ChangeEffect {
  InPlace,  ///< the provider updates it where it is
  Replace,  ///< destroyed and created anew
};

/// What is wrong with a value. Messages here and in Field::check go on from the field's path: "must
/// start with '/'".
struct FieldProblem {
  std::string path;  ///< relative to the value that was checked, "" for itself
  std::string message;
};

/// The description of one field. It drives parsing, defaults, validation, printing, diffs, JSON
/// Schema, `croft explain` and the reference docs; there is no second list of fields. Made with the
/// builder functions below.
struct Field {
  std::string name;
  FieldType type = FieldType::Text;
  std::string help;     ///< one sentence or two for the reference; Markdown
  std::string example;  ///< as YAML, or empty
  bool required = false;
  std::optional<Value>
      fallback;  ///< the default, in checked form; filled in if the field is absent
  // Bounds of a number's value, of a text's length in bytes, or of how many entries a List or Map
  // has.
  std::optional<std::int64_t> minimum;
  std::optional<std::int64_t> maximum;
  std::vector<std::string> choices;  ///< if not empty, the only texts allowed
  std::optional<Error> (*check)(const Value&) =
      nullptr;               ///< for what the above cannot say; null means fine
  std::string arrives_with;  ///< not empty: known, but of a later version; using it is an error
                             ///< that says so
  ChangeEffect effect = ChangeEffect::InPlace;
  /// Croft's own: no provider needs to act on it or reports it (`dependsOn`, `deletion`, hosts).
  bool is_for_croft = false;
  bool is_for_operator = false;          ///< an error in a tenant's repository
  bool allows_secret = false;            ///< `{secret: NAME}` may stand here; kept as that map
  std::vector<Field> fields;             ///< of an Object
  std::shared_ptr<const Field> element;  ///< of a List or Map
  std::vector<FieldProblem> (*cross_check)(const Value&) =
      nullptr;  ///< of an Object: rules between its fields

  // Builders, each on a copy: `duration_field("interval", "How often
  // ...").with_default(Value(60000))`.
  Field with_default(Value value) const;
  Field as_required() const;
  Field between(std::int64_t low, std::int64_t high) const;
  Field one_of(std::vector<std::string> texts) const;
  Field checked_by(std::optional<Error> (*function)(const Value&)) const;
  Field cross_checked_by(std::vector<FieldProblem> (*function)(const Value&)) const;
  Field later(std::string feature) const;
  Field replaces() const;
  Field for_croft() const;
  Field for_operator() const;
  Field or_secret() const;
  Field like(std::string yaml) const;

  /// The field of that name in an Object, or null.
  const Field* find(std::string_view field_name) const;
  /// Follows a dotted path ("http.hosts"), through list and map elements; null if there is none.
  const Field* at_path(std::string_view path) const;
};

Field boolean_field(std::string name, std::string help);
Field integer_field(std::string name, std::string help);
Field text_field(std::string name, std::string help);
Field duration_field(std::string name, std::string help);
Field bytes_field(std::string name, std::string help);
Field cpu_field(std::string name, std::string help);
Field object_field(std::string name, std::string help, std::vector<Field> fields);
Field list_field(std::string name, std::string help, Field element);
Field map_field(std::string name, std::string help, Field element);

/// What a field holds that nobody wrote: its default, completed by the defaults of the fields
/// inside if it is an Object.
std::optional<Value> default_of(const Field& field);

/// "text", "list of text", "map of text", "duration", ...: for messages and docs.
std::string type_name(const Field& field);
/// True if a checked value is `{secret: NAME}` standing where a value may; in a spec that is
/// desired or applied, a `fingerprint` beside it tells which value it stood for.
bool is_secret_reference(const Value& value);
/// The references in a checked spec, with the paths of where they stand ("env.TOKEN"), the first is
/// given first.
void for_each_secret(const Field& field, Value& value,
                     const std::function<void(const std::string& path, Value& reference)>& visit);
void for_each_secret(
    const Field& field, const Value& value,
    const std::function<void(const std::string& path, const Value& reference)>& visit);

/// A checked value as people write it: 134217728 in a Bytes field prints as 128MiB. Text is quoted
/// if `quoted`; if not, a list of texts reads as a command line does: python3 app.py.
std::string print_value(const Field& field, const Value& value, bool quoted);

}  // namespace croft
