// What a store does: commits a second, alone and in company, and how fast a daemon reads its
// inventory. Usage: store_bench [DIRECTORY [URL URL]]; the directory decides which disk is
// measured, URLs of PostgreSQL (two empty databases) which server.

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <memory>
#include <sys/resource.h>
#include <vector>

#include <fmt/format.h>

#include "core/base/files.hpp"
#include "core/store/open.hpp"

namespace {

using namespace croft;
using SteadyClock = std::chrono::steady_clock;

constexpr int kResources = 100'000;
constexpr int kFleet = 10'000;

double seconds_since(SteadyClock::time_point start) {
  return std::chrono::duration<double>(SteadyClock::now() - start).count();
}

long resident_kibibytes() {
  const std::string status = read_file("/proc/self/status", 1 << 16).value_or("");
  const std::size_t at = status.find("VmRSS:");
  return at == std::string::npos ? 0 : std::atol(status.c_str() + at + 6);
}

ResourceRow resource_row(int i) {
  ResourceRow row;
  row.uid = fmt::format("{:026}", i);
  row.ref = {.tenant = fmt::format("tenant{}", i % 1'000),
             .kind = Kind::Instance,
             .name = fmt::format("app{}", i)};
  row.source = row.ref.tenant + "/main";
  row.provider = "local";
  row.applied = std::make_shared<const Value>(Value::map(
      {{"command", Value(Value::List{Value("python3"), Value("app.py")})},
       {"env", Value::map({{"GREETING", Value("hello")}})},
       {"resources", Value::map({{"cpu", Value(250)}, {"memory", Value(134'217'728)}})}}));
  row.applied_revision = "8d1c0aa0f5c0ffee8d1c0aa0f5c0ffee8d1c0aa0";
  row.phase = Phase::Running;
  row.conditions = {{.type = "Ready", .status = ConditionStatus::True, .reason = "Running"}};
  return row;
}

/// A pass's typical commit: a status that changed, and a line of history.
Transaction typical_commit(int i) {
  Transaction transaction;
  transaction.add(PutResource{resource_row(i % kResources)});
  transaction.add(
      AppendEvent{{.tenant = "tenant1", .subject = "tenant1/Instance/app", .reason = "Started"}});
  return transaction;
}

Task<> commit_until(Store& store, SteadyClock::time_point end, std::vector<double>& times) {
  while (SteadyClock::now() < end) {
    const auto begun = SteadyClock::now();
    Transaction transaction = typical_commit(static_cast<int>(times.size()));
    const Result<void> done = co_await store.commit(std::move(transaction));
    if (!done) std::fprintf(stderr, "%s\n", done.error().describe().c_str());
    times.push_back(seconds_since(begun) * 1'000);
  }
}

void measure_commits(asio::io_context& io, Store& store, int in_flight) {
  const auto start = SteadyClock::now();
  std::vector<double> times;
  for (int i = 0; i < in_flight; ++i) {
    spawn(io.get_executor(), commit_until(store, start + std::chrono::seconds(3), times),
          "commits");
  }
  io.restart();
  io.run();
  const double seconds = seconds_since(start);
  std::ranges::sort(times);
  fmt::print("{:<44}{:>10.0f} /s     (median {:.2f} ms, p99 {:.2f} ms)\n",
             fmt::format("commits, {} in flight", in_flight),
             static_cast<double>(times.size()) / seconds, times[times.size() / 2],
             times[times.size() * 99 / 100]);
}

Task<> store_all(Store& store) {
  constexpr int kRowsACommit = 1'000;
  for (int first = 0; first < kResources; first += kRowsACommit) {
    Transaction transaction;
    for (int i = first; i < first + kRowsACommit; ++i)
      transaction.add(PutResource{resource_row(i)});
    (void)co_await store.commit(std::move(transaction));
  }
}

Task<> load_all(Store& store, std::size_t& loaded, long& kibibytes) {
  const long before = resident_kibibytes();
  const Result<std::vector<ResourceRow>> rows = co_await store.all_resources();
  loaded = rows ? rows->size() : 0;
  kibibytes = resident_kibibytes() - before;
}

void run(asio::io_context& io, Task<> task) {
  spawn(io.get_executor(), std::move(task), "bench");
  io.restart();
  io.run();
}

void print_rows(const char* what, double seconds) {
  fmt::print("{:<44}{:>10.0f} rows/s  ({:.2f} s)\n", what, kResources / seconds, seconds);
}

void measure_inventory(asio::io_context& io, const std::filesystem::path& directory,
                       const std::string& url) {
  std::unique_ptr<Store> store = open_store(directory, url).value();
  auto start = SteadyClock::now();
  run(io, store_all(*store));
  print_rows("storing 100k resources, 1,000 a commit", seconds_since(start));
  store.reset();
  start = SteadyClock::now();
  store = open_store(directory, url).value();
  fmt::print("{:<44}{:>10.1f} ms\n", "opening that store", seconds_since(start) * 1'000);
  std::size_t loaded = 0;
  long kibibytes = 0;
  start = SteadyClock::now();
  run(io, load_all(*store, loaded, kibibytes));
  print_rows("loading 100k resources", seconds_since(start));
  fmt::print("{:<44}{:>10} bytes\n", "memory a loaded resource",
             kibibytes * 1024 / static_cast<long>(loaded));
}

/// What a daemon with 10,000 resources of 1,000 tenants reads before it can do anything.
Task<> fill_fleet(Store& store) {
  for (int first = 0; first < kFleet; first += 1'000) {
    Transaction transaction;
    for (int i = first; i < first + 1'000; ++i) transaction.add(PutResource{resource_row(i)});
    (void)co_await store.commit(std::move(transaction));
  }
  Transaction transaction;
  for (int i = 0; i < 1'000; ++i) {
    const std::string name = fmt::format("tenant{}", i);
    transaction.add(PutTenant{{.uid = fmt::format("{:026}", i), .name = name}});
    transaction.add(PutSource{{.key = name + "/main", .url = "/srv/git/" + name + ".git"}});
  }
  for (int i = 0; i < kFleet; ++i) {
    transaction.add(PutUsage{{.id = fmt::format("{:026}", i),
                              .tenant_uid = fmt::format("{:026}", i % 1'000),
                              .resource_uid = fmt::format("{:026}", i),
                              .meter = "active"}});
  }
  (void)co_await store.commit(std::move(transaction));
}

Task<> read_fleet(Store& store) {
  (void)co_await store.tenants();
  (void)co_await store.sources();
  (void)co_await store.all_resources();
  (void)co_await store.open_intents();
  (void)co_await store.directives();
  (void)co_await store.acknowledgements();
  (void)co_await store.open_usage();
}

/// In a database of its own.
void measure_start(asio::io_context& io, const std::filesystem::path& directory,
                   const std::string& url) {
  {
    const std::unique_ptr<Store> store = open_store(directory, url).value();
    run(io, fill_fleet(*store));
  }
  const auto start = SteadyClock::now();
  const std::unique_ptr<Store> store = open_store(directory, url).value();
  run(io, read_fleet(*store));
  fmt::print("{:<44}{:>10.0f} ms\n", "start-up with 10k resources, 1k tenants",
             seconds_since(start) * 1'000);
}

}  // namespace

int main(int argc, char** argv) {
  const TemporaryDirectory temporary = TemporaryDirectory::make("croft-store-bench-").value();
  const std::filesystem::path place = argc > 1 ? argv[1] : temporary.path();
  // Without URLs each is a directory of SQLite's.
  const auto url = [argc, argv](int index) { return argc > index ? argv[index] : std::string(); };
  asio::io_context io;
  {
    const std::unique_ptr<Store> store = open_store(place / "commits", url(2)).value();
    for (const int in_flight : {1, 16, 64}) measure_commits(io, *store, in_flight);
  }
  measure_start(io, place / "start", url(3));
  measure_inventory(io, place / "inventory", url(4));
}
