#pragma once

#include <string>
#include <sys/types.h>
#include <vector>

#include "core/base/result.hpp"
#include "providers/process/firewall.hpp"
#include "providers/process/layout.hpp"
#include "providers/process/machine.hpp"
#include "providers/process/settings.hpp"

namespace croft {

/// The cables that connect apps with egress to the outside: a veth pair each, one end in the app's
/// network namespace, and the packet filter that says where they lead. A pair goes with its
/// namespace, that is with the app's shim. Blocks; thread safe; everything is idempotent.
class Networks {
 public:
  Networks(const ProcessSettings& settings, const ProcessLayout& layout, const Machine& machine);

  /// Makes the packet filter say what it should, also if somebody flushed it, and lets the host
  /// forward.
  Result<void> ensure_filter() const;
  /// Makes other firewalls of the host let our packets pass. Takes a dozen children.
  void pass_neighbours() const;
  /// Connects the network namespace of a process, unless it is connected.
  Result<void> connect(pid_t pid, int slot) const;
  bool is_connected(int slot) const;
  Result<void> disconnect(int slot) const;
  /// Takes the packet filter away; for when no app has egress any more.
  void remove_filter() const;

  std::string interface_of(int slot) const;
  /// Slots that exist in both pools.
  int slot_count() const;

 private:
  FirewallInput input_;
};

}  // namespace croft
