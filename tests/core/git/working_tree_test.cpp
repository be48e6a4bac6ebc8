#include <fstream>
#include <sys/stat.h>
#include <unistd.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/base/files.hpp"
#include "core/git/tree.hpp"
#include "tests/support/git_repository.hpp"

namespace croft {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::HasSubstr;

std::vector<std::string> paths(const FileTree& tree) {
  std::vector<std::string> names;
  const auto files = list_recursively(tree, 1000);
  for (const TreeFile& file : *files) names.push_back(file.path);
  return names;
}

std::shared_ptr<const FileTree> open_tree(const fs::path& directory) {
  auto tree = open_working_tree(directory.string());
  if (!tree) throw std::runtime_error(tree.error().describe());
  return *tree;
}

TEST(WorkingTreeTest, HasTheIdsOfTheCommitThatGitWouldMake) {
  auto repository = GitRepository::make();
  repository.write("a.yaml", "a");
  repository.write_executable("dir/run.sh", "#!/bin/sh\n");
  repository.link("dir/link", "../a.yaml");
  repository.write("dir.txt", "sorts before dir/");
  const std::string before = open_tree(repository.path())->id();
  repository.commit();
  EXPECT_EQ(before, repository.git({"rev-parse", "HEAD^{tree}"})) << "untracked";
  EXPECT_EQ(open_tree(repository.path())->id(), before) << "tracked and unchanged";
  repository.write("a.yaml", "changed");
  repository.remove("dir.txt");
  const std::string changed = open_tree(repository.path())->id();
  EXPECT_NE(changed, before);
  repository.commit();
  EXPECT_EQ(changed, repository.git({"rev-parse", "HEAD^{tree}"}));
  // A plain directory gives the same.
  ASSERT_TRUE(remove_tree(repository.path() / ".git"));
  EXPECT_EQ(open_tree(repository.path())->id(), changed);
}

TEST(WorkingTreeTest, SubdirectoryIsATreeOfItsOwn) {
  auto repository = GitRepository::make();
  repository.commit(
      {{"top", "1"}, {"tenants/alice/site.yaml", "2"}, {"tenants/bob/site.yaml", "3"}});
  repository.write("tenants/alice/new.yaml", "4");
  const auto tree = open_tree(repository.path() / "tenants/alice");
  EXPECT_THAT(paths(*tree), ElementsAre("new.yaml", "site.yaml"));
  EXPECT_EQ(tree->read(tree->entry("new.yaml").value().id, 10).value(), "4");
  repository.commit();
  EXPECT_EQ(tree->id(), repository.git({"rev-parse", "HEAD:tenants/alice"}));
}

TEST(WorkingTreeTest, LeavesOutWhatIsIgnoredUnlessItIsTracked) {
  auto repository = GitRepository::make();
  repository.write("node_modules/x/y.js", "1");
  repository.write("secret.env", "2");
  repository.commit();
  repository.commit({{".gitignore", "node_modules/\n*.env\n"}});
  repository.write("node_modules/x/new.js", "3");
  repository.write("other.env", "4");
  repository.write("sub/.gitignore", "!keep.env\n");
  repository.write("sub/keep.env", "5");
  const auto tree = open_tree(repository.path());
  EXPECT_THAT(paths(*tree), ElementsAre(".gitignore", "node_modules/x/y.js", "secret.env",
                                        "sub/.gitignore", "sub/keep.env"));
  repository.commit();
  EXPECT_EQ(tree->id(), repository.git({"rev-parse", "HEAD^{tree}"}));
}

TEST(WorkingTreeTest, DirectoryThatItsRepositoryIgnoresIsTakenWhole) {
  auto repository = GitRepository::make();
  repository.commit({{".gitignore", "build/\n"}});
  repository.write("build/demo/site.yaml", "1");
  EXPECT_THAT(paths(*open_tree(repository.path() / "build/demo")), ElementsAre("site.yaml"));
}

TEST(WorkingTreeTest, AppliesGitsAttributes) {
  auto repository = GitRepository::make();
  repository.write(".gitattributes", "*.txt text eol=lf\n");
  repository.write("a.txt", "one\r\ntwo\r\n");
  const auto tree = open_tree(repository.path());
  const std::string id = tree->entry("a.txt").value().id;
  EXPECT_EQ(tree->read(id, 100).value(), "one\ntwo\n");
  EXPECT_EQ(tree->blob_size(id).value(), 8U);
  repository.commit();
  EXPECT_EQ(id, repository.git({"rev-parse", "HEAD:a.txt"}));
}

TEST(WorkingTreeTest, NeverFollowsLinks) {
  auto outside = TemporaryDirectory::make("croft-outside-").value();
  std::ofstream(outside.path() / "secret") << "outside";
  for (const bool is_repository : {true, false}) {
    auto repository = GitRepository::make();
    if (!is_repository) repository.remove(".git");
    repository.link("directory", outside.path().string());
    repository.link("file", (outside.path() / "secret").string());
    repository.link("loop", "loop");
    const auto tree = open_tree(repository.path());
    EXPECT_THAT(paths(*tree), ElementsAre("directory", "file", "loop"));
    const TreeEntry link = tree->entry("file").value();
    EXPECT_EQ(link.mode, FileMode::Link);
    EXPECT_EQ(tree->read(link.id, 1000).value(), (outside.path() / "secret").string());
    EXPECT_FALSE(tree->list("directory"));
  }
}

TEST(WorkingTreeTest, FileSwappedForALinkIsNotFollowed) {
  auto repository = GitRepository::make();
  repository.commit({{"dir/a", "inside"}});
  const auto tree = open_tree(repository.path());
  const std::string id = tree->entry("dir/a").value().id;
  auto outside = TemporaryDirectory::make("croft-outside-").value();
  std::ofstream(outside.path() / "a") << "inside";
  repository.remove("dir");
  repository.link("dir", outside.path().string());
  EXPECT_FALSE(tree->read(id, 1000));
}

TEST(WorkingTreeTest, FileThatChangedSinceIsAConflict) {
  auto repository = GitRepository::make();
  repository.write("a", "before");
  const auto tree = open_tree(repository.path());
  repository.write("a", "after!");
  const auto read = tree->read(tree->entry("a").value().id, 1000);
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().code(), ErrorCode::Conflict);
}

