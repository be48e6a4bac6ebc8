// What a provider's calls cost by themselves: creates everything that the sources in DIRECTORY
// declare, one call after the other, with no reconciler around it; then destroys it.
//
//   provider_bench site|process DIRECTORY DATA
//
// DIRECTORY holds bare repositories NAME.git, a tenant each (bench/run makes them). Prints one line
// of JSON. `process` needs croft-shim beside this program or in ../libexec/croft.

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>

#include <fmt/format.h>

#include "core/base/async.hpp"
#include "core/base/clock.hpp"
#include "core/git/tree.hpp"
#include "providers/registry/registry.hpp"
#include "reconciler/engine/loader.hpp"
#include "reconciler/expand.hpp"

namespace croft {
namespace {

using SteadyClock = std::chrono::steady_clock;

template <typename T>
T must(Result<T> result) {
  if (result) {
    if constexpr (std::is_void_v<T>) {
      return;
    } else {
      return std::move(*result);
    }
  }
  std::fprintf(stderr, "provider_bench: %s\n", result.error().describe().c_str());
  std::exit(1);
}

std::vector<Effect> effects_of(const std::filesystem::path& repository, std::int64_t number,
                               const ProviderOffer& offer) {
  const std::string tenant = repository.stem().string();
  const auto tree = must(open_revision(repository.string(), "main"));
  DocumentCache cache;
  FilesSizes sizes;
  manifest::LoadRequest request;
  request.source = tenant + "/main";
  request.tenant = tenant;
  const SourceLoad load = must(load_source(*tree, request, cache, sizes));
  ExpandInput input;
  input.tenant = tenant;
  input.resources = *load.resources;
  input.providers.push_back(offer);
  const Kind wanted = offer.capabilities.sites ? Kind::Site : Kind::Instance;
  std::erase_if(input.resources, [&](const Resource& each) { return each.ref.kind != wanted; });
  for (const auto& [path, id] : load.trees) input.trees[{tenant + "/main", path}] = id;
  const Expansion expansion = expand(input);
  std::vector<Effect> effects;
  for (const auto& [ref, desired] : expansion.desired) {
    Effect effect;
    effect.intent = fmt::format("{:0>26}", fmt::format("i{}{}", tenant, effects.size()));
    effect.uid = fmt::format("{:0>26}", fmt::format("u{}{}", tenant, effects.size()));
    effect.ref = ref;
    effect.tenant = {fmt::format("{:0>26}", tenant), tenant, number};
    effect.spec = desired.spec;
    effect.spec_digest = desired.spec_digest;
    const std::string path = desired.spec->text_or("files.path", "");
    if (!path.empty()) effect.files = must(tree->subtree(path));
    effects.push_back(std::move(effect));
  }
  return effects;
}

/// Creates all, one after the other; the slept time of a call counts, as it does for a user.
Task<> create_all(Provider& provider, std::vector<Effect> effects) {
  std::vector<double> times;
  for (const Effect& each : effects) {
    const auto start = SteadyClock::now();
    Effect effect = each;
    const Result<void> done = co_await provider.create(std::move(effect));
    must(done);
    times.push_back(std::chrono::duration<double, std::milli>(SteadyClock::now() - start).count());
  }
  double sum = 0;
  for (const double time : times) sum += time;
  std::ranges::sort(times);
  fmt::print("{{\"calls\": {}, \"sum_ms\": {:.1f}, \"median_ms\": {:.3f}}}\n", times.size(), sum,
             times.empty() ? 0.0 : times[times.size() / 2]);
  for (const Effect& each : effects) {
    Effect effect = each;
    effect.intent += "d";
    const Result<void> done = co_await provider.destroy(std::move(effect), DataPolicy::Erase);
    must(done);
  }
}

void run(asio::io_context& io, Provider& provider, const std::string& adapter,
         const std::filesystem::path& directory) {
  ProviderOffer offer;
  offer.name = adapter;
  offer.adapter = adapter;
  offer.provider = &provider;
  offer.is_default = true;
  offer.capabilities = provider.capabilities();
  std::vector<std::filesystem::path> repositories;
  for (const auto& entry : std::filesystem::directory_iterator(directory))
    repositories.push_back(entry.path());
  std::ranges::sort(repositories);
  std::vector<Effect> effects;
  std::int64_t number = 0;
  for (const auto& repository : repositories)
    std::ranges::move(effects_of(repository, ++number, offer), std::back_inserter(effects));
  auto done = [&io, &provider](std::vector<Effect> all) -> Task<> {
    co_await create_all(provider, std::move(all));
    io.stop();
  };
  spawn(io.get_executor(), done(std::move(effects)), "bench");
  io.run();
}

}  // namespace
}  // namespace croft

int main(int argc, char** argv) {
  const std::string adapter = argc == 4 ? argv[1] : "";
  if (adapter != "site" && adapter != "process") {
    std::fputs("usage: provider_bench site|process DIRECTORY DATA\n", stderr);
    return 2;
  }
  using namespace croft;
  asio::io_context io;
  BlockingPool pool(8);
  SystemClock clock;
  auto adapters = make_adapters({argv[3], io.get_executor(), pool, clock});
  const Value spec = Value::map({{"adapter", adapter}});
  const std::shared_ptr<Provider> provider = must(adapters.at(adapter)(adapter, spec));
  run(io, *provider, adapter, argv[2]);
  pool.stop();
  return 0;
}
