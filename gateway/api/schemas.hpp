#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/base/value.hpp"

namespace croft {

// The forms of gateway/api/json_forms.hpp and the bodies of requests as JSON Schema.

/// Every named schema, "Changeset" → schema: the components of /openapi.json.
const Value& api_schemas();

/// {"$ref": "#/components/schemas/NAME"}
Value schema_reference(std::string_view name);

// Builders, for parameters too.
Value text_schema(std::string_view help);
Value integer_schema(std::string_view help, std::int64_t low, std::int64_t high);
Value boolean_schema(std::string_view help);
Value choice_schema(std::string_view help, const std::vector<std::string_view>& names);

}  // namespace croft
