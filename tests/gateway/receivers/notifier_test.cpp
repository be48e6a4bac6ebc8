#include "gateway/receivers/notifier.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/base/files.hpp"
#include "core/net/server.hpp"
#include "tests/support/run_task.hpp"

namespace croft {
namespace {

using testing::AllOf;
using testing::Each;
using testing::ElementsAre;
using testing::Ge;
using testing::Le;
using testing::SizeIs;

/// Control's end: remembers what it is told.
class Control {
 public:
  Control(asio::any_io_executor executor, const std::filesystem::path& socket)
      : server_(std::move(executor),
                [this](HttpRequest request) { return take(std::move(request)); }) {
    EXPECT_TRUE(server_.listen_unix(socket, 0600));
  }
  std::vector<std::string> told;
  int status = 204;

 private:
  Task<HttpResponse> take(HttpRequest request) {
    EXPECT_EQ(request.method + " " + request.target, "POST /v1/looks");
    told.push_back(request.body);
    HttpResponse response;
    response.status = status;
    co_return response;
  }
  HttpServer server_;
};

class NotifierTest : public testing::Test {
 protected:
  NotifierSettings settings(Duration rest) const {
    NotifierSettings made;
    made.control.path = socket.string();
    made.rest = rest;
    return made;
  }
  bool eventually(std::function<bool()> claim) {
    const auto wait = [](std::function<bool()> holds) -> Task<bool> {
      for (int i = 0; i < 2000 && !holds(); ++i) co_await sleep_for(Duration(5));
      co_return holds();
    };
    return run_task(io, wait(std::move(claim)));
  }

  TemporaryDirectory directory = TemporaryDirectory::make("croft-notifier").value();
  std::filesystem::path socket = directory.path() / "api.sock";
  SystemRandom random;
  asio::io_context io;
};

TEST_F(NotifierTest, MakesAFewNoticesOfAHundredInASecond) {
  Control control(io.get_executor(), socket);
  Notifier notifier(io.get_executor(), random, settings(Duration(1'000)));
  const auto storm = [](Notifier& to) -> Task<bool> {
    for (int i = 0; i < 100; ++i) {
      to.add({"alice/alice", 0});
      co_await sleep_for(Duration(10));
    }
    co_return true;
  };
  const auto begun = std::chrono::steady_clock::now();
  run_task(io, storm(notifier));
  // The last of them counts: whoever was told before it has not seen what it tells of.
  const auto last = std::chrono::steady_clock::now();
  const std::size_t during = control.told.size();
  ASSERT_TRUE(eventually([&] { return control.told.size() > during; }));
  const auto seconds = std::chrono::duration<double>(last - begun).count();
  EXPECT_THAT(control.told, SizeIs(AllOf(Ge(2u), Le(static_cast<std::size_t>(seconds) + 2))));
  EXPECT_THAT(control.told, Each(R"({"source":"alice/alice"})"));
}

TEST_F(NotifierTest, TellsOfTheFirstAtOnceAndOfEverybodyElseBesides) {
  Control control(io.get_executor(), socket);
  Notifier notifier(io.get_executor(), random, settings(Duration(3'600'000)));
  notifier.add({"alice/alice", 0});
  notifier.add({"bob/bob", 0});
  notifier.add({"alice/alice", 17});
  ASSERT_TRUE(eventually([&] { return control.told.size() == 3; }));
  EXPECT_EQ(control.told[2], R"({"mergeRequest":17,"source":"alice/alice"})");
}

TEST_F(NotifierTest, SaysWhenAMergeRequestIsTaken) {
  const auto waited = [&](Notifier& notifier, HookNotice notice, Duration at_most) {
    const auto wait = [](Notifier& by, HookNotice what, Duration most) -> Task<bool> {
      co_await by.wait_until_taken(what, most);
      co_return true;
    };
    const auto begun = std::chrono::steady_clock::now();
    run_task(io, wait(notifier, std::move(notice), at_most));
    return std::chrono::steady_clock::now() - begun;
  };
  Notifier notifier(io.get_executor(), random, settings(Duration(0)));
  notifier.add({"alice/alice", 7});
  EXPECT_GE(waited(notifier, {"alice/alice", 7}, Duration(100)), Duration(100)) << "nobody listens";
  Control control(io.get_executor(), socket);
  waited(notifier, {"alice/alice", 7}, Duration(60'000));
  EXPECT_THAT(control.told, ElementsAre(R"({"mergeRequest":7,"source":"alice/alice"})"));
  EXPECT_LT(waited(notifier, {"alice/alice", 7}, Duration(60'000)), Duration(30'000));
}

TEST_F(NotifierTest, ManySourcesDoNotWaitForEachOthersRest) {
  Control control(io.get_executor(), socket);
  Notifier notifier(io.get_executor(), random, settings(Duration(3'600'000)));
  for (int i = 0; i < 200; ++i) notifier.add({"t" + std::to_string(i) + "/main", 0});
  EXPECT_TRUE(eventually([&] { return control.told.size() == 200; }));
}

TEST_F(NotifierTest, InventedMergeRequestsFillNothing) {
  NotifierSettings few = settings(Duration(1));
  few.merge_requests = 10;
  Notifier notifier(io.get_executor(), random, few);  // nobody listens yet
  for (int i = 1; i <= 1'000; ++i) notifier.add({"alice/alice", i});
  notifier.add({"alice/alice", 0});
  notifier.add({"alice-2/alice", 1});
  Control control(io.get_executor(), socket);
  ASSERT_TRUE(eventually([&] { return control.told.size() == 12; }));
  notifier.add({"alice/alice", 2'000});
  EXPECT_TRUE(eventually([&] { return control.told.size() == 13; })) << "there is room again";
}

TEST_F(NotifierTest, KeepsWhatControlDidNotHearAndTriesAgain) {
  Notifier notifier(io.get_executor(), random, settings(Duration(1)));
  notifier.add({"alice/alice", 0});
  io.run_for(std::chrono::milliseconds(50));
  Control control(io.get_executor(), socket);
  control.status = 503;
  ASSERT_TRUE(eventually([&] { return control.told.size() == 1; }));
  control.status = 204;
  ASSERT_TRUE(eventually([&] { return control.told.size() == 2; }));
}

}  // namespace
}  // namespace croft
