#include "core/git/mirror.hpp"

#include <fstream>
#include <future>
#include <random>
#include <sys/stat.h>
#include <thread>
#include <unistd.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/core/git/mirror_fixture.hpp"

namespace croft {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

class MirrorTest : public MirrorFixture {};

TEST_F(MirrorTest, BringsTheNewestCommit) {
  work_.commit({{"a.yaml", "one"}, {"dir/b.yaml", "two"}}, "first\n\nwith a body");
  work_.push();
  const auto id = fetch();
  ASSERT_TRUE(id) << id.error().describe();
  EXPECT_EQ(*id, work_.id_of());
  EXPECT_EQ(content(*id, "dir/b.yaml"), "two");
  const auto commit = mirror().commit(*id);
  ASSERT_TRUE(commit) << commit.error().describe();
  EXPECT_EQ(commit->message, "first\n\nwith a body\n");
  EXPECT_EQ(commit->author, "Tester <tester@example.com>");
  EXPECT_EQ(format_time(commit->time), "2023-11-14T22:30:01.000Z");
}

TEST_F(MirrorTest, FollowsPushesFromFileUrlsAndRefsWithSlashes) {
  work_.start_branch("feature/deep/x");
  RemoteRepository from = remote("feature/deep/x");
  from.url = bare_.url();
  for (const char* text : {"1", "2", "3"}) {
    const std::string pushed = work_.commit({{"a", text}});
    work_.push();
    const auto id = fetch(from);
    ASSERT_TRUE(id) << id.error().describe();
    EXPECT_EQ(*id, pushed);
    EXPECT_EQ(content(*id, "a"), text);
  }
  from.ref = "refs/heads/feature/deep/x";
  EXPECT_EQ(fetch(from).value(), work_.id_of());
}

TEST_F(MirrorTest, FollowsTagsAndHead) {
  const std::string tagged = work_.commit({{"a", "1"}});
  work_.git({"tag", "-a", "-m", "release", "v1"});
  work_.commit({{"a", "2"}});
  work_.push("--tags");
  work_.push();
  EXPECT_EQ(fetch(remote("refs/tags/v1")).value(), tagged);
  EXPECT_EQ(fetch(remote("HEAD")).value(), work_.id_of());
}

TEST_F(MirrorTest, PushThatTouchesOneDirectoryKeepsTheTreeIdOfTheOther) {
  work_.commit({{"alice/site.yaml", "1"}, {"bob/site.yaml", "1"}});
  work_.push();
  const std::string before = fetch().value();
  const auto alice_before = mirror().tree(before, "alice").value()->id();
  const auto bob_before = mirror().tree(before, "bob").value()->id();
  work_.commit({{"alice/site.yaml", "2"}});
  work_.push();
  const std::string after = fetch().value();
  EXPECT_NE(mirror().tree(after, "alice").value()->id(), alice_before);
  EXPECT_EQ(mirror().tree(after, "bob").value()->id(), bob_before);
  // What was seen before can still be read.
  EXPECT_EQ(content(before, "alice/site.yaml"), "1");
}

TEST_F(MirrorTest, TreeNamesWhatIsMissing) {
  work_.commit({{"dir/a", "1"}});
  work_.push();
  const std::string id = fetch().value();
  EXPECT_THAT(mirror().tree(id, "nowhere/at/all").error().describe(), HasSubstr("nowhere/at/all"));
  EXPECT_EQ(mirror().tree(id, "nowhere").error().code(), ErrorCode::NotFound);
  EXPECT_EQ(mirror().tree(id, "dir/a").error().code(), ErrorCode::NotFound);
  const std::string other(40, 'a');
  EXPECT_EQ(mirror().tree(other, "").error().code(), ErrorCode::NotFound);
  EXPECT_EQ(mirror().commit(other).error().code(), ErrorCode::NotFound);
  EXPECT_EQ(mirror().commit("main").error().code(), ErrorCode::Invalid);
}

TEST_F(MirrorTest, TreeTellsLinksExecutablesAndSizes) {
  work_.write("plain", "12345");
  work_.write_executable("run.sh", "#!/bin/sh\n");
  work_.link("link", "/etc/passwd");
  work_.commit();
  work_.push();
  const auto tree = mirror().tree(fetch().value(), "").value();
  EXPECT_EQ(tree->entry("link").value().mode, FileMode::Link);
  EXPECT_EQ(tree->read(tree->entry("link").value().id, 100).value(), "/etc/passwd");
  EXPECT_EQ(tree->entry("run.sh").value().mode, FileMode::Executable);
  const std::string blob = tree->entry("plain").value().id;
  EXPECT_EQ(tree->blob_size(blob).value(), 5U);
  EXPECT_EQ(tree->read(blob, 4).error().code(), ErrorCode::Invalid);
  EXPECT_EQ(tree->read(blob, 5).value(), "12345");
  EXPECT_EQ(list_recursively(*tree, 10).value().size(), 3U);
}

TEST_F(MirrorTest, FollowsAForcePush) {
  work_.commit({{"a", "1"}});
  work_.push();
  fetch().value();
  work_.write("a", "rewritten");
  const std::string rewritten = work_.amend();
  work_.force_push();
  const auto id = fetch();
  ASSERT_TRUE(id) << id.error().describe();
  EXPECT_EQ(*id, rewritten);
  EXPECT_EQ(content(*id, "a"), "rewritten");
}

TEST_F(MirrorTest, KeepsPinnedCommitsAfterAForcePushAndGc) {
  const std::string pinned = work_.commit({{"a", "kept"}});
  work_.push();
  ASSERT_TRUE(fetch());
  ASSERT_TRUE(mirror().pin("alice/applied", pinned));
  work_.write("a", "lost");
  const std::string lost = work_.amend("second");
  work_.force_push();
  ASSERT_TRUE(fetch());
  work_.write("a", "newest");
  work_.amend("third");
  work_.force_push();
  ASSERT_TRUE(fetch());
  const std::string directory = store().string();
  ASSERT_EQ(std::system(("git -C " + directory + " gc --quiet --prune=now").c_str()), 0);
  EXPECT_EQ(content(pinned, "a"), "kept");
  EXPECT_EQ(mirror().commit(lost).error().code(), ErrorCode::NotFound)
      << "gc removes what is not pinned";
  reopen();
  EXPECT_EQ(content(pinned, "a"), "kept");

  ASSERT_TRUE(mirror().unpin("alice/applied"));
  ASSERT_TRUE(mirror().unpin("alice/applied")) << "unpinning the absent succeeds";
  ASSERT_EQ(std::system(("git -C " + directory + " gc --quiet --prune=now").c_str()), 0);
  EXPECT_EQ(mirror().commit(pinned).error().code(), ErrorCode::NotFound);
}

TEST_F(MirrorTest, PinRefusesUnknownCommitsAndBadNames) {
  const std::string id = work_.commit({{"a", "1"}});
  work_.push();
  ASSERT_TRUE(fetch());
  EXPECT_EQ(mirror().pin("x", std::string(40, 'b')).error().code(), ErrorCode::NotFound);
  EXPECT_EQ(mirror().pin("../heads/main", id).error().code(), ErrorCode::Invalid);
  EXPECT_EQ(mirror().pin("", id).error().code(), ErrorCode::Invalid);
}

TEST_F(MirrorTest, TreesOutliveTheirPacks) {
  work_.commit({{"a", "1"}});
  work_.push();
  const std::string first = fetch().value();
  const auto tree = mirror().tree(first, "").value();
  work_.commit({{"a", "2"}, {"b", "2"}});
  work_.push();
  ASSERT_TRUE(fetch());
  ASSERT_TRUE(mirror().pin("first", first));
  ASSERT_EQ(std::system(("git -C " + store().string() + " gc --quiet --prune=now").c_str()), 0);
  EXPECT_EQ(tree->read(tree->entry("a").value().id, 10).value(), "1");
}

TEST_F(MirrorTest, ManyFetchesAreTidiedIntoFewPacks) {
  for (int i = 0; i < 40; ++i) {
    work_.commit({{"a", std::to_string(i)}});
    work_.push();
    ASSERT_TRUE(fetch());
  }
  int packs = 0;
  for (const auto& file : fs::directory_iterator(store() / "objects" / "pack")) {
    if (file.path().extension() == ".pack") ++packs;
  }
  EXPECT_LT(packs, 32);
  EXPECT_EQ(content(work_.id_of(), "a"), "39");
}

TEST_F(MirrorTest, MissingBranchIsNotFoundAndChangesNothing) {
  const std::string id = work_.commit({{"a", "1"}});
  work_.push();
  ASSERT_TRUE(fetch());
  bare_.delete_branch("main");
  const auto gone = fetch();
  ASSERT_FALSE(gone);
  EXPECT_EQ(gone.error().code(), ErrorCode::NotFound);
  EXPECT_THAT(gone.error().describe(), HasSubstr("no branch 'main'"));
  EXPECT_EQ(content(id, "a"), "1");
}

TEST_F(MirrorTest, EmptyRepositoryIsNotFound) {
  const auto empty = fetch();
  ASSERT_FALSE(empty);
  EXPECT_EQ(empty.error().code(), ErrorCode::NotFound) << empty.error().describe();
}

TEST_F(MirrorTest, VanishedRepositoryIsNotFoundAndComesBack) {
  const std::string id = work_.commit({{"a", "1"}});
  work_.push();
  ASSERT_TRUE(fetch());
  fs::rename(bare_.path(), bare_.path().string() + ".away");
  const auto gone = fetch();
  ASSERT_FALSE(gone);
  EXPECT_EQ(gone.error().code(), ErrorCode::NotFound);
  EXPECT_THAT(gone.error().describe(), HasSubstr(bare_.path().string()));
  EXPECT_EQ(content(id, "a"), "1");
  fs::rename(bare_.path().string() + ".away", bare_.path());
  EXPECT_EQ(fetch().value(), id);
}

TEST_F(MirrorTest, DirectoryWithoutARepositoryIsNotFound) {
  RemoteRepository from = remote();
  from.url = home_.path().string();
  EXPECT_EQ(fetch(from).error().code(), ErrorCode::NotFound);
}

TEST_F(MirrorTest, RefusesTransportsItDoesNotSpeak) {
  for (const char* url : {"ext::sh -c 'touch /tmp/croft-pwned'", "http://example.com/x.git",
                          "git://example.com/x", "--upload-pack=touch /tmp/x", "fd::3", "",
                          "file://host/path", "ftp://example.com/x", "https://example.com"}) {
    RemoteRepository from = remote();
    from.url = url;
    const auto refused = fetch(from);
    ASSERT_FALSE(refused) << url;
    EXPECT_EQ(refused.error().code(), ErrorCode::Invalid) << url;
  }
}

TEST_F(MirrorTest, RefusesRefNamesThatGitDoesNotAllow) {
  for (const char* ref : {"", "a:b", "a b", "..", "-x*", "refs/heads/*", "x.lock"}) {
    EXPECT_EQ(fetch(remote(ref)).error().code(), ErrorCode::Invalid) << ref;
  }
}

TEST_F(MirrorTest, PasswordInAUrlIsRefusedAndNotRepeated) {
  RemoteRepository from = remote();
  from.url = "https://alice:hunter2hunter2@example.com/x.git";
  const auto refused = fetch(from);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), ErrorCode::Invalid);
  EXPECT_THAT(refused.error().describe(), testing::Not(HasSubstr("hunter2")));
}

