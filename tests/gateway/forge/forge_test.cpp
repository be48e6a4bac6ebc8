#include "gateway/forge/forge.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "gateway/forge/caller.hpp"
#include "gateway/forge/comments.hpp"
#include "gateway/forge/posted.hpp"
#include "gateway/forge/statuses.hpp"

namespace croft {
namespace {

const std::string kRevision(40, 'a');

ForgeRepository repository(const std::string& type, const std::string& url) {
  CommitStatusDeclaration status;
  status.type = type;
  return forge_repository(status, url).value();
}

CommitReport report(CommitState state) {
  return {kRevision, "croft/alice", state, "2 of 2 ready", "https://x.example.com/alice"};
}

TEST(ForgeTest, FindsTheApiOfARepositorysHost) {
  const ForgeRepository github = repository("github", "https://github.com/Alice/hosting.git");
  EXPECT_EQ(to_string(github.server), "https://api.github.com:443");
  EXPECT_EQ(github.base + repository_path(github), "/repos/alice/hosting");
  const ForgeRepository own = repository("github", "ssh://git@git.example.com:22/alice/hosting");
  EXPECT_EQ(own.server.host, "git.example.com");
  EXPECT_EQ(own.base + repository_path(own), "/api/v3/repos/alice/hosting");
  const ForgeRepository ported = repository("gitea", "https://bot@git.example.com:3000/alice/x");
  EXPECT_EQ(to_string(ported.server), "https://git.example.com:3000");
  const ForgeRepository gitlab = repository("gitlab", "https://gitlab.com/group/sub/hosting.git");
  EXPECT_EQ(gitlab.base + repository_path(gitlab), "/api/v4/projects/group%2Fsub%2Fhosting");
  const ForgeRepository gitea = repository("forgejo", "https://codeberg.org/alice/hosting");
  EXPECT_EQ(gitea.base + repository_path(gitea), "/api/v1/repos/alice/hosting");
  const ForgeRepository bitbucket = repository("bitbucket", "https://bitbucket.org/alice/hosting");
  EXPECT_EQ(bitbucket.server.host, "api.bitbucket.org");
  EXPECT_EQ(bitbucket.base + repository_path(bitbucket), "/2.0/repositories/alice/hosting");
}

TEST(ForgeTest, TakesWhatTheSourceSaysInstead) {
  CommitStatusDeclaration status;
  status.type = "gitea";
  EXPECT_FALSE(forge_repository(status, "/srv/hosting.git"));
  status.url = "http://127.0.0.1:3000/git/api/v1/";
  status.repository = "Alice/hosting";
  const ForgeRepository repository = forge_repository(status, "/srv/hosting.git").value();
  EXPECT_EQ(to_string(repository.server), "http://127.0.0.1:3000");
  EXPECT_EQ(repository.base + repository_path(repository), "/git/api/v1/repos/Alice/hosting");
}

struct Shape {
  std::string type, url, target, body;
};

// What each forge's documentation asks for.
TEST(ForgeTest, PostsStatusesAsEachForgeWantsThem) {
  const std::vector<Shape> shapes = {
      {"github", "https://github.com/alice/hosting", "/repos/alice/hosting/statuses/" + kRevision,
       R"({"context":"croft/alice","description":"2 of 2 ready","state":"failure","target_url":"https://x.example.com/alice"})"},
      {"gitea", "https://codeberg.org/alice/hosting",
       "/api/v1/repos/alice/hosting/statuses/" + kRevision,
       R"({"context":"croft/alice","description":"2 of 2 ready","state":"failure","target_url":"https://x.example.com/alice"})"},
      {"gitlab", "https://gitlab.com/alice/hosting",
       "/api/v4/projects/alice%2Fhosting/statuses/" + kRevision,
       R"({"description":"2 of 2 ready","name":"croft/alice","state":"failed","target_url":"https://x.example.com/alice"})"},
      {"bitbucket", "https://bitbucket.org/alice/hosting",
       "/2.0/repositories/alice/hosting/commit/" + kRevision + "/statuses/build",
       R"({"description":"2 of 2 ready","key":"croft/alice","name":"croft/alice","state":"FAILED","url":"https://x.example.com/alice"})"},
  };
  for (const Shape& shape : shapes) {
    const HttpRequest request =
        status_request(repository(shape.type, shape.url), report(CommitState::Failure));
    EXPECT_EQ(request.method, "POST");
    EXPECT_EQ(request.target, shape.target);
    EXPECT_EQ(request.body, shape.body);
    EXPECT_NE(request.headers.find("User-Agent"), nullptr);
  }
}

TEST(ForgeTest, AuthorizesAsEachForgeWantsIt) {
  const auto header = [](Forge forge, const char* name) {
    HttpRequest request;
    authorize(request, forge, Secret<std::string>("t"));
    return request.headers.value_or(name, "");
  };
  EXPECT_EQ(header(Forge::GitHub, "Authorization"), "Bearer t");
  EXPECT_EQ(header(Forge::Bitbucket, "Authorization"), "Bearer t");
  EXPECT_EQ(header(Forge::Gitea, "Authorization"), "token t");
  EXPECT_EQ(header(Forge::GitLab, "PRIVATE-TOKEN"), "t");
}

TEST(ForgeTest, KeepsWithinWhatForgesTake) {
  CommitReport long_one = report(CommitState::Pending);
  long_one.context = "croft/alice/Instance/a-very-long-name-of-an-instance";
  long_one.description = std::string(130, 'x') + "ääääääääääää";
  long_one.link.clear();
  const Value github =
      parse_json(status_request(repository("github", "https://github.com/a/b"), long_one).body)
          .value();
  EXPECT_LE(github.text_or("description", "").size(), 140u);
  EXPECT_TRUE(is_utf8(github.text_or("description", "")));
  EXPECT_EQ(github.find("target_url"), nullptr);
  const Value bitbucket =
      parse_json(
          status_request(repository("bitbucket", "https://bitbucket.org/a/b"), long_one).body)
          .value();
  EXPECT_EQ(bitbucket.text_or("key", "").size(), 40u);
  EXPECT_EQ(bitbucket.text_or("url", ""), "https://bitbucket.org/a/b/commits/" + kRevision);
}

TEST(ForgeTest, KnowsAStatusThatAForgeHas) {
  const CommitReport success = report(CommitState::Success);
  const auto shows = [&](const char* type, const char* url, const char* answer) {
    ShownStatuses shown;
    shown.add(repository(type, url), parse_json(answer).value());
    return shown.shows(repository(type, url), success);
  };
  EXPECT_TRUE(
      shows("github", "https://github.com/a/b",
            R"([{"context":"x","state":"failure"},{"context":"croft/alice","state":"success"},
                        {"context":"croft/alice","state":"pending"}])"));
  EXPECT_FALSE(shows("github", "https://github.com/a/b",
                     R"([{"context":"croft/alice","state":"pending"},
                         {"context":"croft/alice","state":"success"}])"));
  EXPECT_TRUE(shows("gitea", "https://codeberg.org/a/b",
                    R"([{"context":"croft/alice","status":"success"}])"));
  EXPECT_TRUE(
      shows("gitlab", "https://gitlab.com/a/b", R"([{"name":"croft/alice","status":"success"}])"));
  EXPECT_TRUE(shows("bitbucket", "https://bitbucket.org/a/b",
                    R"({"values":[{"key":"croft/alice","state":"SUCCESSFUL"}]})"));
  EXPECT_FALSE(shows("github", "https://github.com/a/b", "{}"));
  EXPECT_TRUE(
      is_repetition(Forge::GitLab, 400, "Cannot transition status via :enqueue from :pending"));
  EXPECT_FALSE(is_repetition(Forge::GitHub, 400, "Cannot transition status"));
}

TEST(ForgeTest, ReadsStatusesPageByPage) {
  const ForgeRepository github = repository("github", "https://github.com/a/b");
  const ForgeRepository gitea = repository("gitea", "https://codeberg.org/a/b");
  EXPECT_TRUE(statuses_request(github, kRevision, 3).target.ends_with("?per_page=100&page=3"));
  EXPECT_TRUE(statuses_request(gitea, kRevision, 2)
                  .target.ends_with("?sort=recentupdate&limit=100&page=2"));
  Value page = Value::list();
  for (int i = 0; i < 50; ++i)
    page.push_back(Value::map({{"context", fmt::format("c{}", i)}, {"state", "success"}}));
  ShownStatuses shown;
  EXPECT_TRUE(shown.add(gitea, page)) << "its operator may allow no more than 50";
  EXPECT_FALSE(shown.add(gitea, Value::list()));
  EXPECT_FALSE(shown.add(github, page)) << "less than a page";
  CommitReport one = report(CommitState::Success);
  one.context = "c49";
  EXPECT_TRUE(shown.shows(github, one));
  // What comes later is older.
  const Value older = parse_json(R"([{"context":"c49","state":"pending"}])").value();
  shown.add(github, older);
  EXPECT_TRUE(shown.shows(github, one));
}

TEST(ForgeTest, WhatAForgeShowedIsOutOfDateOnceItWasToldMore) {
  const ForgeRepository github = repository("github", "https://github.com/a/b");
  ShownStatuses shown;
  shown.add(github, parse_json(R"([{"context":"croft/alice","state":"success"}])").value());
  PostedStatuses posted(kRevision, true);
  posted.settle(shown);
  EXPECT_TRUE(posted.was_shown(github, report(CommitState::Success)));
  posted.note(report(CommitState::Failure));
  EXPECT_FALSE(posted.was_shown(github, report(CommitState::Success)))
      << "it shows the failure now";
  posted.settle(shown);
  EXPECT_TRUE(posted.was_shown(github, report(CommitState::Success)));
}

TEST(ForgeTest, KeepsCommentsAsEachForgeWantsThem) {
  const ForgeRepository github = repository("github", "https://github.com/a/b");
  const ForgeRepository ported = repository("gitea", "https://bot@git.example.com:3000/alice/x");
  EXPECT_EQ(to_string(ported.server), "https://git.example.com:3000");
  const ForgeRepository gitlab = repository("gitlab", "https://gitlab.com/a/b");
  const ForgeRepository bitbucket = repository("bitbucket", "https://bitbucket.org/a/b");
  EXPECT_EQ(comment_request(github, 7, "x").target, "/repos/a/b/issues/7/comments");
  EXPECT_EQ(comment_update_request(github, 7, 9, "x").target, "/repos/a/b/issues/comments/9");
  EXPECT_EQ(comment_update_request(github, 7, 9, "x").method, "PATCH");
  EXPECT_EQ(comment_request(gitlab, 7, "x").target,
            "/api/v4/projects/a%2Fb/merge_requests/7/notes");
  EXPECT_EQ(comment_update_request(gitlab, 7, 9, "x").target,
            "/api/v4/projects/a%2Fb/merge_requests/7/notes/9");
  EXPECT_EQ(comment_request(bitbucket, 7, "x").body, R"({"content":{"raw":"x"}})");
  EXPECT_EQ(comment_update_request(bitbucket, 7, 9, "x").target,
            "/2.0/repositories/a/b/pullrequests/7/comments/9");
  const Value answer = parse_json(R"([{"id":1,"body":"one"},{"id":2,"body":"two"}])").value();
  EXPECT_EQ(comments_in(Forge::GitLab, answer),
            (std::vector<ForgeComment>{{1, "one"}, {2, "two"}}));
  EXPECT_EQ(merge_request_ref(Forge::GitHub, 7), "refs/pull/7/head");
  EXPECT_EQ(merge_request_ref(Forge::GitLab, 7), "refs/merge-requests/7/head");
}

TEST(ForgeTest, FollowsBitbucketsBranchesOnlyWithinTheRepository) {
  const ForgeRepository bitbucket = repository("bitbucket", "https://bitbucket.org/a/b");
  const auto ref = [&](const char* answer) {
    return source_ref_in(bitbucket, parse_json(answer).value());
  };
  EXPECT_EQ(ref(R"({"source":{"branch":{"name":"x"},"repository":{"full_name":"A/b"}}})"),
            "refs/heads/x");
  EXPECT_EQ(ref(R"({"source":{"branch":{"name":"x"},"repository":{"full_name":"eve/b"}}})"), "");
  EXPECT_EQ(ref("{}"), "");
}

TEST(ForgeTest, NeverLetsProblemsOutOfTheirBlock) {
  RefDiff diff{kRevision, {}, "site.yaml: error\n```\n# not a heading\n"};
  const std::string text = comment_text("alice/alice", diff, "");
  EXPECT_NE(text.find("````\nsite.yaml"), std::string::npos) << text;
}

TEST(ForgeTest, ClosesTheBlockOfProblemsThatAreTooLong) {
  RefDiff diff{kRevision, {}, std::string(200'000, 'x')};
  const std::string text = comment_text("alice/alice", diff, "");
  EXPECT_LT(text.size(), 65'000u);
  EXPECT_NE(text.find("\n```\n\n\nThe rest is too long"), std::string::npos);
  diff.problems = std::string(200'000, '`');
  EXPECT_LT(comment_text("alice/alice", diff, "").size(), 65'000u);
}

TEST(ForgeTest, RemembersItsCommentsInEvents) {
  const SourceStatus source{.key = "alice/alice", .tenant = "alice"};
  const KeptComment begun{"a-mark", 0};
  std::vector<EventRow> events{comment_event(source, 7, begun, {})};
  EXPECT_EQ(events[0].subject, "alice/alice#7");
  EXPECT_EQ(kept_comment(events), begun);
  events.push_back(comment_event(source, 7, {"a-mark", 123}, {}));
  EXPECT_EQ(kept_comment(events), (KeptComment{"a-mark", 123}));
  // One that was removed is begun anew.
  events.push_back(comment_event(source, 7, {"another", 0}, {}));
  EXPECT_EQ(kept_comment(events), (KeptComment{"another", 0}));
  EXPECT_EQ(kept_comment({}), std::nullopt);
}

TEST(ForgeTest, WaitsAsLongAsALimitSays) {
  const Timestamp now(Duration(1'700'000'000'000));
  EXPECT_EQ(limit_of({{"Retry-After", "30"}}, now), Duration(30'000));
  EXPECT_EQ(limit_of({{"Retry-After", "999999"}}, now), Duration(3'600'000));
  EXPECT_EQ(limit_of({{"Retry-After", "soon"}}, now), Duration(0));
  EXPECT_EQ(limit_of({{"X-RateLimit-Remaining", "0"}, {"X-RateLimit-Reset", "1700000060"}}, now),
            Duration(60'000));
  EXPECT_EQ(limit_of({{"RateLimit-Remaining", "0"}, {"RateLimit-Reset", "1"}}, now),
            Duration(1'000));
  EXPECT_EQ(limit_of({{"X-RateLimit-Remaining", "5"}, {"X-RateLimit-Reset", "1700000060"}}, now),
            Duration(0));
}

}  // namespace
}  // namespace croft
