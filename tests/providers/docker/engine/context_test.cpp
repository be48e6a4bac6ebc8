#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "core/archive/tar.hpp"
#include "providers/docker/engine/build_context.hpp"
#include "providers/docker/engine/dockerignore.hpp"
#include "tests/support/run_task.hpp"

namespace croft::docker {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

struct IgnoreCase {
  const char* text;
  std::vector<const char*> out;
  std::vector<const char*> in;
};

TEST(DockerIgnoreTest, ReadsPatternsAsDockerDoes) {
  // From the tests of moby/patternmatcher and the documentation's words.
  const std::vector<IgnoreCase> cases = {
      {"", {}, {"a"}},
      {"# a comment\n\n  \n", {}, {"# a comment"}},
      {"a", {"a", "a/b", "a/b/c"}, {"b/a", "ab"}},
      {"/a", {"a"}, {"b/a"}},
      {"a/", {"a", "a/b"}, {}},
      {"./a//b/../c", {"a/c"}, {"a/b"}},
      {"*", {"a", "a/b", ".hidden"}, {}},
      {"*.md", {"x.md"}, {"a/x.md", "x.mdx"}},
      {"*/*.md", {"a/x.md"}, {"x.md", "a/b/x.md"}},
      {"**/*.md", {"x.md", "a/x.md", "a/b/x.md"}, {"x.txt"}},
      {"**/a", {"a", "b/a", "b/c/a", "b/a/c"}, {"ba", "b/ca"}},
      {"a/**", {"a/b", "a/b/c"}, {"a", "b/a"}},
      {"a/**/z", {"a/z", "a/b/z", "a/b/c/z"}, {"a/bz", "z"}},
      {"a**/z", {"a/z", "ab/z", "ab/c/z"}, {"ba/z"}},
      {"*a**/z", {"az", "xaaz/z", "aab/c/z", "aa/z"}, {"x/az"}},
      {"temp?", {"tempa"}, {"temp", "tempab", "temp/"}},
      {"[a-c]x", {"ax", "cx"}, {"dx"}},
      {"[^a-c]x", {"dx"}, {"ax"}},
      {"a\\*b", {"a*b"}, {"axb"}},
      {"a.b", {"a.b"}, {"axb"}},
      {"a(b)|{c}$+", {"a(b)|{c}$+"}, {}},
      {"?\n", {"\xc3\xa9"}, {"ab"}},
      {"*.md\n!README.md", {"x.md"}, {"README.md"}},
      {"*.md\n!README*.md\nREADME-secret.md", {"README-secret.md"}, {"README-x.md"}},
      {"*\n!src", {"a", "src2"}, {"src", "src/a/b"}},
      {"*\n! src/*.c ", {"src/a.h"}, {"src/a.c"}},
      {"a\n!a/b/c", {"a/b/d", "a/x"}, {"a/b/c", "a/b/c/d"}},
      {"a\n!**/keep", {"a/b"}, {"a/keep", "a/b/keep"}},
      {"\xef\xbb\xbf"
       "a\r\nb\r\n",
       {"a", "b"},
       {}},
      {"../a", {}, {"a"}},
  };
  for (const IgnoreCase& each : cases) {
    const auto ignore = DockerIgnore::parse(each.text);
    ASSERT_TRUE(ignore) << each.text << ": " << ignore.error().describe();
    for (const char* path : each.out)
      EXPECT_TRUE(ignore->excludes(path)) << each.text << ": " << path;
    for (const char* path : each.in)
      EXPECT_FALSE(ignore->excludes(path)) << each.text << ": " << path;
  }
}

TEST(DockerIgnoreTest, SaysWhichLineIsNoPattern) {
  for (const char* text : {"a\n[", "a\n[]", "a\nx[a-", "a\n[z-a]", "a\nb\\", "a\n!", "a\n! "}) {
    const auto ignore = DockerIgnore::parse(text);
    ASSERT_FALSE(ignore) << text;
    EXPECT_THAT(ignore.error().describe(), HasSubstr(".dockerignore:2")) << text;
  }
}

RC_GTEST_PROP(DockerIgnoreTest, AnythingIsReadOrRefusedAndMatchedInGoodTime, ()) {
  const auto letters = rc::gen::elementOf(std::string("ab*?[]^-\\/!.\n\xc3\xa9"));
  const auto text = *rc::gen::container<std::string>(letters);
  const auto path = *rc::gen::container<std::string>(rc::gen::elementOf(std::string("ab/.")));
  const auto ignore = DockerIgnore::parse(text);
  if (ignore) (void)ignore->excludes(path);
}

TEST(DockerIgnoreTest, ManyStarsTakeNoTime) {
  std::string pattern;
  for (int i = 0; i < 200; ++i) pattern += "a*";
  const auto ignore = DockerIgnore::parse(pattern + "b");
  ASSERT_TRUE(ignore);
  EXPECT_FALSE(ignore->excludes(std::string(2000, 'a')));
}

class BuildContextTest : public testing::Test {
 protected:
  /// The context as "MODE PATH" and " -> TARGET" or "=CONTENT".
  std::vector<std::string> context(std::vector<std::pair<std::string, std::string>> files,
                                   const std::string& dockerfile = "Dockerfile",
                                   ContextLimits limits = {}) {
    const auto read = [this, limits](std::shared_ptr<const FileTree> tree,
                                     std::string name) -> Task<Result<std::vector<std::string>>> {
      CO_TRY_ASSIGN(const ByteSource source, co_await build_context(tree, name, pool, limits));
      TarReader reader;
      std::vector<std::string> lines;
      for (;;) {
        CO_TRY_ASSIGN(const std::string piece, co_await source());
        if (piece.empty()) break;
        CO_TRY_ASSIGN(const auto parts, reader.feed(piece));
        for (const auto& part : parts) {
          if (const auto* head = std::get_if<TarEntry>(&part))
            lines.push_back(head->path);
          else
            lines.back() += "=" + std::get<std::string>(part);
        }
      }
      EXPECT_TRUE(reader.is_at_end());
      co_return lines;
    };
    const auto lines = run_task(io, read(make_memory_tree(std::move(files)), dockerfile));
    if (!lines) return {lines.error().describe()};
    return *lines;
  }

