#pragma once

#include <string>
#include <sys/types.h>

namespace croft {

/// What a shell says to a script, on both of its outputs; within 20 s.
std::string shell_says(const std::string& script);

/// A machine of the outside: a network namespace behind a cable of the host, with a server on
/// ports 53 and 80 that says who connects, and addresses that are public, private and link-local,
/// IPv4 and IPv6. It has no route to anything but the host's end of the cable.
class Outside {
 public:
  Outside();
  Outside(const Outside&) = delete;
  Outside& operator=(const Outside&) = delete;
  ~Outside();

  /// What went wrong making it; empty if nothing.
  const std::string& problem() const { return said_; }
  /// Of the network namespace, for `ip netns exec`.
  const std::string& name() const { return name_; }

  std::string host4, host6;  ///< the host's end of the cable
  std::string public4, public6, private4, private6, link4;

 private:
  void serve();

  std::string name_;
  std::string said_;
  pid_t server_ = -1;
};

}  // namespace croft
