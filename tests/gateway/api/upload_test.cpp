#include "gateway/api/upload.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/base/base64.hpp"
#include "tests/support/git_repository.hpp"

namespace croft {
namespace {

using testing::HasSubstr;

constexpr const char* kHello = "ce013625030ba8dba906f756967f9e9ca394464a";  // of "hello\n"

Value upload_of(const std::string& path, const std::string& mode = "100644",
                const std::string& id = kHello) {
  Value files(Value::List{Value::map({{"path", path}, {"mode", mode}, {"id", id}})});
  return Value::map({{"files", std::move(files)}, {"blobs", Value::list()}});
}

TEST(UploadTest, GivesTheIdsThatGitGives) {
  GitRepository repository = GitRepository::make();
  repository.write("site.yaml", "kind: Site\n");
  repository.write("a/app.py", "print(1)\n");
  repository.write("a.b/x", "x");  // sorts before "a/" as Git sorts
  repository.write("a-b", "x");
  repository.write_executable("a/run.sh", "#!/bin/sh\n");
  repository.link("link", "a/app.py");
  repository.write("deep/er/and/deeper/f.yml", "\xff\xfe");
  repository.commit();
  const auto tree = open_revision(repository.path().string(), "HEAD");
  ASSERT_TRUE(tree) << tree.error().describe();
  const Result<Value> upload = to_upload(**tree);
  ASSERT_TRUE(upload) << upload.error().describe();
  const auto read = tree_from_upload(parse_json(to_json(*upload)).value());
  ASSERT_TRUE(read) << read.error().describe();
  EXPECT_EQ((*read)->id(), repository.git({"rev-parse", "HEAD^{tree}"}));
  EXPECT_EQ((*read)->entry("a")->id, repository.git({"rev-parse", "HEAD:a"}));
  EXPECT_EQ((*read)->entry("a/run.sh")->mode, FileMode::Executable);
  EXPECT_EQ((*read)->read((*read)->entry("site.yaml")->id, 100).value(), "kind: Site\n");
  EXPECT_EQ((*read)->read((*read)->entry("deep/er/and/deeper/f.yml")->id, 100).value(), "\xff\xfe");
  EXPECT_EQ((*read)->read((*read)->entry("a/app.py")->id, 100).error().code(), ErrorCode::NotFound);
  EXPECT_EQ((*read)->subtree("a").value()->id(), repository.git({"rev-parse", "HEAD:a"}));
}

TEST(UploadTest, SendsEachContentOnceAndLargeOnesByTheirSize) {
  const auto tree = make_memory_tree({{"a.yaml", "same"},
                                      {"b.yaml", "same"},
                                      {"big.yaml", std::string(5'000, 'x')},
                                      {"c.txt", "not sent"}});
  UploadLimits limits;
  limits.content = 1'000;
  const Value upload = to_upload(*tree, limits).value();
  EXPECT_EQ(upload.find("files")->size(), 4u);
  EXPECT_EQ(upload.find("blobs")->size(), 2u);
  const auto read = tree_from_upload(upload, limits).value();
  const std::string big = read->entry("big.yaml")->id;
  EXPECT_EQ(read->blob_size(big).value(), 5'000u);
  EXPECT_EQ(read->read(big, 1'000).error().code(), ErrorCode::Invalid);
  EXPECT_EQ(read->id(), tree->id());
}

TEST(UploadTest, AnEmptyTreeIsGitsEmptyTree) {
  const auto tree =
      tree_from_upload(Value::map({{"files", Value::list()}, {"blobs", Value::list()}}));
  EXPECT_EQ((*tree)->id(), "4b825dc642cb6eb9a060e54bf8d69288fbee4904");
}

TEST(UploadTest, RefusesPathsThatGitWouldNotTake) {
  for (const std::string& path :
       {std::string(""), std::string("/etc/passwd"), std::string("../x"), std::string("a/../b"),
        std::string("a//b"), std::string("a/"), std::string("./a"), std::string(".git/config"),
        std::string("a/.git"), std::string("a\0b", 3), std::string(5'000, 'x')}) {
    const auto tree = tree_from_upload(upload_of(path));
    ASSERT_FALSE(tree) << path;
    EXPECT_EQ(tree.error().code(), ErrorCode::Invalid) << path;
  }
  std::string deep = "x";
  for (int i = 0; i < 1'000; ++i) deep += "/x";
  EXPECT_FALSE(tree_from_upload(upload_of(deep)));
}

TEST(UploadTest, RefusesListingsThatContradictThemselves) {
  const auto file = [](const std::string& path) {
    return Value::map({{"path", path}, {"mode", "100644"}, {"id", kHello}});
  };
  for (const auto& [a, b] : {std::pair("x", "x"), std::pair("x", "x/y"), std::pair("x/y", "x")}) {
    const Value upload =
        Value::map({{"files", Value(Value::List{file(a), file(b)})}, {"blobs", Value::list()}});
    EXPECT_FALSE(tree_from_upload(upload)) << a << " " << b;
  }
  EXPECT_FALSE(tree_from_upload(upload_of("x", "40000")));
  EXPECT_FALSE(tree_from_upload(upload_of("x", "100644", "abc")));
  EXPECT_FALSE(tree_from_upload(upload_of("x", "100644", std::string(40, 'z'))));
}

TEST(UploadTest, RefusesContentThatIsNotItsIds) {
  const auto with_blob = [](Value blob) {
    return Value::map({{"files", Value::list()}, {"blobs", Value(Value::List{std::move(blob)})}});
  };
  EXPECT_TRUE(
      tree_from_upload(with_blob(Value::map({{"id", kHello}, {"size", 6}, {"text", "hello\n"}}))));
  EXPECT_TRUE(tree_from_upload(
      with_blob(Value::map({{"id", kHello}, {"size", 6}, {"base64", "aGVsbG8K"}}))));
  EXPECT_FALSE(
      tree_from_upload(with_blob(Value::map({{"id", kHello}, {"size", 6}, {"text", "hellO\n"}}))));
  EXPECT_FALSE(
      tree_from_upload(with_blob(Value::map({{"id", kHello}, {"size", 5}, {"text", "hello\n"}}))));
  EXPECT_FALSE(tree_from_upload(with_blob(Value::map({{"id", kHello}, {"size", -1}}))));
  EXPECT_FALSE(
      tree_from_upload(with_blob(Value::map({{"id", kHello}, {"size", 6}, {"base64", "a*b="}}))));
}

TEST(UploadTest, KeepsItsBounds) {
  std::vector<std::pair<std::string, std::string>> files;
  for (int i = 0; i < 11; ++i)
    files.emplace_back("f" + std::to_string(i) + ".yaml", std::to_string(i) + "0123456789");
  const auto tree = make_memory_tree(files);
  UploadLimits few;
  few.files = 10;
  EXPECT_FALSE(to_upload(*tree, few));
  UploadLimits small;
  small.total = 100;
  const Result<Value> large = to_upload(*tree, small);
  ASSERT_FALSE(large);
  EXPECT_THAT(large.error().describe(), HasSubstr("100B"));
  const Value upload = to_upload(*tree).value();
  EXPECT_FALSE(tree_from_upload(upload, few));
  EXPECT_FALSE(tree_from_upload(upload, small));
}

}  // namespace
}  // namespace croft
