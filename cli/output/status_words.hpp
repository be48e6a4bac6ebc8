#pragma once

#include <string>

#include "cli/output/terminal.hpp"
#include "reconciler/engine.hpp"

namespace croft::cli {

// The words for a resource's status, shared by get, describe and reconcile --wait.

/// Its Ready condition as one word: "True", "False", "Unknown"; "-" before there is one.
std::string ready_word(const ResourceStatus& status);
bool is_ready(const ResourceStatus& status);
/// True if nothing more will happen by itself: stalled, or waiting for a person.
bool is_stuck(const ResourceStatus& status);
/// What stands behind a row: why it is not ready, else the provider's word; one line, may be empty.
std::string remark_on(const ResourceStatus& status);
/// Colour of its Ready word.
Colour colour_of(const ResourceStatus& status);
/// Advice for what keeps it from being ready, with the commands to type; may be empty.
std::string advice_for(const ResourceStatus& status);
/// The spec with durations, sizes and the like as people write them.
Value readable_spec(const ResourceStatus& status);

}  // namespace croft::cli
