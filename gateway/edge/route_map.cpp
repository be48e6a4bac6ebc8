#include "gateway/edge/route_map.hpp"

namespace croft::edge {

RouteMap::RouteMap(RouteTable table) : generation_(table.generation) {
  hosts_.reserve(table.hosts.size());
  for (auto& [host, route] : table.hosts) {
    std::string endpoint = to_string(route.endpoint);
    const RequestClass request_class = class_of(route.ref);
    hosts_.emplace(host, EdgeRoute{std::move(route), std::move(endpoint), request_class});
  }
  for (const auto& [host, route] : hosts_) ++endpoints_[route.endpoint];
}

const EdgeRoute* RouteMap::find(std::string_view host) const {
  const auto found = hosts_.find(host);
  return found == hosts_.end() ? nullptr : &found->second;
}

}  // namespace croft::edge
