#pragma once

#include <map>
#include <string>
#include <string_view>

#include "core/base/result.hpp"
#include "providers/port/endpoint.hpp"

namespace croft {

/// What the edge does with requests for one host.
struct Route {
  std::string ref;    ///< "alice/Site/blog", for logs and pages
  Endpoint endpoint;  ///< Release: serve files; Shim, Unix, Tcp: proxy; None: show the state page
  /// For the 502/503 page when it cannot be reached or has no endpoint: "Starting", "CrashLoop",
  /// "Suspended".
  std::string state;
  std::string message;  ///< for people; names only that tenant's things
  bool operator==(const Route&) const = default;
};

/// Everything the edge needs to serve; replaced as a whole, in one step, by control.
struct RouteTable {
  std::uint64_t generation = 0;
  std::map<std::string, Route> hosts;  ///< lower-case host without port → what answers
  bool operator==(const RouteTable&) const = default;
};

std::string write_routes(const RouteTable& table);
Result<RouteTable> read_routes(std::string_view json);

}  // namespace croft
