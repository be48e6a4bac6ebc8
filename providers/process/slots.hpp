#pragma once

#include <filesystem>
#include <functional>
#include <string>

#include "core/base/result.hpp"
#include "providers/process/layout.hpp"

namespace croft {

/// Small numbers, each held by one app at a time, kept as files `slots/KIND-N` with the app's uid
/// inside, so that they survive a crash at any point. A number of an app that has no directory any
/// more is free. Blocks; several threads and processes may take numbers at once.
Result<int> take_slot(const ProcessLayout& layout, const std::string& kind, const std::string& uid,
                      int count, const std::function<bool(int)>& is_usable = {});
/// Gives back what the app holds of that kind.
void release_slots(const ProcessLayout& layout, const std::string& kind, const std::string& uid);

}  // namespace croft
