#pragma once

#include <set>
#include <string>

#include "core/base/async.hpp"
#include "core/base/result.hpp"
#include "providers/docker/firewall.hpp"
#include "providers/docker/settings.hpp"

namespace croft::docker {

/// Keeps the packet filter around our bridges as it should be: in a table of our own, so that
/// neither the engine's restart nor its own rules touch it. A bridge is known here before it is
/// made. On the executor; the filter itself is set on the pool.
class Walls {
 public:
  Walls(const ProviderSettings& settings, const asio::any_io_executor& executor);

  /// Why there cannot be one here; empty if there can.
  const std::string& why_not() const { return why_not_; }
  /// Found out later: the engine's networks are not this machine's.
  void give_up(std::string why);
  void set_dns_on_host(bool is_served) { input_.serves_dns_on_host = is_served; }
  const std::string& mark() const { return mark_; }

  /// Whoever lists the bridges holds this until the list is set: an older list must not come last.
  Task<Semaphore::Permit> turn_to_list() { return listing_.acquire(); }
  /// False until the bridges were listed once. What is set before that would take the walls away
  /// from those that an earlier process left.
  bool is_listed() const { return is_listed_; }

  /// Takes a bridge in, before it is made. Does nothing where there are no walls. Only once
  /// is_listed().
  Task<Result<void>> add(BlockingPool& pool, std::string bridge, bool is_closed);
  /// All bridges that there are. With `anew`, the filter is set even if it should be so already:
  /// somebody may have flushed it.
  Task<Result<void>> set(BlockingPool& pool, std::set<std::string> bridges,
                         std::set<std::string> closed, bool anew);
  /// Lets go of a bridge that is gone.
  Task<Result<void>> drop(BlockingPool& pool, std::string bridge);
  /// Takes the table away. Blocks.
  void remove();

 private:
  Task<Result<void>> apply(BlockingPool& pool, bool anew);

  FirewallInput input_;
  /// Taken in and not listed yet: a list may be older than what was begun since.
  std::set<std::string> announced_;
  std::set<std::string> announced_closed_;
  std::string mark_;
  std::string why_not_;
  std::string applied_;  ///< the script that was set last
  bool is_listed_ = false;
  Semaphore turn_;
  Semaphore listing_;
};

}  // namespace croft::docker
