#include "core/archive/tar.hpp"

#include <cstdio>
#include <filesystem>
#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "core/base/child.hpp"
#include "core/base/files.hpp"

namespace croft {
namespace {

using testing::HasSubstr;

struct File {
  TarEntry head;
  std::string content;
  bool operator==(const File&) const = default;
};

Result<std::vector<File>> read(std::string_view archive, std::size_t piece) {
  TarReader reader;
  std::vector<File> files;
  for (std::size_t at = 0; at < archive.size(); at += piece) {
    TRY_ASSIGN(auto parts, reader.feed(archive.substr(at, piece)));
    for (TarReader::Part& part : parts) {
      if (auto* head = std::get_if<TarEntry>(&part))
        files.push_back({std::move(*head), {}});
      else
        files.back().content += std::get<std::string>(part);
    }
  }
  TRY(reader.finish());
  return files;
}

std::string write(const std::vector<File>& files) {
  TarWriter writer;
  std::string archive;
  for (const File& file : files)
    archive += writer.begin(file.head).value() + file.content + writer.padding(file.content.size());
  return archive + writer.finish();
}

File file(std::string path, std::string content) {
  File made;
  made.head.path = std::move(path);
  made.head.size = content.size();
  made.content = std::move(content);
  return made;
}

rc::Gen<std::string> text(const std::string& letters, std::size_t most) {
  return rc::gen::mapcat(rc::gen::inRange<std::size_t>(1, most), [letters](std::size_t size) {
    return rc::gen::container<std::string>(size, rc::gen::elementOf(letters));
  });
}

File any_file() {
  File made = file(*text("ab/.\xc3\xa9", 400), *rc::gen::arbitrary<std::string>());
  made.head.mode = *rc::gen::inRange(0U, 010000U);
  made.head.uid = *rc::gen::arbitrary<std::int64_t>();
  made.head.gid = *rc::gen::inRange<std::int64_t>(0, 5'000'000);
  made.head.modified = *rc::gen::arbitrary<std::int32_t>();
  made.head.user = *text("us er", 40);
  if (*rc::gen::arbitrary<bool>()) made.head.extras["SCHILY.xattr.user.x"] = *text("x=\n", 20);
  if (*rc::gen::inRange(0, 4) == 0) {
    made.head.type = TarType::Link;
    made.head.target = *text("../ab", 300);
    made.head.size = 0;
    made.content.clear();
  }
  return made;
}

RC_GTEST_PROP(TarTest, ReadsWhatItWroteHoweverItIsCut, ()) {
  std::vector<File> files;
  const auto count = *rc::gen::inRange(0, 5);
  for (int i = 0; i < count; ++i) files.push_back(any_file());
  const auto piece = *rc::gen::inRange<std::size_t>(1, 2000);
  const auto got = read(write(files), piece);
  RC_ASSERT(got.has_value());
  RC_ASSERT(*got == files);
}

RC_GTEST_PROP(TarTest, GarbageIsAnErrorAndNoCrash, (std::string garbage)) {
  garbage.resize(600, 'x');
  RC_ASSERT(!read(garbage, 100).has_value());
}

RC_GTEST_PROP(TarTest, AFlippedByteIsNeverMoreThanTheArchive, ()) {
  std::vector<File> files = {any_file(), any_file()};
  std::string archive = write(files);
  const auto at = *rc::gen::inRange<std::size_t>(0, archive.size());
  archive[at] = static_cast<char>(*rc::gen::arbitrary<char>());
  const auto got = read(archive, 512);
  if (!got) return;
  std::size_t total = 0;
  for (const File& each : *got) total += each.content.size();
  RC_ASSERT(total <= archive.size());
}

TEST(TarTest, WhatIsCutShortIsInvalid) {
  const std::string archive = write({file("a", "content")});
  EXPECT_TRUE(read(archive.substr(0, 1024), 100));  // without its end mark, as GNU tar takes it
  for (const std::size_t size : {100U, 512U, 515U, 1000U}) {
    const auto got = read(archive.substr(0, size), 100);
    ASSERT_FALSE(got) << size;
    EXPECT_THAT(got.error().describe(), HasSubstr("cut short"));
  }
}

TEST(TarTest, ManyHeadsBeforeAnEntryAreBounded) {
  std::string archive;
  for (char c = 'a'; c <= 'z'; ++c) {
    TarEntry entry{.path = "f"};
    entry.extras[std::string("X.") + c] = std::string(500'000, 'x');
    // The head of records without the entry's own.
    const std::string both = TarWriter().begin(entry).value();
    archive += both.substr(0, both.size() - 512);
  }
  const auto got = read(archive, 4096);
  ASSERT_FALSE(got);
  EXPECT_THAT(got.error().describe(), HasSubstr("too long"));
}

// A head of records that hold for all entries after it.
std::string global_head(const std::string& key, const std::string& value) {
  TarEntry entry{.path = "f"};
  entry.extras[key] = value;
  std::string head = TarWriter().begin(entry).value();
  head.resize(head.size() - 512);
  head[156] = 'g';
  std::string sum(8, ' ');
  head.replace(148, 8, sum);
  unsigned total = 0;
  for (int i = 0; i < 512; ++i) total += static_cast<unsigned char>(head[i]);
  std::snprintf(sum.data(), sum.size(), "%06o", total);
  head.replace(148, 8, sum);
  return head;
}

TEST(TarTest, GlobalRecordsAreFieldsOrNothing) {
  const std::string two = write({file("a", "1"), file("b", "2")});
  const auto named = read(global_head("uname", "alice") + two, 4096).value();
  EXPECT_EQ(named.at(1).head.user, "alice");
  const auto others =
      read(global_head("SCHILY.xattr.user.x", std::string(500'000, 'x')) + two, 4096).value();
  EXPECT_TRUE(others.at(0).head.extras.empty());
  EXPECT_TRUE(others.at(1).head.extras.empty());
}

TEST(TarTest, GlobalRecordsThatWouldBeEveryEntrysAreRefused) {
  const std::string one = write({file("a", "1")});
  for (const std::string key : {"path", "linkpath", "size"}) {
    const auto got = read(global_head(key, "7") + one, 4096);
    ASSERT_FALSE(got) << key;
    EXPECT_THAT(got.error().describe(), HasSubstr("a global pax record says '" + key + "'"));
  }
  const auto got = read(global_head("uname", std::string(500'000, 'x')) + one, 4096);
  ASSERT_FALSE(got);
  EXPECT_THAT(got.error().describe(), HasSubstr("a global pax record is too long"));
}

TEST(TarTest, APathWithoutEndIsRefused) {
  EXPECT_FALSE(TarWriter().begin(TarEntry{.path = std::string("a\0b", 3)}));
  EXPECT_FALSE(TarWriter().begin(TarEntry{.path = ""}));
}

TEST(TarTest, PathsAreCleanedOrRefused) {
  EXPECT_EQ(clean_tar_path("./a//b/./c/").value(), "a/b/c");
  EXPECT_EQ(clean_tar_path("./").value(), "");
  EXPECT_EQ(clean_tar_path("..a/b..").value(), "..a/b..");
  for (const char* path : {"/etc/passwd", "../a", "a/../../b", "a/.."})
    EXPECT_FALSE(clean_tar_path(path)) << path;
}

/// GNU tar is the judge of both directions.
class GnuTarTest : public testing::Test {
 protected:
  std::string shell(const std::string& script) {
    const auto said = run_child({.arguments = {"sh", "-c", script}, .directory = directory.path()});
    EXPECT_TRUE(said);
    EXPECT_EQ(said->status, 0) << said->error;
    return said->output;
  }
  TemporaryDirectory directory = TemporaryDirectory::make("croft-tar-").value();
};

TEST_F(GnuTarTest, ReadsWhatWeWrite) {
  const std::string deep =
      std::string(90, 'd') + "/" + std::string(120, 'e') + "/" + std::string(200, 'f');
  File link = file("link", "");
  link.head.type = TarType::Link;
  link.head.target = std::string(150, 't');
  File run = file("run.sh", "#!/bin/sh\n");
  run.head.mode = 0755;
  File directory_entry = file("empty/", "");
  directory_entry.head.type = TarType::Directory;
  directory_entry.head.mode = 0700;
  std::ofstream(directory.path() / "ours.tar")
      << write({file("a", "A"), file(deep, "deep"), link, run, directory_entry});
  EXPECT_EQ(shell("mkdir out && tar -C out -xf ours.tar && cat out/a out/" + deep), "Adeep");
  EXPECT_EQ(shell("readlink -n out/link"), link.head.target);
  EXPECT_EQ(shell("stat -c '%a' out/run.sh out/empty"), "755\n700\n");
}

TEST_F(GnuTarTest, WritesWhatWeReadInEachOfItsFormats) {
  const std::string path = "in/" + std::string(60, 'd') + "/" + std::string(60, 'e');
  shell("mkdir -p in/" + std::string(60, 'd') + "; printf content >" + path +
        "; printf a >in/a; ln -s target in/link; ln in/a in/hard; mkfifo in/fifo; chmod 4755 in/a");
  for (const char* format : {"gnu", "pax", "ustar", "oldgnu", "v7"}) {
    const bool is_oldest = std::string(format) == "v7";
    const std::string what = is_oldest ? "in/a in/hard" : "in";
    shell(std::string("tar --format=") + format + " --sort=name -cf theirs.tar " + what);
    const auto got = read(read_file(directory.path() / "theirs.tar", 1 << 20).value(), 333);
    ASSERT_TRUE(got) << format << ": " << got.error().describe();
    std::string paths;
    for (const File& each : *got) paths += each.head.path + "\n";
    EXPECT_EQ(paths, shell("tar -tf theirs.tar")) << format;
    const std::size_t first = is_oldest ? 0 : 1;
    EXPECT_EQ((*got)[first].content, "a") << format;
    EXPECT_EQ((*got)[first].head.mode, 04755U) << format;
    const File& hard = (*got)[is_oldest ? 1 : 5];
    EXPECT_EQ(hard.head.type, TarType::HardLink) << format;
    EXPECT_EQ(hard.head.target, "in/a") << format;
    if (is_oldest) continue;
    EXPECT_EQ((*got)[3].content, "content") << format;
    EXPECT_EQ((*got)[4].head.type, TarType::Fifo) << format;
    EXPECT_EQ((*got)[6].head.target, "target") << format;
  }
}

TEST_F(GnuTarTest, NumbersThatOctalCannotSayAreRead) {
  shell("printf x >f; tar --format=gnu --owner=u:4000000000 --mtime=@-5 -cf theirs.tar f");
  const auto got = read(read_file(directory.path() / "theirs.tar", 1 << 20).value(), 512);
  ASSERT_TRUE(got) << got.error().describe();
  EXPECT_EQ((*got)[0].head.uid, 4'000'000'000);
  EXPECT_EQ((*got)[0].head.modified, -5);
}

TEST_F(GnuTarTest, SparseFilesAreRefused) {
  shell("truncate -s 1M f; tar -S --format=pax -cf theirs.tar f");
  const auto got = read(read_file(directory.path() / "theirs.tar", 1 << 20).value(), 512);
  ASSERT_FALSE(got);
  EXPECT_THAT(got.error().describe(), HasSubstr("sparse"));
}

}  // namespace
}  // namespace croft
