#pragma once

#include <vector>

#include "cli/doctor/finding.hpp"

namespace croft::cli {

/// What the kernel knows of its own clock (adjtimex(2)).
struct ClockFacts {
  bool is_known = false;         ///< else it may not be asked here
  bool is_synchronised = false;  ///< somebody (NTP) keeps it
  double error_seconds = 0;      ///< by how much it may be off at most, as that somebody says
};
ClockFacts read_clock();

void judge_clock(const ClockFacts& facts, std::vector<Finding>& findings);

}  // namespace croft::cli
