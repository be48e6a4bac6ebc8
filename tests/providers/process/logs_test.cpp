#include "providers/process/logs.hpp"

#include <filesystem>
#include <fstream>

#include <fmt/format.h>

#include "providers/process/layout.hpp"
#include "tests/providers/process/fixture.hpp"

namespace croft {
namespace {

class LogsTest : public ProcessTest {
 protected:
  void adjust(ProcessSettings& settings) override {
    settings.log_size = Bytes{8192};
    settings.log_files = 3;
  }
};

TEST_F(LogsTest, KeepsTheLastFilesOfBoundedSize) {
  if (!needs_sandbox()) return;
  ASSERT_TRUE(create("chatty", python("import time\nfor i in range(5000): print('line', "
                                      "i)\nprint('end', flush=True)\ntime.sleep(1000)")));
  ASSERT_TRUE(says("chatty", "end\n"));
  std::uintmax_t total = 0;
  int files = 0;
  for (const auto& entry :
       std::filesystem::directory_iterator(ProcessLayout{data()}.logs("chatty"))) {
    total += entry.file_size();
    ++files;
  }
  EXPECT_EQ(files, 3);
  EXPECT_LE(total, 3U * (8192U + 65'536U));
  const std::string log = log_of("chatty", 100'000);
  EXPECT_EQ(log.find("line 0\n"), std::string::npos);
  EXPECT_NE(log.find("line 4998\nline 4999\nend\n"), std::string::npos);
}

TEST_F(LogsTest, GivesTheLastLinesAskedFor) {
  if (!needs_sandbox()) return;
  ASSERT_TRUE(create(
      "app", shell("for i in 1 2 3 4 5; do echo line $i; done; echo error >&2; sleep 1000")));
  ASSERT_TRUE(says("app", "error\n"));
  EXPECT_EQ(log_of("app", 2), "line 5\nerror\n");
  EXPECT_EQ(log_of("app", 0), "");
  EXPECT_EQ(log_of("app", 6), "line 1\nline 2\nline 3\nline 4\nline 5\nerror\n");
}

TEST_F(LogsTest, FollowsThroughRotationsWithoutLosingALine) {
  if (!needs_sandbox()) return;
  ASSERT_TRUE(
      create("app", python("import time\nfor i in range(2000):\n  print('line', i, flush=True)\n  "
                           "if i % 20 == 0: time.sleep(0.01)\ntime.sleep(1000)")));
  std::string all;
  const Result<void> followed = await(provider_->logs(
      {.uid = "app", .last_lines = 1000, .follow = true}, [&](std::string_view text) {
        all += text;
        return all.find("line 1999\n") == std::string::npos;
      }));
  EXPECT_TRUE(followed);
  std::string expected;
  for (int i = 0; i < 2000; ++i) expected += fmt::format("line {}\n", i);
  // It may have begun after the first lines, but from there on has all of them.
  EXPECT_TRUE(expected.ends_with(all));
  EXPECT_GT(all.size(), 8192U);
}

TEST_F(LogsTest, FollowEndsWhenTheAppIsErased) {
  if (!needs_sandbox()) return;
  ASSERT_TRUE(create("app", shell("echo hello; sleep 1000")));
  ASSERT_TRUE(says("app", "hello"));
  bool is_over = false;
  const auto follow = [](Provider& provider, bool& over) -> Task<> {
    LogRequest request{.uid = "app", .last_lines = 10, .follow = true};
    LogSink sink = [](std::string_view) { return true; };
    (void)co_await provider.logs(std::move(request), std::move(sink));
    over = true;
  };
  spawn(io_.get_executor(), follow(*provider_, is_over), "follow");
  ASSERT_TRUE(destroy("app"));
  EXPECT_TRUE(eventually([&] { return is_over; }));
}

TEST_F(LogsTest, LogsOfTheAbsentAreNotFound) {
  const Result<void> none =
      await(provider_->logs({.uid = "none"}, [](std::string_view) { return true; }));
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().code(), ErrorCode::NotFound);
}

TEST(LogReaderTest, HoldsBackALineUntilItIsWhole) {
  const auto directory = TemporaryDirectory::make("croft-logs-");
  ASSERT_TRUE(directory);
  std::ofstream file(directory->path() / "current");
  file << "one\ntw" << std::flush;
  Result<LogReader> reader = LogReader::open(directory->path());
  ASSERT_TRUE(reader);
  EXPECT_EQ(reader->last_lines(10), "one\n");
  EXPECT_EQ(reader->more(), "");
  file << "o\nthree" << std::flush;
  EXPECT_EQ(reader->more(), "two\n");
  std::filesystem::rename(directory->path() / "current", directory->path() / "1");
  file << "!\n" << std::flush;
  std::ofstream next(directory->path() / "current");
  next << "four\n" << std::flush;
  EXPECT_EQ(reader->more(), "three!\nfour\n");
}

TEST(LogReaderTest, CatchesUpOverSeveralRotations) {
  const auto directory = TemporaryDirectory::make("croft-logs-");
  ASSERT_TRUE(directory);
  std::ofstream(directory->path() / "current") << "one\n";
  Result<LogReader> reader = LogReader::open(directory->path());
  ASSERT_TRUE(reader);
  EXPECT_EQ(reader->last_lines(10), "one\n");
  for (const char* text : {"two\n", "three\n", "four\n"}) {
    for (int number = 3; number > 0; --number) {
      const auto from = directory->path() / (number == 1 ? "current" : std::to_string(number - 1));
      if (std::filesystem::exists(from))
        std::filesystem::rename(from, directory->path() / std::to_string(number));
    }
    std::ofstream(directory->path() / "current") << text;
  }
  std::string all;
  for (std::string more = reader->more(); !more.empty(); more = reader->more()) all += more;
  EXPECT_EQ(all, "two\nthree\nfour\n");
}

}  // namespace
}  // namespace croft
