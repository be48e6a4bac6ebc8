#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "core/manifest/compose/item.hpp"

namespace croft::manifest::compose {

struct Key;

/// What may stand at a place of a compose file: the compose specification's schema, in the form
/// that errors can be told from. Tables of it are in forms.cpp.
struct Form {
  enum Scalar : std::uint8_t { kText = 1, kInteger = 2, kNumber = 4, kBoolean = 8, kNull = 16 };

  std::uint8_t scalars = 0;                        ///< which scalars may stand there
  std::span<const std::string_view> choices = {};  ///< the only texts, if there are any
  const Form* element = nullptr;                   ///< of a list, if one may stand there
  bool is_set = false;                             ///< the list holds nothing twice
  const Form* value = nullptr;                     ///< of a map from names, if one may stand there
  bool has_plain_names = false;    ///< its names are letters, digits, '.', '_' and '-'
  std::span<const Key> keys = {};  ///< of an object, if one may stand there
  bool takes_extensions = true;    ///< the object may have `x-*`
};

/// What Croft does with a key.
enum class Support : std::uint8_t {
  Honoured,
  Noted,    ///< read and checked, has no effect here: a warning says why
  Refused,  ///< an error says the nearest way
};

struct Key {
  std::string_view name;
  const Form* form;
  Support support = Support::Honoured;
  std::string_view words = "";  ///< why it has no effect, or the nearest way
  bool is_required = false;
};

/// Keys of one kind of object of a compose file, for docs and tests.
struct KeyTable {
  std::string_view place;  ///< "services.NAME.build"
  std::span<const Key> keys;
};
std::span<const KeyTable> key_tables();

/// The form of a whole compose file.
const Form& compose_file_form();

/// Reports everything in an item that its form does not allow.
void check_form(const Item& root, const Form& form, Complaints& complaints);

}  // namespace croft::manifest::compose
