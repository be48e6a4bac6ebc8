#include "cli/output/changeset_words.hpp"

#include <algorithm>

#include <fmt/format.h>

namespace croft::cli {

namespace {

std::string place_of(const Change& change) {
  return change.provider.empty() ? "" : " on " + change.provider;
}

std::string update_of(const Change& change) {
  if (change.is_record_only) return "update, nothing restarts";
  switch (change.manner.value_or(UpdateManner{}).way) {
    case UpdateWay::InPlace:
      return "update in place";
    case UpdateWay::SideBySide:
      return "update without a gap";
    case UpdateWay::Replace:
      return "replace with a short gap, because " + change.manner->because;
  }
  return "update in place";
}

std::string verb_of(const Change& change) {
  switch (change.action) {
    case Action::Create:
      return "create" + place_of(change);
    case Action::Update:
      return update_of(change);
    case Action::Replace:
      return "replace";
    case Action::Start:
      return change.stops_first ? "restart" : "start";
    case Action::Stop:
      return "stop";
    case Action::Destroy:
      return change.erases_data ? "destroy with its data" : "destroy";
    case Action::Adopt:
      return "adopt" + place_of(change);
    case Action::Keep:
      return "";
  }
  return "";
}

/// What the reason adds to what the verb and the fields below it say already.
std::string_view addition_of(const Change& change) {
  std::string_view why = change.why;
  if (change.action == Action::Create && change.reason == "Declared") return {};
  if (change.reason != "SpecChanged" && change.reason != "Declared") return why;
  constexpr std::string_view kPlain = "spec changed";
  if (!why.starts_with(kPlain)) return why;
  why.remove_prefix(kPlain.size());
  while (why.starts_with("; ") || why.starts_with(' ')) why.remove_prefix(1);
  return why;
}

}  // namespace

std::string_view sign_of(const Change& change) {
  if (change.action == Action::Keep) return "=";
  if (change.is_drift) return "!";
  switch (change.action) {
    case Action::Create:
    case Action::Adopt:
      return "+";
    case Action::Destroy:
      return "-";
    default:
      return "~";
  }
}

std::string phrase_of(const Change& change) {
  const std::string verb = verb_of(change);
  if (verb.empty()) return change.why.empty() ? "nothing to do" : change.why;
  if (change.is_drift) return change.why.empty() ? verb : change.why + " → " + verb;
  const std::string_view addition = addition_of(change);
  return addition.empty() ? verb : fmt::format("{}, {}", verb, addition);
}

std::string_view sign_of(const RecordChange& change) {
  return change.action == Action::Create ? "+" : change.action == Action::Destroy ? "-" : "~";
}

std::string_view phrase_of(const RecordChange& change) {
  return change.action == Action::Create    ? "take in use"
         : change.action == Action::Destroy ? "forget"
                                            : "change";
}

bool is_worth_showing(const Change& change) {
  return change.action != Action::Keep || change.reason != "Unchanged";
}

std::string count_phrase(const Changeset& changeset) {
  const auto count = [&](std::initializer_list<Action> actions) {
    std::size_t total = 0;
    for (const Action action : actions) total += count_of(changeset, action);
    return total;
  };
  std::vector<std::string> parts;
  const auto add = [&](std::size_t number, std::string_view verb) {
    if (number > 0) parts.push_back(fmt::format("{} to {}", number, verb));
  };
  add(count({Action::Update, Action::Start, Action::Stop}), "change");
  add(count({Action::Replace}), "replace");
  add(count({Action::Create}), "create");
  add(count({Action::Adopt}), "adopt");
  add(count({Action::Destroy}), "destroy");
  const std::size_t kept = count({Action::Keep});
  if (parts.empty())
    return kept == 0 ? "No changes." : fmt::format("No changes, {} to keep.", kept);
  if (kept > 0) parts.push_back(fmt::format("{} to keep", kept));
  return fmt::format("{}.", fmt::join(parts, ", "));
}

std::string title_of(const Changeset& changeset) {
  const std::string whose = changeset.tenant.empty() ? "platform" : changeset.tenant;
  const std::string after = short_revision(changeset.after);
  if (changeset.before.empty()) return fmt::format("{} → {}", whose, after);
  if (changeset.before == changeset.after) return fmt::format("{} @ {}", whose, after);
  return fmt::format("{} @ {} → {}", whose, short_revision(changeset.before), after);
}

bool is_pushed(const Changeset& changeset) {
  return short_revision(changeset.after).size() < changeset.after.size();
}

std::string_view offline_words(const Changeset& changeset) {
  return changeset.before.empty()
             ? "offline: no server was asked what runs, so all that is declared is new"
             : "offline: compared with what was declared then; no server was asked what runs";
}

std::string short_digest(const Changeset& changeset) { return changeset.digest.substr(0, 12); }

std::string short_revision(std::string_view revision) {
  const bool is_commit = revision.size() == 40 &&
                         revision.find_first_not_of("0123456789abcdef") == std::string_view::npos;
  return std::string(is_commit ? revision.substr(0, 7) : revision);
}

std::string field_text(std::string_view value) {
  std::string_view inner = value;
  if (inner.size() == 42 && inner.starts_with('"') && inner.ends_with('"')) {
    inner = inner.substr(1, 40);
  }
  std::string shortened = short_revision(inner);
  return shortened.size() == inner.size() ? std::string(value) : shortened;
}

}  // namespace croft::cli
