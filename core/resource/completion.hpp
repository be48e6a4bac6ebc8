#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/base/value.hpp"
#include "core/resource/field.hpp"

namespace croft {

/// A value that a program made in the checked form of a field, with the defaults of what it leaves
/// out filled in. Everything that the field does not allow is added to the problems, with paths
/// relative to the value; the result is whole only if nothing was added.
Value completed(const Field& field, Value value, std::vector<FieldProblem>& problems);

/// Why a number, a length or a count is outside of its field's bounds ("must be at most 5, got 7"),
/// or nothing.
std::optional<std::string> bounds_problem(const Field& field, const Value& value);

}  // namespace croft
