#include "reconciler/fields.hpp"

#include <algorithm>
#include <optional>
#include <set>

#include "core/base/secret.hpp"
#include "core/resource/kinds.hpp"
#include "reconciler/world.hpp"

namespace croft {

namespace {

constexpr std::string_view kKeyField = "name";

// One field in the three specs.
struct Place {
  const Field* field = nullptr;  // null: the kind does not describe it
  const Value* desired = nullptr;
  const Value* applied = nullptr;
  const Value* actual = nullptr;
};

// Where a Place is: "volumes[data].size", and the index of each bracket in its list.
struct Path {
  std::string text;
  std::vector<std::size_t> indexes;
};

const Value* present(const Value* value) {
  return value == nullptr || value->is_null() ? nullptr : value;
}

bool is_nothing(const Value* value) {
  return value == nullptr || value->is_null() ||
         ((value->is_list() || value->is_map()) && value->size() == 0);
}

bool is_same(const Value* a, const Value* b) {
  if (a == b || (is_nothing(a) && is_nothing(b))) return true;
  return a != nullptr && b != nullptr && *a == *b;
}

bool is_secret(const Value* value) { return value != nullptr && is_secret_reference(*value); }

// Entry by entry. A secret reference is a map only by its looks.
bool has_keys(const Place& at) {
  if (is_secret(at.desired) || is_secret(at.applied)) return false;
  if (at.desired != nullptr) return at.desired->is_map();
  return at.applied != nullptr && at.applied->is_map();
}

const std::string* key_of(const Value& element) {
  const Value* name = element.find(kKeyField);
  return name != nullptr && name->is_text() ? &name->as_text() : nullptr;
}

bool is_keyed_list(const Value* value) {
  if (value == nullptr) return true;
  if (!value->is_list()) return false;
  std::set<std::string_view> names;
  return std::ranges::all_of(value->as_list(), [&](const Value& element) {
    const std::string* name = key_of(element);
    return name != nullptr && names.insert(*name).second;
  });
}

bool has_named_elements(const Place& at) {
  if (at.field == nullptr || at.field->type != FieldType::List || !at.field->element) return false;
  if (at.field->element->find(kKeyField) == nullptr) return false;
  return is_keyed_list(at.desired) && is_keyed_list(at.applied) && is_keyed_list(at.actual);
}

const Value* element_named(const Value* list, std::string_view name) {
  if (list == nullptr || !list->is_list()) return nullptr;
  for (const Value& element : list->as_list()) {
    if (const std::string* key = key_of(element); key != nullptr && *key == name) return &element;
  }
  return nullptr;
}

const Value* entry_of(const Value* map, std::string_view key) {
  return map == nullptr ? nullptr : present(map->find(key));
}

const Field* field_of_entry(const Field* field, std::string_view key) {
  if (field == nullptr) return nullptr;
  return field->type == FieldType::Map ? field->element.get() : field->find(key);
}

// Keys that desired or applied has: those are ours. Maps are sorted, so that merging them does.
std::vector<std::string_view> owned_keys(const Place& at) {
  static const Value::Map kNone;
  const auto entries = [](const Value* map) -> const Value::Map& {
    return map != nullptr && map->is_map() ? map->as_map() : kNone;
  };
  const Value::Map& desired = entries(at.desired);
  const Value::Map& applied = entries(at.applied);
  std::vector<std::string_view> keys;
  keys.reserve(std::max(desired.size(), applied.size()));
  auto d = desired.begin();
  auto a = applied.begin();
  while (d != desired.end() || a != applied.end()) {
    const bool takes_desired = a == applied.end() || (d != desired.end() && d->key <= a->key);
    const bool is_both = takes_desired && a != applied.end() && d->key == a->key;
    keys.push_back(takes_desired ? d->key : a->key);
    if (!takes_desired || is_both) ++a;
    if (takes_desired) ++d;
  }
  return keys;
}

// Names of elements, in the order of desired and then of applied.
std::vector<std::string_view> owned_names(const Place& at) {
  std::vector<std::string_view> names;
  for (const Value* list : {at.desired, at.applied}) {
    if (list == nullptr) continue;
    for (const Value& element : list->as_list()) {
      const std::string* name = key_of(element);
      if (name != nullptr && std::ranges::find(names, *name) == names.end()) names.push_back(*name);
    }
  }
  return names;
}

Place entry_place(const Place& at, std::string_view key) {
  return {field_of_entry(at.field, key), entry_of(at.desired, key), entry_of(at.applied, key),
          entry_of(at.actual, key)};
}

Place element_place(const Place& at, std::string_view name) {
  return {at.field->element.get(), element_named(at.desired, name), element_named(at.applied, name),
          element_named(at.actual, name)};
}

// Adds a step to a path for as long as it lives.
class Step {
 public:
  Step(Path& path, std::string_view key) : path_(path), length_(path.text.size()) {
    if (!path.text.empty()) path.text += '.';
    path.text += key;
  }
  Step(Path& path, std::string_view name, std::size_t index)
      : path_(path), length_(path.text.size()) {
    path.text += '[';
    path.text += name;
    path.text += ']';
    path.indexes.push_back(index);
    is_element_ = true;
  }
  Step(const Step&) = delete;
  Step& operator=(const Step&) = delete;
  ~Step() {
    path_.text.resize(length_);
    if (is_element_) path_.indexes.pop_back();
  }

