#include "core/resource/walls.hpp"

#include <algorithm>
#include <array>

namespace croft {

namespace {

// The engine's usual ones but for those that make devices, raw packets and other people's files:
// AUDIT_WRITE, MKNOD, NET_RAW, SETFCAP, SYS_CHROOT.
constexpr std::array<std::string_view, 9> kOrdinary{"CHOWN",  "DAC_OVERRIDE", "FOWNER",
                                                    "FSETID", "KILL",         "NET_BIND_SERVICE",
                                                    "SETGID", "SETPCAP",      "SETUID"};
static_assert(std::ranges::is_sorted(kOrdinary));

}  // namespace

std::span<const std::string_view> ordinary_capabilities() { return kOrdinary; }

}  // namespace croft
