#include "providers/docker/archive_guard.hpp"

#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/tar_archive.hpp"

namespace croft::docker {
namespace {

using testing::HasSubstr;

/// What the guard lets through, fed in pieces as they come over a network.
Result<std::string> guarded(const std::string& archive, std::uint64_t limit = 1 << 20) {
  ArchiveGuard guard(limit);
  std::string out;
  for (std::size_t at = 0; at < archive.size(); at += 700) {
    TRY_ASSIGN(const std::string piece, guard.feed(std::string_view(archive).substr(at, 700)));
    out += piece;
  }
  TRY_ASSIGN(const std::string rest, guard.finish());
  return out + rest;
}

std::string why_not(const std::string& archive, std::uint64_t limit = 1 << 20) {
  const Result<std::string> passed = guarded(archive, limit);
  return passed ? "" : passed.error().describe();
}

TarEntry entry(const std::string& path, TarType type, const std::string& target = "") {
  TarEntry made;
  made.path = path;
  made.type = type;
  made.target = target;
  return made;
}

std::string one(const std::string& path, TarType type, const std::string& target = "") {
  return archive_of({{entry(path, type, target), ""}});
}

TEST(ArchiveGuardTest, StopsWhatLeadsOutside) {
  for (const char* path : {"../x", "/x", "a/../../x"}) EXPECT_NE(why_not(archive_of(path, "")), "");
  EXPECT_NE(why_not(archive_of("../" + std::string(150, 'n'), "")), "");
  EXPECT_NE(why_not(one("hard", TarType::HardLink, "../../etc/shadow")), "");
  EXPECT_NE(why_not(archive_of({{entry("a", TarType::Link, "/etc"), ""},
                                {entry("b", TarType::HardLink, "a"), ""},
                                {entry("b/x", TarType::File, ""), "x"}})),
            "")
      << "a hard link to a link is one";
  EXPECT_NE(why_not(std::string(512, 'x')), "");
  EXPECT_NE(why_not(archive_of("a", std::string(1500, 'x')).substr(0, 1024)), "") << "cut short";
}

TEST(ArchiveGuardTest, StopsWhatLeadsThroughALinkOfTheArchive) {
  const TarEntry link = entry("a/link", TarType::Link, "/etc");
  EXPECT_EQ(why_not(one("a/link", TarType::Link, "/anywhere")), "");
  EXPECT_THAT(why_not(archive_of({{link, ""}, {entry("a/link/passwd", TarType::File), "x"}})),
              HasSubstr("'a/link', which is a link"));
  EXPECT_NE(
      why_not(archive_of({{link, ""}, {entry("hard", TarType::HardLink, "./a//link/shadow"), ""}})),
      "");
  EXPECT_EQ(why_not(archive_of({{link, ""},
                                {entry("a/link/", TarType::Directory), ""},
                                {entry("a/link/file", TarType::File), "x"}})),
            "")
      << "a directory took its place";
}

TEST(ArchiveGuardTest, StopsDevicesAndPipesAndWhatIsTooDeep) {
  EXPECT_THAT(why_not(one("disk", TarType::BlockDevice)), HasSubstr("'disk' in the archive"));
  EXPECT_NE(why_not(one("tty", TarType::CharacterDevice)), "");
  EXPECT_THAT(why_not(one("pipe", TarType::Fifo)), HasSubstr("is a pipe"));
  EXPECT_THAT(why_not(one("./", TarType::Link, "/etc")), HasSubstr("the volume itself"));
  std::string deep = "x";
  for (int i = 0; i < 255; ++i) deep += "/x";
  EXPECT_EQ(why_not(archive_of(deep, "")), "");
  EXPECT_NE(why_not(archive_of(deep + "/x", "")), "");
}

TEST(ArchiveGuardTest, CountsContentAndEntries) {
  EXPECT_EQ(why_not(archive_of("a", std::string(4 << 10, 'x')), 8 << 10), "");
  EXPECT_THAT(why_not(archive_of("a", std::string((4 << 10) + 1, 'x')), 8 << 10),
              HasSubstr("raise the volume's size"));
  std::vector<std::pair<TarEntry, std::string>> many;
  for (int i = 0; i < 10; ++i) many.push_back({entry(std::to_string(i), TarType::File), ""});
  EXPECT_EQ(why_not(archive_of(many), 40 << 10), "");
  EXPECT_NE(why_not(archive_of(many), 36 << 10), "");
}

TEST(ArchiveGuardTest, WhatPassesIsTheSameWithoutSetUserBitsAndAttributes) {
  TarEntry tool = entry("dir/tool", TarType::File);
  tool.mode = 06755;
  tool.uid = 1000;
  tool.modified = 1'700'000'000;
  tool.extras = {{"SCHILY.xattr.security.capability", "all of them"}};
  TarEntry directory = entry("dir/", TarType::Directory);
  directory.mode = 03777;
  const std::string content(1500, 'x');
  const std::string name(150, 'n');
  const std::string archive = archive_of({{directory, ""},
                                          {tool, content},
                                          {entry("empty", TarType::File), ""},
                                          {entry(name, TarType::File), "long"},
                                          {entry("link", TarType::Link, "tool"), ""}});
  tool.mode = 0755;
  tool.extras.clear();
  directory.mode = 01777;
  EXPECT_EQ(guarded(archive).value(), archive_of({{directory, ""},
                                                  {tool, content},
                                                  {entry("empty", TarType::File), ""},
                                                  {entry(name, TarType::File), "long"},
                                                  {entry("link", TarType::Link, "tool"), ""}}));
}

TEST(ExportFilterTest, LeavesOutWhatCannotComeInAgain) {
  TarEntry tool = entry("tool", TarType::File);
  tool.mode = 04755;
  const std::string archive = archive_of({{entry("pipe", TarType::Fifo), ""},
                                          {tool, std::string(600, 'x')},
                                          {entry("disk", TarType::BlockDevice), ""}});
  ExportFilter filter;
  std::string out = filter.feed(archive).value();
  out += filter.finish().value();
  EXPECT_EQ(out, archive_of({{tool, std::string(600, 'x')}}));
}

}  // namespace
}  // namespace croft::docker
