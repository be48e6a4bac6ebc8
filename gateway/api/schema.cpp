#include "gateway/api/schema.hpp"

#include <algorithm>

#include <fmt/format.h>

namespace croft {

namespace {

constexpr std::size_t kMostProblems = 20;
constexpr std::string_view kReference = "#/components/schemas/";

bool has_type(const Value& value, std::string_view type) {
  if (type == "null") return value.is_null();
  if (type == "boolean") return value.is_boolean();
  if (type == "integer") return value.is_integer();
  if (type == "number") return value.is_integer() || value.is_real();
  if (type == "string") return value.is_text();
  if (type == "array") return value.is_list();
  return type == "object" && value.is_map();
}

std::string spoken_types(const Value& type) {
  if (type.is_text()) return type.as_text();
  std::string text;
  for (const Value& one : type.as_list()) text += (text.empty() ? "" : " or ") + one.as_text();
  return text;
}

bool has_any_type(const Value& value, const Value& type) {
  if (type.is_text()) return has_type(value, type.as_text());
  return std::ranges::any_of(type.as_list(),
                             [&](const Value& one) { return has_type(value, one.as_text()); });
}

class Checker {
 public:
  explicit Checker(const Value& components) : components_(components) {}

  void check(const Value& schema, const Value& value, const std::string& path) {
    if (problems.size() >= kMostProblems) return;
    if (const std::string reference = schema.text_or("$ref", ""); !reference.empty()) {
      const Value* target =
          components_.find(reference.substr(std::min(reference.size(), kReference.size())));
      if (target == nullptr) return add(path, "is described nowhere: " + reference);
      return check(*target, value, path);
    }
    if (const Value* type = schema.find("type"); type != nullptr && !has_any_type(value, *type)) {
      return add(path, "has to be " + spoken_types(*type));
    }
    check_choices(schema, value, path);
    if (value.is_text())
      check_range(schema, "Length", static_cast<std::int64_t>(value.as_text().size()), path);
    if (value.is_integer()) check_range(schema, "imum", value.as_integer(), path);
    if (value.is_list()) check_list(schema, value, path);
    if (value.is_map()) check_map(schema, value, path);
  }

  std::vector<std::string> problems;

 private:
  void add(const std::string& path, std::string_view what) {
    problems.push_back(path.empty() ? fmt::format("the whole {}", what)
                                    : fmt::format("field '{}' {}", path, what));
  }

  void check_choices(const Value& schema, const Value& value, const std::string& path) {
    const Value* choices = schema.find("enum");
    if (choices == nullptr || std::ranges::count(choices->as_list(), value) > 0) return;
    std::string names;
    for (const Value& choice : choices->as_list()) {
      names +=
          (names.empty() ? "" : ", ") + (choice.is_text() ? choice.as_text() : to_json(choice));
    }
    add(path, "has to be one of " + names);
  }

  /// "minLength" and "maxLength", or "minimum" and "maximum".
  void check_range(const Value& schema, std::string_view suffix, std::int64_t number,
                   const std::string& path) {
    const Value* low = schema.find(fmt::format("min{}", suffix));
    const Value* high = schema.find(fmt::format("max{}", suffix));
    const std::string_view what = suffix == "Length" ? "of a length of " : "";
    if (low != nullptr && number < low->as_integer()) {
      add(path, fmt::format("has to be {}at least {}", what, low->as_integer()));
    }
    if (high != nullptr && number > high->as_integer()) {
      add(path, fmt::format("has to be {}at most {}", what, high->as_integer()));
    }
  }

  void check_list(const Value& schema, const Value& value, const std::string& path) {
    if (static_cast<std::int64_t>(value.size()) > schema.integer_or("maxItems", INT64_MAX)) {
      return add(path, "has too many elements");
    }
    const Value* items = schema.find("items");
    for (std::size_t i = 0; items != nullptr && i < value.size(); ++i) {
      check(*items, value.as_list()[i], fmt::format("{}[{}]", path, i));
    }
  }

  void check_map(const Value& schema, const Value& value, const std::string& path) {
    const auto below = [&](const std::string& key) {
      return path.empty() ? key : path + "." + key;
    };
    if (const Value* required = schema.find("required"); required != nullptr) {
      for (const Value& key : required->as_list()) {
        if (value.find(key.as_text()) == nullptr) add(below(key.as_text()), "is missing");
      }
    }
    const Value* properties = schema.find("properties");
    const Value* others = schema.find("additionalProperties");
    const bool is_closed = others != nullptr && others->is_boolean() && !others->as_boolean();
    for (const auto& [key, element] : value.as_map()) {
      const Value* property = properties != nullptr ? properties->find(key) : nullptr;
      if (property != nullptr) {
        check(*property, element, below(key));
      } else if (others != nullptr && others->is_map()) {
        check(*others, element, below(key));
      } else if (is_closed) {
        add(below(key), "is not known");
      }
    }
  }

  const Value& components_;
};

}  // namespace

std::vector<std::string> check_schema(const Value& schema, const Value& value,
                                      const Value& components) {
  Checker checker(components);
  checker.check(schema, value, "");
  return std::move(checker.problems);
}

}  // namespace croft
