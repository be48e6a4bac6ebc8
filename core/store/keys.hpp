#pragma once

#include <cstddef>

namespace croft {

/// How many bytes what identifies a row or finds it may have (uids, ids, keys, names, digests, an
/// event's tenant and subject): one with more is Invalid. Engines index these, some of them three
/// together, and an index of PostgreSQL takes some 2,700 bytes.
inline constexpr std::size_t kLongestKey = 512;

}  // namespace croft