TEST_F(MirrorTest, WorkingRepositoriesAndLinkedWorktreesAreSources) {
  work_.commit({{"a", "1"}});
  RemoteRepository from = remote();
  from.url = work_.path().string();
  EXPECT_EQ(fetch(from).value(), work_.id_of());

  const std::string linked = (home_.path() / "linked").string();
  work_.git({"worktree", "add", "--quiet", "-b", "side", linked});
  from.url = linked;
  from.ref = "side";
  EXPECT_EQ(fetch(from).value(), work_.id_of("side"));
  work_.git({"-C", linked, "commit", "--quiet", "--allow-empty", "-m", "in the worktree"});
  EXPECT_EQ(fetch(from).value(), work_.id_of("side"));
  from.ref = "HEAD";
  EXPECT_EQ(fetch(from).value(), work_.id_of("side"));
}

TEST_F(MirrorTest, ShallowSourcesAndHistoriesAreNoMatter) {
  for (int i = 0; i < 5; ++i) work_.commit({{"a", std::to_string(i)}});
  work_.push();
  ASSERT_TRUE(fetch());
  // Only the newest commit came.
  const std::string count = "git -C " + store().string() + " rev-list --all --count | grep -qx 1";
  EXPECT_EQ(std::system(count.c_str()), 0);

  auto shallow = GitRepository::make();
  shallow.git({"fetch", "--quiet", "--depth=1", bare_.url(), "main"});
  shallow.git({"reset", "--quiet", "--hard", "FETCH_HEAD"});
  RemoteRepository from = remote();
  from.url = shallow.path().string();
  EXPECT_EQ(fetch(from).value(), work_.id_of());
  shallow.commit({{"a", "6"}});
  EXPECT_EQ(fetch(from).value(), shallow.id_of());
}

