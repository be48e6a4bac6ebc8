#include <string>
#include <utility>
#include <vector>

#include <benchmark/benchmark.h>
#include <yaml-cpp/yaml.h>

#include "core/manifest/load.hpp"
#include "core/yaml/tree.hpp"
#include "tests/support/counting_tree.hpp"

// How long it takes to load a fleet: resources in sources of a hundred, a Site and an Instance in
// turn, one file for each ten. Time is CPU time of the process.

namespace croft::manifest {
namespace {

constexpr int kPerSource = 100;
constexpr int kPerFile = 10;

std::string document(int i) {
  const std::string name = std::to_string(i);
  const std::string head = "---\napiVersion: croft/v1\nkind: ";
  if (i % 2 == 0) {
    return head + "Site\nmetadata: {name: site" + name +
           "}\nspec:\n  files: {path: public}\n  domains: [blog" + name +
           ".alice.dev]\n  retain: 5\n";
  }
  return head + "Instance\nmetadata: {name: api" + name +
         "}\nspec:\n  command: [python3, app.py]\n  files: {path: api}\n  env:\n    GREETING: "
         "hello\n    NUMBER: \"" +
         name +
         "\"\n  resources: {cpu: 250m, memory: 128MiB}\n  health: {http: /healthz, startWithin: "
         "20s}\n"
         "  volumes: [{name: data, path: /data, size: 1GiB}]\n";
}

std::vector<std::pair<std::string, std::string>> files_of(int source) {
  std::vector<std::pair<std::string, std::string>> files;
  for (int f = 0; f < kPerSource / kPerFile; ++f) {
    std::string text;
    for (int i = 0; i < kPerFile; ++i) text += document(source * kPerSource + f * kPerFile + i);
    files.emplace_back("hosting" + std::to_string(f) + ".yaml", std::move(text));
  }
  return files;
}

std::vector<CountingTree> fleet(std::int64_t resources) {
  std::vector<CountingTree> trees;
  for (int s = 0; s < resources / kPerSource; ++s) trees.emplace_back(files_of(s));
  return trees;
}

LoadRequest request_of(std::size_t source) {
  const std::string tenant = "t" + std::to_string(source);
  return {.source = tenant + "/main", .tenant = tenant};
}

void fail_unless_usable(benchmark::State& state, const Result<LoadedSet>& set) {
  if (!set || !set->is_usable()) state.SkipWithError("the fleet does not load");
}

void LoadCold(benchmark::State& state) {
  const auto trees = fleet(state.range(0));
  for (auto _ : state) {
    const auto pool = std::make_shared<SpecPool>();
    for (std::size_t s = 0; s < trees.size(); ++s) {
      DocumentCache cache(pool);
      fail_unless_usable(state, load(trees[s], request_of(s), cache));
    }
  }
  state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(LoadCold)->Arg(1000)->Arg(10'000)->Unit(benchmark::kMillisecond);

void LoadUnchanged(benchmark::State& state) {
  const auto trees = fleet(state.range(0));
  std::vector<DocumentCache> caches(trees.size());
  for (std::size_t s = 0; s < trees.size(); ++s)
    fail_unless_usable(state, load(trees[s], request_of(s), caches[s]));
  for (auto _ : state) {
    for (std::size_t s = 0; s < trees.size(); ++s)
      benchmark::DoNotOptimize(load(trees[s], request_of(s), caches[s]));
  }
  state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(LoadUnchanged)->Arg(1000)->Arg(10'000)->Unit(benchmark::kMillisecond);

void LoadOneFileChanged(benchmark::State& state) {
  const CountingTree before(files_of(0));
  auto files = files_of(0);
  files[3].second +=
      "---\napiVersion: croft/v1\nkind: Site\nmetadata: {name: new}\nspec: {files: {path: "
      "public}}\n";
  const CountingTree after(std::move(files));
  DocumentCache cache;
  fail_unless_usable(state, load(before, request_of(0), cache));
  bool is_after = false;
  for (auto _ : state) {
    is_after = !is_after;
    benchmark::DoNotOptimize(load(is_after ? after : before, request_of(0), cache));
  }
}
BENCHMARK(LoadOneFileChanged)->Unit(benchmark::kMillisecond);

// What parsing alone costs: our tree from libyaml's events, and yaml-cpp's nodes.
void ParseEvents(benchmark::State& state) {
  const auto files = files_of(0);
  for (auto _ : state) {
    for (const auto& [path, text] : files) benchmark::DoNotOptimize(yaml::read(text));
  }
  state.SetItemsProcessed(state.iterations() * kPerSource);
}
BENCHMARK(ParseEvents)->Unit(benchmark::kMillisecond);

void ParseNodes(benchmark::State& state) {
  const auto files = files_of(0);
  for (auto _ : state) {
    for (const auto& [path, text] : files) benchmark::DoNotOptimize(YAML::LoadAll(text));
  }
  state.SetItemsProcessed(state.iterations() * kPerSource);
}
BENCHMARK(ParseNodes)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace croft::manifest

BENCHMARK_MAIN();
