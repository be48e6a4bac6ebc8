#include "core/resource/completion.hpp"

#include <algorithm>

#include <fmt/format.h>

namespace croft {

namespace {

std::string_view unit_of(FieldType type) {
  switch (type) {
    case FieldType::Text:
      return " bytes";
    case FieldType::List:
    case FieldType::Map:
      return " entries";
    default:
      return "";
  }
}

bool has_type(const Field& field, const Value& value) {
  switch (field.type) {
    case FieldType::Boolean:
      return value.is_boolean();
    case FieldType::Integer:
    case FieldType::Duration:
    case FieldType::Bytes:
    case FieldType::Cpu:
      return value.is_integer();
    case FieldType::Text:
      return value.is_text();
    case FieldType::List:
      return value.is_list();
    case FieldType::Object:
    case FieldType::Map:
      return value.is_map();
  }
  return false;
}

class Completer {
 public:
  explicit Completer(std::vector<FieldProblem>& problems) : problems_(problems) {}

  Value run(const Field& field, Value value, const std::string& path) {
    if (field.allows_secret && is_secret_reference(value)) return value;
    if (!has_type(field, value)) {
      complain(path, "must be " + type_name(field));
      return value;
    }
    const std::size_t before = problems_.size();
    if (field.type == FieldType::Object) {
      value = object(field, std::move(value), path);
    } else if (field.type == FieldType::Map) {
      value = map(field, value, path);
    } else if (field.type == FieldType::List) {
      std::size_t i = 0;
      for (Value& item : value.as_list()) {
        item = run(*field.element, std::move(item), fmt::format("{}[{}]", path, i));
        ++i;
      }
    }
    if (problems_.size() == before) check(field, value, path);
    return value;
  }

 private:
  static std::string joined(const std::string& path, std::string_view key) {
    return path.empty() ? std::string(key) : fmt::format("{}.{}", path, key);
  }

  void complain(std::string path, std::string message) {
    problems_.push_back({std::move(path), std::move(message)});
  }

  Value object(const Field& field, Value value, const std::string& path) {
    Value made = Value::map();
    for (const auto& [key, entry] : value.as_map()) {
      const Field* inner = field.find(key);
      if (inner == nullptr) {
        complain(joined(path, key), "is no field");
      } else {
        made.set(key, run(*inner, entry, joined(path, key)));
      }
    }
    for (const Field& inner : field.fields) {
      if (made.find(inner.name) != nullptr) continue;
      if (inner.required) complain(joined(path, inner.name), "is missing");
      if (auto fallback = default_of(inner)) made.set(inner.name, std::move(*fallback));
    }
    return made;
  }

  Value map(const Field& field, const Value& value, const std::string& path) {
    Value made = Value::map();
    for (const auto& [key, entry] : value.as_map())
      made.set(key, run(*field.element, entry, joined(path, key)));
    return made;
  }

  void check(const Field& field, const Value& value, const std::string& path) {
    if (!field.choices.empty() &&
        std::ranges::find(field.choices, value.as_text()) == field.choices.end())
      return complain(path, fmt::format("must be one of {}, got '{}'",
                                        fmt::join(field.choices, ", "), value.as_text()));
    if (auto problem = bounds_problem(field, value)) return complain(path, std::move(*problem));
    if (field.check != nullptr) {
      if (const auto failure = field.check(value)) return complain(path, failure->message());
    }
    if (field.cross_check == nullptr) return;
    for (const FieldProblem& problem : field.cross_check(value)) {
      const bool is_index = problem.path.starts_with('[');
      complain(problem.path.empty() ? path
               : is_index           ? path + problem.path
                                    : joined(path, problem.path),
               problem.message);
    }
  }

  std::vector<FieldProblem>& problems_;
};

}  // namespace

Value completed(const Field& field, Value value, std::vector<FieldProblem>& problems) {
  return Completer(problems).run(field, std::move(value), "");
}

std::optional<std::string> bounds_problem(const Field& field, const Value& value) {
  if (!field.minimum && !field.maximum) return std::nullopt;
  const std::int64_t size = value.is_integer() ? value.as_integer()
                            : value.is_text()  ? static_cast<std::int64_t>(value.as_text().size())
                                               : static_cast<std::int64_t>(value.size());
  const auto print = [&](std::int64_t number) {
    return value.is_integer() ? print_value(field, Value(number), false)
                              : fmt::format("{}{}", number, unit_of(field.type));
  };
  const std::string_view verb = value.is_integer() ? "be" : "have";
  if (field.minimum && size < *field.minimum)
    return fmt::format("must {} at least {}, got {}", verb, print(*field.minimum), print(size));
  if (field.maximum && size > *field.maximum)
    return fmt::format("must {} at most {}, got {}", verb, print(*field.maximum), print(size));
  return std::nullopt;
}

}  // namespace croft
