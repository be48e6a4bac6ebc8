#pragma once

#include <filesystem>
#include <string>

namespace croft {

/// The setting store.url for a daemon with that data directory, in a run of tests that is about a
/// certain engine: with CROFT_TEST_STORE=postgres a database of its own on the shared server, made
/// when it is first asked for; otherwise empty, which is the embedded store.
std::string test_store_url(const std::filesystem::path& directory);

}  // namespace croft
