#include <unistd.h>

#include "tests/gateway/api/api_fixture.hpp"

namespace croft {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::SizeIs;
using testing::StartsWith;

class TokenTest : public ApiTest {
 protected:
  void SetUp() override {
    ApiTest::SetUp();
    start();
    engine.add_resource("alice/Instance/api");
    engine.add_resource("bob/Instance/shop");
    engine.add_resource("Plan/hobby");
    engine.watched.push_back({"alice/main", "alice", "/a", "main", "", "", {}, std::nullopt});
    engine.watched.push_back({"bob/main", "bob", "/b", "main", "", "", {}, std::nullopt});
    engine.watched.push_back({"platform", "", "/p", "main", "", "", {}, std::nullopt});
    engine.add_event("alice", "alice/Instance/api", "Created");
    engine.add_event("bob", "bob/Instance/shop", "Created");
    engine.add_event("", "platform", "Loaded");
    for (const std::string tenant : {"alice", "bob"}) {
      Changeset changeset;
      changeset.tenant = tenant;
      changeset.digest = std::string(64, tenant[0]);
      changeset.guard = Guard{"EmptySource", "waits"};
      engine.waiting.push_back(changeset);
    }
  }
  void remove_tenant(const std::string& name) {
    const auto rows = run_task(io, store->tenants()).value();
    Transaction transaction;
    for (TenantRow row : rows) {
      if (row.name != name) continue;
      row.removed_at = clock.now();
      transaction.add(PutTenant{row});
    }
    commit(std::move(transaction));
  }
};

TEST_F(TokenTest, IsShownOnceAndKeptAsAHash) {
  const Value made =
      json("POST", "/v1/tokens", R"({"name":"ci","tenant":"alice","expiresIn":"24h"})");
  const std::string token = made.text_or("token", "");
  EXPECT_THAT(token, StartsWith("croft_"));
  EXPECT_EQ(made.text_or("summary.name", ""), "ci");
  const auto rows = run_task(io, store->tokens()).value();
  ASSERT_THAT(rows, SizeIs(1));
  EXPECT_EQ(rows[0].hash, sha256_hex(token));
  EXPECT_EQ(rows[0].expires_at, clock.now() + Duration(86'400'000));
  const HttpResponse listed = ask("GET", "/v1/tokens");
  EXPECT_THAT(listed.body, HasSubstr("\"ci\""));
  EXPECT_THAT(listed.body, Not(HasSubstr(token)));
  EXPECT_THAT(listed.body, Not(HasSubstr(rows[0].hash)));
}

TEST_F(TokenTest, OfATenantSeesOnlyItsThings) {
  const std::string token = make_token("alice");
  const auto body = [&](const std::string& target) {
    const HttpResponse response = ask_with(token, "GET", target);
    EXPECT_EQ(response.status, 200) << target;
    EXPECT_THAT(response.body, Not(HasSubstr("bob"))) << target;
    EXPECT_THAT(response.body, Not(HasSubstr("platform"))) << target;
    EXPECT_THAT(response.body, Not(HasSubstr("hobby"))) << target;
    return response.body;
  };
  EXPECT_THAT(body("/v1/resources"), HasSubstr("alice/Instance/api"));
  EXPECT_THAT(body("/v1/resources?tenant=alice"), HasSubstr("alice/Instance/api"));
  EXPECT_THAT(body("/v1/sources"), HasSubstr("alice/main"));
  EXPECT_THAT(body("/v1/tenants"), HasSubstr("[\"alice\"]"));
  EXPECT_THAT(body("/v1/events"), HasSubstr("alice/Instance/api"));
  EXPECT_THAT(body("/v1/prunes"), HasSubstr("aaaa"));
  EXPECT_THAT(body("/v1/directives"), HasSubstr("[]"));
  body("/v1/settled");
  body("/v1/resources/alice/Instance/api");
}

TEST_F(TokenTest, OfATenantLearnsNothingOfOthers) {
  const std::string token = make_token("alice");
  // What exists and what does not answer alike.
  const auto same = [&](const std::string& method, const std::string& real, const std::string& none,
                        const std::string& real_body = {}, const std::string& none_body = {}) {
    const HttpResponse a = ask_with(token, method, real, real_body);
    const HttpResponse b = ask_with(token, method, none, none_body);
    EXPECT_EQ(a.status, 404) << real;
    EXPECT_EQ(b.status, 404) << none;
    EXPECT_EQ(a.body.size(), b.body.size()) << a.body << b.body;
  };
  same("GET", "/v1/resources/bob/Instance/shop", "/v1/resources/bob/Instance/nope");
  same("GET", "/v1/resources/-/Plan/hobby", "/v1/resources/-/Plan/nopes");
  same("GET", "/v1/logs/bob/Instance/shop", "/v1/logs/bob/Instance/nope");
  same("GET", "/v1/resources?tenant=bob", "/v1/resources?tenant=zed");
  same("GET", "/v1/sources?tenant=bob", "/v1/sources?tenant=zed");
  same("GET", "/v1/events?tenant=bob", "/v1/events?tenant=zed");
  same("GET", "/v1/prunes?tenant=bob", "/v1/prunes?tenant=zed");
  same("GET", "/v1/directives?tenant=bob", "/v1/directives?tenant=zed");
  same("GET", "/v1/settled?tenant=bob", "/v1/settled?tenant=zed");
  same("POST", "/v1/diff", "/v1/diff", R"({"tenant":"bob"})", R"({"tenant":"zed"})");
  same("POST", "/v1/reconcile", "/v1/reconcile", R"({"tenant":"bob"})", R"({"tenant":"zed"})");
  same("POST", "/v1/directives", "/v1/directives", R"({"ref":"bob/Instance/shop","verb":"stop"})",
       R"({"ref":"bob/Instance/nope","verb":"stop"})");
  same("DELETE", "/v1/directives/bob/Instance/shop/stop", "/v1/directives/bob/Instance/nope/stop");
  EXPECT_EQ(ask_with(token, "GET", "/v1/events?tenant=-").status, 404);
  EXPECT_EQ(ask_with(token, "POST", "/v1/diff", R"({"tenant":"-"})").status, 404);
  EXPECT_EQ(ask_with(token, "POST", "/v1/diff", R"({"tenant":""})").status, 404);
  EXPECT_EQ(ask_with(token, "POST", "/v1/prunes/ack",
                     R"({"tenant":"bob","digest":")" + std::string(64, 'b') + "\"}")
                .status,
            404);
  EXPECT_EQ(
      ask_with(token, "POST", "/v1/prunes/ack", R"({"digest":")" + std::string(64, 'b') + "\"}")
          .status,
      409);
  EXPECT_THAT(engine.directed, IsEmpty());
  EXPECT_THAT(engine.withdrawn, IsEmpty());
  EXPECT_THAT(engine.diffs, IsEmpty());
  EXPECT_THAT(engine.reconciles, IsEmpty());
  EXPECT_THAT(engine.acknowledged, IsEmpty());
}

