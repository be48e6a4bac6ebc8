#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "gateway/edge/message.hpp"
#include "gateway/edge/route_map.hpp"
#include "gateway/edge/stream.hpp"

namespace croft::edge {

/// A connection to what runs, with what was read from it.
struct Upstream {
  Upstream(asio::io_context& io, UniqueFd socket, std::size_t head_bytes)
      : stream(io, std::move(socket)), reader(head_bytes) {}
  Stream stream;
  ResponseReader reader;
  InputBuffer input;
  bool is_reused = false;
  SteadyTime idle_since;
};

/// Connections that wait for their next request, by endpoint. For one thread.
class UpstreamPool {
 public:
  explicit UpstreamPool(std::size_t max_idle) : max_idle_(max_idle) {}
  /// One that is still open and silent, or null.
  std::unique_ptr<Upstream> take(std::string_view endpoint);
  void give(std::string_view endpoint, std::unique_ptr<Upstream> upstream, SteadyTime now);
  /// Closes what waits since before that time, and what leads to endpoints that no route names any
  /// more.
  void sweep(SteadyTime before, const RouteMap* routes);
  void clear() { idle_.clear(); }

 private:
  std::size_t max_idle_;
  std::unordered_map<std::string, std::vector<std::unique_ptr<Upstream>>, TextHash, std::equal_to<>>
      idle_;
};

}  // namespace croft::edge
