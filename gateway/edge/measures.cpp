#include "gateway/edge/measures.hpp"

#include <algorithm>
#include <string>

namespace croft::edge {

namespace {

constexpr std::array<std::string_view, kRequestClasses> kClassNames{"site", "instance", "stack",
                                                                    "hooks", "none"};
constexpr std::array<std::string_view, 6> kStatusNames{"none", "1xx", "2xx", "3xx", "4xx", "5xx"};

}  // namespace

std::string_view to_string(RequestClass request_class) {
  return kClassNames[static_cast<std::size_t>(request_class)];
}

RequestClass class_of(std::string_view ref) {
  const std::size_t begin = ref.find('/');
  if (begin == std::string_view::npos) return RequestClass::Hooks;
  const std::string_view kind = ref.substr(begin + 1, ref.find('/', begin + 1) - begin - 1);
  if (kind == "Site") return RequestClass::Site;
  return kind == "Instance" ? RequestClass::Instance : RequestClass::Stack;
}

void RequestMeasures::add(RequestClass request_class, int status) {
  const std::size_t hundreds =
      status >= 100 && status < 600 ? static_cast<std::size_t>(status) / 100 : 0;
  count(classes_[static_cast<std::size_t>(request_class)].requests[hundreds]);
}

void RequestMeasures::add_time(RequestClass request_class,
                               std::chrono::steady_clock::duration took) {
  OfClass& into = classes_[static_cast<std::size_t>(request_class)];
  const double seconds = std::chrono::duration<double>(took).count();
  const auto bound = std::ranges::lower_bound(metrics::kQuick, seconds);
  count(into.buckets[static_cast<std::size_t>(bound - metrics::kQuick.begin())]);
  const auto nanoseconds = std::chrono::duration_cast<std::chrono::nanoseconds>(took).count();
  count(into.nanoseconds, static_cast<std::uint64_t>(nanoseconds));
}

metrics::Distribution RequestMeasures::times_of(std::size_t request_class) const {
  const OfClass& from = classes_[request_class];
  metrics::Distribution times;
  for (const auto& bucket : from.buckets)
    times.buckets.push_back(bucket.load(std::memory_order_relaxed));
  times.sum = static_cast<double>(from.nanoseconds.load(std::memory_order_relaxed)) / 1e9;
  return times;
}

void RequestMeasures::collect(std::span<const RequestMeasures* const> workers,
                              metrics::Page& page) {
  for (std::size_t i = 0; i < kRequestClasses; ++i) {
    const std::string name(kClassNames[i]);
    for (const RequestMeasures* worker : workers) {
      page.add(metrics::kEdgeSeconds, {name}, worker->times_of(i));
      for (std::size_t status = 0; status < kStatusClasses; ++status) {
        const std::uint64_t requests =
            worker->classes_[i].requests[status].load(std::memory_order_relaxed);
        if (requests == 0 && status < 2) continue;  // those are seldom
        page.add(metrics::kEdgeRequests, {name, std::string(kStatusNames[status])},
                 static_cast<double>(requests));
      }
    }
  }
}

}  // namespace croft::edge
