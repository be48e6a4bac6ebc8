#include "gateway/edge/routes.hpp"

#include "core/base/value.hpp"

namespace croft {

namespace {

Value route_value(const Route& route) {
  Value value = Value::map({{"ref", route.ref}, {"endpoint", to_string(route.endpoint)}});
  if (!route.state.empty()) value.set("state", route.state);
  if (!route.message.empty()) value.set("message", route.message);
  return value;
}

Result<Route> read_route(const Value& value) {
  if (!value.is_map()) return fail(ErrorCode::Invalid, "a route must be a map");
  Route route;
  route.ref = value.text_or("ref", "");
  route.state = value.text_or("state", "");
  route.message = value.text_or("message", "");
  TRY_ASSIGN(route.endpoint, parse_endpoint(value.text_or("endpoint", "")));
  return route;
}

}  // namespace

std::string write_routes(const RouteTable& table) {
  Value hosts = Value::map();
  for (const auto& [host, route] : table.hosts) hosts.set(host, route_value(route));
  return to_json(Value::map(
      {{"generation", static_cast<std::int64_t>(table.generation)}, {"hosts", std::move(hosts)}}));
}

Result<RouteTable> read_routes(std::string_view json) {
  TRY_ASSIGN(const Value document, parse_json(json));
  const Value* generation = document.find("generation");
  const Value* hosts = document.find("hosts");
  if (generation == nullptr || !generation->is_integer() || hosts == nullptr || !hosts->is_map()) {
    return fail(ErrorCode::Invalid, "this is not a table of routes");
  }
  RouteTable table;
  table.generation = static_cast<std::uint64_t>(generation->as_integer());
  for (const Value::Entry& entry : hosts->as_map()) {
    TRY_ASSIGN(Route route,
               while_doing(read_route(entry.value), "reading the route of " + entry.key));
    table.hosts.emplace_hint(table.hosts.end(), entry.key, std::move(route));
  }
  return table;
}

}  // namespace croft
