// The pure middle by itself: what a pass costs beyond reading and observing. A tenant of 1k, 10k,
// 100k resources, half Instances and half Sites; nothing changed, one changed, all new; and the
// expansion of as many.

#include <string>

#include <benchmark/benchmark.h>

#include "core/base/clock.hpp"
#include "providers/fake/fake_provider.hpp"
#include "reconciler/expand.hpp"
#include "reconciler/fields.hpp"
#include "reconciler/world.hpp"

namespace croft {
namespace {

Value spec_of(int number) {
  const std::string text = std::to_string(number);
  if (number % 2 == 0) {
    return Value::map({{"files", Value::map({{"path", "public/" + text}})},
                       {"retain", 5},
                       {"index", "index.html"}});
  }
  Value volume = Value::map({{"name", "data"}, {"path", "/data"}, {"size", 1 << 30}});
  return Value::map(
      {{"command", Value::List{"python3", "app.py", text}},
       {"env", Value::map({{"GREETING", "hello"}, {"NUMBER", text}})},
       {"resources", Value::map({{"cpu", 250}, {"memory", 128 << 20}, {"pids", 128}})},
       {"http", Value::map({{"port", 8080}})},
       {"volumes", Value(Value::List{std::move(volume)})},
       {"deletion", Value::map({{"policy", "retain"}, {"after", std::int64_t{2'592'000'000}}})},
       {"dependsOn", Value(Value::List{"Site/r" + std::to_string(number - 1)})}});
}

/// A tenant's declarations and the providers to place them on.
class Tenant {
 public:
  explicit Tenant(int count) {
    input_.tenant = "alice";
    input_.providers.push_back({"local",
                                "fake",
                                &provider_,
                                true,
                                {},
                                {.workloads = true, .sites = true, .volumes = true}});
    for (int i = 0; i < count; ++i) {
      const Ref ref{"alice", i % 2 == 0 ? Kind::Site : Kind::Instance, "r" + std::to_string(i)};
      input_.resources.push_back({ref,
                                  std::make_shared<const Value>(spec_of(i)),
                                  nullptr,
                                  nullptr,
                                  {"alice/source" + std::to_string(i % 10), "hosting.yaml", 0, 1}});
      input_.trees[{"alice/source" + std::to_string(i % 10), "public/" + std::to_string(i)}] =
          std::string(40, 'a');
    }
  }
  const ExpandInput& input() const { return input_; }

  /// Everything declared; if `is_applied`, owned and running as declared too.
  World world(bool is_applied) const {
    World world;
    world.tenant = "alice";
    world.now = Timestamp(Duration(1'700'000'000'000));
    world.desired = expand(input_).desired;
    if (!is_applied) return world;
    for (const auto& [ref, desired] : world.desired) {
      ResourceRow row;
      row.uid = "uid-" + ref.name;
      row.ref = ref;
      row.source = desired.source;
      row.provider = desired.provider;
      row.applied = std::make_shared<const Value>(
          *desired.spec);  // as read from the store: equal, not the same
      Observed observed;
      observed.uid = row.uid;
      observed.ref = ref;
      observed.phase = Phase::Running;
      observed.spec_digest = desired.spec_digest;
      observed.fields = std::make_shared<const Value>(provider_part(ref.kind, *desired.spec));
      world.observed.emplace(row.uid, std::move(observed));
      world.inventory.push_back(std::move(row));
    }
    return world;
  }

 private:
  SystemClock clock_;
  FakeProvider provider_{std::make_shared<FakeWorld>(clock_)};
  ExpandInput input_;
};

void count_resources(benchmark::State& state) {
  state.SetItemsProcessed(state.iterations() * state.range(0));
}

void nothing_changed(benchmark::State& state) {
  const World world = Tenant(static_cast<int>(state.range(0))).world(true);
  for (auto round : state) {
    const Changeset changeset = diff(world);
    if (has_changes(changeset)) state.SkipWithError("there are changes");
    benchmark::DoNotOptimize(changeset.digest.data());
  }
  count_resources(state);
}

void one_changed(benchmark::State& state) {
  World world = Tenant(static_cast<int>(state.range(0))).world(true);
  Desired& changed = world.desired.at({"alice", Kind::Instance, "r501"});
  Value spec = *changed.spec;
  spec.find("env")->set("GREETING", "hi");
  changed.spec = std::make_shared<const Value>(std::move(spec));
  changed.spec_digest = spec_digest(provider_part(Kind::Instance, *changed.spec));
  for (auto round : state) {
    const Changeset changeset = diff(world);
    if (count_of(changeset, Action::Update) != 1) state.SkipWithError("not one change");
    benchmark::DoNotOptimize(changeset.digest.data());
  }
  count_resources(state);
}

void all_new(benchmark::State& state) {
  const World world = Tenant(static_cast<int>(state.range(0))).world(false);
  for (auto round : state) {
    const Changeset changeset = diff(world);
    benchmark::DoNotOptimize(changeset.digest.data());
  }
  count_resources(state);
}

void expansion(benchmark::State& state) {
  const Tenant tenant(static_cast<int>(state.range(0)));
  for (auto round : state) {
    const Expansion expanded = expand(tenant.input());
    if (!expanded.problems.empty()) state.SkipWithError("there are problems");
    benchmark::DoNotOptimize(expanded.desired.size());
  }
  count_resources(state);
}

void sizes(benchmark::internal::Benchmark* bench) {
  bench->Arg(1'000)->Arg(10'000)->Arg(100'000)->Unit(benchmark::kMillisecond);
}
BENCHMARK(nothing_changed)->Apply(sizes);
BENCHMARK(one_changed)->Apply(sizes);
BENCHMARK(all_new)->Apply(sizes);
BENCHMARK(expansion)->Apply(sizes);

}  // namespace
}  // namespace croft

BENCHMARK_MAIN();
