#pragma once

#include <cstdint>

#include "core/base/units.hpp"

namespace croft {

/// How much of the past a store keeps. What is beyond is forgotten from time to time: the bounds
/// are overshot by a thousand rows, or an hour, at most.
struct StoreHistory {
  std::int64_t events = 50'000;         ///< the newest so many
  Duration event_age{0};                ///< and of those none that is older; 0: however old
  std::int64_t notifications = 50'000;  ///< the newest so many
  std::int64_t ended = 10'000;          ///< the newest so many intents that ended, and deliveries

  /// How often it is time to forget, even if little was written since.
  static constexpr Duration kPruned{3'600'000};
};

}  // namespace croft
