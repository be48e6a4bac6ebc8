#pragma once

#include <string>
#include <vector>

#include "core/base/files.hpp"
#include "core/base/result.hpp"

namespace croft::edge {

struct Listener {
  UniqueFd socket;      ///< listens, non-blocking
  std::string address;  ///< as bound: "127.0.0.1:8080"
};

/// Listens on "HOST:PORT", "[V6]:PORT" or "*:PORT" (all addresses, v6 and v4). With SO_REUSEPORT,
/// so that the next edge can bind beside this one; new connections then go to the newer one.
Result<std::vector<Listener>> listen_on(const std::vector<std::string>& addresses);

/// Takes sockets that listen already.
Result<std::vector<Listener>> adopt_listeners(const std::vector<int>& fds);

/// The sockets that systemd, or a supervisor that speaks its LISTEN_PID/LISTEN_FDS protocol, passed
/// to this process.
std::vector<int> inherited_listen_fds();

}  // namespace croft::edge
