#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>

#include "providers/process/shim/descriptor.hpp"

namespace croft::shim {

/// Milliseconds of a clock that never jumps, and of the one people see.
std::int64_t steady_now();
std::int64_t wall_now();

/// One thread's events: descriptors by epoll, timers by its time-out. Handlers may add and remove
/// anything, themselves included.
class Loop {
 public:
  using Handler = std::function<void(std::uint32_t events)>;

  Loop();
  /// Calls the handler for these EPOLL events until removed; watching it again changes both.
  void watch(int fd, std::uint32_t events, Handler handler);
  void unwatch(int fd);
  /// Calls once after that many milliseconds; the id may be cancelled, also after it ran.
  int after(std::int64_t milliseconds, std::function<void()> handler);
  void cancel(int timer);
  void run();
  void end() { is_over_ = true; }

 private:
  struct Timer {
    std::int64_t at;
    std::function<void()> handler;
  };
  int wait_time() const;
  void run_timers();

  Descriptor epoll_;
  std::map<int, std::shared_ptr<Handler>> handlers_;
  std::map<int, Timer> timers_;
  int next_timer_ = 1;
  bool is_over_ = false;
};

}  // namespace croft::shim
