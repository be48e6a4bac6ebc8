#include "reconciler/changeset.hpp"

#include <algorithm>

namespace croft {

std::string_view to_string(Action action) {
  switch (action) {
    case Action::Create:
      return "create";
    case Action::Update:
      return "update";
    case Action::Replace:
      return "replace";
    case Action::Start:
      return "start";
    case Action::Stop:
      return "stop";
    case Action::Destroy:
      return "destroy";
    case Action::Adopt:
      return "adopt";
    case Action::Keep:
      return "keep";
  }
  return "keep";
}

bool has_changes(const Changeset& changeset) {
  return !changeset.records.empty() ||
         std::ranges::any_of(changeset.changes,
                             [](const Change& change) { return change.action != Action::Keep; });
}

std::size_t count_of(const Changeset& changeset, Action action) {
  return static_cast<std::size_t>(
      std::ranges::count(changeset.changes, action, &Change::action) +
      std::ranges::count(changeset.records, action, &RecordChange::action));
}

}  // namespace croft
