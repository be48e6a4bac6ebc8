#include "core/manifest/decode.hpp"

#include <algorithm>
#include <charconv>
#include <utility>

#include <fmt/format.h>

#include "core/base/suggest.hpp"
#include "core/base/units.hpp"
#include "core/manifest/source_text.hpp"
#include "core/resource/completion.hpp"
#include "core/resource/secret_name.hpp"

namespace croft::manifest {

namespace {

using Type = yaml::Node::Type;

std::string_view name_of(Type type) {
  switch (type) {
    case Type::Null:
      return "nothing";
    case Type::Scalar:
      return "a single value";
    case Type::List:
      return "a list";
    case Type::Map:
      return "a map";
  }
  return "something else";
}

std::string expected(const Field& field) {
  switch (field.type) {
    case FieldType::Object:
      return "must have fields ('name: value' on lines of their own, or {...})";
    case FieldType::List:
      return "must be a list ('- value' on lines of their own, or [...])";
    case FieldType::Map:
      return "must be a map ('name: value' on lines of their own, or {...})";
    case FieldType::Boolean:
      return "must be true or false";
    case FieldType::Integer:
      return "must be an integer";
    default:
      return "must be a single value";
  }
}

// A value as it is repeated in a message: short, so that a message stays a line.
std::string shown(std::string_view text) {
  constexpr std::size_t kMost = 60;
  if (text.size() <= kMost) return std::string(text);
  std::size_t end = kMost;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) --end;
  return std::string(text.substr(0, end)) + "...";
}

// Appends to a path while it lives.
class PathStep {
 public:
  PathStep(std::string& path, std::string_view key) : path_(path), length_(path.size()) {
    if (!path_.empty()) path_ += '.';
    path_ += key;
  }
  PathStep(std::string& path, std::size_t index) : path_(path), length_(path.size()) {
    fmt::format_to(std::back_inserter(path_), "[{}]", index);
  }
  ~PathStep() { path_.resize(length_); }
  PathStep(const PathStep&) = delete;
  PathStep& operator=(const PathStep&) = delete;

 private:
  std::string& path_;
  std::size_t length_;
};

}  // namespace

Value Decoder::decode(const Field& field, const yaml::Node& node, const Settings& settings) {
  settings_ = settings;
  path_ = settings.path;
  fallback_place_ = settings.key;
  return value(field, node);
}

Value Decoder::value(const Field& field, const yaml::Node& node) {
  const std::size_t errors_before = reporter_.error_count();
  Value made = filled(field, node);
  if (reporter_.error_count() == errors_before) check(field, node, made, errors_before);
  return made;
}

Value Decoder::filled(const Field& field, const yaml::Node& node) {
  if (node.type == Type::Null) {
    const bool is_written = node.is_written;
    error(node, is_written ? "is null, which no field takes" : "has no value",
          is_written && field.type == FieldType::Text ? "put it in quotes if you mean the text"
                                                      : "give one, or remove it");
    return {};
  }
  if (field.allows_secret && node.type == Type::Map) return secret(node);
  const Type wanted = field.type == FieldType::List ? Type::List
                      : field.type == FieldType::Map || field.type == FieldType::Object
                          ? Type::Map
                          : Type::Scalar;
  if (node.type != wanted) {
    wrong_type(field, node);
    return {};
  }
  switch (field.type) {
    case FieldType::Object:
      return object(field, node);
    case FieldType::List:
      return list(field, node);
    case FieldType::Map:
      return map(field, node);
    default:
      return scalar(field, node);
  }
}

Value Decoder::object(const Field& field, const yaml::Node& node) {
  Value made = Value::map();
  entries(field, node, made);
  defaults(field, node, made);
  return made;
}

void Decoder::entries(const Field& field, const yaml::Node& node, Value& into) {
  const auto items = tree_.items(node);
  for (std::size_t i = 0; i + 1 < items.size(); i += 2) {
    const yaml::Node& key = tree_.at(items[i]);
    const Field* inner = field.find(key.text);
    if (inner == nullptr) {
      unknown_field(field, key);
      continue;
    }
    const PathStep step(path_, key.text);
    if (!inner->arrives_with.empty()) {
      reporter_.error(
          key.mark, key.length,
          fmt::format("{} is not supported yet: it comes with {}, in a later version of Croft",
                      subject(), inner->arrives_with));
      continue;
    }
    if (inner->is_for_operator && !settings_.is_operators) {
      reporter_.error(key.mark, key.length, fmt::format("{} is the operator's to set", subject()));
      continue;
    }
    const yaml::Node* outer = std::exchange(fallback_place_, &key);
    into.set(key.text, value(*inner, tree_.at(items[i + 1])));
    fallback_place_ = outer;
  }
}

