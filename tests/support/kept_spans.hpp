#pragma once

#include <algorithm>
#include <array>
#include <map>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/clock.hpp"
#include "core/base/trace.hpp"

namespace croft {

/// "push/pass/apply" of each, sorted; those that failed with " !" behind.
inline std::vector<std::string> span_tree(const std::vector<SpanRecord>& spans) {
  std::map<std::array<std::uint8_t, 8>, const SpanRecord*> by_id;
  for (const SpanRecord& span : spans) by_id[span.context.span] = &span;
  std::vector<std::string> paths;
  for (const SpanRecord& span : spans) {
    std::string path = span.name + (span.error ? " !" : "");
    for (auto up = by_id.find(span.parent); up != by_id.end(); up = by_id.find(up->second->parent))
      path = up->second->name + "/" + path;
    paths.push_back(std::move(path));
  }
  std::ranges::sort(paths);
  return paths;
}

/// The process's tracer while it is there: keeps what ends.
class KeptSpans final : public Tracer {
 public:
  KeptSpans() { set_tracer(this); }
  ~KeptSpans() override { set_tracer(nullptr); }
  KeptSpans(const KeptSpans&) = delete;
  KeptSpans& operator=(const KeptSpans&) = delete;

  std::vector<SpanRecord> spans;
  bool samples_all = true;

  /// The first of that name; it must be there.
  const SpanRecord& named(std::string_view name) const {
    const auto found = std::ranges::find(spans, name, &SpanRecord::name);
    if (found == spans.end()) throw std::out_of_range(std::string(name));
    return *found;
  }
  std::vector<std::string> tree() const { return span_tree(spans); }

  void take(SpanRecord span) override { spans.push_back(std::move(span)); }
  void fill(std::uint8_t* bytes, std::size_t count) override {
    std::fill_n(bytes, count, std::uint8_t{0});
    const std::uint64_t number = ++last_;
    for (std::size_t i = 0; i < 8; ++i)
      bytes[count - 1 - i] = static_cast<std::uint8_t>(number >> (8 * i));
  }
  bool samples() override { return samples_all; }
  std::int64_t now() const override { return static_cast<std::int64_t>(1'000'000 + ++time_); }

 private:
  std::uint64_t last_ = 0;
  mutable std::uint64_t time_ = 0;
};

}  // namespace croft
