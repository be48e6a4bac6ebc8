#include "core/base/work.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/base/log.hpp"
#include "core/base/result.hpp"
#include "tests/support/run_task.hpp"

namespace croft {

namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

WorkPtr about(std::string ref) {
  auto work = std::make_shared<Work>();
  work->facts = {{"ref", std::move(ref)}};
  return work;
}

std::string ref_now() {
  return current_work() ? current_work()->facts.front().second : std::string("nothing");
}

/// What it is about before and after suspensions of each kind.
Task<std::string> look_around(int times) {
  std::string seen = ref_now();
  for (int i = 0; i < times; ++i) {
    co_await sleep_for(Duration(1));
    seen += " " + ref_now();
  }
  co_return seen;
}

TEST(WorkTest, StaysWithACoroutineOverItsSuspensions) {
  asio::io_context io;
  EXPECT_EQ(run_task(io, doing(about("a"), look_around(2))), "a a a");
  EXPECT_EQ(ref_now(), "nothing");
}

TEST(WorkTest, OfOneIsNotSeenByAnotherThatRunsMeanwhile) {
  asio::io_context io;
  std::string first;
  std::string second;
  std::string third;
  const auto into = [](std::string& where, WorkPtr work) -> Task<> {
    Task<std::string> task = look_around(5);
    if (work) task = doing(work, std::move(task));
    where = co_await std::move(task);
  };
  spawn(io.get_executor(), into(first, about("a")), "first");
  spawn(io.get_executor(), into(second, about("b")), "second");
  spawn(io.get_executor(), into(third, nullptr), "third");
  io.run();
  EXPECT_EQ(first, "a a a a a a");
  EXPECT_EQ(second, "b b b b b b");
  EXPECT_EQ(third, "nothing nothing nothing nothing nothing nothing");
}

Task<std::string> nest() {
  std::string seen = ref_now();
  const std::string inner = co_await doing(about("inner"), look_around(1));
  seen += " " + inner + " " + ref_now();
  co_await sleep_for(Duration(1));
  co_return seen + " " + ref_now();
}

TEST(WorkTest, IsAgainWhatItWasOnceAPartIsDone) {
  asio::io_context io;
  EXPECT_EQ(run_task(io, doing(about("outer"), nest())), "outer inner inner outer outer");
  EXPECT_EQ(run_task(io, nest()), "nothing inner inner nothing nothing");
}

TEST(WorkTest, IsNotThatOfWhatIsSpawnedMeanwhile) {
  asio::io_context io;
  std::string seen;
  const auto note = [&seen]() -> Task<> { seen = co_await look_around(1); };
  const auto start = [&]() -> Task<> {
    spawn(co_await asio::this_coro::executor, note(), "carried");
    co_await sleep_for(Duration(1));
  };
  spawn(io.get_executor(), doing(about("a"), start()), "start");
  io.run();
  EXPECT_EQ(seen, "nothing nothing");
  const auto start_apart = [&]() -> Task<> {
    spawn(io.get_executor(), note(), "apart");
    co_await sleep_for(Duration(1));
  };
  io.restart();
  spawn(io.get_executor(), doing(about("a"), start_apart()), "start");
  io.run();
  EXPECT_EQ(seen, "nothing nothing");
}

TEST(WorkTest, OutlivesAnExceptionForItsCaller) {
  asio::io_context io;
  const auto fails = []() -> Task<std::string> {
    co_await sleep_for(Duration(1));
    throw std::runtime_error("a bug");
  };
  const auto run = [&]() -> Task<std::string> {
    std::string seen;
    try {
      co_await doing(about("inner"), fails());
    } catch (const std::runtime_error& error) {
      seen = error.what();
    }
    co_return seen + " " + ref_now();
  };
  EXPECT_EQ(run_task(io, doing(about("outer"), run())), "a bug outer");
}

Task<> say(std::string message, std::string own_ref) {
  co_await sleep_for(Duration(1));
  note_fact("revision", "8d1c0aa");
  if (own_ref.empty()) {
    log_info("test", message);
  } else {
    log_info("test", message, {{"ref", own_ref}});
  }
}

std::string logged(Task<> task) {
  asio::io_context io;
  testing::internal::CaptureStderr();
  spawn(io.get_executor(), std::move(task), "say");
  io.run();
  return testing::internal::GetCapturedStderr();
}

TEST(WorkTest, ItsFactsStandInEachLineOfTheLog) {
  EXPECT_THAT(logged(doing(about("alice/Site/blog"), say("hello", ""))),
              HasSubstr("test: hello ref=alice/Site/blog revision=8d1c0aa"));
  EXPECT_THAT(logged(say("hello", "")), Not(HasSubstr("revision")));
  const std::string own = logged(doing(about("alice/Site/blog"), say("hello", "bob/Site/x")));
  EXPECT_THAT(own, HasSubstr("ref=bob/Site/x revision=8d1c0aa"));
  EXPECT_THAT(own, Not(HasSubstr("blog"))) << "what a line says itself is not said twice";
}

}  // namespace

}  // namespace croft
