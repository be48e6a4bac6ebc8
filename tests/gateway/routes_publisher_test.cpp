#include "gateway/routes_publisher.hpp"

#include <gtest/gtest.h>

#include "core/base/files.hpp"
#include "gateway/edge/routes.hpp"
#include "tests/support/fake_engine.hpp"
#include "tests/support/run_task.hpp"

namespace croft {
namespace {

class RoutesPublisherTest : public testing::Test {
 protected:
  void route(const std::string& host, const std::string& state) {
    engine.hosts.push_back(
        {host, "alice/Site/blog", Endpoint{Endpoint::Scheme::Release, "abc"}, state, ""});
    engine.tell();
  }
  void publish() { publisher.emplace(engine, file, io.get_executor()); }
  RouteTable table() const {
    const Result<std::string> text = read_file(file, 1U << 20U);
    const Result<RouteTable> read = text ? read_routes(*text) : Result<RouteTable>(RouteTable{});
    return read ? *read : RouteTable{};
  }
  bool eventually(std::function<bool()> claim) {
    const auto wait = [](std::function<bool()> holds) -> Task<bool> {
      for (int i = 0; i < 1000 && !holds(); ++i) co_await sleep_for(Duration(5));
      co_return holds();
    };
    return run_task(io, wait(std::move(claim)));
  }

  TemporaryDirectory directory = TemporaryDirectory::make("croft-routes").value();
  std::filesystem::path file = directory.path() / "routes.json";
  asio::io_context io;
  FakeEngine engine;
  std::optional<RoutesPublisher> publisher;
};

TEST_F(RoutesPublisherTest, WritesWhatTheEngineSaysAndEachChange) {
  route("alice-blog.localhost", "");
  publish();
  ASSERT_TRUE(eventually([&] { return table().hosts.size() == 1; }));
  EXPECT_EQ(table().generation, 1u);
  EXPECT_EQ(table().hosts.at("alice-blog.localhost").endpoint.address, "abc");
  route("alice-api.localhost", "Starting");
  ASSERT_TRUE(eventually([&] { return table().hosts.size() == 2; }));
  EXPECT_EQ(table().generation, 2u);
}

TEST_F(RoutesPublisherTest, GivesNobodyAHostOfCroftsOwn) {
  route("hooks.example.com", "");
  publisher.emplace(engine, file, io.get_executor(),
                    std::vector<Engine::HostRoute>{
                        {"hooks.example.com", "hooks", {Endpoint::Scheme::Unix, "/x"}, "", ""}});
  ASSERT_TRUE(eventually([&] { return table().hosts.size() == 1; }));
  EXPECT_EQ(table().hosts.at("hooks.example.com").ref, "hooks");
}

TEST_F(RoutesPublisherTest, LeavesTheFileAloneWhenNothingDiffers) {
  route("alice-blog.localhost", "");
  publish();
  ASSERT_TRUE(eventually([&] { return table().generation == 1; }));
  const auto written = std::filesystem::last_write_time(file);
  for (int i = 0; i < 5; ++i) engine.tell();
  route("alice-api.localhost", "");
  engine.hosts.pop_back();
  engine.tell();
  ASSERT_TRUE(eventually([&, i = 0]() mutable { return ++i > 20; }));
  EXPECT_EQ(table().generation, 1u);
  EXPECT_EQ(std::filesystem::last_write_time(file), written);
}

TEST_F(RoutesPublisherTest, GoesOnCountingAfterARestart) {
  route("a.localhost", "");
  publish();
  ASSERT_TRUE(eventually([&] { return table().generation == 1; }));
  publisher.reset();
  publish();
  route("b.localhost", "");
  ASSERT_TRUE(eventually([&] { return table().hosts.size() == 2; }));
  EXPECT_EQ(table().generation, 2u);
}

TEST_F(RoutesPublisherTest, ReplacesASnapshotThatCannotBeRead) {
  ASSERT_TRUE(write_file_atomic(file, "garbage", 0644));
  route("a.localhost", "");
  publish();
  EXPECT_TRUE(eventually([&] { return table().hosts.size() == 1; }));
}

TEST_F(RoutesPublisherTest, TriesAgainWhenItCannotWrite) {
  file = directory.path() / "later" / "routes.json";
  route("a.localhost", "");
  publish();
  ASSERT_TRUE(eventually([&, i = 0]() mutable { return ++i > 5; }));
  ASSERT_TRUE(make_directory(file.parent_path(), 0755));
  EXPECT_TRUE(eventually([&] { return table().hosts.size() == 1; }));
}

TEST_F(RoutesPublisherTest, TouchesNothingOnceItIsGone) {
  publish();
  ASSERT_TRUE(eventually([&] { return std::filesystem::exists(file); }));
  publisher.reset();
  EXPECT_EQ(engine.listener_count(), 0u);
  route("a.localhost", "");
  ASSERT_TRUE(eventually([&, i = 0]() mutable { return ++i > 20; }));
  EXPECT_TRUE(table().hosts.empty());
}

}  // namespace
}  // namespace croft
