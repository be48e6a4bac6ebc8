#pragma once

#include <memory>
#include <string>

#include "providers/port/provider.hpp"

namespace croft {

/// The same provider, whose calls are counted and timed (metrics::kProviderCalls): once for each
/// provider, whatever adapter it is made of. What lasts as long as somebody listens (logs,
/// archives, sessions) is counted only.
std::shared_ptr<Provider> measured(std::shared_ptr<Provider> provider, const std::string& name,
                                   const std::string& adapter);

}  // namespace croft
