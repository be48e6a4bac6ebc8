#include <filesystem>
#include <sys/stat.h>
#include <unistd.h>

#include <gtest/gtest.h>

#include "tests/e2e/support/daemon.hpp"
#include "tests/support/test_store.hpp"

namespace croft::e2e {

namespace {

namespace fs = std::filesystem;

ChildOutput run_demo(std::vector<std::string> command, std::vector<std::string> environment) {
  environment.push_back("CROFT_DEMO_PORT=" + std::to_string(free_port()));
  environment.emplace_back("NO_COLOR=1");
  const TemporaryDirectory mine = TemporaryDirectory::make("croft-demo-store-").value();
  environment.push_back("CROFT_STORE_URL=" + test_store_url(mine.path()));
  const Result<ChildOutput> ran = run_child({.arguments = std::move(command),
                                             .environment = std::move(environment),
                                             .deadline = Duration(110'000)});
  EXPECT_TRUE(ran) << ran.error().describe();
  return ran.value_or(ChildOutput{.status = -1});
}

TEST(DemoTest, RunsToItsEnd) {
  const ChildOutput ran = run_demo({CROFT_DEMO, CROFT_BINARY}, {});
  EXPECT_EQ(ran.status, 0) << ran.output << ran.error;
  EXPECT_NE(ran.output.find("== Done."), std::string::npos) << ran.output;
}

// As somebody who may read nothing of ours, and isolate nothing: all apps share the host's ports.
TEST(DemoTest, SaysWhatIsMissingWithoutRootAndGoesOn) {
  if (::geteuid() != 0) GTEST_SKIP() << "the other test runs without root then";
  constexpr unsigned kNobody = 65534;
  const TemporaryDirectory directory = TemporaryDirectory::make("croft-demo-").value();
  const fs::path root = directory.path();
  const fs::path build = fs::path(CROFT_BINARY).parent_path().parent_path();
  ASSERT_EQ(::chmod(root.c_str(), 0755), 0);
  fs::copy(CROFT_BINARY, root / "croft");
  fs::copy(build / "providers/process/shim/croft-shim", root / "croft-shim");
  fs::copy(fs::path(CROFT_DEMO).parent_path(), root / "quickstart", fs::copy_options::recursive);
  fs::create_directory(root / "home");
  ASSERT_EQ(::chown((root / "home").c_str(), kNobody, kNobody), 0);
  const std::string id = std::to_string(kNobody);
  const ChildOutput ran =
      run_demo({"setpriv", "--reuid", id, "--regid", id, "--clear-groups",
                (root / "quickstart/demo").string(), (root / "croft").string()},
               {"HOME=" + (root / "home").string(), "TMPDIR=" + (root / "home").string()});
  EXPECT_EQ(ran.status, 0) << ran.output << ran.error;
  EXPECT_NE(ran.output.find("that needs root and namespaces"), std::string::npos) << ran.output;
  EXPECT_NE(ran.output.find("4 of 4 ready"), std::string::npos) << ran.output;
  EXPECT_NE(ran.output.find("== Done."), std::string::npos) << ran.output;
}

}  // namespace

}  // namespace croft::e2e
