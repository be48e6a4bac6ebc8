// What a step costs by itself, as a traced step without a tracer, and as one with.

#include <chrono>
#include <cstring>

#include <benchmark/benchmark.h>

#include "core/base/result.hpp"
#include "core/base/work.hpp"

namespace croft {
namespace {

/// Takes spans and forgets them: what they cost before they are sent.
class Forgetful final : public Tracer {
 public:
  void take(SpanRecord span) override { benchmark::DoNotOptimize(span); }
  void fill(std::uint8_t* bytes, std::size_t count) override {
    ++number_;
    std::memset(bytes, 0, count);
    std::memcpy(bytes, &number_, sizeof number_);
  }
  bool samples() override { return true; }
  std::int64_t now() const override {
    return std::chrono::system_clock::now().time_since_epoch().count();
  }

 private:
  std::uint64_t number_ = 0;
};

Task<Result<int>> step() { co_return 42; }

enum class Kind { Plain, Traced };

Task<> steps(Kind kind, benchmark::State& state) {
  for ([[maybe_unused]] auto round : state) {
    Result<int> done = 0;
    if (kind == Kind::Plain) {
      done = co_await step();
    } else {
      done = co_await traced("step", step());
    }
    benchmark::DoNotOptimize(done);
  }
}

void run(Kind kind, bool has_tracer, benchmark::State& state) {
  Forgetful tracer;
  if (has_tracer) set_tracer(&tracer);
  auto work = std::make_shared<Work>();
  work->facts = {{"tenant", "alice"}, {"revision", "8d1c0aa"}};
  {
    const Span push = Span::root("push");
    work->span = push.context();
    asio::io_context io{1};
    asio::co_spawn(io, doing(std::move(work), steps(kind, state)), [](std::exception_ptr) {});
    io.run();
  }
  set_tracer(nullptr);
}

void plain_step(benchmark::State& state) { run(Kind::Plain, false, state); }
void step_without_tracer(benchmark::State& state) { run(Kind::Traced, false, state); }
void step_with_tracer(benchmark::State& state) { run(Kind::Traced, true, state); }

BENCHMARK(plain_step);
BENCHMARK(step_without_tracer);
BENCHMARK(step_with_tracer);

}  // namespace
}  // namespace croft

BENCHMARK_MAIN();
