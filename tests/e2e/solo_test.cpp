#include <fstream>
#include <sstream>
#include <sys/stat.h>
#include <unistd.h>

#include <gtest/gtest.h>

#include "tests/e2e/support/platform.hpp"

namespace croft::e2e {

namespace {

std::string example(const std::string& path) {
  return read_file(std::string(CROFT_EXAMPLES) + "/solo/" + path, 1 << 20).value();
}

TEST(SoloTest, ServesARepositoryAndFollowsItsCommits) {
  GitRepository repository = GitRepository::make();
  repository.commit({{"hosting.yaml", example("hosting.yaml")},
                     {"public/index.html", example("public/index.html")}});
  Daemon daemon;
  daemon.flags = {"--solo", repository.path().string()};
  daemon.start();
  const auto page = [&] { return http_get(daemon.port(), "home-www.localhost").body; };
  EXPECT_TRUE(wait_until([&] { return page() == example("public/index.html"); })) << daemon.log();

  repository.commit({{"public/index.html", "<h1>changed</h1>\n"}});
  EXPECT_TRUE(wait_until([&] { return page() == "<h1>changed</h1>\n"; })) << daemon.log();

  const ChildOutput got = daemon.croft({"get"});
  EXPECT_EQ(got.status, 0) << got.error;
  EXPECT_NE(got.output.find("Site/www"), std::string::npos) << got.output;
  EXPECT_EQ(daemon.stop(), 0) << daemon.log();
}

class FlagsTest : public testing::Test {
 protected:
  /// `croft serve WORDS` must end by itself with an error; gives what it said.
  std::string refused(std::vector<std::string> words) {
    ChildCommand command;
    command.arguments = {CROFT_BINARY,    "serve",
                         "--data",        (directory_.path() / "data").string(),
                         "--edge-listen", "127.0.0.1:" + std::to_string(free_port())};
    command.arguments.insert(command.arguments.end(), words.begin(), words.end());
    const Result<ChildOutput> ran = run_child(command);
    EXPECT_TRUE(ran) << ran.error().describe();
    if (!ran) return "";
    EXPECT_NE(ran->status, 0);
    return ran->error + ran->output;
  }

  TemporaryDirectory directory_ = TemporaryDirectory::make("croft-e2e-").value();
};

TEST_F(FlagsTest, SoloAndPlatformTogetherAreRefused) {
  const std::string said = refused({"--solo", "/a", "--platform-url", "/b"});
  EXPECT_NE(said.find("solo"), std::string::npos) << said;
  EXPECT_NE(said.find("platform"), std::string::npos) << said;
}

TEST_F(FlagsTest, NeitherSoloNorPlatformIsRefused) {
  const std::string said = refused({});
  EXPECT_NE(said.find("solo"), std::string::npos) << said;
  EXPECT_NE(said.find("platform"), std::string::npos) << said;
}

TEST_F(FlagsTest, AnUnknownFlagSuggestsTheRightOne) {
  const std::string said = refused({"--platform-ulr", "/b"});
  EXPECT_NE(said.find("platform-url"), std::string::npos) << said;
}

TEST_F(FlagsTest, AnAddressThatIsNoneIsRefusedAtOnce) {
  const std::string said = refused({"--solo", "/a", "--edge-listen", "nowhere"});
  EXPECT_NE(said.find("nowhere"), std::string::npos) << said;
  EXPECT_NE(said.find("HOST:PORT"), std::string::npos) << said;
}

TEST_F(FlagsTest, ADataDirectoryThatIsAFileIsRefusedByName) {
  const std::string file = directory_.path() / "file";
  std::ofstream(file) << "no directory";
  const std::string said = refused({"--solo", "/a", "--data", file});
  EXPECT_NE(said.find(file), std::string::npos) << said;
}

TEST_F(FlagsTest, ADataDirectoryWithoutPermissionIsRefusedByName) {
  if (::geteuid() == 0) GTEST_SKIP() << "root may write everywhere";
  const std::string closed = directory_.path() / "closed";
  ::mkdir(closed.c_str(), 0500);
  const std::string said = refused({"--solo", "/a", "--data", closed + "/data"});
  EXPECT_NE(said.find(closed), std::string::npos) << said;
}

}  // namespace

}  // namespace croft::e2e
