#pragma once

#include "core/base/value.hpp"
#include "core/resource/kind.hpp"

namespace croft::manifest {

/// JSON Schema (draft 2020-12) of a whole resource of that kind, for editors: `croft schema
/// Instance`.
Value schema_of(Kind kind);

/// One schema for any resource, told apart by `kind`: `croft schema`.
Value schema_of_all();

}  // namespace croft::manifest