TEST_F(MirrorTest, HooksAndUserConfigurationDoNotRun) {
  work_.commit({{"a", "1"}});
  work_.push();
  const fs::path trace = home_.path() / "trace";
  const std::string script = "#!/bin/sh\ntouch " + trace.string() + "\n";
  ASSERT_TRUE(mirror().commit(std::string(40, 'a')).error().code() == ErrorCode::NotFound);
  fs::create_directories(store() / "hooks");
  for (const char* hook : {"reference-transaction", "post-fetch", "post-checkout", "post-update"}) {
    ASSERT_TRUE(write_file_atomic(store() / "hooks" / hook, script, 0755));
  }
  const fs::path user = fs::path(std::getenv("HOME")) / ".gitconfig";
  ASSERT_TRUE(write_file_atomic(
      user, "[uploadpack]\n\tpackObjectsHook = touch " + trace.string() + "\n", 0644));
  const auto id = fetch();
  fs::remove(user);
  ASSERT_TRUE(id) << id.error().describe();
  EXPECT_FALSE(fs::exists(trace));
}

TEST_F(MirrorTest, ObjectsThatGitsChecksRefuseAreInvalid) {
  // A tree with an entry named ".git": what an attacker of checkouts would push.
  work_.git({"config", "receive.fsckObjects", "false"});
  work_.write("a", "1");
  work_.commit();
  const std::string blob = work_.git({"rev-parse", "HEAD:a"});
  const std::string script =
      "cd " + work_.path().string() + " && printf '100644 .git\\0' > t && printf %s " + blob +
      " | xxd -r -p >> t && tree=$(git hash-object --literally -t tree -w t) && "
      "commit=$(git -c user.name=x -c user.email=x@example.com commit-tree -m evil $tree) && "
      "git update-ref refs/heads/evil $commit";
  if (std::system("command -v xxd >/dev/null") != 0) GTEST_SKIP() << "xxd is not installed";
  ASSERT_EQ(std::system(script.c_str()), 0);
  RemoteRepository from = remote("evil");
  from.url = work_.path().string();
  const auto refused = fetch(from);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), ErrorCode::Invalid) << refused.error().describe();
}