 private:
  Path& path_;
  std::size_t length_;
  bool is_element_ = false;
};

// True if an ignored path names this place or something around it. Its brackets may hold a name, an
// index, or be left out for "every element".
bool covers(std::string_view pattern, const Path& path) {
  const std::string_view text = path.text;
  std::size_t p = 0;
  std::size_t bracket = 0;
  for (std::size_t t = 0; p < pattern.size();) {
    if (t >= text.size()) return false;
    const std::size_t end = text[t] == '[' ? text.find(']', t) : std::string_view::npos;
    if (end != std::string_view::npos && bracket < path.indexes.size()) {
      if (pattern[p] == '[') {
        const std::size_t close = pattern.find(']', p);
        if (close == std::string_view::npos) return false;
        const std::string_view wanted = pattern.substr(p + 1, close - p - 1);
        const std::string_view name = text.substr(t + 1, end - t - 1);
        if (wanted != name && wanted != std::to_string(path.indexes[bracket])) return false;
        p = close + 1;
      }
      ++bracket;
      t = end + 1;
    } else if (pattern[p++] != text[t++]) {
      return false;
    }
    if (p == pattern.size()) return t >= text.size() || text[t] == '.' || text[t] == '[';
  }
  return true;
}

bool is_ignored(std::span<const std::string> ignore, const Path& path) {
  return !path.text.empty() && std::ranges::any_of(ignore, [&](const std::string& pattern) {
    return !pattern.empty() && covers(pattern, path);
  });
}

std::string print(const Field* field, const Value& value) {
  static const Field kUndescribed = text_field("", "");
  return redact(print_value(field != nullptr ? *field : kUndescribed, value, true));
}

// Below a field of Croft's own everything is; the provider reports none of it.
bool is_for_croft(const Place& at) { return at.field != nullptr && at.field->is_for_croft; }

Place without_actual_where_ours(Place at) {
  if (is_for_croft(at)) at.actual = at.applied;
  // A provider may report what a secret reference stands for; that can neither be compared nor
  // shown.
  if (is_secret(at.desired) && !is_secret(at.actual)) at.actual = at.applied;
  return at;
}

class Comparison {
 public:
  explicit Comparison(std::span<const std::string> ignore) : ignore_(ignore) {}

  void visit(Place at, bool for_croft, ChangeEffect effect) {
    if (at.desired == nullptr && at.applied == nullptr) return;
    at = without_actual_where_ours(at);
    if (is_same(at.desired, at.applied) && is_same(at.desired, at.actual)) return;
    if (is_ignored(ignore_, path_)) return;
    if (at.field != nullptr && at.field->effect != ChangeEffect::InPlace) effect = at.field->effect;
    for_croft = for_croft || is_for_croft(at);
    if (has_keys(at)) {
      visit_entries(at, for_croft, effect);
    } else if (has_named_elements(at)) {
      visit_elements(at, for_croft, effect);
    } else {
      compare(at, for_croft, effect);
    }
  }

