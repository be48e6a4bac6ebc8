#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/result.hpp"
#include "core/base/units.hpp"
#include "core/base/value.hpp"
#include "core/resource/ref.hpp"

namespace croft {

/// Reads the fields of a JSON form and remembers the first thing that is wrong, so that reading
/// code is a plain list of fields: `out.name = reader.text("name"); ... return reader.finish(out);`
class FormReader {
 public:
  /// `what` names the form in errors: "a resource".
  FormReader(const Value& form, std::string_view what);

  std::string text(std::string_view field);  ///< has to be there
  std::string text_or(std::string_view field, std::string_view fallback);
  std::optional<std::string> optional_text(std::string_view field);
  bool boolean_or(std::string_view field, bool fallback);
  std::int64_t integer_or(std::string_view field, std::int64_t fallback);
  Timestamp time(std::string_view field);
  std::optional<Timestamp> optional_time(std::string_view field);
  Ref ref(std::string_view field);
  const Value* find(std::string_view field);

  /// A text that `parse` knows: an enumerator's name.
  template <typename Enum>
  Enum name_of(std::string_view field, std::optional<Enum> (*parse)(std::string_view)) {
    const std::string name = text(field);
    const std::optional<Enum> value = parse(name);
    if (!value && !error_) refuse(field, "is '" + name + "', which this version does not know");
    return value.value_or(Enum{});
  }
  /// A list of forms; an absent one is empty.
  template <typename Item>
  std::vector<Item> list(std::string_view field, Result<Item> (*read)(const Value&)) {
    std::vector<Item> items;
    const Value* list = find(field);
    if (list == nullptr || list->is_null()) return items;
    if (!list->is_list()) refuse(field, "is no list");
    if (error_) return items;
    for (const Value& element : list->as_list()) {
      Result<Item> item = read(element);
      if (item) {
        items.push_back(std::move(*item));
      } else if (!error_) {
        error_ =
            std::move(item.error()).while_doing("reading '" + std::string(field) + "' of " + what_);
      }
    }
    return items;
  }
  void refuse(std::string_view field, std::string_view why);

  template <typename Output>
  Result<Output> finish(Output output) {
    if (error_) return fail(std::move(*error_));
    return output;
  }

 private:
  const Value& form_;
  std::string what_;
  std::optional<Error> error_;
};

}  // namespace croft
