#pragma once

#include <string>

#include "cli/output/terminal.hpp"
#include "reconciler/changeset.hpp"

namespace croft::cli {

/// A changeset made for reading: header, a line for each change with its fields below it, notes,
/// the count and the digest with what to do next.
std::string changeset_text(const Changeset& changeset, const Terminal& terminal);

/// As a merge request shows it: a table, the fields folded away where they are many.
std::string changeset_markdown(const Changeset& changeset);

}  // namespace croft::cli
