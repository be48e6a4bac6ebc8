#include "cli/doctor/clock.hpp"

#include <sys/timex.h>

#include <fmt/format.h>

namespace croft::cli {

namespace {

// Signatures of hooks are refused when clocks are minutes apart; what is measured and paid for
// should not be off by a second.
constexpr double kTooFar = 1;

}  // namespace

ClockFacts read_clock() {
  timex kernel{};
  const int state = ::adjtimex(&kernel);
  ClockFacts facts;
  facts.is_known = state >= 0;
  facts.is_synchronised = facts.is_known && (kernel.status & STA_UNSYNC) == 0;
  facts.error_seconds = static_cast<double>(kernel.maxerror) / 1e6;
  return facts;
}

void judge_clock(const ClockFacts& facts, std::vector<Finding>& all) {
  Findings findings(all, "clock");
  if (!facts.is_known) {
    findings.warn("the kernel does not say whether the clock is kept", "look at the host's");
  } else if (!facts.is_synchronised) {
    findings.warn("nobody keeps the clock",
                  "run chrony or systemd-timesyncd: hooks' signatures and bills depend on time");
  } else if (facts.error_seconds > kTooFar) {
    findings.warn(fmt::format("the clock may be off by {:.1f} s", facts.error_seconds),
                  "see `chronyc tracking` or `timedatectl timesync-status`");
  } else {
    findings.ok(fmt::format("kept, within {:.0f} ms", facts.error_seconds * 1'000));
  }
}

}  // namespace croft::cli
