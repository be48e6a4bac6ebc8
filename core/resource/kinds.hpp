#pragma once

#include "core/resource/field.hpp"
#include "core/resource/kind.hpp"

namespace croft {

/// The description of a kind's `spec`: an Object field. Lives for the whole program.
const Field& spec_of(Kind kind);

/// The description of `metadata`, the same for every kind.
const Field& metadata_of_resources();

/// One sentence on what the kind declares.
std::string_view help_of(Kind kind);

}  // namespace croft