  asio::io_context io;
  BlockingPool pool{1};
};

TEST_F(BuildContextTest, HasDirectoriesAndFilesThatAreNotIgnored) {
  EXPECT_THAT(context({{"Dockerfile", "FROM x"},
                       {".dockerignore", "*\n!src\nsrc/*.o"},
                       {"secret", "s"},
                       {"src/deep/a", "A"},
                       {"src/b.o", "B"}}),
              ElementsAre(".dockerignore=*\n!src\nsrc/*.o", "Dockerfile=FROM x", "src/",
                          "src/deep/", "src/deep/a=A"));
}

TEST_F(BuildContextTest, TheDockerfilesOwnIgnoreFileGoesFirst) {
  EXPECT_THAT(context({{"web.Dockerfile", "F"},
                       {"web.Dockerfile.dockerignore", "a\nweb.*"},
                       {".dockerignore", "b"},
                       {"a", "A"},
                       {"b", "B"}},
                      "web.Dockerfile"),
              ElementsAre(".dockerignore=b", "b=B", "web.Dockerfile=F"));
}

TEST_F(BuildContextTest, ItsSizeIsBounded) {
  const std::vector<std::pair<std::string, std::string>> files = {{"a", std::string(1000, 'x')},
                                                                  {"b", std::string(1000, 'x')}};
  EXPECT_THAT(context(files, "a", {.files = 1})[0], HasSubstr("reading the build context"));
  EXPECT_THAT(context(files, "a", {.file_bytes = 999})[0], HasSubstr("reading the build context"));
  EXPECT_THAT(context(files, "a", {.bytes = 1999})[0], HasSubstr("together"));
  EXPECT_EQ(context(files, "a", {.bytes = 2000}).size(), 2U);
}

TEST_F(BuildContextTest, ALargeFileComesInPieces) {
  const std::string large(1'000'000, 'x');
  std::size_t size = 0;
  for (const std::string& part : context({{"large", large}})) size += part.size();
  EXPECT_GE(size, large.size());
}

}  // namespace
}  // namespace croft::docker
