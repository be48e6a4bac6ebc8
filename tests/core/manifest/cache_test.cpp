#include "core/manifest/cache.hpp"

#include <malloc.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/manifest/locate.hpp"
#include "tests/core/manifest/loading.hpp"

namespace croft::manifest {
namespace {

using testing::HasSubstr;

using Files = std::vector<std::pair<std::string, std::string>>;

const LoadRequest kRequest{.source = "alice/main", .tenant = "alice"};

std::string site(int i, std::string_view more = "") {
  return "apiVersion: croft/v1\nkind: Site\nmetadata: {name: s" + std::to_string(i) +
         "}\nspec:\n  files: {path: public}\n" + std::string(more);
}

Files hundred_files() {
  Files files;
  for (int i = 0; i < 100; ++i)
    files.emplace_back("d" + std::to_string(i / 10) + "/s" + std::to_string(i) + ".yaml", site(i));
  for (int i = 0; i < 50; ++i)
    files.emplace_back("public/" + std::to_string(i) + "/index.html", "<p>");
  return files;
}

TEST(DocumentCacheTest, AnUnchangedTreeIsNotReadAgain) {
  DocumentCache cache;
  const CountingTree first(hundred_files());
  ASSERT_TRUE(load(first, kRequest, cache));
  const CountingTree second(hundred_files());
  const auto set = load(second, kRequest, cache);
  EXPECT_EQ(set->resources.size(), 100u);
  EXPECT_EQ(second.lists, 0);
  EXPECT_EQ(second.reads, 0);
}

TEST(DocumentCacheTest, OneChangedFileCostsOneFileAndItsDirectories) {
  DocumentCache cache;
  Files files = hundred_files();
  ASSERT_TRUE(load(CountingTree(files), kRequest, cache));
  files[42].second = site(42, "  retain: 7\n");
  const CountingTree changed(files);
  const auto set = load(changed, kRequest, cache);
  EXPECT_EQ(set->statistics.files_parsed, 1u);
  EXPECT_EQ(set->statistics.files, 100u);
  EXPECT_EQ(changed.reads, 1);
  EXPECT_EQ(changed.lists, 2);
  EXPECT_EQ(set->resources[42].spec->integer_or("retain", 0), 7);
}

TEST(DocumentCacheTest, AMovedFileIsNotReadAgainButKnowsItsNewPlace) {
  DocumentCache cache;
  ASSERT_TRUE(load(CountingTree({{"a.yaml", site(1)}}), kRequest, cache));
  const CountingTree moved({{"b.yaml", site(1)}});
  const auto set = load(moved, kRequest, cache);
  EXPECT_EQ(moved.reads, 0);
  EXPECT_EQ(set->resources[0].origin.file, "b.yaml");
}

TEST(DocumentCacheTest, MistakesAreFoundAgainEveryTime) {
  DocumentCache cache;
  const Files files{{"a.yaml", site(1)}, {"b.yaml", site(2, "  oops: 1\n")}};
  const auto first = load(CountingTree(files), kRequest, cache);
  const auto second = load(CountingTree(files), kRequest, cache);
  EXPECT_EQ(complaints(*first), complaints(*second));
  EXPECT_FALSE(second->is_usable());
  EXPECT_EQ(second->statistics.files_parsed, 1u);
}

TEST(DocumentCacheTest, MistakesBetweenRememberedFilesHaveTheirPlace) {
  DocumentCache cache;
  const Files files{{"a.yaml", site(1)}, {"b.yaml", site(2)}};
  ASSERT_TRUE(load(CountingTree(files), kRequest, cache)->is_usable());
  const auto set =
      load(CountingTree({{"a.yaml", site(1)}, {"b.yaml", site(2)}, {"c.yaml", site(1)}}), kRequest,
           cache);
  EXPECT_THAT(complaints(*set),
              HasSubstr("c.yaml:3:18: error: Site/s1 is declared twice; first at a.yaml:2"));
}

TEST(DocumentCacheTest, AnotherScopeDoesNotSeeWhatWasRemembered) {
  DocumentCache cache;
  const Files files{
      {"a.yaml",
       "apiVersion: croft/v1\nkind: Provider\nmetadata: {name: p}\nspec: {adapter: site}\n"}};
  EXPECT_TRUE(load(CountingTree(files), {.scope = SourceScope::Platform}, cache)->is_usable());
  EXPECT_FALSE(load(CountingTree(files), kRequest, cache)->is_usable());
}

TEST(DocumentCacheTest, ContentThatBecomesSomethingElseIsJudgedAgain) {
  DocumentCache cache;
  const std::string forgotten = "kind: Site\nmetadata: {name: x}\n";
  EXPECT_TRUE(
      load(CountingTree({{"a.yaml", site(1)}, {"public/x.yaml", forgotten}}), kRequest, cache)
          ->is_usable());
  EXPECT_FALSE(load(CountingTree({{"public/x.yaml", forgotten}}), kRequest, cache)->is_usable());
}

TEST(DocumentCacheTest, EqualSpecsAreKeptOnceAcrossSources) {
  const auto pool = std::make_shared<SpecPool>();
  DocumentCache a(pool);
  DocumentCache b(pool);
  const auto first = load(CountingTree({{"a.yaml", site(1)}}), kRequest, a);
  const auto second =
      load(CountingTree({{"b.yaml", site(2)}}), {.source = "bob/main", .tenant = "bob"}, b);
  EXPECT_EQ(first->resources[0].spec, second->resources[0].spec);
}

std::size_t bytes_in_use() {
  const auto use = mallinfo2();
  return use.uordblks + use.hblkhd;
}

// What a load leaves behind for each resource, cache and set together.
std::size_t bytes_a_resource(bool is_spec_shared) {
  constexpr int kCount = 5000;
  Files files;
  for (int i = 0; i < kCount; ++i) {
    const std::string number = std::to_string(i);
    files.emplace_back("d" + std::to_string(i / 50) + "/app" + number + ".yaml",
                       "apiVersion: croft/v1\nkind: Instance\nmetadata: {name: app" + number +
                           "}\nspec:\n  command: [python3, app.py, --number, \"" +
                           (is_spec_shared ? "1" : number) +
                           "\"]\n  files: {path: api}\n  env: {GREETING: hello}\n"
                           "  resources: {cpu: 250m, memory: 128MiB}\n  health: {http: /healthz, "
                           "startWithin: 20s}\n");
  }
  const CountingTree tree(std::move(files));
  const std::size_t before = bytes_in_use();
  DocumentCache cache;
  const auto set = load(tree, kRequest, cache);
  const std::size_t after = bytes_in_use();
  EXPECT_EQ(set->resources.size(), static_cast<std::size_t>(kCount));
  return (after - before) / kCount;
}

TEST(DocumentCacheTest, AResourceWithASharedSpecCostsLessThanAKibibyte) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "a sanitizer's allocator keeps no count";
#endif
  const std::size_t shared = bytes_a_resource(true);
  const std::size_t own = bytes_a_resource(false);
  std::printf("bytes a resource: %zu with a shared spec, %zu with one of its own\n", shared, own);
  EXPECT_LE(shared, 640u);
  EXPECT_LE(own, 2560u);
}

TEST(LocateTest, FindsFieldsListsAndKeysWithDots) {
  const std::string text =
      "---\n---\nkind: Instance\nmetadata: {name: x, labels: {a.b/c: d}}\nspec:\n  http:\n    "
      "hosts:\n      - a.dev\n      - b.dev\n";
  EXPECT_EQ(locate(text, 1, "spec.http.hosts[1]").line, 9);
  EXPECT_EQ(locate(text, 1, "spec.http.hosts[1]").column, 9);
  EXPECT_EQ(locate(text, 1, "spec.http.hosts[1]").span, 5);
  EXPECT_EQ(locate(text, 1, "metadata.labels.a.b/c").column, 37);
  EXPECT_EQ(locate(text, 1, "spec.http").line, 6);
  EXPECT_EQ(locate(text, 1, "spec.http.port").line, 6)
      << "what is not written is shown where it would stand";
  EXPECT_EQ(locate(text, 5, "spec").line, 0);
  EXPECT_EQ(locate("a: [", 0, "spec").line, 0);
}

}  // namespace
}  // namespace croft::manifest
