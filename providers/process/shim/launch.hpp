#pragma once

#include <optional>
#include <string>
#include <vector>

#include "providers/process/shim/wire.hpp"

namespace croft::shim {

/// Everything a shim needs to know, as Croft wrote it into the file `launch` of the app's
/// directory: lines of wire.hpp. Both sides use this type, so that there is one description of the
/// file. Lines and keys that a shim does not know are ignored.
struct Launch {
  struct Mount {
    std::string source;  ///< on the host; followed as root before the uid is dropped
    std::string name;    ///< below kStage
    bool writable = false;
  };
  struct File {
    std::string name;  ///< below kStage
    std::string content;
    bool is_secret = false;  ///< for the app's user alone
  };

  std::string digest;                  ///< of the spec; part of the state that the shim tells
  std::vector<std::string> arguments;  ///< [0] is a path or looked up in PATH
  std::vector<std::string>
      sandbox;  ///< bubblewrap and its options, before the arguments; empty: none
  std::vector<std::string> environment;  ///< "NAME=value", of the app; never of bubblewrap itself
  /// Names of what is told over the control socket before the first start, and never written
  /// down: "env:TOKEN", "file:run/secrets/key".
  std::vector<std::string> secrets;
  std::string directory;  ///< where the app runs, as it sees it
  std::vector<Mount> mounts;
  std::vector<File> files;
  std::vector<std::string>
      hidden;  ///< directories of the host that nothing in the sandbox may ever see
  std::vector<std::string> cgroups;  ///< directories to join
  std::string oom_counter;           ///< a file with a line "oom_kill N", or empty
  bool drops_user = false;           ///< run as uid/gid below
  unsigned uid = 0;                  ///< on the host
  unsigned gid = 0;
  unsigned inner_uid = 0;  ///< as the app sees itself, when there is a sandbox
  unsigned inner_gid = 0;
  bool own_network = false;
  int port = 0;                      ///< where the app listens, on its loopback
  std::string dial_socket;           ///< path of the socket that only takes `dial`
  unsigned dial_gid = 0;             ///< whose group may connect to it
  std::vector<unsigned> dial_peers;  ///< uids that it answers, beside the shim's own
  std::string log_directory;
  long long log_size = 1 << 20;    ///< bytes of one log file
  int log_files = 4;               ///< of them are kept, the one being written included
  long long backoff_first = 1000;  ///< milliseconds before the first new try; doubles
  long long backoff_limit = 300'000;
  long long stable_after = 60'000;  ///< a run this long makes the next failure the first one again
  long long grace = 10'000;         ///< when the shim itself is told to end
};

/// Where, in the mount namespace of an app's first process, its mounts and files are put together
/// for bubblewrap. Every machine has it, and what the host keeps there is none of the app's
/// business.
inline constexpr const char* kStage = "/tmp";

std::string format_launch(const Launch& launch);
/// Nothing if it is no launch file of a version that this can read.
std::optional<Launch> parse_launch(std::string_view text);

}  // namespace croft::shim
