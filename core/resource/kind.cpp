#include "core/resource/kind.hpp"

#include <algorithm>
#include <array>

namespace croft {

namespace {

struct KindFacts {
  Kind kind;
  std::string_view name;
  KindScope scope;
};

constexpr std::array<KindFacts, 6> kKinds{{{Kind::Tenant, "Tenant", KindScope::Operator},
                                           {Kind::Plan, "Plan", KindScope::Operator},
                                           {Kind::Provider, "Provider", KindScope::Operator},
                                           {Kind::Source, "Source", KindScope::Operator},
                                           {Kind::Instance, "Instance", KindScope::Tenant},
                                           {Kind::Site, "Site", KindScope::Tenant}}};
constexpr std::array<Kind, 6> kAll{Kind::Tenant, Kind::Plan,     Kind::Provider,
                                   Kind::Source, Kind::Instance, Kind::Site};
constexpr std::array<std::string_view, 12> kPlanned{"Stack",    "Secret", "Webhook",  "Account",
                                                    "Space",    "Volume", "Tunnel",   "Box",
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

std::span<const Kind> all_kinds() { return kAll; }

bool is_planned_kind(std::string_view name) {
  return std::ranges::find(kPlanned, name) != kPlanned.end();
}

}  // namespace croft