TEST_F(MirrorTest, FetchOverTheLimitIsStoppedAndLeavesTheMirrorAsItWas) {
  const std::string id = work_.commit({{"a", "1"}});
  work_.push();
  ASSERT_TRUE(fetch());
  // Random bytes, which no pack makes smaller.
  ASSERT_EQ(
      std::system(("head -c 3000000 /dev/urandom > " + (work_.path() / "big").string()).c_str()),
      0);
  const std::string big = work_.commit();
  work_.push();
  const auto refused = mirror().fetch(remote(), FetchLimits{.pack_bytes = 1'000'000}, {});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), ErrorCode::Invalid);
  EXPECT_THAT(refused.error().describe(), HasSubstr("more than"));
  EXPECT_EQ(content(id, "a"), "1");
  std::uintmax_t bytes = 0;
  for (const auto& file : fs::recursive_directory_iterator(store())) {
    if (file.is_regular_file()) bytes += file.file_size();
  }
  EXPECT_LT(bytes, 200'000U) << "nothing half-written stays";
  EXPECT_EQ(fetch().value(), big) << "a higher limit brings it";
}

TEST_F(MirrorTest, DifferentMirrorsFetchAtTheSameTime) {
  for (int i = 0; i < 50; ++i) work_.write("dir/" + std::to_string(i), std::to_string(i));
  work_.commit();
  work_.push();
  std::vector<std::future<std::string>> fetches;
  for (int i = 0; i < 4; ++i) {
    fetches.push_back(std::async(std::launch::async, [this, i]() -> std::string {
      auto own = open_mirror(home_.path() / ("mirror" + std::to_string(i)));
      if (!own) return own.error().describe();
      const auto id = (*own)->fetch(remote(), FetchLimits{}, {});
      return id ? *id : id.error().describe();
    }));
  }
  for (auto& one : fetches) EXPECT_EQ(one.get(), work_.id_of());
}

