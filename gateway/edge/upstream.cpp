#include "gateway/edge/upstream.hpp"

#include <algorithm>
#include <iterator>

namespace croft::edge {

std::unique_ptr<Upstream> UpstreamPool::take(std::string_view endpoint) {
  const auto found = idle_.find(endpoint);
  if (found == idle_.end()) return nullptr;
  std::vector<std::unique_ptr<Upstream>>& waiting = found->second;
  while (!waiting.empty()) {
    std::unique_ptr<Upstream> upstream = std::move(waiting.back());
    waiting.pop_back();
    if (!upstream->stream.is_quiet()) continue;
    upstream->is_reused = true;
    return upstream;
  }
  return nullptr;
}

void UpstreamPool::give(std::string_view endpoint, std::unique_ptr<Upstream> upstream,
                        SteadyTime now) {
  auto found = idle_.find(endpoint);
  if (found == idle_.end()) found = idle_.emplace(endpoint, 0).first;
  if (found->second.size() >= max_idle_) return;
  upstream->idle_since = now;
  upstream->stream.clear_read_deadline();
  upstream->stream.clear_write_deadline();
  found->second.push_back(std::move(upstream));
}

void UpstreamPool::sweep(SteadyTime before, const RouteMap* routes) {
  for (auto entry = idle_.begin(); entry != idle_.end();) {
    std::erase_if(entry->second, [&](const auto& one) { return one->idle_since < before; });
    const bool is_gone = routes != nullptr && !routes->has_endpoint(entry->first);
    entry = entry->second.empty() || is_gone ? idle_.erase(entry) : std::next(entry);
  }
}

}  // namespace croft::edge