TEST(WorkingTreeTest, SkipsPipesAndEmptyDirectories) {
  for (const bool is_repository : {true, false}) {
    auto repository = GitRepository::make();
    if (!is_repository) repository.remove(".git");
    repository.write("a", "1");
    fs::create_directories(repository.path() / "empty/deep");
    ASSERT_EQ(::mkfifo((repository.path() / "pipe").c_str(), 0600), 0);
    EXPECT_THAT(paths(*open_tree(repository.path())), ElementsAre("a"));
  }
}

TEST(WorkingTreeTest, NestedRepositoryIsASubmodule) {
  auto repository = GitRepository::make();
  auto nested = GitRepository::make();
  const std::string head = nested.commit({{"inner", "1"}});
  repository.write("a", "1");
  fs::rename(nested.path(), repository.path() / "nested");
  const auto tree = open_tree(repository.path());
  EXPECT_THAT(paths(*tree), ElementsAre("a", "nested"));
  EXPECT_EQ(tree->entry("nested").value().mode, FileMode::Submodule);
  EXPECT_EQ(tree->entry("nested").value().id, head);
  repository.commit();
  EXPECT_EQ(tree->id(), repository.git({"rev-parse", "HEAD^{tree}"}));
  EXPECT_EQ(open_tree(repository.path())->id(), tree->id());
}

TEST(WorkingTreeTest, MissingDirectoryAndUnreadableRepositoryAreClear) {
  EXPECT_EQ(open_working_tree("/nowhere/at/all").error().code(), ErrorCode::NotFound);
  if (::geteuid() != 0) GTEST_SKIP() << "only root can give a repository to another user";
  auto repository = GitRepository::make();
  repository.commit({{"a", "1"}});
  ASSERT_EQ(std::system(("chown -R 65534 " + repository.path().string()).c_str()), 0);
  for (const auto& refused : {open_working_tree(repository.path().string()),
                              open_revision(repository.path().string(), "HEAD")}) {
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code(), ErrorCode::Denied);
    EXPECT_THAT(refused.error().hint(), HasSubstr("safe.directory " + repository.path().string()));
  }
  // Do what it says, but for this test's user only.
  const std::string trust =
      "git config --global --add safe.directory " + repository.path().string();
  ASSERT_EQ(std::system(trust.c_str()), 0);
  const auto trusted = open_revision(repository.path().string(), "HEAD");
  EXPECT_TRUE(trusted) << trusted.error().describe();
  fs::remove(fs::path(std::getenv("HOME")) / ".gitconfig");
}

TEST(RevisionTest, OpensCommitsBranchesAndAncestors) {
  auto repository = GitRepository::make();
  const std::string first = repository.commit({{"dir/a", "1"}});
  repository.commit({{"dir/a", "2"}, {"dir/b", "3"}});
  const std::string root = repository.path().string();
  for (const std::string& revision : {first, std::string("HEAD~1"), std::string("main^")}) {
    const auto tree = open_revision(root, revision);
    ASSERT_TRUE(tree) << revision << tree.error().describe();
    EXPECT_THAT(paths(**tree), ElementsAre("dir/a")) << revision;
  }
  const auto inside = open_revision(root + "/dir", "main");
  ASSERT_TRUE(inside) << inside.error().describe();
  EXPECT_THAT(paths(**inside), ElementsAre("a", "b"));
  EXPECT_EQ((*inside)->id(), repository.git({"rev-parse", "HEAD:dir"}));
}

TEST(RevisionTest, SaysWhatIsMissing) {
  auto repository = GitRepository::make();
  const std::string root = repository.path().string();
  EXPECT_EQ(open_revision(root, "HEAD").error().code(), ErrorCode::NotFound) << "no commit yet";
  repository.commit({{"a", "1"}});
  repository.write("later/b", "1");
  EXPECT_THAT(open_revision(root, "nope").error().describe(), HasSubstr("'nope'"));
  EXPECT_EQ(open_revision(root, "nope").error().code(), ErrorCode::NotFound);
  EXPECT_EQ(open_revision(root + "/later", "HEAD").error().code(), ErrorCode::NotFound);
  auto plain = TemporaryDirectory::make("croft-plain-").value();
  EXPECT_EQ(open_revision(plain.path().string(), "HEAD").error().code(), ErrorCode::NotFound);
}

TEST(RevisionTest, WorksInALinkedWorktree) {
  auto repository = GitRepository::make();
  repository.commit({{"a", "1"}});
  const std::string linked = repository.path().string() + "-linked";
  repository.git({"worktree", "add", "--quiet", "-b", "side", linked});
  std::ofstream(linked + "/b") << "2";
  EXPECT_THAT(paths(*open_tree(linked)), ElementsAre("a", "b"));
  EXPECT_THAT(paths(**open_revision(linked, "HEAD")), ElementsAre("a"));
}

}  // namespace
}  // namespace croft