TEST_F(TokenTest, OfATenantMayCareForItsOwn) {
  const std::string token = make_token("alice");
  EXPECT_EQ(ask_with(token, "POST", "/v1/diff", "{}").status, 200);
  EXPECT_EQ(ask_with(token, "POST", "/v1/reconcile", "{}").status, 200);
  EXPECT_EQ(engine.diffs.at(0).tenant, "alice");
  EXPECT_EQ(engine.reconciles.at(0).tenant, "alice");
  EXPECT_EQ(
      ask_with(token, "POST", "/v1/directives", R"({"ref":"alice/Instance/api","verb":"stop"})")
          .status,
      201);
  EXPECT_EQ(
      ask_with(token, "POST", "/v1/directives", R"({"ref":"Instance/api","verb":"stop"})").status,
      201);
  EXPECT_EQ(to_string(engine.directed.at(1).ref), "alice/Instance/api");
  EXPECT_EQ(engine.directed.at(0).by, "token test");
  EXPECT_EQ(
      ask_with(token, "POST", "/v1/prunes/ack", R"({"digest":")" + std::string(64, 'a') + "\"}")
          .status,
      204);
}

TEST_F(TokenTest, OfATenantCannotAcknowledgeItsOwnRemoval) {
  engine.waiting[0].guard->reason = "TenantRemoved";
  const std::string body = R"({"tenant":"alice","digest":")" + std::string(64, 'a') + "\"}";
  EXPECT_EQ(ask_with(make_token("alice"), "POST", "/v1/prunes/ack", body).status, 403);
  EXPECT_EQ(ask("POST", "/v1/prunes/ack", body).status, 204);
}

TEST_F(TokenTest, OfATenantMakesNoTokens) {
  const std::string token = make_token("alice");
  EXPECT_EQ(ask_with(token, "GET", "/v1/tokens").status, 403);
  EXPECT_EQ(ask_with(token, "POST", "/v1/tokens", R"({"name":"x"})").status, 403);
  EXPECT_EQ(ask_with(token, "DELETE", "/v1/tokens/x").status, 403);
}

TEST_F(TokenTest, OfTheOperatorMayDoAll) {
  const std::string token = make_token("");
  EXPECT_THAT(ask_with(token, "GET", "/v1/resources").body, HasSubstr("bob"));
  EXPECT_EQ(ask_with(token, "GET", "/v1/tokens").status, 200);
}