void Decoder::defaults(const Field& field, const yaml::Node& node, Value& into) {
  for (const Field& inner : field.fields) {
    if (!inner.required && !inner.fallback) continue;
    if (into.find(inner.name) != nullptr) continue;
    if (inner.required) {
      const PathStep step(path_, inner.name);
      const yaml::Node& place = fallback_place_ != nullptr ? *fallback_place_ : node;
      const std::string hint =
          inner.example.empty() ? "" : fmt::format("for example {}: {}", inner.name, inner.example);
      reporter_.error(place.mark, std::max(place.length, 1U),
                      fmt::format("{} is missing", subject()), hint);
    } else if (auto fallback = default_of(inner)) {
      into.set(inner.name, std::move(*fallback));
    }
  }
}

void Decoder::unknown_field(const Field& field, const yaml::Node& key) {
  std::vector<std::string_view> names;
  for (const Field& inner : field.fields) {
    if (inner.arrives_with.empty()) names.push_back(inner.name);
  }
  const std::string where = path_.empty() ? std::string(settings_.where)
                                          : fmt::format("{} of {}", path_, settings_.where);
  std::string hint = did_you_mean(key.text, names);
  if (hint.empty() && names.size() <= 6) hint = fmt::format("there is {}", fmt::join(names, ", "));
  reporter_.error(key.mark, std::max(key.length, 1U),
                  fmt::format("unknown field '{}' in {}", shown(key.text), where), std::move(hint));
}

Value Decoder::list(const Field& field, const yaml::Node& node) {
  Value::List made;
  made.reserve(node.count);
  const auto items = tree_.items(node);
  const yaml::Node* outer = std::exchange(fallback_place_, nullptr);
  for (std::size_t i = 0; i < items.size(); ++i) {
    const PathStep step(path_, i);
    made.push_back(value(*field.element, tree_.at(items[i])));
  }
  fallback_place_ = outer;
  return Value(std::move(made));
}

Value Decoder::map(const Field& field, const yaml::Node& node) {
  Value made = Value::map();
  const auto items = tree_.items(node);
  const yaml::Node* outer = fallback_place_;
  for (std::size_t i = 0; i + 1 < items.size(); i += 2) {
    const yaml::Node& key = tree_.at(items[i]);
    const PathStep step(path_, key.text);
    fallback_place_ = &key;
    made.set(key.text, value(*field.element, tree_.at(items[i + 1])));
  }
  fallback_place_ = outer;
  return made;
}

Value Decoder::scalar(const Field& field, const yaml::Node& node) {
  switch (field.type) {
    case FieldType::Boolean:
      return boolean(node);
    case FieldType::Integer:
      return integer(node);
    case FieldType::Duration: {
      const auto parsed = parse_duration(node.text);
      return unit(node, parsed, parsed ? parsed->count() : 0);
    }
    case FieldType::Bytes: {
      const auto parsed = parse_bytes(node.text);
      return unit(node, parsed, parsed ? parsed->count : 0);
    }
    case FieldType::Cpu: {
      const auto parsed = parse_cpu(node.text);
      return unit(node, parsed, parsed ? parsed->millis : 0);
    }
    default:
      return text(field, node);
  }
}

template <typename Parsed>
Value Decoder::unit(const yaml::Node& node, const Parsed& parsed, std::int64_t number) {
  if (parsed) return Value(number);
  reporter_.error(node.mark, std::max(node.length, 1U),
                  fmt::format("{}: {}", subject(), shown(parsed.error().message())));
  return {};
}

Value Decoder::boolean(const yaml::Node& node) {
  if (node.text == "true") return true;
  if (node.text == "false") return false;
  std::string lowered = node.text;
  std::ranges::transform(lowered, lowered.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
  });
  const bool is_yes =
      lowered == "yes" || lowered == "on" || lowered == "y" || lowered == "true" || lowered == "1";
  const bool is_no =
      lowered == "no" || lowered == "off" || lowered == "n" || lowered == "false" || lowered == "0";
  error(node, fmt::format("must be true or false, got '{}'", shown(node.text)),
        is_yes  ? "write true"
        : is_no ? "write false"
                : "");
  return {};
}

Value Decoder::integer(const yaml::Node& node) {
  const std::string& written = node.text;
  std::int64_t number = 0;
  const auto [end, failure] =
      std::from_chars(written.data(), written.data() + written.size(), number);
  const bool is_whole = failure == std::errc{} && end == written.data() + written.size();
  const std::string_view digits =
      std::string_view(written).substr(written.starts_with('-') ? 1 : 0);
  if (is_whole && (digits.size() == 1 || !digits.starts_with('0'))) return number;
  std::string hint;
  if (is_whole)
    hint = fmt::format("write {}: some programs take a leading zero for an octal number", number);
  if (failure == std::errc::result_out_of_range) hint = "the number is too large";
  error(node, fmt::format("must be an integer, got '{}'", shown(written)), std::move(hint));
  return {};
}

