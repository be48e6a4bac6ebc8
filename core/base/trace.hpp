#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace croft {

// Traces, in the words of OpenTelemetry: a trace is a tree of spans, each of which says what was
// done, when it began and ended, and how. They are made only if the process has a tracer; without
// one a Span is empty, and costs a look at a pointer. Names of attributes are ours, with "croft."
// in front. Everything here is of the one thread of a role's loop.

/// Which span, for those that are to be parts of it: also in another process.
struct SpanContext {
  std::array<std::uint8_t, 16> trace{};
  std::array<std::uint8_t, 8> span{};
  bool is_sampled = false;

  /// False: no span; whatever is begun under it is a trace of its own.
  bool is_set() const { return span != std::array<std::uint8_t, 8>{}; }
  bool operator==(const SpanContext&) const = default;
};

/// A context of nobody's, by which others know that this trace is not kept.
SpanContext unsampled_context();

/// The header of that name by W3C Trace Context (level 1); empty if it is not set.
std::string to_traceparent(const SpanContext& context);
std::optional<SpanContext> parse_traceparent(std::string_view text);

/// A span that has ended.
struct SpanRecord {
  enum class Kind { Internal, Server, Client };
  SpanContext context;
  std::array<std::uint8_t, 8> parent{};  ///< zeros: the trace begins here
  std::string name;
  Kind kind = Kind::Internal;
  std::int64_t begun = 0;  ///< nanoseconds since 1970
  std::int64_t ended = 0;
  std::vector<std::pair<std::string, std::string>> attributes;
  std::optional<std::string> error;  ///< it failed, and why; no secrets in it
};

/// Where spans go when they end, and who decides which traces are made.
class Tracer {
 public:
  virtual ~Tracer() = default;
  virtual void take(SpanRecord span) = 0;
  /// Fills bytes at random.
  virtual void fill(std::uint8_t* bytes, std::size_t count) = 0;
  /// Whether a new trace is to be kept.
  virtual bool samples() = 0;
  virtual std::int64_t now() const = 0;  ///< nanoseconds since 1970
};

/// The process's tracer, or null. Whoever set it outlives it or sets null again.
void set_tracer(Tracer* tracer);
Tracer* tracer();

/// A span under way; it ends when it goes. Empty (and then everything does nothing) if there is no
/// tracer, or if its trace is not sampled.
class Span {
 public:
  Span() = default;
  ~Span() { end(); }
  Span(Span&& other) noexcept
      : tracer_(std::exchange(other.tracer_, nullptr)), record_(std::move(other.record_)) {}
  Span& operator=(Span&& other) noexcept {
    end();
    tracer_ = std::exchange(other.tracer_, nullptr);
    record_ = std::move(other.record_);
    return *this;
  }
  Span(const Span&) = delete;
  Span& operator=(const Span&) = delete;

  /// A part of that one; empty if that is not sampled.
  static Span part_of(const SpanContext& parent, std::string_view name,
                      SpanRecord::Kind kind = SpanRecord::Kind::Internal);
  /// The first of a trace, or a part of one that began elsewhere if `parent` is set.
  static Span root(std::string_view name, const SpanContext& parent = {},
                   SpanRecord::Kind kind = SpanRecord::Kind::Internal);

  explicit operator bool() const { return tracer_ != nullptr; }
  /// Not set if the span is empty.
  SpanContext context() const { return tracer_ != nullptr ? record_.context : SpanContext{}; }
  void set(std::string_view name, std::string value);
  void fail(std::string why);
  /// It began then, not when it was made.
  void begin_at(std::int64_t time);
  void end();
  /// It ended then, not now.
  void end_at(std::int64_t time);
  /// It never was.
  void discard() { tracer_ = nullptr; }

 private:
  Tracer* tracer_ = nullptr;
  SpanRecord record_;
};

/// Now, as spans count it; 0 without a tracer.
std::int64_t span_time();

}  // namespace croft
