#include "core/base/child.hpp"

#include <gtest/gtest.h>

#include "core/base/files.hpp"

namespace croft {
namespace {

TEST(ChildTest, GivesOutputErrorAndStatus) {
  const auto done =
      run_child({.arguments = {"sh", "-c", "cat; echo oops >&2; exit 3"}, .input = "hello"});
  ASSERT_TRUE(done) << done.error().describe();
  EXPECT_EQ(done->output, "hello");
  EXPECT_EQ(done->error, "oops\n");
  EXPECT_EQ(done->status, 3);
}

TEST(ChildTest, IsKilledWithItsChildrenAtTheDeadline) {
  const auto done =
      run_child({.arguments = {"sh", "-c", "sleep 1000 & sleep 1000"}, .deadline = Duration(50)});
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().code(), ErrorCode::Timeout);
}

TEST(ChildTest, MissingProgramIsNotFound) {
  const auto done = run_child({.arguments = {"croft-no-such-program"}});
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().code(), ErrorCode::NotFound);
}

TEST(ChildTest, OutputPastTheLimitIsDropped) {
  const auto done =
      run_child({.arguments = {"sh", "-c", "head -c 100000 /dev/zero"}, .output_limit = 10});
  ASSERT_TRUE(done);
  EXPECT_EQ(done->output.size(), 10U);
}

TEST(ChildTest, AFailureIsToldByTheLineThatSaysWhy) {
  const auto why = [](const std::string& said) {
    const auto done =
        run_child_checked({.arguments = {"sh", "-c", "cat >&2; exit 1"}, .input = said});
    return done ? std::string("no failure") : done.error().message();
  };
  EXPECT_EQ(why("warning: dull\nthe last line\n"), "'sh' ended with status 1: the last line");
  EXPECT_EQ(why("/dev/stdin:3:5-9: Error: no such protocol\n  meta x\n       ^\n"),
            "'sh' ended with status 1: /dev/stdin:3:5-9: Error: no such protocol");
  EXPECT_EQ(why(""), "'sh' ended with status 1: ");
}

TEST(FilesTest, AtomicWriteLeavesNothingBesideTheFile) {
  auto directory = TemporaryDirectory::make("croft-test-");
  ASSERT_TRUE(directory);
  const auto path = directory->path() / "a";
  ASSERT_TRUE(write_file_atomic(path, "one", 0600));
  ASSERT_TRUE(write_file_atomic(path, "two", 0600, Durability::Full));
  EXPECT_EQ(read_file(path, 100).value(), "two");
  EXPECT_FALSE(read_file(path, 2));
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(directory->path()), {}), 1);
}

}  // namespace
}  // namespace croft
