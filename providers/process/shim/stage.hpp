#pragma once

#include <string>

#include "providers/process/shim/launch.hpp"

namespace croft::shim {

/// In a forked child that is still root: a mount namespace of its own, with the app's directories
/// and files put together below kStage, where they can be reached after the uid is dropped,
/// whatever the modes of the directories above them. Gives what failed, or an empty text.
std::string build_stage(const Launch& launch);

}  // namespace croft::shim
