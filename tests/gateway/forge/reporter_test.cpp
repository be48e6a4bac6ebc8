#include "gateway/forge/reporter.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/base/files.hpp"
#include "core/store/sqlite.hpp"
#include "gateway/forge/comments.hpp"
#include "tests/gateway/forge/fake_forge.hpp"
#include "tests/support/fake_engine.hpp"
#include "tests/support/faulty_store.hpp"
#include "tests/support/run_task.hpp"

namespace croft {
namespace {

using testing::SizeIs;

const std::string kFirst(40, '1');
const std::string kSecond(40, '2');

/// Reports of alice's source to a forge, over a fake engine and a real store.
class ReporterTest : public testing::Test {
 protected:
  ReporterTest() {
    EXPECT_TRUE(write_file_atomic(directory.path() / "token", "a-secret-token\n", 0600));
    SourceStatus source;
    source.key = "alice/alice";
    source.tenant = "alice";
    source.url = "ssh://git@127.0.0.1/alice/hosting.git";
    source.commit_status = CommitStatusDeclaration{
        .type = "github", .secret = "token", .url = forge.url(), .repository = "alice/hosting"};
    engine.watched.push_back(std::move(source));
    start();
  }
  void start() {
    if (reporter) run_task(io, stop());
    reporter.reset();
    reporter.emplace(ForgeReporterParts{engine, *store, clock, random, io.get_executor()},
                     settings());
  }
  ForgeReporterSettings settings() const {
    ForgeReporterSettings settings;
    settings.secrets = std::make_shared<secret::OperatorSecrets>(directory.path());
    settings.markdown = [](const Changeset& changeset) { return "diff " + changeset.digest; };
    settings.gather = Duration(1);
    return settings;
  }
  void ask_for(const std::string& key, std::int64_t number) {
    EXPECT_TRUE(run_task(io, reporter->look_at_merge_request(key, number)));
  }
  /// So many Instances of alice's, all ready, with a status each.
  void add_resources(int count) {
    source().commit_status->has_resources = true;
    for (int i = 0; i < count; ++i) {
      ResourceStatus resource;
      resource.ref = {"alice", Kind::Instance, fmt::format("i{}", engine.resources.size())};
      resource.source = "alice/alice";
      resource.attempted_revision = resource.applied_revision = kFirst;
      resource.conditions = {{"Ready", ConditionStatus::True, "Running", "", {}}};
      engine.resources.push_back(std::move(resource));
    }
  }
  Task<bool> stop() {
    co_await reporter->stop();
    co_return true;
  }
  SourceStatus& source() { return engine.watched.front(); }
  void offer(const std::string& revision) {
    source().candidate_revision = revision;
    engine.tell();
  }
  void finish(const std::string& revision) {
    source().candidate_revision.clear();
    source().attempted_revision = source().applied_revision = source().passed_revision = revision;
    engine.tell();
  }
  bool eventually(std::function<bool()> claim) {
    const auto wait = [](std::function<bool()> holds) -> Task<bool> {
      for (int i = 0; i < 2000 && !holds(); ++i) co_await sleep_for(Duration(5));
      co_return holds();
    };
    return run_task(io, wait(std::move(claim)));
  }
  static Task<bool> sleep_a_little() {
    co_await sleep_for(Duration(5));
    co_return true;
  }
  std::ptrdiff_t events_of(std::string_view reason) {
    EventQuery query;
    query.subject = "alice/alice";
    const std::vector<EventRow> events = run_task(io, store->events(query)).value();
    return std::ranges::count(events, reason, &EventRow::reason);
  }
  /// As eventually(), for claims that run the loop themselves.
  void goes_on_until(const std::function<bool()>& claim) {
    for (int i = 0; i < 2'000 && !claim(); ++i) {
      io.restart();  // it was stopped by who ran it last
      io.run_for(std::chrono::milliseconds(5));
    }
  }
  bool is_remembered(std::string_view reason, std::ptrdiff_t count) {
    goes_on_until([&] { return events_of(reason) >= count; });
    return events_of(reason) == count;
  }
  /// Lets everything that was begun come to its end: a post of another revision is behind it.
  void settle(const std::string& revision) {
    offer(revision);
    ASSERT_TRUE(eventually(
        [&] { return !forge.statuses.empty() && forge.statuses.back().revision == revision; }));
  }
  std::vector<std::string> posted(const std::string& revision) const {
    std::vector<std::string> states;
    for (const FakeForge::Status& one : forge.statuses) {
      if (one.revision == revision) states.push_back(one.context + " " + one.state);
    }
    return states;
  }

