#pragma once
// Room providers/registry: which adapters this program has, and how to be rid of what they run
// here.

#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "core/base/async.hpp"
#include "core/base/clock.hpp"
#include "core/secret/operator_secrets.hpp"
#include "providers/port/provider.hpp"

namespace croft {

/// What every adapter of this machine stands on; outlives the providers made from it.
struct RegistryParts {
  std::filesystem::path
      data;  ///< adapters keep what they keep in a directory of their name below it
  asio::any_io_executor executor;
  BlockingPool& pool;
  Clock& clock;
  /// For adapters that sign in somewhere.
  std::shared_ptr<const secret::OperatorSecrets> secrets = nullptr;
};

/// The name of the only provider of adapter `site`: the edge serves from one release store.
inline constexpr std::string_view kOneSiteProvider = "site";

/// adapter → how to make a provider of it.
std::map<std::string, ProviderFactory> make_adapters(RegistryParts parts);

/// Makes providers of scripts.
std::shared_ptr<ScriptedAdapters> make_scripted_adapters(RegistryParts parts);
/// The scripts inside this program.
std::vector<AdapterScript> shipped_adapters();

/// Ends every app that the adapters run on this machine itself, and takes what they have on it
/// away; their data stays. Gives how many there were. For when no Croft uses the data directory.
/// Blocks.
Result<int> clear_local_providers(const std::filesystem::path& data);

/// Where the site adapter keeps releases; the edge serves from there.
std::filesystem::path release_store(const std::filesystem::path& data);

}  // namespace croft
