#pragma once

#include <stop_token>
#include <string>
#include <vector>

#include "core/base/result.hpp"
#include "core/base/units.hpp"

namespace croft {

/// What to run and within which bounds.
struct ChildCommand {
  std::vector<std::string> arguments;  ///< arguments[0] is looked up in PATH
  std::vector<std::string>
      environment;            ///< "NAME=value", added to a minimal one (PATH, LANG=C.UTF-8, HOME)
  std::string directory;      ///< where it runs; empty is here
  std::string input;          ///< what it reads from standard input
  Duration deadline{30'000};  ///< killed with its process group after this
  std::size_t output_limit =
      1 << 20;  ///< bytes kept of each of standard output and error; more is dropped
};

struct ChildOutput {
  int status = 0;  ///< exit status, or 128 + signal
  std::string output;
  std::string error;
};

/// Runs a child to its end; blocks, so call it on a BlockingPool. The child is in a process group
/// of its own, gets no descriptor of ours but the three standard ones, and dies with the calling
/// thread's process. Timeout and Cancelled (the stop token) mean that the whole group was killed; a
/// non-zero exit is not an error here.
Result<ChildOutput> run_child(const ChildCommand& command, std::stop_token stop = {});

/// Like run_child, but a non-zero exit is an Unavailable error with the line of the child's
/// standard error that says why: the first that calls itself an error, else the last.
Result<std::string> run_child_checked(const ChildCommand& command, std::stop_token stop = {});

}  // namespace croft