  TemporaryDirectory directory = TemporaryDirectory::make("croft-forge").value();
  asio::io_context io;
  FakeForge forge{io.get_executor()};
  FakeEngine engine;
  ManualClock clock;
  SystemRandom random;
  std::unique_ptr<Store> store = open_sqlite_store(directory.path() / "store").value();
  std::optional<ForgeReporter> reporter;
};

TEST_F(ReporterTest, PostsEachStateOnce) {
  offer(kFirst);
  ASSERT_TRUE(eventually([&] { return forge.statuses.size() == 1; }));
  for (int i = 0; i < 5; ++i) engine.tell();
  finish(kFirst);
  ASSERT_TRUE(eventually([&] { return forge.statuses.size() == 2; }));
  for (int i = 0; i < 5; ++i) engine.tell();
  settle(kSecond);
  EXPECT_EQ(posted(kFirst),
            (std::vector<std::string>{"croft/alice pending", "croft/alice success"}));
  EXPECT_EQ(forge.requests.back().headers.value_or("Authorization", ""), "Bearer a-secret-token");
}

TEST_F(ReporterTest, AMendedDeclarationIsNotWaitedFor) {
  source().commit_status->secret = "no-such-token";
  finish(kFirst);
  const auto is_said = [&] {
    const auto events = run_task(io, store->events({}));
    return events && !events->empty() && events->back().reason == "StatusNotPosted";
  };
  goes_on_until(is_said);
  ASSERT_TRUE(is_said());
  EXPECT_TRUE(forge.statuses.empty());
  source().commit_status->secret = "token";
  engine.tell();
  EXPECT_TRUE(eventually([&] { return forge.statuses.size() == 1; }));
}

TEST_F(ReporterTest, PostsNothingTwiceOverARestart) {
  finish(kFirst);
  ASSERT_TRUE(eventually([&] { return forge.statuses.size() == 1; }));
  const std::size_t before = forge.requests.size();
  source().passed_revision.clear();  // as a daemon that knows nothing yet
  start();
  finish(kFirst);
  settle(kSecond);
  EXPECT_EQ(posted(kFirst), std::vector<std::string>{"croft/alice success"});
  // One question for the new revision's sake at most: the store knew the old one.
  EXPECT_LE(forge.requests.size(), before + 2);
}

TEST_F(ReporterTest, KnowsAgainMoreThanAPageOfWhatItPosted) {
  add_resources(150);
  finish(kFirst);
  ASSERT_TRUE(eventually([&] { return forge.statuses.size() == 151; }));
  Transaction much;
  for (int i = 0; i < 1'200; ++i) {
    EventRow event;
    event.tenant = "alice";
    event.subject = "alice/alice";
    event.reason = "Loaded";
    much.add(AppendEvent{std::move(event)});
  }
  ASSERT_TRUE(run_task(io, store->commit(std::move(much))));
  start();
  add_resources(1);  // whose status comes after all others
  engine.tell();
  ASSERT_TRUE(
      eventually([&] { return forge.statuses.back().context == "croft/alice/Instance/i150"; }));
  EXPECT_THAT(forge.statuses, SizeIs(152));
}

TEST_F(ReporterTest, AsksForAllThatAForgeHasOnceForACommit) {
  add_resources(150);
  forge.statuses.push_back({kFirst, "croft/alice", "success", "", ""});
  for (int i = 0; i < 150; ++i) {
    forge.statuses.push_back(
        {kFirst, fmt::format("croft/alice/Instance/i{}", i), "success", "", ""});
  }
  finish(kFirst);
  ASSERT_TRUE(is_remembered("StatusPosted", 151));
  EXPECT_THAT(forge.statuses, SizeIs(151));
  EXPECT_EQ(forge.count("GET"), 2u);
  EXPECT_EQ(forge.count("POST"), 0u);
}

TEST_F(ReporterTest, AsksTheForgeIfADaemonDiedBeforeItCouldRememberAPost) {
  forge.statuses.push_back({kFirst, "croft/alice", "success", "", ""});
  finish(kFirst);
  ASSERT_TRUE(eventually([&] { return forge.count("GET") == 1; }));
  settle(kSecond);
  EXPECT_EQ(posted(kFirst), std::vector<std::string>{"croft/alice success"});
}

TEST_F(ReporterTest, WaitsWhenItIsLimitedAndPostsThen) {
  forge.faults.push_back({429, {{"Retry-After", "1"}}, false});
  finish(kFirst);
  ASSERT_TRUE(eventually([&] { return forge.count("POST") >= 1; }));
  EXPECT_THAT(forge.statuses, SizeIs(0));
  // Whatever happens meanwhile.
  const auto until = std::chrono::steady_clock::now() + std::chrono::milliseconds(500);
  ASSERT_TRUE(eventually([&] {
    engine.tell();
    return std::chrono::steady_clock::now() > until;
  }));
  EXPECT_EQ(forge.count("POST"), 1u);
  ASSERT_TRUE(eventually([&] { return forge.statuses.size() == 1; }));
  EXPECT_EQ(forge.count("POST"), 2u);
}

TEST_F(ReporterTest, AsksTheForgeIfItFailedAndMayHaveTakenThePost) {
  settle(kSecond);  // what is from before was asked for
  const std::size_t gets = forge.count("GET");
  forge.faults.push_back({502, {}, true});
  finish(kFirst);
  ASSERT_TRUE(eventually([&] { return forge.count("GET") > gets; }));
  settle(std::string(40, '3'));
  EXPECT_EQ(posted(kFirst), std::vector<std::string>{"croft/alice success"});
}

TEST_F(ReporterTest, SaysBothOfARefusedRevisionAndOfAnOlderOneThatWaits) {
  source().attempted_revision = kFirst;
  source().conditions = {{"Stalled", ConditionStatus::True, "InvalidManifests", "no", {}}};
  forge.faults.push_back({422, {}, false});
  offer(kSecond);
  ASSERT_TRUE(eventually([&] { return forge.statuses.size() == 1; }));
  for (int i = 0; i < 20; ++i) {
    engine.tell();
    run_task(io, sleep_a_little());
  }
  // One of the two was refused, and is not tried over and over.
  EXPECT_EQ(forge.count("POST"), 2u);
}

TEST_F(ReporterTest, SaysOnceWhatAForgeRefuses) {
  forge.faults.push_back({422, {}, false});
  finish(kFirst);
  ASSERT_TRUE(eventually([&] { return forge.count("POST") >= 1; }));
  for (int i = 0; i < 3; ++i) engine.tell();
  settle(kSecond);
  EXPECT_THAT(posted(kFirst), SizeIs(0));
  EXPECT_EQ(events_of("StatusNotPosted"), 1);
}

TEST_F(ReporterTest, KeepsOneCommentOnAMergeRequest) {
  engine.ref_diff.revision = kFirst;
  engine.ref_diff.changeset.digest = "one";
  forge.comments.push_back({1, "somebody's"});
  forge.comments.push_back({2, comment_marker("alice/alice") + "copied by Eve", false});
  ask_for("alice/alice", 7);
  ASSERT_TRUE(eventually([&] { return forge.comments.size() == 3; }));
  EXPECT_EQ(engine.ref_diffs.back().second, "refs/pull/7/head");
  EXPECT_NE(forge.comments[2].text.find("diff one"), std::string::npos);
  engine.ref_diff.changeset.digest = "two";
  ask_for("alice/alice", 7);
  ASSERT_TRUE(
      eventually([&] { return forge.comments[2].text.find("diff two") != std::string::npos; }));
  EXPECT_THAT(forge.comments, SizeIs(3));
  // The same again changes nothing.
  const std::size_t patches = forge.count("PATCH");
  ask_for("alice/alice", 7);
  ask_for("alice/alice", 8);
  ASSERT_TRUE(eventually([&] { return forge.comments.size() == 4; }));
  EXPECT_EQ(forge.comments[3].number, "8");
  EXPECT_EQ(forge.count("PATCH"), patches);
}

TEST_F(ReporterTest, ManyMergeRequestsOfOneSourceHoldUpNoOthers) {
  SourceStatus bob = source();
  bob.key = "bob/bob";
  bob.tenant = "bob";
  engine.watched.push_back(std::move(bob));
  engine.stuck.insert("alice/alice");
  for (int number = 1; number <= 30; ++number) ask_for("alice/alice", number);
  ask_for("bob/bob", 7);
  EXPECT_TRUE(eventually([&] { return forge.comments.size() == 1; }));
  engine.stuck.clear();
  EXPECT_TRUE(eventually([&] { return forge.comments.size() == 31; }));
}

TEST_F(ReporterTest, GivesUpAMergeRequestThatCannotBeFetchedInTime) {
  const Error late(ErrorCode::Timeout, "it took longer than 1m");
  engine.failure = late;
  ask_for("alice/alice", 7);
  ASSERT_TRUE(eventually([&] {
    if (!engine.failure) engine.failure = late;
    return engine.ref_diffs.size() == 3;
  }));
  engine.failure.reset();
  ask_for("alice/alice", 8);
  ASSERT_TRUE(eventually([&] { return forge.comments.size() == 1; }));
  EXPECT_EQ(forge.comments[0].number, "8");
  EXPECT_EQ(engine.ref_diffs.back().second, "refs/pull/8/head");
  EXPECT_EQ(events_of("StatusNotPosted"), 1);
}

TEST_F(ReporterTest, TakesNobodysCopyForItsOwnComment) {
  engine.ref_diff.revision = kFirst;
  ask_for("alice/alice", 7);
  ASSERT_TRUE(eventually([&] { return forge.comments.size() == 1; }));
  // Our token may change Eve's, and hers comes first.
  const FakeForge::Comment eves{2, forge.comments[0].text, true};
  forge.comments.insert(forge.comments.begin(), eves);
  start();
  engine.ref_diff.changeset.digest = "two";
  ask_for("alice/alice", 7);
  ASSERT_TRUE(
      eventually([&] { return forge.comments[1].text.find("diff two") != std::string::npos; }));
  EXPECT_THAT(forge.comments, SizeIs(2));
  EXPECT_EQ(forge.comments[0].text, eves.text);
}

TEST_F(ReporterTest, FindsAgainTheCommentWhoseAnswerWasLost) {
  engine.ref_diff.revision = kFirst;
  forge.comments.push_back({1, "somebody's"});
  forge.faults.push_back({502, {}, true});
  ask_for("alice/alice", 7);
  ASSERT_TRUE(eventually([&] { return forge.count("PATCH") == 1; }));
  EXPECT_THAT(forge.comments, SizeIs(2));
  // One that was removed is made anew.
  forge.comments.pop_back();
  engine.ref_diff.changeset.digest = "two";
  ask_for("alice/alice", 7);
  ASSERT_TRUE(eventually([&] { return forge.comments.size() == 2; }));
  EXPECT_NE(forge.comments[1].text.find("diff two"), std::string::npos);
}

TEST_F(ReporterTest, MayGoWhileSomethingIsUnderWay) {
  engine.ref_diff.revision = kFirst;
  engine.stuck.insert("alice/alice");
  ask_for("alice/alice", 7);
  ASSERT_TRUE(eventually([&] { return engine.ref_diffs.size() == 1; }));
  reporter.reset();
  engine.stuck.clear();
  EXPECT_TRUE(eventually([&] { return forge.comments.size() == 1; }));
}

TEST_F(ReporterTest, ACommentThatWasAskedForComesAfterAKill) {
  engine.ref_diff.revision = kFirst;
  run_task(io, stop());
  {
    // What is destroyed with its loop goes as a killed process does: at once, wherever it was.
    asio::io_context dying;
    reporter.emplace(ForgeReporterParts{engine, *store, clock, random, dying.get_executor()},
                     settings());
    engine.stuck.insert("alice/alice");
    ASSERT_TRUE(run_task(dying, reporter->look_at_merge_request("alice/alice", 7)));
    ASSERT_TRUE(run_task(dying, reporter->look_at_merge_request("alice/alice", 9)));
    reporter.reset();
  }
  EXPECT_THAT(forge.comments, SizeIs(0));
  engine.stuck.clear();
  start();
  ASSERT_TRUE(eventually([&] { return forge.comments.size() == 2; }));
  EXPECT_EQ(forge.comments[0].number, "7");
  EXPECT_EQ(forge.comments[1].number, "9");
  // And no further one after that.
  ASSERT_TRUE(is_remembered("CommentSettled", 2));
  const auto looked_at = engine.ref_diffs.size();
  start();
  ask_for("alice/alice", 8);
  ASSERT_TRUE(eventually([&] { return forge.comments.size() == 3; }));
  EXPECT_EQ(engine.ref_diffs.size(), looked_at + 1);
}

TEST_F(ReporterTest, WhatCannotBeRememberedIsNotTaken) {
  run_task(io, stop());
  FaultyStore faults(*store);
  reporter.emplace(ForgeReporterParts{engine, faults, clock, random, io.get_executor()},
                   settings());
  faults.fail_commit(faults.commits() + 1, Error(ErrorCode::Unavailable, "it is full"));
  EXPECT_FALSE(run_task(io, reporter->look_at_merge_request("alice/alice", 7)));
  run_task(io, stop());
  reporter.reset();
}

TEST_F(ReporterTest, SaysOnAMergeRequestWhatIsWrongWithIt) {
  engine.ref_diff.revision = kFirst;
  engine.ref_diff.problems = "site.yaml:1:1: error: no";
  ask_for("alice/alice", 7);
  ASSERT_TRUE(eventually([&] { return forge.comments.size() == 1; }));
  EXPECT_NE(forge.comments[0].text.find("site.yaml:1:1: error: no"), std::string::npos);
}

}  // namespace
}  // namespace croft
