#pragma once

#include <list>
#include <memory>
#include <utility>

#include "core/base/async.hpp"

namespace croft::script {

/// At most so many at a time, first come first served, and nobody waits past their time. On one
/// executor, not thread safe.
class Lane {
  struct State;

 public:
  explicit Lane(int places) : state_(std::make_shared<State>()) { state_->free = places; }

  /// Gives its place back when it goes.
  class Place {
   public:
    Place() = default;
    explicit Place(std::shared_ptr<State> state) : state_(std::move(state)) {}
    Place(Place&& other) noexcept : state_(std::exchange(other.state_, nullptr)) {}
    Place& operator=(Place&& other) noexcept {
      std::swap(state_, other.state_);
      return *this;
    }
    Place(const Place&) = delete;
    Place& operator=(const Place&) = delete;
    ~Place();
    explicit operator bool() const { return state_ != nullptr; }

   private:
    std::shared_ptr<State> state_;
  };

  /// No place if none was free within the time.
  Task<Place> enter(Duration at_most);

 private:
  struct Waiter;
  struct State {
    void leave();
    int free = 0;
    std::list<Waiter*> waiters;
  };
  std::shared_ptr<State> state_;
};

}  // namespace croft::script
