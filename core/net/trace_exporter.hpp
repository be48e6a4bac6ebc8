#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>

#include "core/base/async.hpp"
#include "core/base/id.hpp"
#include "core/base/trace.hpp"
#include "core/net/client.hpp"
#include "core/net/otlp.hpp"

namespace croft {

struct TraceExporterSettings {
  ServerAddress collector;
  HttpHeaders headers;  ///< sent with each request: who we are for it
  TraceResource resource;
  double sample = 1;                ///< which share of the traces that begin here is kept
  std::size_t queue_limit = 4'096;  ///< spans that wait; newer ones are dropped
  std::size_t batch_limit = 256;    ///< spans in a request
  Duration gathered{1'000};         ///< how long a span waits for others
  Duration reply_timeout{10'000};
  Duration first_pause{1'000};  ///< before a request is repeated; doubled each time
  Duration longest_pause{30'000};
  int tries = 5;  ///< of one request
  Duration stop_grace{2'000};
};

/// What became of spans.
struct TraceCounts {
  std::uint64_t sent = 0;
  std::uint64_t dropped = 0;  ///< there was no room, or the collector would not have them
};

/// The tracer of a role: sends spans to an OpenTelemetry collector by OTLP/HTTP with JSON, in
/// batches and in the background. Nobody waits for it: while the collector is slow or away, spans
/// gather up to a bound, beyond which they are dropped and counted. By the rules of OTLP a request
/// is repeated after a broken connection, 429, 502, 503 and 504 (as Retry-After says), and no
/// other. Is the process's tracer from start() until it goes. On one executor.
class TraceExporter final : public Tracer {
 public:
  TraceExporter(asio::any_io_executor executor, RandomSource& random,
                TraceExporterSettings settings);
  ~TraceExporter() override;
  TraceExporter(const TraceExporter&) = delete;
  TraceExporter& operator=(const TraceExporter&) = delete;

  void start();
  /// Sends what waits, for `stop_grace` at most, and takes no more.
  Task<> stop();
  TraceCounts counts() const;

  void take(SpanRecord span) override;
  void fill(std::uint8_t* bytes, std::size_t count) override;
  bool samples() override;
  std::int64_t now() const override;

 private:
  struct State;
  static Task<> run(std::shared_ptr<State> state);
  static Task<> send(std::shared_ptr<State> state, std::vector<SpanRecord> batch);
  /// Says that spans are lost, at the first and then from time to time.
  static void drop(State& state, std::size_t spans, const std::string& why);

  asio::any_io_executor executor_;
  RandomSource& random_;
  std::shared_ptr<State> state_;
};

}  // namespace croft
