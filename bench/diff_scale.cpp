// What a diff of a whole fleet costs, in one process, as the daemon does it: every source's commit
// is read from Git, loaded, checked, expanded and diffed, a tenant a source.
//
//   diff_scale cold DIRECTORY    nothing is known: the process reads everything, diffs, and ends
//   diff_scale warm DIRECTORY    after that: nothing changed; one file of one source changed; what
//                                the loaded form weighs
//
// DIRECTORY holds the sources as bare repositories NAME.git; in the first by name, main is one
// changed file later than main~1 (bench/run makes them). Prints a line of JSON for each phase.

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <malloc.h>
#include <string_view>
#include <sys/resource.h>
#include <thread>

#include <fmt/format.h>

#include "core/base/clock.hpp"
#include "core/git/tree.hpp"
#include "providers/fake/fake_provider.hpp"
#include "reconciler/engine/loader.hpp"
#include "reconciler/expand.hpp"
#include "reconciler/fields.hpp"
#include "reconciler/world.hpp"

namespace croft {
namespace {

using SteadyClock = std::chrono::steady_clock;

double milliseconds_since(SteadyClock::time_point start) {
  return std::chrono::duration<double, std::milli>(SteadyClock::now() - start).count();
}

double cpu_milliseconds() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  const auto of = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) * 1e3 + static_cast<double>(time.tv_usec) / 1e3;
  };
  return of(usage.ru_utime) + of(usage.ru_stime);
}

std::size_t allocated_bytes() { return ::mallinfo2().uordblks + ::mallinfo2().hblkhd; }

/// The value, or the end of the benchmark: what it makes for itself has no errors.
template <typename T>
T must(Result<T> result) {
  if (result) return std::move(*result);
  std::fprintf(stderr, "diff_scale: %s\n", result.error().describe().c_str());
  std::exit(1);
}

/// Where the time of the passes went.
struct Spent {
  double load = 0, expand = 0, claims = 0, diff = 0;
};

/// A tenant with one source, and what the daemon remembers of it.
struct Tenant {
  explicit Tenant(std::shared_ptr<manifest::SpecPool> specs) : cache(std::move(specs)) {}
  std::string name;
  std::string repository;
  DocumentCache cache;
  FilesSizes sizes;
  SourceLoad load;
  std::map<Ref, Desired> desired;
  std::vector<HostClaim> claims;
  std::vector<ResourceRow> rows;
  std::map<std::string, Observed> observed;
};

class Fleet {
 public:
  explicit Fleet(const std::filesystem::path& directory) {
    std::vector<std::filesystem::path> repositories;
    for (const auto& entry : std::filesystem::directory_iterator(directory))
      repositories.push_back(entry.path());
    std::ranges::sort(repositories);
    for (const auto& repository : repositories) {
      auto tenant = std::make_unique<Tenant>(specs_);
      tenant->name = repository.stem().string();
      tenant->repository = repository.string();
      tenants_.push_back(std::move(tenant));
    }
    offer_.name = "local";
    offer_.adapter = "fake";
    offer_.provider = &provider_;
    offer_.is_default = true;
    offer_.capabilities = {.workloads = true, .sites = true, .volumes = true};
  }

  std::size_t resources() const {
    std::size_t count = 0;
    for (const auto& tenant : tenants_) count += tenant->desired.size();
    return count;
  }

  /// A pass of every tenant; gives how many changes there are.
  int pass_all(const std::string& first_revision, Spent& spent) {
    load_all(first_revision, spent);
    int changes = 0;
    for (std::size_t i = 0; i < tenants_.size(); ++i)
      changes += pass(i, i == 0 ? first_revision : "main", spent);
    return changes;
  }
  int pass_first(const std::string& revision, Spent& spent) {
    const auto start = SteadyClock::now();
    load(0, revision);
    spent.load += milliseconds_since(start);
    return pass(0, revision, spent);
  }

  /// As if everything had been applied and observed.
  void apply_all() {
    for (const auto& tenant : tenants_) {
      for (const auto& [ref, desired] : tenant->desired) apply(*tenant, ref, desired);
    }
  }

 private:
  /// Sources are read side by side, as on the daemon's pool of readers.
  void load_all(const std::string& first_revision, Spent& spent) {
    const auto start = SteadyClock::now();
    std::atomic<std::size_t> next = 0;
    const auto read = [&] {
      for (std::size_t i = next++; i < tenants_.size(); i = next++)
        load(i, i == 0 ? first_revision : "main");
    };
    {
      std::vector<std::jthread> readers;
      for (unsigned i = 1; i < std::thread::hardware_concurrency(); ++i) readers.emplace_back(read);
      read();
    }
    spent.load += milliseconds_since(start);
  }

  void load(std::size_t index, const std::string& revision) {
    Tenant& tenant = *tenants_[index];
    const auto tree = must(open_revision(tenant.repository, revision));
    manifest::LoadRequest request;
    request.source = tenant.name + "/main";
    request.tenant = tenant.name;
    request.is_whole_set = false;
    tenant.load = must(load_source(*tree, request, tenant.cache, tenant.sizes));
  }

  int pass(std::size_t index, const std::string& revision, Spent& spent) {
    Tenant& tenant = *tenants_[index];
    auto start = SteadyClock::now();
    const bool is_as_before = expand_tenant(tenant, revision);
    spent.expand += milliseconds_since(start);

    start = SteadyClock::now();
    if (!is_as_before) check_claims_of(tenant);
    spent.claims += milliseconds_since(start);

    start = SteadyClock::now();
    World world;
    world.tenant = tenant.name;
    world.wants_digest = false;  // as in the daemon's own passes
    world.now = Timestamp(Duration(1'700'000'000'000));
    world.desired = tenant.desired;
    world.inventory = tenant.rows;
    world.observed = tenant.observed;
    const Changeset changeset = croft::diff(world);
    const auto count = std::ranges::count_if(
        changeset.changes, [](const Change& change) { return change.action != Action::Keep; });
    spent.diff += milliseconds_since(start);
    return static_cast<int>(count);
  }

