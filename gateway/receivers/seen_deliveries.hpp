#pragma once

#include <deque>
#include <string>
#include <unordered_set>

namespace croft {

/// The newest deliveries, by name, so that one that is sent again is known. In memory only: what a
/// replay after a restart causes is one look at a repository.
class SeenDeliveries {
 public:
  explicit SeenDeliveries(std::size_t limit) : limit_(limit) {}

  /// Remembers it; false if it is known already. The oldest is forgotten for it past the limit.
  bool add(const std::string& name) {
    if (!names_.insert(name).second) return false;
    order_.push_back(name);
    if (order_.size() > limit_) {
      names_.erase(order_.front());
      order_.pop_front();
    }
    return true;
  }

 private:
  std::size_t limit_;
  std::unordered_set<std::string> names_;
  std::deque<std::string> order_;
};

}  // namespace croft