TEST_F(MirrorTest, TreesAreReadByManyThreadsWhileAFetchRuns) {
  for (int i = 0; i < 200; ++i)
    work_.write("dir/" + std::to_string(i), std::string(500, 'x') + std::to_string(i));
  work_.commit();
  work_.push();
  const auto tree = mirror().tree(fetch().value(), "").value();
  std::vector<std::future<int>> readers;
  for (int i = 0; i < 4; ++i) {
    readers.push_back(std::async(std::launch::async, [&tree] {
      int good = 0;
      const auto files = list_recursively(*tree, 1000).value();
      for (const TreeFile& file : files) good += tree->read(file.id, 1000) ? 1 : 0;
      return good;
    }));
  }
  work_.commit({{"dir/1", "changed"}});
  work_.push();
  EXPECT_TRUE(fetch());
  for (auto& reader : readers) EXPECT_EQ(reader.get(), 200);
}

/// A `git-upload-pack` that hangs in the middle of a pack: the source is a repository behind a slow
/// ssh.
TEST_F(MirrorTest, DeadlineKillsAHangingFetchAndTheMirrorStaysUsable) {
  const std::string id = work_.commit({{"a", "1"}});
  work_.push();
  ASSERT_TRUE(fetch());
  work_.commit({{"a", "2"}});
  work_.push();
  // A pipe in the place of packed-refs: whoever opens it waits.
  bare_.git({"pack-refs", "--all"});
  const fs::path packed = bare_.path() / "packed-refs";
  fs::rename(packed, packed.string() + ".real");
  ASSERT_EQ(::mkfifo(packed.c_str(), 0600), 0);
  RemoteRepository from = remote();
  const auto late = mirror().fetch(from, FetchLimits{.deadline = Duration(300)}, {});
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().code(), ErrorCode::Timeout) << late.error().describe();
  fs::remove(packed);
  fs::rename(packed.string() + ".real", packed);
  EXPECT_EQ(content(id, "a"), "1");
  EXPECT_EQ(fetch().value(), work_.id_of());
}

TEST_F(MirrorTest, KillsInTheMiddleLeaveAUsableMirror) {
  work_.commit({{"a", "1"}});
  work_.push();
  ASSERT_TRUE(fetch());
  std::mt19937 random(1);
  int cancelled = 0;
  for (int round = 0; round < 12; ++round) {
    for (int i = 0; i < 40; ++i) {
      std::string noise(4000, ' ');
      for (char& c : noise) c = static_cast<char>('!' + random() % 90);
      work_.write("dir/" + std::to_string(i), noise);
    }
    const std::string pushed = work_.commit();
    work_.push();
    std::stop_source stop;
    std::jthread killer([&stop, round] {
      std::this_thread::sleep_for(std::chrono::milliseconds(2 + 3 * round));
      stop.request_stop();
    });
    const auto killed = mirror().fetch(remote(), FetchLimits{}, stop.get_token());
    killer.join();
    if (!killed) {
      EXPECT_EQ(killed.error().code(), ErrorCode::Cancelled) << killed.error().describe();
      ++cancelled;
    }
    if (round % 2 == 0) reopen();
    EXPECT_EQ(fetch().value(), pushed);
    for (const auto& file : fs::recursive_directory_iterator(store())) {
      const std::string name = file.path().filename().string();
      EXPECT_FALSE(name.ends_with(".lock") || name.starts_with("tmp_")) << file.path();
    }
  }
  EXPECT_GT(cancelled, 2) << "the kills came too late to mean anything";
}

TEST_F(MirrorTest, LocksOfAKilledCroftAreRemovedWhenOpened) {
  const std::string id = work_.commit({{"a", "1"}});
  work_.push();
  ASSERT_TRUE(fetch());
  for (const char* lock :
       {"shallow.lock", "packed-refs.lock", "refs/croft/fetched.lock", "objects/pack/tmp_pack_x"}) {
    std::ofstream(store() / lock) << "";
  }
  work_.commit({{"a", "2"}});
  work_.push();
  reopen();
  EXPECT_EQ(fetch().value(), work_.id_of());
  EXPECT_TRUE(mirror().pin("x", id));
}

