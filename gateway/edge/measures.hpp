#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <span>
#include <string_view>

#include "core/base/metric_families.hpp"

namespace croft::edge {

/// What answers at a host, as metrics tell requests apart.
enum class RequestClass { Site, Instance, Stack, Hooks, None };
inline constexpr std::size_t kRequestClasses = 5;
std::string_view to_string(RequestClass request_class);  ///< "site"

/// Of what "alice/Site/blog" names.
RequestClass class_of(std::string_view ref);

/// Adds without a locked instruction: only the owning thread writes.
inline void count(std::atomic<std::uint64_t>& counter, std::uint64_t by = 1) {
  counter.store(counter.load(std::memory_order_relaxed) + by, std::memory_order_relaxed);
}

/// Requests of one worker, which alone counts; others may read meanwhile.
class RequestMeasures {
 public:
  /// One that was answered with that status; 0 if the client went away before.
  void add(RequestClass request_class, int status);
  void add_time(RequestClass request_class, std::chrono::steady_clock::duration took);

  /// Adds those of all workers to the page.
  static void collect(std::span<const RequestMeasures* const> workers, metrics::Page& page);

 private:
  /// 1xx to 5xx; the first is for those without an answer.
  static constexpr std::size_t kStatusClasses = 6;

  struct OfClass {
    std::array<std::atomic<std::uint64_t>, kStatusClasses> requests{};
    std::array<std::atomic<std::uint64_t>, metrics::kQuick.size() + 1> buckets{};
    std::atomic<std::uint64_t> nanoseconds{0};
  };

  metrics::Distribution times_of(std::size_t request_class) const;

  std::array<OfClass, kRequestClasses> classes_;
};

}  // namespace croft::edge