  std::vector<FieldDifference> take() { return std::move(differences_); }

 private:
  void visit_entries(const Place& at, bool for_croft, ChangeEffect effect) {
    for (const std::string_view key : owned_keys(at)) {
      const Step step(path_, key);
      visit(entry_place(at, key), for_croft, effect);
    }
  }

  void visit_elements(const Place& at, bool for_croft, ChangeEffect effect) {
    std::size_t index = 0;
    for (const std::string_view name : owned_names(at)) {
      const Step step(path_, name, index++);
      visit(element_place(at, name), for_croft, effect);
    }
  }

  void compare(const Place& at, bool for_croft, ChangeEffect effect) {
    if (is_same(at.desired, at.actual)) return;
    FieldDifference difference;
    difference.change.path = path_.text;
    if (at.actual != nullptr) {
      const bool hides = is_secret(at.applied) && !is_secret(at.actual);
      difference.change.before = hides ? std::string(kRedacted) : print(at.field, *at.actual);
    }
    if (at.desired != nullptr) difference.change.after = print(at.field, *at.desired);
    // The same words for another value: only a secret can be the reason.
    if (difference.change.before && difference.change.before == difference.change.after)
      *difference.change.after += " (secret changed)";
    difference.is_declared = !is_same(at.desired, at.applied);
    difference.is_for_croft = for_croft;
    difference.effect = effect;
    differences_.push_back(std::move(difference));
  }

  std::span<const std::string> ignore_;
  Path path_;
  std::vector<FieldDifference> differences_;
};

// Builds desired anew, with what is ignored taken from actual.
class Overlay {
 public:
  explicit Overlay(std::span<const std::string> ignore) : ignore_(ignore) {}

  std::optional<Value> visit(const Place& at) {
    if (at.desired == nullptr && at.applied == nullptr) return std::nullopt;
    if (is_ignored(ignore_, path_) && !is_for_croft(at)) {
      return at.actual != nullptr ? std::optional(*at.actual) : std::nullopt;
    }
    // Of an object that is not declared any more, a single ignored field would be left over and
    // make no sense.
    const bool is_whole = at.field != nullptr && at.field->type == FieldType::Map;
    if (at.desired == nullptr && !is_whole) return std::nullopt;
    if (has_keys(at)) return entries(at);
    if (has_named_elements(at)) return elements(at);
    return *at.desired;
  }

 private:
  std::optional<Value> entries(const Place& at) {
    Value result = Value::map();
    for (const std::string_view key : owned_keys(at)) {
      const Step step(path_, key);
      if (auto value = visit(entry_place(at, key))) result.set(key, std::move(*value));
    }
    if (at.desired == nullptr && result.size() == 0) return std::nullopt;
    return result;
  }

  std::optional<Value> elements(const Place& at) {
    Value result = Value::list();
    std::size_t index = 0;
    for (const std::string_view name : owned_names(at)) {
      const Step step(path_, name, index++);
      if (auto value = visit(element_place(at, name))) result.push_back(std::move(*value));
    }
    return result;
  }