TEST_F(MirrorTest, DamagedMirrorIsMadeAnew) {
  for (const bool reopens : {true, false}) {
    for (const char* part :
         {"HEAD", "objects", "refs", "config", "refs/croft/fetched", "shallow"}) {
      work_.commit({{"a", part}});
      work_.push();
      ASSERT_TRUE(fetch());
      work_.commit({{"a", "after"}});
      work_.push();
      fs::remove_all(store() / part);
      std::ofstream(store() / part) << "garbage";
      if (reopens) reopen();
      const auto id = fetch();
      ASSERT_TRUE(id) << part << ": " << id.error().describe();
      EXPECT_EQ(content(*id, "a"), "after") << part;
    }
  }
}

TEST_F(MirrorTest, MirrorWithoutItsObjectsIsMadeAnewByTheNextFetch) {
  const std::string id = work_.commit({{"a", "1"}});
  work_.push();
  ASSERT_TRUE(fetch());
  fs::remove_all(store() / "objects" / "pack");
  fs::create_directory(store() / "objects" / "pack");
  EXPECT_FALSE(mirror().tree(id, ""));
  EXPECT_EQ(fetch().value(), id);
  EXPECT_EQ(content(id, "a"), "1");
}

TEST_F(MirrorTest, FlippedBytesAreAClearErrorAndHealed) {
  std::string noise(60'000, ' ');
  std::mt19937 random(2);
  for (char& c : noise) c = static_cast<char>('!' + random() % 90);
  const std::string id = work_.commit({{"a", noise}});
  work_.push();
  ASSERT_TRUE(fetch());
  for (const auto& file : fs::directory_iterator(store() / "objects" / "pack")) {
    if (file.path().extension() != ".pack") continue;
    fs::permissions(file.path(), fs::perms::owner_write, fs::perm_options::add);
    std::fstream pack(file.path(), std::ios::in | std::ios::out | std::ios::binary);
    pack.seekp(static_cast<std::streamoff>(file.file_size() / 2));
    pack.write("\xff\x00\xff\x00\xff\x00", 6);
  }
  reopen();
  const auto tree = mirror().tree(id, "");
  ASSERT_TRUE(tree) << tree.error().describe();
  const auto read = (*tree)->read((*tree)->entry("a").value().id, 1 << 20);
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().code(), ErrorCode::Internal);
  EXPECT_THAT(read.error().describe(), HasSubstr(store().string()));
  EXPECT_EQ(fetch().value(), id);
  EXPECT_TRUE(content(id, "a") == noise);
}

TEST_F(MirrorTest, DirectoryThatIsNoMirrorIsLeftAlone) {
  fs::create_directories(mirror_path());
  std::ofstream(mirror_path() / "thesis.txt") << "dear";
  const auto refused = open_mirror(mirror_path());
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), ErrorCode::Conflict);
  EXPECT_TRUE(fs::exists(mirror_path() / "thesis.txt"));
}

TEST_F(MirrorTest, WhatAKillLeftOfMakingAMirrorIsNoHindrance) {
  const std::string id = work_.commit({{"a", "1"}});
  work_.push();
  fs::create_directories(mirror_path());
  std::ofstream(mirror_path() / "croft-mirror.Xy12Zz") << "repos";
  EXPECT_EQ(fetch().value_or("nothing"), id);
  fs::remove_all(store());
  reopen();
  EXPECT_EQ(fetch().value_or("nothing"), id) << "the marker is there, the repository is not";
}

TEST_F(MirrorTest, SourceOfAnotherOwnerIsDeniedUntilTheOperatorTrustsIt) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root can give a repository to another user";
  const std::string id = work_.commit({{"a", "1"}});
  work_.push();
  ASSERT_EQ(std::system(("chown -R 65534 " + bare_.path().string()).c_str()), 0);
  const auto refused = fetch();
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), ErrorCode::Denied);
  const std::string hint = refused.error().hint();
  EXPECT_THAT(hint, HasSubstr("git config --system --add safe.directory " + bare_.path().string()));
  // Do what it says, but for this test's user only.
  std::string command = hint.substr(hint.find("git config"));
  command.replace(command.find("--system"), 8, "--global");
  ASSERT_EQ(std::system(command.c_str()), 0);
  const auto trusted = fetch();
  EXPECT_TRUE(trusted) << trusted.error().describe();
  EXPECT_EQ(trusted.value_or(""), id);
  fs::remove(fs::path(std::getenv("HOME")) / ".gitconfig");
}

}  // namespace
}  // namespace croft
