// Archives against the system's own tar, both ways, and against those who mean harm.
#include <fcntl.h>
#include <fstream>
#include <sstream>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <unistd.h>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/archive/packer.hpp"
#include "core/archive/unpacker.hpp"
#include "core/base/child.hpp"
#include "tests/support/tar_archive.hpp"

namespace croft {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

class ArchiveTest : public testing::Test {
 protected:
  fs::path from() const { return directory_.path() / "from"; }
  fs::path into() const { return directory_.path() / "into"; }
  fs::path file() const { return directory_.path() / "archive.tar"; }

  void SetUp() override {
    fs::create_directory(from());
    fs::create_directory(into());
  }

  static void write(const fs::path& path, const std::string& text) {
    fs::create_directories(path.parent_path());
    std::ofstream(path, std::ios::binary) << text;
  }
  static std::string read(const fs::path& path) {
    std::ifstream file(path, std::ios::binary);
    std::stringstream text;
    text << file.rdbuf();
    return text.str();
  }
  std::string sh(const std::string& script) const {
    ChildCommand command{
        .arguments = {"sh", "-ec", "cd \"$0\"; " + script, directory_.path().string()},
        .deadline = Duration(60'000)};
    const Result<ChildOutput> output = run_child(command);
    EXPECT_TRUE(output && output->status == 0)
        << script << ": " << (output ? output->error : output.error().describe());
    return output ? output->output : std::string();
  }

  Result<std::string> pack() const {
    TRY_ASSIGN(DirectoryPacker packer, DirectoryPacker::open(from().string(), 1000));
    std::string archive;
    for (;;) {
      TRY_ASSIGN(const std::string piece, packer.next());
      if (piece.empty()) return archive;
      EXPECT_LE(piece.size(), 256U << 10U) << "a piece is not bounded";
      archive += piece;
    }
  }
  Result<void> unpack(std::string_view archive, UnpackSettings settings = {},
                      std::size_t piece = 1000) const {
    TRY_ASSIGN(DirectoryUnpacker unpacker, DirectoryUnpacker::open(into().string(), settings));
    for (; !archive.empty(); archive.remove_prefix(std::min(piece, archive.size()))) {
      TRY(unpacker.feed(archive.substr(0, piece)));
    }
    return unpacker.finish();
  }
  std::string refusal(std::string_view archive) const {
    const Result<void> done = unpack(archive);
    if (done) return "it was taken";
    EXPECT_EQ(done.error().code(), ErrorCode::Invalid);
    return done.error().describe();
  }
  static TarEntry entry(std::string path, TarType type = TarType::File, std::string link = {}) {
    TarEntry made;
    made.path = std::move(path);
    made.type = type;
    made.target = std::move(link);
    return made;
  }

  TemporaryDirectory directory_ = TemporaryDirectory::make("croft-archive-").value();
};

using Type = TarType;

TEST_F(ArchiveTest, GivesBackWhatWasPacked) {
  std::string binary(300'000, '\0');
  for (std::size_t i = 0; i < binary.size(); ++i) binary[i] = static_cast<char>(i * 31 + i / 256);
  write(from() / "data.bin", binary);
  write(from() / "empty", "");
  write(from() / "deep/er/file", "hello");
  write(from() / ("long-" + std::string(180, 'n')) / std::string(200, 'm'), "long name");
  sh("chmod 751 from/deep; chmod 640 from/data.bin; ln -s ../outside from/link; "
     "ln from/data.bin from/again; touch -d @1000000000 from/deep/er/file");
  const Result<std::string> archive = pack();
  ASSERT_TRUE(archive) << archive.error().describe();
  const Result<void> done = unpack(*archive);
  ASSERT_TRUE(done) << done.error().describe();
  EXPECT_EQ(sh("diff -r --no-dereference from into && echo same"), "same\n");
  EXPECT_EQ(sh("cd into; stat -c '%a %h' data.bin; stat -c %a deep; stat -c %Y deep/er/file; "
               "readlink link"),
            "640 2\n751\n1000000000\n../outside\n");
}

TEST_F(ArchiveTest, TheSystemsTarReadsWhatIsWritten) {
  write(from() / "a/file", "text");
  write(from() / ("p" + std::string(120, 'q')) / "leaf", "leaf");
  const Result<std::string> archive = pack();
  ASSERT_TRUE(archive);
  write(file(), *archive);
  EXPECT_EQ(sh("tar -xf archive.tar -C into && diff -r from into && echo same"), "same\n");
  EXPECT_THAT(sh("tar -tvf archive.tar --numeric-owner"), HasSubstr("1000/1000"));
}

TEST_F(ArchiveTest, ReadsWhatTheSystemsTarWritesInEachFormat) {
  write(from() / "a/file", std::string(5000, 'x'));
  write(from() / std::string(150, 'd') / std::string(150, 'f'), "leaf");
  sh("ln -s file from/a/link; ln from/a/file from/a/hard");
  for (const std::string format : {"gnu", "pax", "posix"}) {
    sh("rm -rf into; mkdir into; tar --format=" + format + " -cf archive.tar -C from .");
    for (const std::size_t piece : {1UL, 511UL, 512UL, 65'536UL}) {
      const Result<void> done = unpack(read(file()), {}, piece);
      ASSERT_TRUE(done) << format << ": " << done.error().describe();
    }
    EXPECT_EQ(sh("diff -r --no-dereference from into && echo same"), "same\n") << format;
  }
  sh("rm -rf into; mkdir into; tar --format=v7 -cf archive.tar -C from a");
  ASSERT_TRUE(unpack(read(file())));
  EXPECT_EQ(sh("diff -r --no-dereference from/a into/a && echo same"), "same\n");
}

TEST_F(ArchiveTest, TheirsReplacesOursAndTheRestStays) {
  write(into() / "kept", "kept");
  write(into() / "replaced", "old");
  sh("ln -s /etc into/was-a-link; mkdir into/was-a-directory");
  const std::string archive = archive_of({{entry("replaced"), "new"},
                                          {entry("was-a-link", Type::Directory), ""},
                                          {entry("was-a-directory"), "a file"}});
  const Result<void> done = unpack(archive);
  ASSERT_TRUE(done) << done.error().describe();
  EXPECT_EQ(read(into() / "kept"), "kept");
  EXPECT_EQ(read(into() / "replaced"), "new");
  EXPECT_TRUE(fs::is_directory(fs::symlink_status(into() / "was-a-link")));
  EXPECT_EQ(read(into() / "was-a-directory"), "a file");
}

TEST_F(ArchiveTest, RefusesPathsThatLeadOutside) {
  write(directory_.path() / "victim", "untouched");
  EXPECT_THAT(refusal(archive_of({{entry("/etc/passwd"), "x"}})), HasSubstr("absolute path"));
  EXPECT_THAT(refusal(archive_of({{entry("../victim"), "x"}})), HasSubstr("'..'"));
  EXPECT_THAT(refusal(archive_of({{entry("a/../../victim"), "x"}})), HasSubstr("'..'"));
  EXPECT_THAT(
      refusal(archive_of({{entry("out", Type::Link, ".."), ""}, {entry("out/victim"), "x"}})),
      HasSubstr("leads through 'out'"));
  EXPECT_THAT(refusal(archive_of({{entry("hard", Type::HardLink, "../victim"), ""}})),
              HasSubstr("'..'"));
  EXPECT_THAT(refusal(archive_of({{entry("out2", Type::Link, ".."), ""},
                                  {entry("hard", Type::HardLink, "out2/victim"), ""}})),
              HasSubstr("leads through 'out2'"));
  EXPECT_THAT(refusal(archive_of({{entry("s", Type::Link, "../victim"), ""},
                                  {entry("hard", Type::HardLink, "s"), ""}})),
              HasSubstr("no file of the archive"));
  EXPECT_THAT(refusal(archive_of({{entry("."), "x"}})), HasSubstr("the volume itself"));
  EXPECT_EQ(read(directory_.path() / "victim"), "untouched");
}

TEST_F(ArchiveTest, AFileWhereALinkStandsReplacesTheLinkNotWhatItLeadsTo) {
  write(directory_.path() / "victim", "untouched");
  const Result<void> done =
      unpack(archive_of({{entry("s", Type::Link, "../victim"), ""}, {entry("s"), "mine"}}));
  ASSERT_TRUE(done) << done.error().describe();
  EXPECT_EQ(read(directory_.path() / "victim"), "untouched");
  EXPECT_EQ(read(into() / "s"), "mine");
}

TEST_F(ArchiveTest, RefusesDevicesAndPipesAndDropsSetUserBits) {
  if (::geteuid() == 0) {
    sh("mknod from/null c 1 3 && tar -cf archive.tar -C from null && rm from/null");
    EXPECT_THAT(refusal(read(file())), HasSubstr("is a device"));
  }
  sh("mkfifo from/pipe && tar -cf archive.tar -C from pipe && rm from/pipe");
  EXPECT_THAT(refusal(read(file())), HasSubstr("is a pipe"));
  TarEntry tool = entry("tool");
  tool.mode = 06755;
  ASSERT_TRUE(unpack(archive_of({{tool, "x"}})));
  EXPECT_EQ(sh("stat -c %a into/tool"), "755\n");
}

TEST_F(ArchiveTest, SaysWhatIsWrongWithWhatIsNoArchive) {
  EXPECT_THAT(refusal(""), HasSubstr("empty"));
  EXPECT_THAT(refusal("hello"), HasSubstr("cut short"));
  EXPECT_THAT(refusal(std::string(2048, 'x')), HasSubstr("no tar archive"));
  write(from() / "file", std::string(100'000, 'x'));
  sh("tar -czf archive.tar -C from file");
  EXPECT_THAT(refusal(read(file())), HasSubstr("compressed"));
  sh("truncate -s 0 from/file; truncate -s 8M from/file; tar -S -cf archive.tar -C from file");
  EXPECT_THAT(refusal(read(file())), HasSubstr("sparse"));
  const std::string whole = archive_of({{entry("a"), "content"}, {entry("b"), "more"}});
  for (const std::size_t cut : {511UL, 512UL, 700UL, 1024UL, 2000UL}) {
    EXPECT_THAT(refusal(std::string_view(whole).substr(0, cut)), HasSubstr("cut short")) << cut;
  }
  std::string damaged = whole;
  damaged[1024 + 3] = 'Z';
  EXPECT_THAT(refusal(damaged), HasSubstr("behind 'a'"));
}

TEST_F(ArchiveTest, RandomBytesNeverDoMoreThanFail) {
  const std::string whole = archive_of({{entry(std::string(300, 'p')), "content"},
                                        {entry("l", Type::Link, std::string(300, 'l')), ""},
                                        {entry("b"), "more"}});
  unsigned state = 12'345;
  for (int round = 0; round < 3000; ++round) {
    std::string changed = whole;
    for (int i = 0; i < 3; ++i) {
      state = state * 1'103'515'245U + 12'345U;
      changed[(state >> 8U) % changed.size()] = static_cast<char>(state >> 24U);
    }
    (void)unpack(changed, {}, 1 + state % 700);
  }
  EXPECT_EQ(sh("ls -A | sort | tr '\\n' ' '"), "from into ");
}

TEST_F(ArchiveTest, BoundsTheContent) {
  UnpackSettings settings;
  settings.limit = 2 * 4096 + 10;
  EXPECT_TRUE(unpack(archive_of({{entry("a"), "12345"}, {entry("b"), "12345"}}), settings));
  const Result<void> done =
      unpack(archive_of({{entry("c"), "12345"}, {entry("d"), "123456"}}), settings);
  ASSERT_FALSE(done);
  EXPECT_THAT(done.error().describe(), HasSubstr("more than"));
}

TEST_F(ArchiveTest, BoundsWhatHasNoContent) {
  UnpackSettings settings;
  settings.limit = 40'000;
  std::vector<std::pair<TarEntry, std::string>> files;
  std::vector<std::pair<TarEntry, std::string>> directories;
  std::vector<std::pair<TarEntry, std::string>> links;
  std::vector<std::pair<TarEntry, std::string>> hard_links{{entry("first"), ""}};
  for (int i = 0; i < 20; ++i) {
    files.push_back({entry(fmt::format("f{}", i)), ""});
    directories.push_back({entry(fmt::format("d{}/", i), Type::Directory), ""});
    links.push_back({entry(fmt::format("l{}", i), Type::Link, "x"), ""});
    hard_links.push_back({entry(fmt::format("h{}", i), Type::HardLink, "first"), ""});
  }
  std::string deep = "x";
  for (int i = 0; i < 20; ++i) deep = "d/" + deep;
  for (const auto& one : {files, directories, links, hard_links, {{entry(deep), ""}}}) {
    const Result<void> done = unpack(archive_of(one), settings);
    ASSERT_FALSE(done) << one.back().first.path;
    EXPECT_THAT(done.error().describe(), HasSubstr("with 4 KiB for each entry"));
  }
}

TEST_F(ArchiveTest, GivesEverythingToTheOwner) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root";
  UnpackSettings settings;
  settings.owner = 4711;
  ASSERT_TRUE(
      unpack(archive_of({{entry("a/b"), "x"}, {entry("s", Type::Link, "a"), ""}}), settings));
  EXPECT_EQ(sh("cd into; stat -c '%u:%g' a a/b s"), "4711:4711\n4711:4711\n4711:4711\n");
}

TEST_F(ArchiveTest, PacksWhatChangesMeanwhile) {
  write(from() / "shrinks", std::string(200'000, 'x'));
  Result<DirectoryPacker> packer = DirectoryPacker::open(from().string(), 0);
  ASSERT_TRUE(packer);
  std::string archive = packer->next().value();
  ASSERT_LT(archive.size(), 200'000U);
  sh("truncate -s 10 from/shrinks");
  for (std::string piece = packer->next().value(); !piece.empty(); piece = packer->next().value())
    archive += piece;
  ASSERT_TRUE(unpack(archive));
  EXPECT_EQ(fs::file_size(into() / "shrinks"), 200'000U);
}

TEST_F(ArchiveTest, LeavesOutWhatIsNoFile) {
  write(from() / "file", "x");
  sh("mkfifo from/pipe");
  if (::geteuid() == 0) sh("mknod from/null c 1 3");
  const Result<std::string> archive = pack();
  ASSERT_TRUE(archive);
  ASSERT_TRUE(unpack(*archive));
  EXPECT_EQ(sh("ls -A into"), "file\n");
}

}  // namespace
}  // namespace croft