  std::span<const std::string> ignore_;
  Path path_;
};

std::optional<Value> owned(const Place& at) {
  if ((at.desired == nullptr && at.applied == nullptr) || at.actual == nullptr) return std::nullopt;
  if (is_for_croft(at)) return std::nullopt;
  if (has_keys(at) && at.actual->is_map()) {
    Value result = Value::map();
    for (const std::string_view key : owned_keys(at)) {
      if (auto value = owned(entry_place(at, key))) result.set(key, std::move(*value));
    }
    return result;
  }
  if (has_named_elements(at)) {
    Value result = Value::list();
    for (const std::string_view name : owned_names(at)) {
      if (auto value = owned(element_place(at, name))) result.push_back(std::move(*value));
    }
    return result;
  }
  return *at.actual;
}

Place root_of(const SpecTriple& specs) {
  return {&spec_of(specs.kind), present(specs.desired), present(specs.applied),
          present(specs.actual)};
}

// The fields of Croft's own, or all the others; an object that holds both is in both parts.
std::optional<Value> part_of(const Field* field, const Value& value, bool for_croft) {
  if (field != nullptr && field->is_for_croft)
    return for_croft ? std::optional(value) : std::nullopt;
  const bool is_object = field != nullptr && field->type == FieldType::Object && value.is_map();
  if (!is_object) return for_croft ? std::nullopt : std::optional(value);
  Value part = Value::map();
  for (const auto& entry : value.as_map()) {
    if (auto inner = part_of(field->find(entry.key), entry.value, for_croft))
      part.set(entry.key, std::move(*inner));
  }
  if (for_croft && part.size() == 0) return std::nullopt;
  return part;
}

Value part_of(Kind kind, const Value& spec, bool for_croft) {
  auto part = part_of(&spec_of(kind), spec, for_croft);
  return part ? std::move(*part) : Value::map();
}

bool is_default(const Field* field, const Value& value) {
  if (field == nullptr) return false;
  const auto fallback = default_of(*field);
  return fallback && *fallback == value;
}

void list_new(const Field* field, const Value& value, Path& path, std::vector<FieldChange>& out) {
  if (is_nothing(&value) || is_default(field, value)) return;
  const bool is_object =
      field == nullptr || field->type == FieldType::Object || field->type == FieldType::Map;
  if (is_object && value.is_map() && !is_secret_reference(value)) {
    for (const auto& entry : value.as_map()) {
      const Step step(path, entry.key);
      list_new(field_of_entry(field, entry.key), entry.value, path, out);
    }
    return;
  }
  out.push_back({path.text, std::nullopt, print(field, value)});
}

}  // namespace

std::vector<FieldDifference> compare_specs(const SpecTriple& specs) {
  Comparison comparison(specs.ignore);
  comparison.visit(root_of(specs), false, ChangeEffect::InPlace);
  return comparison.take();
}

std::shared_ptr<const Value> keep_ignored(const SpecTriple& specs,
                                          std::shared_ptr<const Value> desired) {
  if (specs.ignore.empty() || !desired || !desired->is_map() || present(specs.actual) == nullptr)
    return desired;
  auto merged = Overlay(specs.ignore).visit(root_of(specs));
  if (!merged || *merged == *desired) return desired;
  return std::make_shared<const Value>(std::move(*merged));
}

Value owned_part(const SpecTriple& specs) {
  auto part = owned(root_of(specs));
  return part ? std::move(*part) : Value();
}

Value provider_part(Kind kind, const Value& spec) { return part_of(kind, spec, false); }
Value croft_part(Kind kind, const Value& spec) { return part_of(kind, spec, true); }

Value joined(Value base, const Value& over) {
  if (!base.is_map() || !over.is_map()) return over;
  for (const auto& entry : over.as_map()) {
    Value* there = base.find(entry.key);
    Value value = there == nullptr ? entry.value : joined(std::move(*there), entry.value);
    base.set(entry.key, std::move(value));
  }
  return base;
}

std::vector<FieldChange> fields_of_new(Kind kind, const Value& spec) {
  std::vector<FieldChange> fields;
  Path path;
  list_new(&spec_of(kind), spec, path, fields);
  return fields;
}

std::vector<std::string> texts_at(const Value* spec, std::string_view name) {
  std::vector<std::string> texts;
  const Value* list = spec == nullptr ? nullptr : spec->find(name);
  if (list == nullptr || !list->is_list()) return texts;
  for (const Value& text : list->as_list()) {
    if (text.is_text()) texts.push_back(text.as_text());
  }
  return texts;
}

std::vector<FieldChange> diff_fields(Kind kind, const Value* before, const Value* after,
                                     const std::vector<std::string>& ignore) {
  if (present(before) == nullptr && present(after) != nullptr) return fields_of_new(kind, *after);
  std::vector<FieldChange> changes;
  for (FieldDifference& difference : compare_specs({kind, after, before, before, ignore})) {
    changes.push_back(std::move(difference.change));
  }
  return changes;
}

}  // namespace croft
