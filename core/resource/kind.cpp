#include "core/resource/kind.hpp"

#include <algorithm>
#include <array>
#include <vector>

namespace croft {

namespace {

struct KindFacts {
  Kind kind;
  std::string_view name;
  KindScope scope;
};

constexpr std::array<KindFacts, 12> kKinds{{{Kind::Tenant, "Tenant", KindScope::Operator},
                                            {Kind::Plan, "Plan", KindScope::Operator},
                                            {Kind::Provider, "Provider", KindScope::Operator},
                                            {Kind::Source, "Source", KindScope::Operator},
                                            {Kind::Webhook, "Webhook", KindScope::Anybody},
                                            {Kind::Instance, "Instance", KindScope::Tenant},
                                            {Kind::Site, "Site", KindScope::Tenant},
                                            {Kind::Stack, "Stack", KindScope::Tenant},
                                            {Kind::Secret, "Secret", KindScope::Anybody},
                                            {Kind::Service, "Service", KindScope::Tenant},
                                            {Kind::Volume, "Volume", KindScope::Tenant},
                                            {Kind::Network, "Network", KindScope::Tenant}}};
constexpr std::array<Kind, 9> kAll{Kind::Tenant, Kind::Plan,    Kind::Provider,
                                   Kind::Source, Kind::Webhook, Kind::Instance,
                                   Kind::Site,   Kind::Stack,   Kind::Secret};
constexpr std::array<Kind, 3> kDerived{Kind::Service, Kind::Volume, Kind::Network};
constexpr std::array<std::string_view, 8> kPlanned{"Account",  "Space",  "Tunnel",   "Box",
                                                   "Database", "Domain", "Template", "Job"};

const KindFacts& facts_of(Kind kind) { return kKinds[static_cast<std::size_t>(kind)]; }

}  // namespace

std::string_view to_string(Kind kind) { return facts_of(kind).name; }

std::optional<Kind> kind_from(std::string_view name) {
  const auto* found = std::ranges::find(kKinds, name, &KindFacts::name);
  if (found == kKinds.end()) return std::nullopt;
  return found->kind;
}

KindScope scope_of(Kind kind) { return facts_of(kind).scope; }

bool is_derived(Kind kind) { return std::ranges::find(kDerived, kind) != kDerived.end(); }

bool is_workload(Kind kind) { return kind == Kind::Instance || kind == Kind::Service; }

bool is_record(Kind kind) { return kind == Kind::Secret || kind == Kind::Webhook; }

bool is_passive(Kind kind) { return kind == Kind::Volume || kind == Kind::Network; }

std::span<const Kind> all_kinds() { return kAll; }

std::span<const Kind> known_kinds() {
  static const std::vector<Kind> kKnown = [] {
    std::vector<Kind> kinds(kAll.begin(), kAll.end());
    kinds.insert(kinds.end(), kDerived.begin(), kDerived.end());
    return kinds;
  }();
  return kKnown;
}

bool is_planned_kind(std::string_view name) {
  return std::ranges::find(kPlanned, name) != kPlanned.end();
}

}  // namespace croft
