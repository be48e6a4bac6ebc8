#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace croft {

/// Pure: the name servers in the text of a resolv.conf, without those on loopback addresses.
std::vector<std::string> read_resolvers(std::string_view resolv_conf);

/// The host's name servers that something in a network of its own can reach. Blocks.
std::vector<std::string> host_resolvers();

/// The IPv4 addresses of this machine's interfaces.
std::vector<std::string> host_addresses();

/// The bytes that a directory takes on disk, links not followed, other file systems left out.
/// Blocks.
std::uint64_t measure_directory(const std::filesystem::path& directory);

/// Kills every process of this machine whose control group has that name in its path: what an
/// engine that died has forgotten, say. Gives how many. Only root sees all of them. Blocks.
int kill_control_group(const std::string& name);

/// Sends a signal to every process of a session (the number of its leader) that is also in such a
/// control group. Gives how many. Blocks.
int signal_session(int session, const std::string& control_group, int signal);

}  // namespace croft
