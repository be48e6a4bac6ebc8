#pragma once
// Room core/resource: what is declared, and what is said about it.
//
//   kind, ref         the types of things and their names
//   field             the one description of a kind's fields; everything that knows fields reads it
//   kinds             the descriptions themselves: adding a field is one line there
//   event_type        what may happen that Webhooks are told of: the one table, and its JSON
//   Schemas resource          a declared thing, checked, with its defaults filled in status phases,
//   conditions, events: what is reported back

#include <optional>
#include <span>
#include <string_view>

namespace croft {

enum class Kind {
  Tenant,
  Plan,
  Provider,
  Source,
  Webhook,
  Instance,
  Site,
  Stack,
  Secret,
  // Derived: what a Stack's compose file expands to, named STACK.NAME. Never declared by
  // themselves.
  Service,
  Volume,
  Network,
};

/// Who declares a kind. Operator kinds live in the platform repository only, tenant kinds in
/// tenants' sources only; what is anybody's belongs to whose repository declares it.
enum class KindScope { Operator, Tenant, Anybody };

std::string_view to_string(Kind kind);
std::optional<Kind> kind_from(std::string_view name);
KindScope scope_of(Kind kind);
/// True for kinds that nobody declares: the parts that a Stack expands to.
bool is_derived(Kind kind);
/// True for what runs and is paid by the hour: Instance, Service.
bool is_workload(Kind kind);
/// True for what holds by being accepted (Secrets, Webhooks): no provider has it, and the inventory
/// does not know it.
bool is_record(Kind kind);
/// True for what is there without running: it is neither started nor stopped.
bool is_passive(Kind kind);
/// All kinds that are declared, in the order in which docs list them.
std::span<const Kind> all_kinds();
/// Those and the derived ones.
std::span<const Kind> known_kinds();
/// True for kinds that arrive with a later version ("Database"), so that naming one gets a better
/// answer than "unknown".
bool is_planned_kind(std::string_view name);

}  // namespace croft
