#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "reconciler/changeset.hpp"

namespace croft::cli {

// The words for a changeset, shared by its text and markdown forms.

/// "+", "~", "-", "!" for drift, "=" for what is left alone.
std::string_view sign_of(const Change& change);
/// What would be done and why, in a phrase: "update in place", "drifted: its process is gone →
/// start".
std::string phrase_of(const Change& change);
std::string_view sign_of(const RecordChange& change);
std::string_view phrase_of(const RecordChange& change);
/// True for changes worth a line: all but plain "nothing to do".
bool is_worth_showing(const Change& change);
/// "2 to change, 1 to create, 1 to destroy."; "No changes." if there are none.
std::string count_phrase(const Changeset& changeset);
/// "alice @ 3f2a9c1 → working tree", or what it is computed against if it is not observed.
std::string title_of(const Changeset& changeset);
/// True if it leads to a commit, false if to something that nobody pushed yet.
bool is_pushed(const Changeset& changeset);
/// What an offline changeset is compared with.
std::string_view offline_words(const Changeset& changeset);
/// The first digits of a digest: enough for `--expect`, few enough to read.
std::string short_digest(const Changeset& changeset);
/// A revision as people know it: 7 digits of a commit id, other labels whole.
std::string short_revision(std::string_view revision);

/// A field's value as it is shown: Git ids ("files.tree") shortened, others whole.
std::string field_text(std::string_view value);

}  // namespace croft::cli