Value Decoder::text(const Field& field, const yaml::Node& node) {
  if (!node.is_plain && (node.text.find('\0') != std::string::npos || !is_utf8(node.text))) {
    error(node, "holds a NUL or something that is not Unicode");
    return {};
  }
  if (!field.choices.empty() &&
      std::ranges::find(field.choices, node.text) == field.choices.end()) {
    const std::vector<std::string_view> choices(field.choices.begin(), field.choices.end());
    error(node,
          fmt::format("must be one of {}, got '{}'", fmt::join(choices, ", "), shown(node.text)),
          did_you_mean(node.text, choices));
    return {};
  }
  return Value(node.text);
}

Value Decoder::secret(const yaml::Node& node) {
  const yaml::Node* name = tree_.find(node, "secret");
  if (node.count != 2 || name == nullptr || name->type != Type::Scalar || name->text.empty()) {
    error(node, "must be a single value, or {secret: NAME}");
    return {};
  }
  if (const auto problem = secret_name_problem(name->text)) {
    error(*name, fmt::format("names no secret: {}", *problem));
    return {};
  }
  return Value::map({{"secret", Value(name->text)}});
}

void Decoder::check(const Field& field, const yaml::Node& node, const Value& made,
                    std::size_t errors_before) {
  if (field.allows_secret && is_secret_reference(made)) return;
  if (const auto problem = bounds_problem(field, made)) error(node, *problem);
  if (field.check != nullptr && reporter_.error_count() == errors_before) {
    if (const auto failure = field.check(made)) error(node, failure->message());
  }
  if (field.cross_check != nullptr && reporter_.error_count() == errors_before)
    cross_check(field, node, made);
}

void Decoder::cross_check(const Field& field, const yaml::Node& node, const Value& made) {
  for (const FieldProblem& problem : field.cross_check(made)) {
    const Place place = find_place(tree_, node, problem.path);
    const yaml::Node* mark =
        place.node == &node && fallback_place_ != nullptr ? fallback_place_ : place.node;
    // A problem with a map's entry is one with its name.
    if (field.type == FieldType::Map && place.key != nullptr) mark = place.key;
    std::string subject_path = path_;
    if (!problem.path.empty() && !problem.path.starts_with('[') && !subject_path.empty())
      subject_path += '.';
    subject_path += problem.path;
    reporter_.error(mark->mark, std::max(mark->length, 1U),
                    fmt::format("{} {}", subject_path.empty() ? settings_.where : subject_path,
                                problem.message));
  }
}

void Decoder::wrong_type(const Field& field, const yaml::Node& node) {
  std::string hint = field.example.empty() || field.name.empty()
                         ? ""
                         : fmt::format("for example {}: {}", field.name, field.example);
  error(node, fmt::format("{}, got {}", expected(field), name_of(node.type)), std::move(hint));
}

void Decoder::error(const yaml::Node& node, std::string_view message, std::string hint) {
  const bool is_nothing = node.type == Type::Null && !node.is_written;
  const yaml::Node& place = is_nothing && fallback_place_ != nullptr ? *fallback_place_ : node;
  reporter_.error(place.mark, std::max(place.length, 1U), fmt::format("{} {}", subject(), message),
                  std::move(hint));
}

std::string Decoder::subject() const {
  return path_.empty() ? std::string(settings_.where) : path_;
}

namespace {

// The entry of a map whose key begins the path, the longest such key: keys may hold dots. Gives how
// much it took.
std::size_t step_into_map(const yaml::Tree& tree, std::string_view path, Place& place) {
  const auto items = tree.items(*place.node);
  std::size_t taken = 0;
  Place found;
  for (std::size_t i = 0; i + 1 < items.size(); i += 2) {
    const std::string& key = tree.at(items[i]).text;
    const bool is_prefix =
        path.starts_with(key) &&
        (path.size() == key.size() || path[key.size()] == '.' || path[key.size()] == '[');
    if (!is_prefix || key.size() < taken || tree.at(items[i]).type != Type::Scalar) continue;
    taken = key.size();
    found = {&tree.at(items[i + 1]), &tree.at(items[i])};
  }
  if (found.node != nullptr) place = found;
  return taken;
}

}  // namespace

Place find_place(const yaml::Tree& tree, const yaml::Node& root, std::string_view path) {
  Place place{&root, nullptr};
  while (!path.empty()) {
    std::size_t taken = 0;
    if (place.node->type == Type::List && path.front() == '[') {
      std::size_t index = 0;
      const std::size_t close = std::min(path.find(']'), path.size() - 1);
      std::from_chars(path.data() + 1, path.data() + close, index);
      if (index >= place.node->count) return place;
      place = {&tree.at(tree.items(*place.node)[index]), nullptr};
      taken = close + 1;
    } else if (place.node->type == Type::Map) {
      taken = step_into_map(tree, path, place);
    }
    if (taken == 0) return place;
    path.remove_prefix(taken);
    if (path.starts_with('.')) path.remove_prefix(1);
  }
  return place;
}

}  // namespace croft::manifest
