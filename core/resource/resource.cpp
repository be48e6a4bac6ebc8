#include "core/resource/resource.hpp"

#include <algorithm>

#include "core/base/id.hpp"

namespace croft {

const FieldPlaces::Place* FieldPlaces::find(std::string_view path) const {
  while (true) {
    const auto found = std::ranges::lower_bound(places, path, {}, &Place::path);
    if (found != places.end() && found->path == path) return &*found;
    const std::size_t end = path.find_last_of(".[");
    if (end == std::string_view::npos) return nullptr;
    path = path.substr(0, end);
  }
}

std::string spec_digest(const Value& spec) { return sha256_hex(to_json(spec)); }

DependencyState needed_state(const Value& spec, const Ref& dependency) {
  const Value* states = spec.find("dependsWhen");
  const Value* state = states == nullptr ? nullptr : states->find(local_name(dependency));
  if (state == nullptr || !state->is_text()) return DependencyState::Ready;
  if (state->as_text() == "started") return DependencyState::Started;
  return state->as_text() == "completed" ? DependencyState::Completed : DependencyState::Ready;
}

std::vector<Ref> dependencies_of(const Ref& ref, const Value& spec) {
  std::vector<Ref> refs;
  const Value* names = spec.find("dependsOn");
  if (names == nullptr || !names->is_list()) return refs;
  for (const Value& name : names->as_list()) {
    if (!name.is_text()) continue;
    if (auto parsed = parse_ref(name.as_text(), ref.tenant)) refs.push_back(std::move(*parsed));
  }
  return refs;
}

}  // namespace croft
