#include "providers/site/site_files.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/base/child.hpp"
#include "core/base/files.hpp"

namespace croft::site {
namespace {

using testing::HasSubstr;

// A real working tree, so that links are what Git makes of them.
class SiteFilesTest : public testing::Test {
 protected:
  void shell(const std::string& script) {
    const auto done = run_child_checked(
        {.arguments = {"sh", "-ec", script}, .directory = directory_.path().string()});
    ASSERT_TRUE(done) << done.error().describe();
  }
  Result<std::vector<ServedFile>> served(SiteProviderSettings limits = {}) {
    const auto tree = open_working_tree(directory_.path().string());
    if (!tree) return std::unexpected(tree.error());
    return served_files(**tree, limits);
  }
  std::string failure(SiteProviderSettings limits = {}) {
    const auto files = served(limits);
    return files ? "no failure" : files.error().describe();
  }
  std::vector<std::string> paths() {
    std::vector<std::string> paths;
    const auto files = served();
    if (!files) return {files.error().describe()};
    for (const ServedFile& file : *files) paths.push_back(file.path);
    return paths;
  }
  TemporaryDirectory directory_ = TemporaryDirectory::make("croft-site-files-").value();
};

TEST_F(SiteFilesTest, ServesWhatALinkToAFileLeadsTo) {
  shell("mkdir a; echo hi > a/x; ln -s a/x y; ln -s ../y a/z");
  EXPECT_THAT(paths(), testing::ElementsAre("a/x", "a/z", "y"));
  const auto files = served();
  EXPECT_EQ((*files)[0].blob, (*files)[2].blob);
  EXPECT_EQ((*files)[0].size, 3u);
}

TEST_F(SiteFilesTest, ServesADirectoryUnderTheNameOfALinkToIt) {
  shell("mkdir -p v2/img; echo hi > v2/index.html; echo p > v2/img/p.png; ln -s v2 latest");
  EXPECT_THAT(paths(), testing::ElementsAre("latest/img/p.png", "latest/index.html", "v2/img/p.png",
                                            "v2/index.html"));
}

TEST_F(SiteFilesTest, FollowsLinksInTheMiddleOfALink) {
  shell("mkdir -p v2; echo hi > v2/x; ln -s v2 latest; ln -s latest/x y");
  EXPECT_THAT(paths(), testing::ElementsAre("latest/x", "v2/x", "y"));
}

TEST_F(SiteFilesTest, RefusesLinksThatLeadOut) {
  shell("ln -s ../../etc/passwd x");
  EXPECT_THAT(failure(), HasSubstr("'x' leads out"));
  shell("rm x; ln -s /etc/passwd x");
  EXPECT_THAT(failure(), HasSubstr("'x' leads out"));
}

TEST_F(SiteFilesTest, RefusesLinksToNothing) {
  shell("ln -s nowhere x");
  EXPECT_THAT(failure(), HasSubstr("leads to 'nowhere', which is not there"));
}

TEST_F(SiteFilesTest, RefusesLinksInACircle) {
  shell("ln -s b a; ln -s a b");
  EXPECT_THAT(failure(), HasSubstr("in a circle"));
}

TEST_F(SiteFilesTest, RefusesLinksToADirectoryAbove) {
  shell("mkdir a; echo x > a/f; ln -s .. a/up");
  EXPECT_THAT(failure(), testing::AnyOf(HasSubstr("too deep"), HasSubstr("more than")));
}

TEST_F(SiteFilesTest, RefusesNamesThatAreNotUtf8) {
  shell("printf x > \"$(printf 'caf\\351')\"");
  EXPECT_THAT(failure(), HasSubstr("not UTF-8"));
}

TEST_F(SiteFilesTest, BoundsNumberAndSizes) {
  shell("head -c 1000 /dev/zero > a; head -c 1000 /dev/zero > b");
  EXPECT_THAT(failure({.max_files = 1}), HasSubstr("more than 1 files"));
  EXPECT_THAT(failure({.max_file_bytes = 999}), HasSubstr("'a' is larger than 999"));
  EXPECT_THAT(failure({.max_total_bytes = 1999}), HasSubstr("together"));
  EXPECT_EQ(failure({.max_files = 2, .max_file_bytes = 1000, .max_total_bytes = 2000}),
            "no failure");
}

}  // namespace
}  // namespace croft::site
