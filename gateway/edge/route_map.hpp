#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>

#include "gateway/edge/measures.hpp"
#include "gateway/edge/routes.hpp"

namespace croft::edge {

/// Looks texts up without making a std::string of them.
struct TextHash {
  using is_transparent = void;
  std::size_t operator()(std::string_view text) const {
    return std::hash<std::string_view>{}(text);
  }
};

/// A route as the workers use it.
struct EdgeRoute {
  Route route;
  std::string endpoint;  ///< its text: what pools of connections are keyed by
  RequestClass request_class = RequestClass::None;
};

/// A route table made for looking up; never changes, shared by all workers.
class RouteMap {
 public:
  explicit RouteMap(RouteTable table);
  /// The route of a normalised host, or null. Lives as long as the map.
  const EdgeRoute* find(std::string_view host) const;
  bool has_endpoint(std::string_view endpoint) const { return endpoints_.contains(endpoint); }
  std::uint64_t generation() const { return generation_; }

 private:
  std::uint64_t generation_;
  std::unordered_map<std::string, EdgeRoute, TextHash, std::equal_to<>> hosts_;
  std::unordered_map<std::string_view, int> endpoints_;
};

}  // namespace croft::edge
