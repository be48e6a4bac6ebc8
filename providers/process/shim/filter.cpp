#include "providers/process/shim/filter.hpp"

#include <cerrno>
#include <cstddef>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <vector>

namespace croft::shim {

namespace {

#if defined(__x86_64__)
constexpr unsigned kArchitecture = AUDIT_ARCH_X86_64;
#elif defined(__aarch64__)
constexpr unsigned kArchitecture = AUDIT_ARCH_AARCH64;
#else
#error "the seccomp filter knows x86_64 and aarch64"
#endif

// With EPERM, not ENOSYS: programs take it as "not allowed here" and go on without.
constexpr unsigned kRefused[] = {
    SYS_add_key,
    SYS_keyctl,
    SYS_request_key,
    SYS_bpf,
    SYS_perf_event_open,
    SYS_userfaultfd,
    SYS_io_uring_setup,
    SYS_io_uring_enter,
    SYS_io_uring_register,
    SYS_open_by_handle_at,
    SYS_kexec_load,
    SYS_init_module,
    SYS_finit_module,
    SYS_delete_module,
    SYS_acct,
    SYS_quotactl,
    SYS_swapon,
    SYS_swapoff,
    SYS_reboot,
    SYS_settimeofday,
    SYS_clock_settime,
    SYS_lookup_dcookie,
    SYS_move_pages,
    SYS_vhangup,
};

constexpr unsigned kFamilies[] = {AF_UNIX, AF_INET, AF_INET6, AF_NETLINK};

sock_filter load(std::size_t offset) {
  return BPF_STMT(BPF_LD | BPF_W | BPF_ABS, static_cast<unsigned>(offset));
}
sock_filter give(unsigned action) { return BPF_STMT(BPF_RET | BPF_K, action); }
/// Skips `if_equal` or `if_not` instructions.
sock_filter compare(unsigned value, unsigned char if_equal, unsigned char if_not) {
  return BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, if_equal, if_not);
}

std::vector<sock_filter> make_program() {
  std::vector<sock_filter> program;
  program.push_back(load(offsetof(seccomp_data, arch)));
  program.push_back(compare(kArchitecture, 1, 0));
  program.push_back(
      give(SECCOMP_RET_ERRNO | ENOSYS));  // 32-bit programs would number their calls differently
  program.push_back(load(offsetof(seccomp_data, nr)));
#if defined(__x86_64__)
  program.push_back(BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, 0x40000000U, 0, 1));  // x32 would, too
  program.push_back(give(SECCOMP_RET_ERRNO | ENOSYS));
#endif
  for (const unsigned call : kRefused) {
    program.push_back(compare(call, 0, 1));
    program.push_back(give(SECCOMP_RET_ERRNO | EPERM));
  }
  program.push_back(compare(SYS_socket, 1, 0));
  program.push_back(give(SECCOMP_RET_ALLOW));
  program.push_back(load(offsetof(
      seccomp_data, args)));  // the low half; families are small on both byte orders we know
  for (const unsigned family : kFamilies) {
    program.push_back(compare(family, 0, 1));
    program.push_back(give(SECCOMP_RET_ALLOW));
  }
  program.push_back(give(SECCOMP_RET_ERRNO | EAFNOSUPPORT));
  return program;
}

}  // namespace

bool install_filter() {
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return false;
  std::vector<sock_filter> program = make_program();
  const sock_fprog filter{static_cast<unsigned short>(program.size()), program.data()};
  return ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter, 0, 0) == 0;
}

}  // namespace croft::shim
