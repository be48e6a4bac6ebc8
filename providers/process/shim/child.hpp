#pragma once

#include <string>
#include <vector>

#include "providers/process/shim/launch.hpp"

namespace croft::shim {

// Steps of a child between fork and exec.

inline constexpr const char* kDefaultPath =
    "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// Says what failed to its parent, and ends with status 127.
[[noreturn]] void give_up(int report, const std::string& what);

bool join_cgroups(const Launch& launch);
/// Undoes what a child has of its shim: signals, core files, oom score, umask.
void reset_process();
bool drop_user(unsigned uid, unsigned gid);
std::vector<char*> pointers(std::vector<std::string>& texts);

/// Becomes the program, which is looked up in the PATH of that environment. Otherwise gives up,
/// with 126 where the program is there and cannot be executed.
[[noreturn]] void exec_plainly(std::vector<std::string> arguments,
                               std::vector<std::string> environment, int report);

}  // namespace croft::shim
