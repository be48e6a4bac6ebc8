#include "core/git/tree.hpp"

#include <gtest/gtest.h>

#include "tests/support/git_repository.hpp"

namespace croft {
namespace {

TEST(MemoryTreeTest, HasTheIdsThatGitGives) {
  auto repository = GitRepository::make();
  const GitRepository::Files files = {
      {"a.yaml", "a"}, {"dir/b.yaml", "b"}, {"dir.txt", "sorts before dir/"}, {"dir/deep/c", ""}};
  repository.commit(files);
  const auto tree = make_memory_tree(files);
  EXPECT_EQ(tree->id(), repository.git({"rev-parse", "HEAD^{tree}"}));
  EXPECT_EQ(tree->subtree("dir").value()->id(), repository.git({"rev-parse", "HEAD:dir"}));
  EXPECT_EQ(tree->entry("dir/b.yaml").value().id, repository.git({"rev-parse", "HEAD:dir/b.yaml"}));
}

TEST(MemoryTreeTest, ReadsAndRefusesLikeARealTree) {
  const auto tree = make_memory_tree({{"dir/b.yaml", "hello"}});
  const std::string id = tree->entry("dir/b.yaml").value().id;
  EXPECT_EQ(tree->read(id, 5).value(), "hello");
  EXPECT_EQ(tree->read(id, 4).error().code(), ErrorCode::Invalid);
  EXPECT_EQ(tree->blob_size(id).value(), 5U);
  EXPECT_EQ(tree->entry("dir/x").error().code(), ErrorCode::NotFound);
  EXPECT_EQ(tree->list("dir/b.yaml").error().code(), ErrorCode::NotFound);
  EXPECT_EQ(tree->list("../dir").error().code(), ErrorCode::Invalid);
  EXPECT_EQ(tree->entry("").value().id, tree->id());
}

TEST(MemoryTreeTest, EmptyTreeHasGitsEmptyTreeId) {
  const auto tree = make_memory_tree({});
  EXPECT_EQ(tree->id(), "4b825dc642cb6eb9a060e54bf8d69288fbee4904");
  EXPECT_TRUE(tree->list("").value().empty());
}

TEST(ListRecursivelyTest, GivesEveryFileAndStopsAtTheLimit) {
  const auto tree = make_memory_tree({{"b", "1"}, {"a/x", "2"}, {"a/y/z", "3"}});
  const auto files = list_recursively(*tree, 3);
  ASSERT_TRUE(files);
  ASSERT_EQ(files->size(), 3U);
  EXPECT_EQ((*files)[0].path, "a/x");
  EXPECT_EQ((*files)[1].path, "a/y/z");
  EXPECT_EQ((*files)[2].path, "b");
  EXPECT_EQ(list_recursively(*tree, 2).error().code(), ErrorCode::Invalid);
}

std::string describe(const TreeChange& change) {
  return (change.before ? change.before->id.substr(0, 4) : "new") + " " + change.path + " " +
         (change.after ? change.after->id.substr(0, 4) : "gone");
}

/// Counts the directories that are listed.
class CountingTree final : public FileTree {
 public:
  explicit CountingTree(std::shared_ptr<const FileTree> inner) : inner_(std::move(inner)) {}
  std::string id() const override { return inner_->id(); }
  Result<std::vector<TreeEntry>> list(std::string_view directory) const override {
    listed.emplace_back(directory);
    return inner_->list(directory);
  }
  Result<TreeEntry> entry(std::string_view path) const override { return inner_->entry(path); }
  Result<std::string> read(const std::string& id, std::size_t limit) const override {
    return inner_->read(id, limit);
  }
  Result<std::uint64_t> blob_size(const std::string& id) const override {
    return inner_->blob_size(id);
  }
  Result<std::shared_ptr<const FileTree>> subtree(std::string_view path) const override {
    return inner_->subtree(path);
  }
  mutable std::vector<std::string> listed;

 private:
  std::shared_ptr<const FileTree> inner_;
};

TEST(DiffTreesTest, GivesWhatChangedAndListsNothingElse) {
  const CountingTree before(
      make_memory_tree({{"a/x", "1"}, {"a/y", "1"}, {"b/deep/z", "1"}, {"c", "1"}}));
  const CountingTree after(
      make_memory_tree({{"a/x", "1"}, {"a/y", "2"}, {"b/deep/z", "1"}, {"d", "1"}}));
  const auto changes = diff_trees(before, after, 10);
  ASSERT_TRUE(changes);
  std::vector<std::string> described;
  for (const TreeChange& change : *changes) described.push_back(describe(change));
  EXPECT_EQ(described, (std::vector<std::string>{"56a6 a/y d826", "56a6 c gone", "new d 56a6"}));
  EXPECT_EQ(after.listed, (std::vector<std::string>{"", "a"}));
  EXPECT_TRUE(diff_trees(after, after, 0).value().empty());
  EXPECT_EQ(diff_trees(before, after, 2).error().code(), ErrorCode::Invalid);
}

TEST(DiffTreesTest, FileThatBecomesADirectoryIsGoneAndNew) {
  const auto before = make_memory_tree({{"x", "1"}, {"gone/a", "1"}, {"gone/b/c", "1"}});
  const auto after = make_memory_tree({{"x/inner", "1"}});
  const auto changes = diff_trees(*before, *after, 10);
  ASSERT_TRUE(changes);
  ASSERT_EQ(changes->size(), 4U);
  EXPECT_EQ((*changes)[0].path, "gone/a");
  EXPECT_EQ((*changes)[1].path, "gone/b/c");
  EXPECT_EQ((*changes)[2].path, "x");
  EXPECT_FALSE((*changes)[2].after);
  EXPECT_EQ((*changes)[3].path, "x/inner");
  EXPECT_FALSE((*changes)[3].before);
}

TEST(GitRepositoryTest, PushesForcePushesAndDeletesBranches) {
  auto bare = GitRepository::make_bare();
  auto work = bare.clone();
  const std::string first = work.commit({{"a", "1"}});
  work.push();
  EXPECT_EQ(bare.id_of("main"), first);
  work.write("a", "2");
  const std::string second = work.amend();
  work.force_push();
  EXPECT_EQ(bare.id_of("main"), second);
  EXPECT_EQ(bare.clone().id_of("HEAD"), second);
  bare.delete_branch("main");
  EXPECT_THROW(bare.id_of("main"), std::runtime_error);
}

}  // namespace
}  // namespace croft
