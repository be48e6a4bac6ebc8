#include "providers/site/site_states.hpp"

#include <cerrno>
#include <unistd.h>

#include "core/base/files.hpp"

namespace croft::site {

namespace fs = std::filesystem;

namespace {

constexpr std::size_t kStateLimit = 4 << 20;

std::string write_state(const SiteState& state) {
  Value history = Value::list();
  for (const std::string& id : state.history) history.push_back(id);
  return to_json(Value::map({{"uid", state.uid},
                             {"ref", to_string(state.ref)},
                             {"intent", state.intent},
                             {"digest", state.spec_digest},
                             {"spec", state.spec ? *state.spec : Value()},
                             {"history", std::move(history)},
                             {"running", state.is_running},
                             {"kept", state.is_kept},
                             {"since", format_time(state.since)}}));
}

Result<SiteState> read_state(std::string_view json) {
  TRY_ASSIGN(const Value document, parse_json(json));
  SiteState state;
  state.uid = document.text_or("uid", "");
  TRY_ASSIGN(state.ref, parse_ref(document.text_or("ref", "")));
  state.intent = document.text_or("intent", "");
  state.spec_digest = document.text_or("digest", "");
  const Value* spec = document.find("spec");
  const Value* history = document.find("history");
  if (state.uid.empty() || spec == nullptr || history == nullptr || !history->is_list()) {
    return fail(ErrorCode::Internal, "it is not the state of a site");
  }
  state.spec = std::make_shared<const Value>(*spec);
  for (const Value& id : history->as_list()) {
    if (id.is_text()) state.history.push_back(id.as_text());
  }
  if (state.history.empty()) return fail(ErrorCode::Internal, "it names no release");
  state.is_running = document.boolean_or("running", true);
  state.is_kept = document.boolean_or("kept", false);
  TRY_ASSIGN(state.since, parse_time(document.text_or("since", "")));
  return state;
}

}  // namespace

Result<void> SiteStates::open() {
  TRY(make_directory(directory_, 0700));
  std::map<std::string, SiteState> states;
  std::error_code error;
  for (fs::directory_iterator it(directory_, error), end; !error && it != end;
       it.increment(error)) {
    if (it->path().extension() != ".json") {
      ::unlink(it->path().c_str());  // half written when a process was killed
      continue;
    }
    TRY_ASSIGN(const std::string json, read_file(it->path(), kStateLimit));
    TRY_ASSIGN(SiteState state, while_doing(read_state(json), "reading " + it->path().string()));
    std::string uid = state.uid;
    states.insert_or_assign(std::move(uid), std::move(state));
  }
  if (error) return fail(system_error(error.value(), "listing " + directory_.string()));
  states_.with([&](auto& known) { known = std::move(states); });
  return {};
}

std::optional<SiteState> SiteStates::find(const std::string& uid) const {
  return states_.with([&](const auto& states) -> std::optional<SiteState> {
    const auto found = states.find(uid);
    if (found == states.end()) return std::nullopt;
    return found->second;
  });
}

std::vector<SiteState> SiteStates::all() const {
  return states_.with([](const auto& states) {
    std::vector<SiteState> list;
    list.reserve(states.size());
    for (const auto& [uid, state] : states) list.push_back(state);
    return list;
  });
}

Result<void> SiteStates::put(const SiteState& state) {
  TRY(write_file_atomic(path_of(state.uid), write_state(state), 0600, Durability::Full));
  states_.with([&](auto& states) { states.insert_or_assign(state.uid, state); });
  return {};
}

Result<void> SiteStates::erase(const std::string& uid) {
  const fs::path path = path_of(uid);
  if (::unlink(path.c_str()) != 0 && errno != ENOENT)
    return fail(system_error(errno, "removing " + path.string()));
  states_.with([&](auto& states) { states.erase(uid); });
  return {};
}

std::set<std::string> SiteStates::named_releases() const {
  return states_.with([](const auto& states) {
    std::set<std::string> named;
    for (const auto& [uid, state] : states)
      named.insert(state.history.begin(), state.history.end());
    return named;
  });
}

}  // namespace croft::site
