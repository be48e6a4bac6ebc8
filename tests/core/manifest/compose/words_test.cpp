#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <sys/resource.h>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/base/files.hpp"
#include "core/manifest/compose/form.hpp"
#include "tests/core/manifest/compose/corpus.hpp"

// What people read when a compose file is no good, or says what has no effect.

namespace croft::manifest {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

TEST(ComposeWordsTest, WhatIsWrongIsSaidAsItWasWrittenDown) {
  int count = 0;
  for (const auto& entry : fs::directory_iterator(CROFT_SOURCE_DIR "/tests/data/compose/refused")) {
    if (entry.path().extension() != ".yaml") continue;
    SCOPED_TRACE(entry.path().filename().string());
    const std::string text = read_file(entry.path(), 1 << 20).value();
    const std::string shown = complaints(
        load_stack({{"compose.yaml", text}, {"include.yaml", "include: [compose.yaml]\n"}}));
    fs::path golden = entry.path();
    golden.replace_extension(".txt");
    if (std::getenv("UPDATE_GOLDEN") != nullptr) {
      ASSERT_TRUE(write_file_atomic(golden, shown, 0644));
    }
    EXPECT_EQ(shown, read_file(golden, 1 << 20).value_or("there is no " + golden.string()));
    ++count;
  }
  EXPECT_GE(count, 14);
}

TEST(ComposeWordsTest, EveryKeyStandsInTheDocs) {
  const std::string docs = read_file(CROFT_SOURCE_DIR "/docs/compose.md", 1 << 20).value();
  for (const compose::KeyTable& table : compose::key_tables()) {
    const std::string heading = table.place.empty()
                                    ? "### Keys of the file itself\n"
                                    : "### Keys of `" + std::string(table.place) + "`\n";
    const std::size_t begin = docs.find(heading);
    ASSERT_NE(begin, std::string::npos) << heading;
    const std::string section = docs.substr(begin, docs.find("\n### ", begin + 1) - begin);
    for (const compose::Key& key : table.keys) {
      const std::string what = key.support == compose::Support::Honoured ? "honoured"
                               : key.support == compose::Support::Noted  ? "warned"
                                                                         : "refused";
      EXPECT_THAT(section, HasSubstr("| `" + std::string(key.name) + "` | " + what));
    }
    std::size_t rows = 0;
    for (std::size_t at = 0; (at = section.find("\n| `", at)) != std::string::npos; ++at) ++rows;
    EXPECT_EQ(rows, table.keys.size()) << heading << "has keys that Croft does not know";
  }
}

TEST(ComposeWordsTest, FilesThatAreNotThereAreShownInTheManifest) {
  EXPECT_THAT(complaints(load_stack({{"other.yaml", "a: b\n"}})),
              HasSubstr("hosting.yaml:5:9: error: there is no file 'compose.yaml'"));
}

TEST(ComposeWordsTest, LinksAndSubmodulesInThePlaceOfFilesAreSaid) {
  for (const auto& [content, why] :
       {std::pair<std::string, std::string>{"-> A=1", "is a symbolic link, which is not followed"},
        {"=> 1", "is a submodule, which is not read"}}) {
    const auto said = [&, &content = content](const std::string& compose, const std::string& path) {
      return complaints(load_stack({{"compose.yaml", compose},
                                    {"in.yaml", "services: {in: {image: a}}\n"},
                                    {path, content}}));
    };
    EXPECT_THAT(said("services: {web: {image: a}}\n", ".env"),
                HasSubstr("hosting.yaml:5:9: error: '.env' " + why));
    EXPECT_THAT(said("services: {web: {image: a, env_file: x}}\n", "x"),
                HasSubstr("compose.yaml:1:38: error: 'x' " + why));
    EXPECT_THAT(said("services: {web: {image: a, label_file: x}}\n", "x"),
                HasSubstr("compose.yaml:1:40: error: 'x' " + why));
    EXPECT_THAT(said("include: [{path: in.yaml, env_file: x}]\n", "x"),
                HasSubstr("compose.yaml:1:37: error: 'x' " + why));
    EXPECT_THAT(said("include: [x]\n", "x"), HasSubstr("compose.yaml:1:11: error: 'x' " + why));
  }
  EXPECT_EQ(complaints(load_stack({{"compose.yaml", "services: {web: {image: a}}\n"},
                                   {".env/x", "a directory of that name"}})),
            "");
}

TEST(ComposeWordsTest, ProjectsAreBounded) {
  std::string services = "services:\n";
  for (int i = 0; i < 201; ++i) services += "  s" + std::to_string(i) + ": {image: a}\n";
  EXPECT_THAT(complaints(load_compose(services)), HasSubstr("more than 200 services"));
  Files files{{"compose.yaml", "include: ["}};
  for (int i = 0; i < 60; ++i) {
    files[0].second += "f" + std::to_string(i) + ".yaml,";
    files.emplace_back("f" + std::to_string(i) + ".yaml",
                       "services: {s" + std::to_string(i) + ": {image: a}}\n");
  }
  files[0].second += "]\n";
  EXPECT_THAT(complaints(load_stack(files)), HasSubstr("more than 50 files"));
  EXPECT_THAT(complaints(load_compose("x: " + std::string(2 << 20, 'x'))),
              HasSubstr("'compose.yaml' is larger than 1024 KiB"));
}

TEST(ComposeWordsTest, WhatVariablesBecomeIsBounded) {
  std::string text = "services:\n  web:\n    image: a\n    labels:\n";
  for (int i = 0; i < 1000; ++i) text += "      l" + std::to_string(i) + ": \"$BIG\"\n";
  const std::string big(100'000, 'x');
  EXPECT_THAT(complaints(load_compose(text, "  variables: {BIG: " + big + "}\n")),
              HasSubstr("the values of the project are longer than 8 MiB"));
  EXPECT_THAT(complaints(load_compose("services: {web: {image: \"$BIG$BIG\"}}\n",
                                      "  variables: {BIG: " + big + "}\n")),
              HasSubstr("becomes longer than 131072 bytes"));
  std::string deep = "x";
  for (int i = 0; i < 30; ++i) deep = "${A:-" + deep + "}";
  EXPECT_THAT(web_complaints("    image: \"" + deep + "\"\n"), HasSubstr("nested deeper than 20"));
}

// The largest that this process has been, in KiB.
long peak_memory() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  return usage.ru_maxrss;
}

// Sanitizers keep what was freed.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr long kBoundedMemory = 2'000L << 10;
#else
constexpr long kBoundedMemory = 200L << 10;
#endif

TEST(ComposeWordsTest, WhatManyServicesExtendIsBounded) {
  std::string text =
      "services:\n  a:\n    image: a\n    hostname: \"" + std::string(900'000, 'x') + "\"\n";
  for (int i = 0; i < 1'900; ++i) text += "  s" + std::to_string(i) + ": {extends: {service: a}}\n";
  const long before = peak_memory();
  EXPECT_THAT(complaints(load_compose(text)),
              HasSubstr("the values of the project are longer than 8 MiB"));
  EXPECT_LT(peak_memory() - before, kBoundedMemory);
}

TEST(ComposeWordsTest, EnvironmentFilesOfIncludesAreBounded) {
  std::string names;
  Files files{{"compose.yaml", ""}, {"other.yaml", "services: {s: {image: a}}\n"}};
  for (int i = 0; i < 1'000; ++i) {
    const std::string name = "e" + std::to_string(i);
    names += name + ",";
    files.emplace_back(name, "A" + std::to_string(i) + "=" + std::string(100'000, 'x') + "\n");
  }
  files[0].second = "include:\n  - {path: other.yaml, env_file: [" + names + "]}\n";
  const long before = peak_memory();
  EXPECT_THAT(complaints(load_stack(std::move(files))),
              HasSubstr("error: the project's env files, and what is copied "
                        "into its services, are longer than 8 MiB in all"));
  EXPECT_LT(peak_memory() - before, kBoundedMemory);
}

TEST(ComposeWordsTest, IncludesAreBoundedWhetherTheirFilesAreThereOrNot) {
  std::string text = "include: [";
  for (int i = 0; i < 1'900; ++i) text += "gone.yaml,";
  EXPECT_THAT(complaints(load_stack({{"compose.yaml", text + "]\n"}, {".env", "A=1\n"}})),
              HasSubstr("more than 50 files"));
}

TEST(ComposeWordsTest, WhatLinesOfEnvironmentFilesBecomeIsBounded) {
  std::string lines = "A=" + std::string(100'000, 'x') + "\n";
  for (int i = 0; i < 1'900; ++i) lines += "B" + std::to_string(i) + "=$A\n";
  const long before = peak_memory();
  EXPECT_THAT(
      complaints(load_stack({{"compose.yaml", "services: {web: {image: a}}\n"}, {".env", lines}})),
      HasSubstr(".env:11:1: error: the values of this file are longer than 1024 KiB"));
  EXPECT_THAT(
      complaints(load_stack(
          {{"compose.yaml", "services: {web: {image: a, env_file: env}}\n"}, {"env", lines}})),
      HasSubstr("env:11: the values of this file are longer than 1024 KiB"));
  EXPECT_LT(peak_memory() - before, kBoundedMemory);
}

TEST(ComposeWordsTest, WhatServicesAreGivenIsBounded) {
  std::string file = "services:\n";
  std::string grant = "configs: {c: {content: \"" + std::string(100'000, 'x') + "\"}}\nservices:\n";
  for (int i = 0; i < 150; ++i) {
    const std::string name = "  s" + std::to_string(i);
    file += name + ": {image: a, env_file: env}\n";
    grant += name + ": {image: a, configs: [c]}\n";
  }
  EXPECT_THAT(complaints(load_stack(
                  {{"compose.yaml", file}, {"env", "A=" + std::string(100'000, 'x') + "\n"}})),
              HasSubstr("are longer than 8 MiB in all"));
  EXPECT_THAT(complaints(load_compose(grant)), HasSubstr("are longer than 8 MiB in all"));
}

TEST(ComposeWordsTest, WhatMergeKeysBringIsBounded) {
  std::string maps;
  for (int map = 0; map < 50; ++map) {
    maps += "{";
    for (int i = 0; i < 1'500; ++i) maps += fmt::format("k{}_{}: ,", map, i);
    maps += "},";
  }
  const LoadedSet set = load_compose("services: {web: {image: a, labels: {<<: [" + maps + "]}}}\n");
  EXPECT_THAT(complaints(set), HasSubstr("compose.yaml:1:41: error: '<<' brings more than 2000"));
}

TEST(ComposeWordsTest, AliasesDoNotBecomeBombs) {
  std::string text = "x-a: &a [1,1,1,1,1,1,1,1,1,1]\n";
  for (char c = 'b'; c < 'h'; ++c) {
    const std::string before(1, static_cast<char>(c - 1));
    text += std::string("x-") + c + ": &" + c + " [";
    for (int i = 0; i < 10; ++i) text += "*" + before + ",";
    text += "]\n";
  }
  EXPECT_THAT(complaints(load_compose(text)), HasSubstr("aliases expand to more than"));
}

}  // namespace
}  // namespace croft::manifest
