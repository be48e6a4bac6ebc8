#pragma once

#include <condition_variable>
#include <mutex>
#include <utility>
#include <vector>

namespace croft::sqlite {

/// Hands things over to one thread, in order. Thread safe.
template <typename T>
class Mailbox {
 public:
  void put(T item) {
    {
      const std::scoped_lock lock(mutex_);
      items_.push_back(std::move(item));
    }
    filled_.notify_one();
  }

  /// Waits until there is something, and takes all of it; empty once closed and emptied.
  std::vector<T> take_all() {
    std::unique_lock lock(mutex_);
    filled_.wait(lock, [this] { return is_closed_ || !items_.empty(); });
    return std::exchange(items_, {});
  }

  void close() {
    {
      const std::scoped_lock lock(mutex_);
      is_closed_ = true;
    }
    filled_.notify_one();
  }

 private:
  std::mutex mutex_;
  std::condition_variable filled_;
  std::vector<T> items_;
  bool is_closed_ = false;
};

}  // namespace croft::sqlite