TEST_F(TokenTest, NothingGoesWithoutOne) {
  for (const std::string target : {"/v1/version", "/v1/resources", "/v1/tokens", "/v1/events"}) {
    const HttpResponse response = ask_with("", "GET", target);
    EXPECT_EQ(response.status, 401) << target;
    EXPECT_EQ(response.headers.value_or("WWW-Authenticate", ""), "Bearer");
  }
  const std::string token = make_token("");
  for (const std::string& wrong : {std::string("croft_"), token.substr(0, token.size() - 1),
                                   token + "x", std::string("x"), sha256_hex(token)}) {
    EXPECT_EQ(ask_with(wrong, "GET", "/v1/version").status, 401) << wrong;
  }
}

TEST_F(TokenTest, EndsWhenItExpiresOrIsRevoked) {
  const std::string brief = make_token("", "1h");
  EXPECT_EQ(ask_with(brief, "GET", "/v1/version").status, 200);
  clock.advance(Duration(3'600'000));
  const HttpResponse over = ask_with(brief, "GET", "/v1/version");
  EXPECT_EQ(over.status, 401);
  EXPECT_THAT(over.body, HasSubstr("expired"));
  const Value made = json("POST", "/v1/tokens", R"({"name":"x"})");
  const std::string id = made.text_or("summary.id", "");
  EXPECT_EQ(ask("DELETE", "/v1/tokens/" + id).status, 204);
  EXPECT_EQ(ask_with(made.text_or("token", ""), "GET", "/v1/version").status, 401);
  EXPECT_EQ(ask("DELETE", "/v1/tokens/" + id).status, 404);
}

TEST_F(TokenTest, IsNotInheritedByARecreatedTenant) {
  const std::string token = make_token("alice");
  EXPECT_EQ(ask_with(token, "GET", "/v1/resources").status, 200);
  remove_tenant("alice");
  EXPECT_EQ(ask_with(token, "GET", "/v1/resources").status, 401);
  const auto rows = run_task(io, store->tenants()).value();
  Transaction erase;
  for (const TenantRow& row : rows) {
    if (row.name == "alice") erase.add(EraseTenant{row.uid});
  }
  commit(std::move(erase));
  clock.advance(Duration(1'000));
  add_tenant("alice");
  EXPECT_EQ(ask_with(token, "GET", "/v1/resources").status, 401);
  EXPECT_EQ(ask_with(make_token("alice"), "GET", "/v1/resources").status, 200);
}

TEST_F(TokenTest, NeedsATenantThatIsThereAndASensibleLife) {
  EXPECT_EQ(ask("POST", "/v1/tokens", R"({"name":"x","tenant":"nobody"})").status, 404);
  EXPECT_EQ(ask("POST", "/v1/tokens", R"({"name":""})").status, 400);
  EXPECT_EQ(ask("POST", "/v1/tokens", R"({"name":"x","expiresIn":"soon"})").status, 400);
  EXPECT_EQ(ask("POST", "/v1/tokens", R"({"name":"x","expiresIn":"0s"})").status, 400);
  EXPECT_EQ(ask("POST", "/v1/tokens", R"({"name":"x","expiresIn":"999999h"})").status, 400);
  EXPECT_THAT(run_task(io, store->tokens()).value(), IsEmpty());
}

TEST_F(TokenTest, SentOnTheUnixSocketGivesItsScopeNotThePeers) {
  HttpRequest request = request_of("GET", "/v1/resources");
  request.headers.set("Authorization", "bearer " + make_token("alice"));
  const Result<HttpResponse> response = run_task(io, local().send(std::move(request)));
  EXPECT_THAT(response->body, Not(HasSubstr("bob")));
}

TEST_F(TokenTest, ThePeersUidDecidesOnTheUnixSocket) {
  settings.operator_uids = {4242};
  api = make_api({engine, *store, clock, random, pool}, settings);
  const auto status_for = [&](std::uint32_t uid) {
    HttpRequest request = request_of("GET", "/v1/resources");
    request.peer.is_unix = true;
    request.peer.uid = uid;
    return run_task(io, api->handle(std::move(request))).status;
  };
  EXPECT_EQ(status_for(0), 200);
  EXPECT_EQ(status_for(geteuid()), 200);
  EXPECT_EQ(status_for(4242), 200);
  EXPECT_EQ(status_for(4243), 403);
  EXPECT_EQ(status_for(static_cast<std::uint32_t>(-1)), 403);
}

}  // namespace
}  // namespace croft
