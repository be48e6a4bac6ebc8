#include "core/base/trace.hpp"

#include <algorithm>

#include "core/base/hex.hpp"

namespace croft {

namespace {

Tracer* tracer_of_process = nullptr;

constexpr std::size_t kTraceparent = 55;  // 00-<32>-<16>-<2>
constexpr std::uint8_t kSampled = 1;

bool is_lower_hex(std::string_view text) {
  return text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

template <std::size_t Size>
std::array<std::uint8_t, Size> bytes_of(std::string_view hex) {
  const auto digit = [](char c) { return c <= '9' ? c - '0' : c - 'a' + 10; };
  std::array<std::uint8_t, Size> bytes{};
  for (std::size_t i = 0; i < Size; ++i)
    bytes[i] = static_cast<std::uint8_t>((digit(hex[2 * i]) << 4) + digit(hex[2 * i + 1]));
  return bytes;
}

}  // namespace

SpanContext unsampled_context() {
  SpanContext context;
  context.trace.fill(1);
  context.span.fill(1);
  return context;
}

std::string to_traceparent(const SpanContext& context) {
  if (!context.is_set()) return {};
  return "00-" + to_hex(context.trace) + "-" + to_hex(context.span) +
         (context.is_sampled ? "-01" : "-00");
}

std::optional<SpanContext> parse_traceparent(std::string_view text) {
  // A later version may have more behind; what is before it keeps its meaning.
  const bool is_long_enough =
      text.size() == kTraceparent ||
      (text.size() > kTraceparent && !text.starts_with("00") && text[kTraceparent] == '-');
  if (!is_long_enough || text[2] != '-' || text[35] != '-' || text[52] != '-') return std::nullopt;
  const std::string_view version = text.substr(0, 2);
  const std::string_view trace = text.substr(3, 32);
  const std::string_view span = text.substr(36, 16);
  const std::string_view flags = text.substr(53, 2);
  for (const std::string_view part : {version, trace, span, flags}) {
    if (!is_lower_hex(part)) return std::nullopt;
  }
  const SpanContext context{bytes_of<16>(trace), bytes_of<8>(span),
                            (bytes_of<1>(flags)[0] & kSampled) != 0};
  const bool has_trace = context.trace != std::array<std::uint8_t, 16>{};
  if (version == "ff" || !has_trace || !context.is_set()) return std::nullopt;
  return context;
}

void set_tracer(Tracer* tracer) { tracer_of_process = tracer; }
Tracer* tracer() { return tracer_of_process; }

std::int64_t span_time() { return tracer_of_process == nullptr ? 0 : tracer_of_process->now(); }

Span Span::part_of(const SpanContext& parent, std::string_view name, SpanRecord::Kind kind) {
  Span span;
  if (tracer_of_process == nullptr || !parent.is_set() || !parent.is_sampled) return span;
  span.tracer_ = tracer_of_process;
  span.record_.context = parent;
  span.record_.parent = parent.span;
  tracer_of_process->fill(span.record_.context.span.data(), span.record_.context.span.size());
  span.record_.name = name;
  span.record_.kind = kind;
  span.record_.begun = tracer_of_process->now();
  return span;
}

Span Span::root(std::string_view name, const SpanContext& parent, SpanRecord::Kind kind) {
  if (tracer_of_process == nullptr || parent.is_set()) return part_of(parent, name, kind);
  if (!tracer_of_process->samples()) return {};
  SpanContext begun;
  begun.is_sampled = true;
  begun.span.fill(1);
  tracer_of_process->fill(begun.trace.data(), begun.trace.size());
  Span span = part_of(begun, name, kind);
  span.record_.parent = {};
  return span;
}

void Span::set(std::string_view name, std::string value) {
  if (tracer_ != nullptr) record_.attributes.emplace_back(name, std::move(value));
}

void Span::fail(std::string why) {
  if (tracer_ != nullptr) record_.error = std::move(why);
}

void Span::begin_at(std::int64_t time) { record_.begun = time; }

void Span::end() {
  if (tracer_ != nullptr) end_at(tracer_->now());
}

void Span::end_at(std::int64_t time) {
  Tracer* const to = std::exchange(tracer_, nullptr);
  if (to == nullptr) return;
  record_.ended = std::max(record_.begun, time);
  to->take(std::move(record_));
}

}  // namespace croft
