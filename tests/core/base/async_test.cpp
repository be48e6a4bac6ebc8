#include "core/base/async.hpp"

#include <optional>
#include <vector>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>
#include <gtest/gtest.h>

namespace croft {
namespace {

class SemaphoreTest : public testing::Test {
 protected:
  /// Takes the permit and lets the others run before it gives it back.
  Task<> visit(int who) {
    const Semaphore::Permit permit = co_await semaphore_.acquire();
    visitors_.push_back(who);
    co_await asio::post(io_, asio::use_awaitable);
  }
  /// One that wants it again the moment it has given it back.
  Task<> visit_often(int who, int times) {
    for (int i = 0; i < times; ++i) co_await visit(who);
  }
  void start(Task<> task) { spawn(io_.get_executor(), std::move(task), "visitor"); }

  asio::io_context io_;
  Semaphore semaphore_{io_.get_executor(), 1};
  std::vector<int> visitors_;
};

TEST_F(SemaphoreTest, FirstComeFirstServedEvenBesideOneThatAlwaysWantsIt) {
  start(visit_often(1, 5));
  start(visit(2));
  start(visit(3));
  io_.run();
  EXPECT_EQ(visitors_, (std::vector<int>{1, 2, 3, 1, 1, 1, 1}));
}

TEST_F(SemaphoreTest, OneThatIsCancelledWhileItWaitsTakesNoPermitAlong) {
  std::optional<Semaphore::Permit> held;
  const auto hold = [&]() -> Task<> { held.emplace(co_await semaphore_.acquire()); };
  start(hold());
  io_.run();
  io_.restart();
  asio::cancellation_signal cancel;
  asio::co_spawn(io_, visit(2), asio::bind_cancellation_slot(cancel.slot(), asio::detached));
  start(visit(3));
  io_.poll();
  cancel.emit(asio::cancellation_type::terminal);
  io_.restart();
  io_.poll();
  held.reset();
  io_.restart();
  io_.run();
  EXPECT_EQ(visitors_, (std::vector<int>{3}));
  start(visit(4));
  io_.restart();
  io_.run();
  EXPECT_EQ(visitors_.back(), 4);
}

TEST_F(SemaphoreTest, WaitersMayOutliveIt) {
  std::optional<Semaphore> semaphore(std::in_place, io_.get_executor(), 1);
  bool has_got_it = false;
  const auto wait = [&]() -> Task<> {
    const Semaphore::Permit permit = co_await semaphore->acquire();
    has_got_it = true;
  };
  std::optional<Semaphore::Permit> held;
  const auto hold = [&]() -> Task<> { held.emplace(co_await semaphore->acquire()); };
  start(hold());
  io_.run();
  start(wait());
  io_.restart();
  io_.poll();
  semaphore.reset();
  held.reset();
  io_.poll();
  EXPECT_TRUE(has_got_it);
}

}  // namespace
}  // namespace croft
