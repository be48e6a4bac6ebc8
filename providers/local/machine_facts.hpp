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

/// The bytes that a directory takes on disk, links not followed, other file systems left out.
/// Blocks.
std::uint64_t measure_directory(const std::filesystem::path& directory);

}  // namespace croft
