#pragma once

namespace croft::shim {

/// Installs the seccomp filter of sandboxed apps for this process and what it starts; sets
/// no_new_privs. It takes away what no namespace confines: socket families other than unix, IPv4,
/// IPv6 and netlink (AF_VSOCK would reach the hypervisor from any network namespace), and kernel
/// interfaces with a record of holes that web apps do not need. False if the kernel refuses.
bool install_filter();

}  // namespace croft::shim
