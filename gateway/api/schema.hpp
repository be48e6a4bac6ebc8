#pragma once

#include <string>
#include <vector>

#include "core/base/value.hpp"

namespace croft {

/// What is wrong with a value by a JSON Schema: "field 'ref': is missing", as many as there are, at
/// most 20. Knows what our schemas use of JSON Schema 2020-12: type, enum, properties, required,
/// additionalProperties, items, minLength, maxLength, minimum, maximum, maxItems, and $ref to
/// "#/components/schemas/NAME", looked up in `components`.
std::vector<std::string> check_schema(const Value& schema, const Value& value,
                                      const Value& components);

}  // namespace croft
