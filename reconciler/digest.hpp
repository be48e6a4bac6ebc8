#pragma once

#include <string>

#include "reconciler/world.hpp"

namespace croft {

/// SHA-256 over a canonical form of everything that diff() decides on: 64 hexadecimal digits. The
/// same whatever the order of the inputs; what moves by itself (times, revisions, messages,
/// restarts) does not count.
std::string digest_of(const World& world);

}  // namespace croft
