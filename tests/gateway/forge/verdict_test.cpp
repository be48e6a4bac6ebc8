#include "gateway/forge/verdict.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace croft {
namespace {

using testing::IsEmpty;
using testing::SizeIs;

const std::string kOld(40, '1');
const std::string kNew(40, '2');

class VerdictTest : public testing::Test {
 protected:
  VerdictTest() {
    source.key = "alice/alice";
    source.tenant = "alice";
    source.commit_status = CommitStatusDeclaration{.type = "github", .secret = "token"};
    source.attempted_revision = source.applied_revision = source.passed_revision = kNew;
    add("alice/Site/blog", "Running", ConditionStatus::True);
    add("alice/Instance/api", "Running", ConditionStatus::True);
  }
  void add(const std::string& ref, const std::string& reason, ConditionStatus status) {
    ResourceStatus resource;
    resource.ref = parse_ref(ref).value();
    resource.source = "alice/alice";
    resource.attempted_revision = resource.applied_revision = kNew;
    resource.url = "http://x";
    resource.conditions = {{"Ready", status, reason, "", {}}};
    resources.push_back(std::move(resource));
  }
  void make(std::size_t index, const std::string& reason, ConditionStatus status,
            const std::string& message = "") {
    resources[index].conditions = {{"Ready", status, reason, message, {}}};
  }
  void stall(const std::string& reason, const std::string& message) {
    source.conditions = {{"Stalled", ConditionStatus::True, reason, message, {}}};
  }
  CommitReport first() const { return reports_of(source, resources, waiting).at(0); }

