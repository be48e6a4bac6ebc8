#include "providers/process/shim/loop.hpp"

#include <algorithm>
#include <sys/epoll.h>
#include <time.h>

namespace croft::shim {

namespace {

std::int64_t milliseconds_of(clockid_t clock) {
  timespec time{};
  ::clock_gettime(clock, &time);
  return std::int64_t{time.tv_sec} * 1000 + time.tv_nsec / 1'000'000;
}

}  // namespace

std::int64_t steady_now() { return milliseconds_of(CLOCK_MONOTONIC); }
std::int64_t wall_now() { return milliseconds_of(CLOCK_REALTIME); }

Loop::Loop() : epoll_(::epoll_create1(EPOLL_CLOEXEC)) {}

void Loop::watch(int fd, std::uint32_t events, Handler handler) {
  epoll_event event{};
  event.events = events;
  event.data.fd = fd;
  const int operation = handlers_.contains(fd) ? EPOLL_CTL_MOD : EPOLL_CTL_ADD;
  ::epoll_ctl(epoll_.get(), operation, fd, &event);
  handlers_[fd] = std::make_shared<Handler>(std::move(handler));
}

void Loop::unwatch(int fd) {
  if (handlers_.erase(fd) != 0) ::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, fd, nullptr);
}

int Loop::after(std::int64_t milliseconds, std::function<void()> handler) {
  timers_[next_timer_] = Timer{steady_now() + milliseconds, std::move(handler)};
  return next_timer_++;
}

void Loop::cancel(int timer) { timers_.erase(timer); }

int Loop::wait_time() const {
  if (timers_.empty()) return -1;
  std::int64_t first = INT64_MAX;
  for (const auto& [id, timer] : timers_) first = std::min(first, timer.at);
  return static_cast<int>(std::clamp<std::int64_t>(first - steady_now(), 0, 3'600'000));
}

void Loop::run_timers() {
  const std::int64_t now = steady_now();
  for (auto timer = timers_.begin(); timer != timers_.end();) {
    if (timer->second.at > now) {
      ++timer;
      continue;
    }
    const auto handler = std::move(timer->second.handler);
    timers_.erase(timer);
    handler();
    timer = timers_.begin();  // the handler may have changed the map
  }
}

void Loop::run() {
  epoll_event events[16];
  while (!is_over_) {
    const int count = ::epoll_wait(epoll_.get(), events, 16, wait_time());
    for (int i = 0; i < count; ++i) {
      const auto found = handlers_.find(events[i].data.fd);
      if (found == handlers_.end()) continue;
      const std::shared_ptr<Handler> handler = found->second;  // outlives its own removal
      (*handler)(events[i].events);
    }
    run_timers();
  }
}

}  // namespace croft::shim
