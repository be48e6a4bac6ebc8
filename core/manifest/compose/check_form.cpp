#include <algorithm>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "core/base/suggest.hpp"
#include "core/manifest/compose/form.hpp"
#include "core/manifest/compose/words.hpp"

namespace croft::manifest::compose {

namespace {

bool is_plain_name(std::string_view name) {
  return !name.empty() && std::ranges::all_of(name, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '_' || c == '-';
  });
}

std::string expected(const Form& form) {
  std::vector<std::string_view> forms;
  const bool has_number = (form.scalars & (Form::kInteger | Form::kNumber)) != 0;
  const bool has_boolean = (form.scalars & Form::kBoolean) != 0;
  if (has_boolean && !has_number) {
    forms.push_back("true or false");
  } else if (has_number) {
    forms.push_back((form.scalars & Form::kNumber) != 0 ? "a number" : "a whole number");
  }
  if ((form.scalars & Form::kText) != 0 && (!has_boolean || has_number)) forms.push_back("a text");
  if (form.element != nullptr) forms.push_back("a list");
  if (form.value != nullptr || !form.keys.empty()) forms.push_back("a map");
  return fmt::format("{}", fmt::join(forms, " or "));
}

// The same key is refused differently only by what it says: nothing is asked of `false`.
bool is_no(const Item& value) {
  return value.is_scalar() && parse_truth(value.text) == false && value.text != "0";
}

class Checker {
 public:
  explicit Checker(Complaints& complaints) : complaints_(complaints) {}

  void check(const Item& item, const Form& form) {
    if (item.tag == Item::Tag::Reset) return;
    switch (item.type) {
      case Item::Type::Null:
        if ((form.scalars & Form::kNull) == 0)
          complaints_.error(item.spot, fmt::format("{} has no value", subject()),
                            "give one, or remove it");
        return;
      case Item::Type::Scalar:
        return scalar(item, form);
      case Item::Type::List:
        return form.element == nullptr ? wrong(item, form, "a list") : list(item, form);
      case Item::Type::Map:
        if (!form.keys.empty()) return object(item, form);
        return form.value == nullptr ? wrong(item, form, "a map") : map(item, form);
    }
  }

 private:
  void scalar(const Item& item, const Form& form) {
    const Shape shape = shape_of(item);
    const bool is_fine =
        (shape == Shape::Text && (form.scalars & Form::kText) != 0) ||
        (shape == Shape::Boolean && (form.scalars & Form::kBoolean) != 0) ||
        (shape == Shape::Integer && (form.scalars & (Form::kInteger | Form::kNumber)) != 0) ||
        (shape == Shape::Number && (form.scalars & Form::kNumber) != 0) ||
        (item.is_substituted && (form.scalars & ~Form::kNull) != 0);
    if (!is_fine) {
      const bool is_text_wanted = (form.scalars & Form::kText) != 0;
      const std::string_view got = shape == Shape::Boolean ? "a boolean"
                                   : shape == Shape::Text  ? "a text"
                                                           : "a number";
      return wrong(item, form, got, is_text_wanted ? "put it in quotes" : "");
    }
    if (form.choices.empty() || std::ranges::find(form.choices, item.text) != form.choices.end())
      return;
    complaints_.error(item.spot,
                      fmt::format("{} must be one of {}, got '{}'", subject(),
                                  fmt::join(form.choices, ", "), shortened(item.text)),
                      did_you_mean(item.text, form.choices));
  }

  void wrong(const Item& item, const Form& form, std::string_view got, std::string hint = {}) {
    complaints_.error(item.spot,
                      fmt::format("{} must be {}, got {}", subject(), expected(form), got),
                      std::move(hint));
  }

  void list(const Item& item, const Form& form) {
    for (std::size_t i = 0; i < item.items.size(); ++i) {
      const std::size_t length = path_.size();
      path_ += fmt::format("[{}]", i);
      check(item.items[i], *form.element);
      path_.resize(length);
    }
    if (form.is_set) check_unique(item);
  }

  void check_unique(const Item& list) {
    std::vector<const Item*> seen;
    for (const Item& item : list.items) seen.push_back(&item);
    std::ranges::stable_sort(seen, {},
                             [](const Item* item) { return std::string_view(item->text); });
    for (std::size_t i = 0; i < seen.size(); ++i) {
      for (std::size_t k = i + 1; k < seen.size() && seen[k]->text == seen[i]->text; ++k) {
        // Maps all have the same text: of many, only neighbours are compared.
        if (k > i + 50) break;
        if (!is_same(*seen[i], *seen[k])) continue;
        complaints_.error(seen[k]->spot, fmt::format("{} holds this twice", subject()),
                          "remove one of them");
        break;
      }
    }
  }

  void map(const Item& item, const Form& form) {
    for (const Item::Entry& entry : item.entries) {
      if (form.has_plain_names && !is_plain_name(entry.key)) {
        complaints_.error(entry.spot,
                          fmt::format("'{}' is no name for {}", shortened(entry.key), subject()),
                          "a name has letters, digits, '.', '_' and '-'");
        continue;
      }
      step_into(entry, *form.value);
    }
  }

  void object(const Item& item, const Form& form) {
    for (const Item::Entry& entry : item.entries) {
      const auto key = std::ranges::find(form.keys, entry.key, &Key::name);
      if (key == form.keys.end()) {
        if (!form.takes_extensions || !entry.key.starts_with("x-")) unknown(entry, form);
        continue;
      }
      if (entry.value.tag == Item::Tag::Reset) continue;
      if (key->support == Support::Refused && !is_no(entry.value)) {
        complaints_.error(entry.spot, fmt::format("{}{} is not supported", prefix(), entry.key),
                          std::string(key->words));
        continue;
      }
      if (key->support == Support::Noted) {
        complaints_.warning(entry.spot, fmt::format("{}{} has no effect here", prefix(), entry.key),
                            std::string(key->words));
      }
      step_into(entry, *key->form);
    }
    for (const Key& key : form.keys) {
      if (key.is_required && item.find(key.name) == nullptr)
        complaints_.error(item.spot, fmt::format("{}{} is missing", prefix(), key.name));
    }
  }

  void unknown(const Item::Entry& entry, const Form& form) {
    std::vector<std::string_view> names;
    for (const Key& key : form.keys) names.push_back(key.name);
    std::string hint = did_you_mean(entry.key, names);
    if (hint.empty() && names.size() <= 8)
      hint = fmt::format("there is {}", fmt::join(names, ", "));
    complaints_.error(entry.spot,
                      fmt::format("unknown key '{}' in {}", shortened(entry.key), subject()),
                      std::move(hint));
  }

  void step_into(const Item::Entry& entry, const Form& form) {
    const std::size_t length = path_.size();
    if (!path_.empty()) path_ += '.';
    path_ += shortened(entry.key);
    if (entry.value.is_null() && (form.scalars & Form::kNull) == 0 &&
        entry.value.tag != Item::Tag::Reset) {
      // What stands nowhere is shown at its key.
      complaints_.error(entry.spot, fmt::format("{} has no value", subject()),
                        "give one, or remove it");
    } else {
      check(entry.value, form);
    }
    path_.resize(length);
  }

  std::string subject() const { return path_.empty() ? "the compose file" : path_; }
  std::string prefix() const { return path_.empty() ? "" : path_ + "."; }

  Complaints& complaints_;
  std::string path_;
};

}  // namespace

void check_form(const Item& root, const Form& form, Complaints& complaints) {
  Checker(complaints).check(root, form);
}

}  // namespace croft::manifest::compose
