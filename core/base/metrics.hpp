#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/base/units.hpp"

// Numbers for Prometheus. A Family says what is measured (all of them: metric_families.hpp), a
// Registry counts, a Page is what one scrape shows. Counting is a relaxed atomic addition and may
// be done on any thread; finding a series takes a lock, so that hot paths keep the reference.

namespace croft::metrics {

enum class Type { Counter, Gauge, Histogram };
std::string_view to_string(Type type);  ///< "counter"

/// Who counts it. `Every` role does for some, and says with a label `role` which one it is.
enum class Role { Every, Control, Edge, Hooks };
std::string_view to_string(Role role);  ///< "control"

inline constexpr std::size_t kMostLabels = 4;
/// A family never has more series than this; what would be one more is counted in the series whose
/// labels are all "other".
inline constexpr std::size_t kMostSeries = 2'000;

/// What is measured. A constant of the program.
struct Family {
  std::string_view name;  ///< "croft_git_fetch_duration_seconds"
  Type type = Type::Counter;
  Role role = Role::Control;
  std::string_view help;
  std::array<std::string_view, kMostLabels> labels = {};  ///< the empty ones at the end are unused
  std::span<const double> bounds = {};                    ///< of a histogram's buckets, rising

  std::size_t label_count() const;
};

/// Values of a family's labels, in their order. One that is empty is left out of the page, which to
/// Prometheus is the same.
using Labels = std::vector<std::string>;

class Counter {
 public:
  void add(std::uint64_t by = 1) { value_.fetch_add(by, std::memory_order_relaxed); }
  std::uint64_t value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::uint64_t> value_{0};
};

/// A histogram at one moment.
struct Distribution {
  std::vector<std::uint64_t>
      buckets;  ///< one for each bound, and one for what is above; not summed
  double sum = 0;

  std::uint64_t count() const;
};

class Histogram {
 public:
  explicit Histogram(std::span<const double> bounds);
  void observe(double value);
  void observe(std::chrono::steady_clock::duration time) {
    observe(std::chrono::duration<double>(time).count());
  }
  Distribution value() const;

 private:
  std::span<const double> bounds_;
  std::vector<std::atomic<std::uint64_t>> buckets_;
  std::atomic<double> sum_{0};
};

/// What one scrape of one process shows: the text exposition format of Prometheus, version 0.0.4,
/// families and series sorted. Not thread safe.
class Page {
 public:
  /// The families of that role are on it, whether they have series yet or not.
  explicit Page(Role role);

  void add(const Family& family, const Labels& labels, double value);
  void add(const Family& family, const Labels& labels, const Distribution& value);
  /// Adds the page of another role, as its text() came. Only samples of that role's families are
  /// taken, and their meaning is what this program says it is.
  void join(Role role, std::string_view text);

  std::string text() const;

 private:
  struct Lines {
    const Family* family = nullptr;
    std::map<Labels, double> values;
    std::map<Labels, Distribution> distributions;
    std::vector<std::string> joined;
  };

  Lines* lines_of(const Family& family);
  /// Where a series stands: under its own labels, or under "other" if there are too many.
  template <typename Value>
  Value& place(std::map<Labels, Value>& series, const Family& family, const Labels& labels);

  Role role_;
  std::map<std::string_view, Lines> families_;
};

/// The counters and histograms of a process. Thread safe; what it gives lives as long as it does.
class Registry {
 public:
  Counter& counter(const Family& family, const Labels& labels = {});
  Histogram& histogram(const Family& family, const Labels& labels = {});
  void collect(Page& page) const;

 private:
  template <typename Series>
  using Map = std::map<std::pair<const Family*, Labels>, std::unique_ptr<Series>>;

  mutable std::mutex mutex_;
  Map<Counter> counters_;
  Map<Histogram> histograms_;
  std::map<const Family*, std::size_t> sizes_;
};

/// The process's own.
Registry& registry();

/// Observes how long it lived.
class Timer {
 public:
  explicit Timer(Histogram& histogram) : histogram_(histogram) {}
  ~Timer() { histogram_.observe(std::chrono::steady_clock::now() - begun_); }
  Timer(const Timer&) = delete;
  Timer& operator=(const Timer&) = delete;

 private:
  Histogram& histogram_;
  std::chrono::steady_clock::time_point begun_ = std::chrono::steady_clock::now();
};

/// What the kernel knows of this process: cpu, memory, descriptors, when it began.
void collect_process(Page& page);
/// Which program this is; said once, before the first page.
void set_build(std::string version, std::string commit);

/// The registry's and the process's numbers: all that needs nobody else.
Page own_page(Role role);

}  // namespace croft::metrics
