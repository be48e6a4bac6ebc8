// What a push costs on the reading side: finding and reading what changed in a tree of many files.
// The time must follow the change, not the tree.
#include <map>
#include <memory>
#include <stdexcept>

#include <benchmark/benchmark.h>
#include <fmt/format.h>

#include "core/base/child.hpp"
#include "core/git/mirror.hpp"
#include "core/git/tree.hpp"
#include "tests/support/git_repository.hpp"

namespace croft {
namespace {

constexpr int kFilesPerDirectory = 100;

/// A source of so many files, one of which the newest commit changed, and its mirror.
struct Source {
  explicit Source(int files) {
    // Imported as one pack: a repository of so many loose objects would be measured instead.
    std::string stream =
        "commit refs/heads/main\ncommitter T <t@example.com> 1700000000 +0000\ndata 0\n";
    for (int i = 0; i < files; ++i) {
      const int directory = i / kFilesPerDirectory;
      const std::string content = fmt::format("value: {}\n", i);
      stream += fmt::format("M 644 inline group{}/tenant{}/file{}.yaml\ndata {}\n{}\n",
                            directory / 100, directory, i, content.size(), content);
    }
    const ChildCommand import = {.arguments = {"git", "fast-import", "--quiet"},
                                 .directory = repository.path().string(),
                                 .input = std::move(stream),
                                 .deadline = Duration(300'000)};
    if (const auto done = run_child_checked(import); !done)
      throw std::runtime_error(done.error().describe());
    repository.git({"reset", "--quiet", "--hard", "main"});
    mirror = open_mirror(home.path() / "mirror").value();
    first = fetch();
    change(0);
    second = fetch();
  }

  void change(int content) {
    repository.commit(
        {{"group0/tenant3/file300.yaml", "value: changed " + std::to_string(content) + "\n"}});
  }

  std::string fetch() {
    const auto id =
        mirror->fetch({.url = repository.path().string(), .ref = "main"}, FetchLimits{}, {});
    if (!id) throw std::runtime_error(id.error().describe());
    return *id;
  }

  GitRepository repository = GitRepository::make();
  TemporaryDirectory home = TemporaryDirectory::make("croft-bench-").value();
  std::unique_ptr<Mirror> mirror;
  std::string first;
  std::string second;
};

Source& source_of(std::int64_t files) {
  static std::map<std::int64_t, std::unique_ptr<Source>> sources;
  std::unique_ptr<Source>& source = sources[files];
  if (!source) source = std::make_unique<Source>(static_cast<int>(files));
  return *source;
}

/// From two commit ids to the content of the one changed file, repository opened anew.
void read_changed_file(benchmark::State& state) {
  const Source& source = source_of(state.range(0));
  for (auto _ : state) {
    const auto before = source.mirror->tree(source.first, "").value();
    const auto after = source.mirror->tree(source.second, "").value();
    const auto changes = diff_trees(*before, *after, 1000).value();
    if (changes.size() != 1) throw std::runtime_error("one file changed");
    benchmark::DoNotOptimize(after->read(changes[0].after->id, 1 << 20).value());
  }
}
BENCHMARK(read_changed_file)->Arg(1'000)->Arg(100'000)->Unit(benchmark::kMicrosecond);

/// For comparison: everything, as a pass that knows nothing would.
void read_every_file(benchmark::State& state) {
  const Source& source = source_of(state.range(0));
  for (auto _ : state) {
    const auto tree = source.mirror->tree(source.second, "").value();
    const auto files = list_recursively(*tree, 1'000'000).value();
    for (const TreeFile& file : files)
      benchmark::DoNotOptimize(tree->read(file.id, 1 << 20).value());
  }
}
BENCHMARK(read_every_file)->Arg(1'000)->Arg(100'000)->Unit(benchmark::kMicrosecond);

/// A poll of a local source that did not move.
void fetch_unmoved(benchmark::State& state) {
  Source& source = source_of(state.range(0));
  for (auto _ : state) benchmark::DoNotOptimize(source.fetch());
}
BENCHMARK(fetch_unmoved)->Arg(1'000)->Arg(100'000)->Unit(benchmark::kMicrosecond);

/// A commit of one file, then its fetch; only the fetch is timed.
void fetch_one_change(benchmark::State& state) {
  Source& source = source_of(state.range(0));
  int content = 1;
  for (auto _ : state) {
    state.PauseTiming();
    source.change(content++);
    state.ResumeTiming();
    benchmark::DoNotOptimize(source.fetch());
  }
}
BENCHMARK(fetch_one_change)
    ->Arg(1'000)
    ->Arg(100'000)
    ->Unit(benchmark::kMillisecond)
    ->Iterations(10);

/// `croft diff` of a working tree whose files the index knows.
void open_clean_working_tree(benchmark::State& state) {
  const Source& source = source_of(state.range(0));
  for (auto _ : state) {
    benchmark::DoNotOptimize(open_working_tree(source.repository.path().string()).value()->id());
  }
}
BENCHMARK(open_clean_working_tree)->Arg(1'000)->Arg(100'000)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace croft

BENCHMARK_MAIN();
