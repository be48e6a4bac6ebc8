#pragma once

#include "core/manifest/load.hpp"

namespace croft::manifest {

/// The parts of a set's Stack in the form that oracle.py gives what docker-compose says: only what
/// both know, lists without an order sorted.
Value canonical_parts(const LoadedSet& set);

}  // namespace croft::manifest
