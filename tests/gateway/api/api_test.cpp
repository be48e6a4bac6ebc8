#include "gateway/api/api.hpp"

#include <sys/stat.h>

#include "tests/gateway/api/api_fixture.hpp"

namespace croft {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::SizeIs;

std::vector<std::string> refs_of(const Value& answer) {
  const auto resources = list_from_form(answer, "resources", status_from_form).value();
  std::vector<std::string> refs;
  for (const ResourceStatus& status : resources) refs.push_back(to_string(status.ref));
  return refs;
}

Changeset waiting_for(const std::string& tenant, char digit, const std::string& reason) {
  Changeset changeset;
  changeset.tenant = tenant;
  changeset.digest = std::string(64, digit);
  changeset.guard = Guard{reason, "waits"};
  return changeset;
}

TEST_F(ApiTest, SaysWhichServerItIs) {
  settings.version = "1.2.3";
  settings.is_solo = true;
  start();
  const Result<ServerVersion> version = version_from_form(json("GET", "/v1/version"));
  EXPECT_EQ(version.value(), (ServerVersion{"1.2.3", "v1", true}));
  EXPECT_EQ(json("GET", "/healthz").text_or("status", ""), "ok");
  EXPECT_EQ(json("GET", "/readyz").text_or("status", ""), "ok");
}

TEST_F(ApiTest, HealthNeedsNoCredentials) {
  start();
  EXPECT_EQ(ask_with("", "GET", "/healthz").status, 200);
  EXPECT_EQ(ask_with("", "HEAD", "/readyz").status, 200);
  EXPECT_EQ(ask_with("", "GET", "/openapi.json").status, 200);
}

TEST_F(ApiTest, ReadinessSaysWhyNot) {
  reasons_not_ready = {"the platform was never loaded"};
  start();
  const HttpResponse response = ask("GET", "/readyz");
  EXPECT_EQ(response.status, 503);
  EXPECT_THAT(response.body, testing::HasSubstr("the platform was never loaded"));
  EXPECT_EQ(ask("GET", "/healthz").status, 200);
}

TEST_F(ApiTest, MetricsAreTheOperatorsOnly) {
  start();
  EXPECT_EQ(ask("GET", "/metrics").body, "croft_up 1\n");
  EXPECT_EQ(ask_with("", "GET", "/metrics").status, 401);
  EXPECT_EQ(ask_with(make_token("alice"), "GET", "/metrics").status, 403);
  EXPECT_EQ(ask_with(make_token(""), "GET", "/metrics").status, 200);
}

TEST_F(ApiTest, UseIsShownToWhoseItIs) {
  start();
  const Use use{"u", clock.now(), 1.5, 1'000, std::nullopt, 3};
  engine.uses = {
      {engine.add_resource("bob/Instance/db").ref, "local", Phase::Running, 0, use},
      {engine.add_resource("alice/Instance/api").ref, "local", Phase::Failed, 2, std::nullopt}};
  const auto all =
      list_from_form<ResourceUse>(json("GET", "/v1/use"), "resources", use_from_form).value();
  ASSERT_THAT(all, SizeIs(2));
  EXPECT_EQ(to_string(all[0].ref), "alice/Instance/api");
  EXPECT_EQ(all[0].restarts, 2);
  EXPECT_FALSE(all[0].use);
  ASSERT_TRUE(all[1].use);
  EXPECT_EQ(all[1].use->cpu_seconds, 1.5);
  EXPECT_EQ(all[1].use->memory, 1'000);
  EXPECT_EQ(all[1].use->memory_limit, std::nullopt);
  EXPECT_EQ(all[1].use->processes, 3);
  EXPECT_EQ(all[1].use->at, clock.now());
  const HttpResponse alices = ask_with(make_token("alice"), "GET", "/v1/use");
  EXPECT_THAT(alices.body, testing::Not(testing::HasSubstr("bob")));
  EXPECT_THAT(alices.body, testing::HasSubstr("alice/Instance/api"));
}

TEST_F(ApiTest, ListsResourcesOfAllOfOneTenantAndOfAKind) {
  start();
  engine.add_resource("alice/Site/blog");
  engine.add_resource("bob/Site/shop");
  engine.add_resource("alice/Instance/api");
  EXPECT_THAT(refs_of(json("GET", "/v1/resources")), SizeIs(3));
  EXPECT_THAT(refs_of(json("GET", "/v1/resources?tenant=alice&kind=Site")),
              ElementsAre("alice/Site/blog"));
  EXPECT_THAT(refs_of(json("GET", "/v1/resources?tenant=-")), IsEmpty());
}

TEST_F(ApiTest, DescribesAResourceWithEventsAndItsLogIfItIsNotReady) {
  start();
  engine.add_resource("alice/Instance/api", Phase::Failed);
  engine.add_event("alice", "alice/Instance/api", "Failed");
  engine.add_event("alice", "alice/Site/blog", "Created");
  engine.add_log("alice/Instance/api", "one\nModuleNotFoundError\xff\n");
  const Result<ResourceDetail> detail =
      detail_from_form(json("GET", "/v1/resources/alice/Instance/api"));
  ASSERT_TRUE(detail) << detail.error().describe();
  EXPECT_EQ(detail->status.phase, Phase::Failed);
  ASSERT_THAT(detail->events, SizeIs(1));
  EXPECT_EQ(detail->events[0].reason, "Failed");
  EXPECT_EQ(detail->log_tail, "one\nModuleNotFoundError\xef\xbf\xbd\n");
}

TEST_F(ApiTest, LeavesTheLogOutOfWhatIsReady) {
  start();
  engine.add_resource("alice/Instance/api");
  engine.add_log("alice/Instance/api", "secret of the app\n");
  EXPECT_EQ(detail_from_form(json("GET", "/v1/resources/alice/Instance/api"))->log_tail, "");
}

TEST_F(ApiTest, NamesOperatorKindsWithADash) {
  start();
  engine.add_resource("Plan/hobby");
  EXPECT_EQ(to_string(detail_from_form(json("GET", "/v1/resources/-/Plan/hobby"))->status.ref),
            "Plan/hobby");
}

TEST_F(ApiTest, WhatIsNotThereIsNotFound) {
  start();
  for (const std::string target :
       {"/v1/resources/alice/Site/none", "/v1/resources/nobody/Site/blog",
        "/v1/resources/-/Site/blog", "/v1/resources/a%2Fb/Site/x", "/v1/logs/alice/Site/none",
        "/v1/nothing", "/", "/v2/version"}) {
    const HttpResponse response = ask("GET", target);
    EXPECT_EQ(response.status, 404) << target;
    EXPECT_EQ(error_of(response).code(), ErrorCode::NotFound) << target;
    EXPECT_NE(error_of(response).message(), "") << target;
  }
}

TEST_F(ApiTest, ListsSourcesTenantsAndPrunes) {
  start();
  engine.watched.push_back({"alice/main", "alice", "/repo", "main", "", "", {}, std::nullopt});
  engine.watched.push_back({"platform", "", "/platform", "main", "", "", {}, std::nullopt});
  engine.waiting.push_back(waiting_for("alice", 'a', "EmptySource"));
  EXPECT_THAT(list_from_form(json("GET", "/v1/sources"), "sources", source_from_form).value(),
              SizeIs(2));
  EXPECT_EQ(
      list_from_form(json("GET", "/v1/sources?tenant=-"), "sources", source_from_form)->front().key,
      "platform");
  EXPECT_THAT(json("GET", "/v1/tenants").find("tenants")->as_list(),
              ElementsAre(Value("alice"), Value("bob")));
  EXPECT_THAT(
      list_from_form(json("GET", "/v1/prunes?tenant=alice"), "prunes", changeset_from_form).value(),
      SizeIs(1));
  EXPECT_THAT(
      list_from_form(json("GET", "/v1/prunes?tenant=bob"), "prunes", changeset_from_form).value(),
      IsEmpty());
}

TEST_F(ApiTest, LooksAtSourcesForThoseWhoMaySeeThem) {
  SourceStatus source;
  source.key = "alice/alice";
  source.tenant = "alice";
  source.receiver = ReceiverDeclaration{"github", "hook"};
  engine.watched.push_back(source);
  source.key = "platform";
  source.tenant.clear();
  engine.watched.push_back(source);
  std::vector<std::int64_t> merge_requests;
  settings.on_merge_request = [&](std::string, std::int64_t number) -> Task<Result<void>> {
    merge_requests.push_back(number);
    if (number == 8) co_return fail(ErrorCode::Unavailable, "the store is full");
    co_return Result<void>();
  };
  settings.hook_url = [](const std::string& key) { return "https://x/hooks/" + key; };
  start();
  EXPECT_EQ(ask("POST", "/v1/looks", R"({"source":"platform"})").status, 204);
  const std::string alice = make_token("alice");
  EXPECT_EQ(ask_with(alice, "POST", "/v1/looks", R"({"source":"alice/alice"})").status, 204);
  EXPECT_EQ(ask_with(alice, "POST", "/v1/looks", R"({"source":"platform"})").status, 404);
  EXPECT_EQ(ask_with(make_token("bob"), "POST", "/v1/looks", R"({"source":"alice/alice"})").status,
            404);
  EXPECT_EQ(engine.looked_at, (std::vector<std::string>{"platform", "alice/alice"}));
  EXPECT_EQ(ask("POST", "/v1/looks", R"({"source":"alice/alice","mergeRequest":7})").status, 204);
  EXPECT_EQ(merge_requests, std::vector<std::int64_t>{7});
  EXPECT_EQ(ask("POST", "/v1/looks", R"({"source":"alice/alice","mergeRequest":8})").status, 503)
      << "it is not remembered";
  const Value listed = json("GET", "/v1/sources?tenant=alice");
  EXPECT_EQ(listed.text_or("sources[0].hook", ""), "https://x/hooks/alice/alice");
}

TEST_F(ApiTest, PassesDiffAndReconcileOn) {
  start();
  engine.changeset.digest = std::string(64, '7');
  EXPECT_EQ(
      changeset_from_form(json("POST", "/v1/diff", R"({"tenant":"alice","label":"HEAD"})"))->tenant,
      "alice");
  ASSERT_THAT(engine.diffs, SizeIs(1));
  EXPECT_EQ(engine.diffs[0].label, "HEAD");
  EXPECT_EQ(engine.diffs[0].tree, nullptr);
  json("POST", "/v1/reconcile", R"({"tenant":"alice","expect":"7777"})");
  json("POST", "/v1/reconcile");
  ASSERT_THAT(engine.reconciles, SizeIs(2));
  EXPECT_EQ(engine.reconciles[0].expect, "7777");
  EXPECT_EQ(engine.reconciles[1].tenant, "");
}

TEST_F(ApiTest, DiffsAnUploadedTree) {
  start();
  const Value tree = parse_json(R"({
    "files": [{"path": "a/site.yaml", "mode": "100644", "id": "ce013625030ba8dba906f756967f9e9ca394464a"}],
    "blobs": [{"id": "ce013625030ba8dba906f756967f9e9ca394464a", "size": 6, "text": "hello\n"}]})")
                         .value();
  json("POST", "/v1/diff", to_json(Value::map({{"tenant", "alice"}, {"tree", tree}})));
  ASSERT_THAT(engine.diffs, SizeIs(1));
  ASSERT_NE(engine.diffs[0].tree, nullptr);
  EXPECT_EQ(engine.diffs[0].tree->read("ce013625030ba8dba906f756967f9e9ca394464a", 100).value(),
            "hello\n");
}

TEST_F(ApiTest, AnswersEachErrorWithItsStatus) {
  start();
  const std::pair<ErrorCode, int> expected[] = {
      {ErrorCode::Invalid, 400},  {ErrorCode::Denied, 403},     {ErrorCode::NotFound, 404},
      {ErrorCode::Conflict, 409}, {ErrorCode::Cancelled, 499},  {ErrorCode::Internal, 500},
      {ErrorCode::Timeout, 504},  {ErrorCode::Unavailable, 503}};
  for (const auto& [code, status] : expected) {
    engine.failure =
        Error(code, "it failed").with_hint("try this").at({"a.yaml", 3, 7}).while_doing("diffing");
    const HttpResponse response = ask("POST", "/v1/diff", "{}");
    EXPECT_EQ(response.status, status);
    const Error error = error_of(response);
    EXPECT_EQ(error.code(), code);
    EXPECT_EQ(error.message(), "while diffing: it failed");
    EXPECT_EQ(error.hint(), "try this");
    EXPECT_EQ(error.position(), (SourcePosition{"a.yaml", 3, 7}));
  }
}

TEST_F(ApiTest, DirectsAndWithdrawsInThePersonsName) {
  start();
  engine.add_resource("alice/Instance/api");
  clock.advance(Duration(5));
  const std::string until = format_time(clock.now() + Duration(60'000));
  const HttpResponse made =
      ask("POST", "/v1/directives",
          R"({"ref":"alice/Instance/api","verb":"stop","why":"backup","until":")" + until + "\"}");
  EXPECT_EQ(made.status, 201) << made.body;
  ASSERT_THAT(engine.directed, SizeIs(1));
  const DirectiveRow& row = engine.directed[0];
  EXPECT_EQ(directive_from_form(parse_json(made.body).value()).value(), row);
  EXPECT_EQ(row.by, "root");
  EXPECT_EQ(row.why, "backup");
  EXPECT_EQ(row.created_at, clock.now());
  EXPECT_EQ(row.until, clock.now() + Duration(60'000));
  EXPECT_EQ(ask("DELETE", "/v1/directives/alice/Instance/api/suspend").status, 204);
  EXPECT_THAT(engine.withdrawn, ElementsAre(std::pair(parse_ref("alice/Instance/api").value(),
                                                      DirectiveVerb::Suspend)));
}

TEST_F(ApiTest, ListsDirectivesThatHold) {
  start();
  Transaction transaction;
  const Ref ref = parse_ref("alice/Instance/api").value();
  transaction.add(PutDirective{{ref, DirectiveVerb::Stop, "root", "", clock.now(), std::nullopt}});
  commit(std::move(transaction));
  EXPECT_THAT(
      list_from_form(json("GET", "/v1/directives"), "directives", directive_from_form).value(),
      SizeIs(1));
  EXPECT_THAT(
      list_from_form(json("GET", "/v1/directives?tenant=bob"), "directives", directive_from_form)
          .value(),
      IsEmpty());
}

TEST_F(ApiTest, RefusesDirectivesThatMakeNoSense) {
  start();
  engine.add_resource("alice/Instance/api");
  for (const std::string body :
       {R"({"ref":"alice/Instance/api","verb":"explode"})", R"({"verb":"stop"})",
        R"({"ref":7,"verb":"stop"})", R"({"ref":"nonsense","verb":"stop"})",
        R"({"ref":"alice/Instance/api","verb":"stop","until":"tomorrow"})",
        R"({"ref":"alice/Instance/api","verb":"stop","until":"2001-01-01T00:00:00Z"})",
        R"({"ref":"alice/Instance/api","verb":"stop","wy":"typing error"})"}) {
    EXPECT_EQ(ask("POST", "/v1/directives", body).status, 400) << body;
  }
  EXPECT_EQ(ask("POST", "/v1/directives", R"({"ref":"alice/Instance/none","verb":"stop"})").status,
            404);
  EXPECT_EQ(ask("DELETE", "/v1/directives/alice/Instance/api/explode").status, 400);
  EXPECT_THAT(engine.directed, IsEmpty());
}

TEST_F(ApiTest, AcknowledgesExactlyWhatWaits) {
  start();
  engine.waiting.push_back(waiting_for("alice", 'a', "EmptySource"));
  const std::string other = std::string(64, 'b');
  EXPECT_EQ(ask("POST", "/v1/prunes/ack", R"({"tenant":"alice","digest":")" + other + "\"}").status,
            409);
  EXPECT_EQ(
      ask("POST", "/v1/prunes/ack", R"({"tenant":"bob","digest":")" + std::string(64, 'a') + "\"}")
          .status,
      409);
  EXPECT_EQ(ask("POST", "/v1/prunes/ack", R"({"tenant":"alice","digest":"aaaa"})").status, 409);
  EXPECT_EQ(ask("POST", "/v1/prunes/ack",
                R"({"tenant":"alice","digest":")" + std::string(64, 'a') + "\"}")
                .status,
            204);
  EXPECT_THAT(engine.acknowledged, ElementsAre(std::pair("alice", std::string(64, 'a'))));
}

TEST_F(ApiTest, AuditsEveryMutationAndNothingElse) {
  start();
  engine.add_resource("alice/Instance/api");
  ask("GET", "/v1/resources");
  ask("POST", "/v1/diff", "{}");
  EXPECT_EQ(audit(), "");
  ask("POST", "/v1/directives", R"({"ref":"alice/Instance/api","verb":"stop","why":"a\nb"})");
  const std::string token = make_token("alice");
  ask_with(token, "DELETE", "/v1/directives/alice/Instance/api/stop");
  std::vector<Value> lines;
  std::istringstream text(audit());
  for (std::string line; std::getline(text, line);) lines.push_back(parse_json(line).value());
  ASSERT_THAT(lines, SizeIs(6));
  EXPECT_EQ(lines[0].text_or("who", ""), "root");
  EXPECT_EQ(lines[0].text_or("did", ""), "POST /v1/directives");
  EXPECT_EQ(lines[0].text_or("body.verb", ""), "stop");
  EXPECT_EQ(lines[1].integer_or("status", 0), 201);
  EXPECT_EQ(lines[1].text_or("id", "a"), lines[0].text_or("id", "b"));
  EXPECT_EQ(lines[4].text_or("who", ""), "token test");
  EXPECT_EQ(lines[4].text_or("scope", ""), "alice");
  EXPECT_THAT(audit(), Not(HasSubstr(token)));
  struct stat found{};
  ASSERT_EQ(stat(settings.audit_log.c_str(), &found), 0);
  EXPECT_EQ(found.st_mode & 0777U, 0600U);
}

TEST_F(ApiTest, DoesNothingThatItCannotAudit) {
  settings.audit_log = directory.path() / "missing" / "audit.log";
  start();
  engine.add_resource("alice/Instance/api");
  EXPECT_EQ(ask("POST", "/v1/directives", R"({"ref":"alice/Instance/api","verb":"stop"})").status,
            503);
  EXPECT_THAT(engine.directed, IsEmpty());
}

TEST_F(ApiTest, RefusesHostileBodies) {
  start();
  std::string deep(100'000, '[');
  for (
      const std::string& body : std::vector<std::string>{
          "{", "[]", "7", "\"x\"", "null", "{}{}", deep, "{\"tenant\":\"\xff\"}",
          "{\"tenant\":\"al\\u0000ice\"}", "{\"tenant\":7}", R"({"tenant":"../etc"})",
          R"({"tenant":"alice","surprise":1})", R"({"tree":[]})",
          R"({"tree":{"files":[{"path":"../x","mode":"100644","id":"ce013625030ba8dba906f756967f9e9ca394464a"}],"blobs":[]}})",
          R"({"tree":{"files":[{"path":"x","mode":"777","id":"ce013625030ba8dba906f756967f9e9ca394464a"}],"blobs":[]}})",
          R"({"tree":{"files":[{"path":"x","mode":"100644","id":"zz"}],"blobs":[]}})"}) {
    const HttpResponse response = ask("POST", "/v1/diff", body);
    EXPECT_THAT(response.status, testing::AnyOf(400, 404)) << body.substr(0, 100);
    EXPECT_TRUE(parse_json(response.body)) << response.body;
  }
  EXPECT_THAT(engine.diffs, IsEmpty());
}

TEST_F(ApiTest, RefusesHugeBodiesByRoute) {
  start();
  const std::string large = R"({"why":")" + std::string(1U << 20U, 'x') + "\"}";
  EXPECT_EQ(ask("POST", "/v1/directives", large).status, 413);
  EXPECT_EQ(ask("POST", "/v1/diff", large).status, 400);
  EXPECT_EQ(ask("POST", "/v1/diff", std::string(50U << 20U, ' ')).status, 413);
  EXPECT_EQ(ask("GET", "/v1/version", "body").status, 400);
  // Who is not admitted gets no large body in, however large the route allows it.
  EXPECT_EQ(ask_with("", "POST", "/v1/diff", large).status, 413);
  EXPECT_EQ(ask_with("", "POST", "/v1/diff", "{}").status, 401);
}

TEST_F(ApiTest, RefusesPathAndParameterTricks) {
  start();
  for (const std::string target :
       {"/v1/../healthz", "/v1/%2e%2e/healthz", "//healthz", "/v1//version", "/v1/version%00",
        "/v1/version%", "/v1/events?limit=0", "/v1/events?limit=99999999999999999999",
        "/v1/events?limit=x", "/v1/events?since=noon", "/v1/events?severity=bad",
        "/v1/events?after=-2", "/v1/resources?kind=Nonsense", "/v1/resources?tenat=alice",
        "/v1/resources?tenant=alice&tenant=bob", "/v1/resources/alice/Nonsense/x",
        "/v1/logs/alice/Site/x?follow=maybe"}) {
    EXPECT_EQ(ask("GET", target).status, 400) << target;
  }
  EXPECT_THAT(ask("GET", "/v1/resources?tenat=alice").body, HasSubstr("did you mean 'tenant'"));
}

TEST_F(ApiTest, SaysWhichMethodsAPathTakes) {
  start();
  const HttpResponse response = ask("PUT", "/v1/directives");
  EXPECT_EQ(response.status, 405);
  EXPECT_EQ(response.headers.value_or("Allow", ""), "GET, POST");
}

TEST_F(ApiTest, WorksUnderManyClientsAtOnce) {
  start();
  for (int i = 0; i < 50; ++i) engine.add_resource("alice/Site/s" + std::to_string(i));
  int answered = 0;
  for (int i = 0; i < 200; ++i) {
    const auto one = [](HttpClient from, int& count) -> Task<> {
      const Result<HttpResponse> response = co_await from.send(request_of("GET", "/v1/resources"));
      if (response && response->status == 200) ++count;
    };
    spawn(io.get_executor(), one(local(), answered), "ask");
  }
  EXPECT_TRUE(eventually([&] { return answered == 200; }));
}

}  // namespace
}  // namespace croft
