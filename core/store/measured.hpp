#pragma once

#include <memory>

#include "core/store/store.hpp"

namespace croft {

/// The same store, whose commits are timed and whose calls are counted (metrics::kStoreCalls).
std::unique_ptr<Store> measured(std::unique_ptr<Store> store);

}  // namespace croft