  bool expand_tenant(Tenant& tenant, const std::string& revision) {
    ExpandInput input;
    input.tenant = tenant.name;
    input.resources = *tenant.load.resources;
    input.revisions[tenant.name + "/main"] = revision;
    for (const auto& [path, id] : tenant.load.trees)
      input.trees[{tenant.name + "/main", path}] = id;
    for (const ResourceRow& row : tenant.rows) input.placed.emplace(row.ref, row.provider);
    input.providers.push_back(offer_);
    input.before = &tenant.desired;
    input.pool = specs_.get();
    fail_on(check_set(input.resources));
    Expansion expansion = expand(input);
    fail_on(expansion.problems);
    tenant.desired = std::move(expansion.desired);
    return expansion.is_as_before;
  }

  void check_claims_of(Tenant& tenant) {
    tenant.claims = claims_of(tenant.desired, "localhost");
    const std::vector<HostClaim> taken = claims_.of_others(tenant.name, tenant.claims);
    fail_on(check_claims(taken, tenant.claims, {"example.com"}, "localhost"));
    claims_.replace(tenant.name, tenant.claims);
  }

  static void fail_on(const std::vector<Problem>& problems) {
    if (problems.empty()) return;
    std::fprintf(stderr, "diff_scale: %s: %s\n", to_string(problems.front().ref).c_str(),
                 problems.front().message.c_str());
    std::exit(1);
  }

  void apply(Tenant& tenant, const Ref& ref, const Desired& desired) {
    ResourceRow row;
    row.uid = fmt::format("{:0>26}", ref.tenant + ref.name);
    row.ref = ref;
    row.source = desired.source;
    row.provider = desired.provider;
    // As read from the store and as reported by the provider: the engine shares what is equal.
    row.applied = specs_->share(Value(*desired.spec));
    row.phase = Phase::Running;
    Observed observed;
    observed.uid = row.uid;
    observed.ref = ref;
    observed.phase = Phase::Running;
    observed.spec_digest = desired.spec_digest;
    observed.fields = specs_->share(provider_part(ref.kind, *desired.spec));
    tenant.observed.emplace(row.uid, std::move(observed));
    tenant.rows.push_back(std::move(row));
  }

  std::shared_ptr<manifest::SpecPool> specs_ = std::make_shared<manifest::SpecPool>();
  SystemClock clock_;
  FakeProvider provider_{std::make_shared<FakeWorld>(clock_)};
  ProviderOffer offer_;
  std::vector<std::unique_ptr<Tenant>> tenants_;
  ClaimIndex claims_;
};

/// Runs a phase so many times and prints its fastest; others on the machine only ever slow it down.
template <typename Pass>
void measure(const char* phase, int rounds, int expected_changes, Pass pass) {
  double best_cpu = 0;
  double best_wall = 0;
  Spent best;
  for (int i = 0; i < rounds; ++i) {
    Spent spent;
    const auto start = SteadyClock::now();
    const double cpu = cpu_milliseconds();
    const int changes = pass(spent);
    const double cpu_spent = cpu_milliseconds() - cpu;
    if (expected_changes >= 0 && changes != expected_changes) {
      std::fprintf(stderr, "diff_scale: %s: %d changes, not %d\n", phase, changes,
                   expected_changes);
      std::exit(1);
    }
    if (i > 0 && cpu_spent >= best_cpu) continue;
    best_cpu = cpu_spent;
    best_wall = milliseconds_since(start);
    best = spent;
  }
  fmt::print(
      "{{\"phase\": \"{}\", \"wall_ms\": {:.3f}, \"cpu_ms\": {:.3f}, \"load_ms\": {:.3f}, "
      "\"expand_ms\": {:.3f}, \"claims_ms\": {:.3f}, \"diff_ms\": {:.3f}}}\n",
      phase, best_wall, best_cpu, best.load, best.expand, best.claims, best.diff);
}

int run(const std::string& mode, const std::filesystem::path& directory) {
  constexpr int kRounds = 3;
  Fleet fleet(directory);
  const std::size_t at_start = allocated_bytes();
  measure("cold", 1, -1, [&](Spent& spent) { return fleet.pass_all("main~1", spent); });
  if (mode == "cold") return 0;
  const std::size_t declared = allocated_bytes();
  fleet.apply_all();
  const std::size_t all = allocated_bytes();
  const double count = static_cast<double>(fleet.resources());
  fmt::print(
      "{{\"phase\": \"memory\", \"resources\": {}, \"declared_bytes\": {:.0f}, "
      "\"owned_bytes\": {:.0f}}}\n",
      fleet.resources(), static_cast<double>(declared - at_start) / count,
      static_cast<double>(all - declared) / count);
  measure("unchanged", kRounds, 0, [&](Spent& spent) { return fleet.pass_all("main~1", spent); });
  measure("one file changed", 1, 1, [&](Spent& spent) { return fleet.pass_first("main", spent); });
  return 0;
}

}  // namespace
}  // namespace croft

int main(int argc, char** argv) {
  const std::string mode = argc == 3 ? argv[1] : "";
  if (mode != "cold" && mode != "warm") {
    std::fputs("usage: diff_scale cold|warm DIRECTORY\n", stderr);
    return 2;
  }
  return croft::run(mode, argv[2]);
}