  SourceStatus source;
  std::vector<ResourceStatus> resources;
  std::string waiting;
};

TEST_F(VerdictTest, SucceedsOnceEverythingIsReady) {
  const CommitReport report = first();
  EXPECT_EQ(report.state, CommitState::Success);
  EXPECT_EQ(report.revision, kNew);
  EXPECT_EQ(report.context, "croft/alice");
  EXPECT_EQ(report.description, "2 of 2 ready");
}

TEST_F(VerdictTest, SaysNothingWithoutAReporter) {
  source.commit_status.reset();
  EXPECT_THAT(reports_of(source, resources, ""), IsEmpty());
}

TEST_F(VerdictTest, IsPendingUntilAPassOverItHasEnded) {
  source.passed_revision = kOld;
  EXPECT_EQ(first().state, CommitState::Pending);
  source.passed_revision = kNew;
  resources[0].applied_revision = kOld;
  EXPECT_EQ(first().state, CommitState::Pending);
  resources.clear();
  EXPECT_EQ(first().state, CommitState::Success);
  source.passed_revision.clear();
  EXPECT_EQ(first().state, CommitState::Pending);
}

TEST_F(VerdictTest, IsPendingWhileACandidateIsCheckedOrWaitsForAPerson) {
  source.applied_revision = source.attempted_revision = kOld;
  source.candidate_revision = kNew;
  EXPECT_EQ(first().state, CommitState::Pending);
  EXPECT_EQ(first().revision, kNew);
  waiting = "it would destroy all";
  EXPECT_EQ(first().description, "waits for a person: it would destroy all");
}

TEST_F(VerdictTest, NeverCallsWhatIsNotAppliedASuccess) {
  // What runs is the last good one; the newest was refused, or rolled back.
  source.applied_revision = kOld;
  source.passed_revision = kOld;
  for (ResourceStatus& resource : resources) resource.applied_revision = kOld;
  EXPECT_THAT(reports_of(source, resources, ""), IsEmpty());
  stall("InvalidManifests", "site.yaml:1:1: error: no\n more");
  EXPECT_EQ(first().state, CommitState::Failure);
  EXPECT_EQ(first().revision, kNew);
  EXPECT_EQ(first().description, "site.yaml:1:1: error: no");
}

TEST_F(VerdictTest, BlamesNoCommitForARepositoryThatCannotBeReached) {
  for (const char* reason : {"Unsigned", "UntrustedKey", "BadSignature", "TooManyCommits"}) {
    stall(reason, "commit 1234567890 by A <a> is not trusted: it is not signed");
    EXPECT_EQ(first().state, CommitState::Failure) << reason;
    EXPECT_THAT(first().description, testing::HasSubstr("is not trusted"));
  }
  stall("FetchFailed", "no route");
  EXPECT_THAT(reports_of(source, resources, ""), IsEmpty());
}

TEST_F(VerdictTest, NamesWhatFails) {
  make(1, "CrashLoop", ConditionStatus::False, "exit status 1\nmore");
  EXPECT_EQ(first().state, CommitState::Failure);
  EXPECT_EQ(first().description, "Instance/api: CrashLoop: exit status 1");
  make(1, "ProviderUnavailable", ConditionStatus::Unknown);
  EXPECT_EQ(first().state, CommitState::Error);
  make(1, "Starting", ConditionStatus::False);
  EXPECT_EQ(first().state, CommitState::Pending);
  make(1, "Held", ConditionStatus::False);
  EXPECT_EQ(first().state, CommitState::Success);
}

TEST_F(VerdictTest, CountsNoWebhooks) {
  // Whether others can be told has nothing to do with the commit.
  source.commit_status->has_resources = true;
  add("alice/Webhook/chat", "Failing", ConditionStatus::False);
  EXPECT_EQ(first().description, "2 of 2 ready");
  EXPECT_EQ(first().state, CommitState::Success);
  EXPECT_THAT(reports_of(source, resources, ""), SizeIs(3));
}

TEST_F(VerdictTest, SaysWhatIsWrongWithANewerOneWhileAnOlderWaits) {
  source.applied_revision = source.passed_revision = kOld;
  source.candidate_revision = std::string(40, '3');
  stall("InvalidManifests", "site.yaml:1:1: error: no");
  const std::vector<CommitReport> all = reports_of(source, resources, "it would destroy all");
  ASSERT_THAT(all, SizeIs(2));
  EXPECT_EQ(all[0].revision, source.candidate_revision);
  EXPECT_EQ(all[0].state, CommitState::Pending);
  EXPECT_EQ(all[1].revision, kNew);
  EXPECT_EQ(all[1].state, CommitState::Failure);
  stall("FetchFailed", "no route");
  EXPECT_THAT(reports_of(source, resources, ""), SizeIs(1));
}

TEST_F(VerdictTest, ReportsEachResourceIfWanted) {
  source.commit_status->has_resources = true;
  source.commit_status->link = "https://x/{tenant}?r={revision}&s={source}";
  const std::vector<CommitReport> all = reports_of(source, resources, "");
  ASSERT_THAT(all, SizeIs(3));
  EXPECT_EQ(all[0].link, "https://x/alice?r=" + kNew + "&s=alice%2Falice");
  EXPECT_EQ(all[1].context, "croft/alice/Site/blog");
  source.commit_status->link.clear();
  EXPECT_EQ(reports_of(source, resources, "")[1].link, "http://x");
  // Nothing says where the whole leads: to the first that can be reached.
  resources[0].url.clear();
  resources[1].url = "http://y";
  const std::vector<CommitReport> reached = reports_of(source, resources, "");
  EXPECT_EQ(reached[0].link, "http://y");
  EXPECT_EQ(reached[1].link, "") << "another's URL says nothing of it";
  resources[1].source = "alice/other";
  EXPECT_EQ(first().link, "");
}

TEST_F(VerdictTest, NamesTheSourceIfATenantHasSeveral) {
  source.key = "alice/more";
  EXPECT_EQ(first().context, "croft/alice/more");
}

TEST(WorthPostingTest, EndsWithASuccessAndNeverFlaps) {
  using enum CommitState;
  EXPECT_TRUE(is_worth_posting(std::nullopt, Pending));
  EXPECT_FALSE(is_worth_posting(Pending, Pending));
  for (const CommitState end : {Success, Failure, Error}) {
    EXPECT_TRUE(is_worth_posting(Pending, end));
    EXPECT_FALSE(is_worth_posting(Success, end));
    EXPECT_EQ(is_worth_posting(Failure, end), end == Success);
    EXPECT_FALSE(is_worth_posting(end, Pending));
  }
}

}  // namespace
}  // namespace croft
