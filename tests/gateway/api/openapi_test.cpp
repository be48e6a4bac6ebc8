#include <set>

#include "gateway/api/operation.hpp"
#include "gateway/api/schema.hpp"
#include "gateway/api/schemas.hpp"
#include "providers/fake/fake_session.hpp"
#include "tests/gateway/api/api_fixture.hpp"

namespace croft {
namespace {

using testing::IsEmpty;

/// The schema with every object closed, so that an answer with more than what is described fails.
Value closed(Value schema) {
  if (schema.is_list()) {
    for (Value& element : schema.as_list()) element = closed(std::move(element));
  } else if (schema.is_map()) {
    Value out = Value::map();
    for (const auto& [key, value] : schema.as_map()) out.set(key, closed(value));
    if (out.text_or("type", "") == "object" && out.find("properties") != nullptr)
      out.set("additionalProperties", false);
    return out;
  }
  return schema;
}

void collect_references(const Value& value, std::set<std::string>& out) {
  if (value.is_list()) {
    for (const Value& element : value.as_list()) collect_references(element, out);
  }
  if (!value.is_map()) return;
  for (const auto& [key, element] : value.as_map()) {
    if (key == "$ref") out.insert(element.as_text());
    collect_references(element, out);
  }
}

/// A request for each operation that goes well: what its placeholders stand for is filled in here.
struct Sample {
  std::string target;
  std::string body;
};
const std::map<std::string, Sample> kSamples = {
    {"health", {"/healthz", ""}},
    {"ready", {"/readyz", ""}},
    {"metrics", {"/metrics", ""}},
    {"openapi", {"/openapi.json", ""}},
    {"version", {"/v1/version", ""}},
    {"listTenants", {"/v1/tenants", ""}},
    {"listSources", {"/v1/sources?tenant=alice", ""}},
    {"listProviders", {"/v1/providers", ""}},
    {"listResources", {"/v1/resources?tenant=alice&kind=Instance", ""}},
    {"getResource", {"/v1/resources/alice/Instance/api", ""}},
    {"settled", {"/v1/settled?tenant=alice", ""}},
    {"listEvents",
     {"/v1/events?tenant=alice&limit=5&after=-1&subject=alice/Instance/api"
      "&reason=Created&resource=Site/*&severity=Normal&revision=8d1c&since=1h&until=1s",
      ""}},
    {"logs", {"/v1/logs/alice/Instance/api?lines=5&follow=false", ""}},
    {"diff", {"/v1/diff", R"({"tenant":"alice","label":"x","tree":{"files":[],"blobs":[]}})"}},
    {"price",
     {"/v1/price",
      R"({"tenant":"alice","compare":true,"usage":{"hours":20,"storage":1,"egress":2,"requests":3}})"}},
    {"reconcile", {"/v1/reconcile", R"({"tenant":"alice","expect":"aaaa"})"}},
    {"look", {"/v1/looks", R"({"source":"alice/main","mergeRequest":7})"}},
    {"listDirectives", {"/v1/directives?tenant=alice", ""}},
    {"direct",
     {"/v1/directives",
      R"({"ref":"alice/Instance/api","verb":"stop","why":"x","until":"2100-01-01T00:00:00Z"})"}},
    {"withdraw", {"/v1/directives/alice/Instance/api/stop", ""}},
    {"listPrunes", {"/v1/prunes?tenant=alice", ""}},
    {"acknowledge",
     {"/v1/prunes/ack",
      R"({"tenant":"alice","digest":"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"})"}},
    {"adopt", {"/v1/adoptions", R"({"tenant":"alice"})"}},
    {"exec",
     {"/v1/exec/alice/Instance/api",
      R"({"command":["echo","x"],"env":["A=b"],"workingDir":"/","terminal":true,"rows":24,"columns":80})"}},
    {"listUse", {"/v1/use?tenant=alice", ""}},
    {"listVolumes", {"/v1/volumes?tenant=alice", ""}},
    {"exportVolume", {"/v1/volumes/alice/Instance/api/export?volume=data&quiesce=true", ""}},
    {"importVolume", {"/v1/volumes/alice/Instance/api/import?volume=data&quiesce=false", "a tar"}},
    {"eraseVolumes", {"/v1/volumes/alice/Volume/db.data", ""}},
    {"listWebhooks", {"/v1/webhooks?tenant=alice", ""}},
    {"listDeliveries", {"/v1/webhooks/alice/ops/deliveries?limit=5", ""}},
    {"testWebhook", {"/v1/webhooks/alice/ops/test", ""}},
    {"replayWebhook", {"/v1/webhooks/alice/ops/replay", R"({"delivery":"d1"})"}},
    {"rotateWebhook", {"/v1/webhooks/alice/ops/rotate", ""}},
    {"listSealingKeys", {"/v1/sealing-keys?tenant=alice", ""}},
    {"rotateSealingKey", {"/v1/sealing-keys", ""}},
    {"retireSealingKey", {"/v1/sealing-keys/1a2b3c4d", ""}},
    {"reseal",
     {"/v1/reseal", R"({"tenant":"alice","name":"api","key":"value","sealed":"sealed:v1:AAAA"})"}},
    {"listTokens", {"/v1/tokens", ""}},
    {"makeToken", {"/v1/tokens", R"({"name":"ci","tenant":"alice","expiresIn":"24h"})"}},
    {"revokeToken", {"/v1/tokens/token-id", ""}},
};

Change full_change() {
  Change change;
  change.ref = parse_ref("alice/Instance/api").value();
  change.uid = "u";
  change.action = Action::Update;
  change.fields = {{"env.A", "\"x\"", std::nullopt}, {"env.B", std::nullopt, "\"y\""}};
  change.before = std::make_shared<const Value>(Value::map({{"a", 1}}));
  change.depends_on = {parse_ref("alice/Site/blog").value()};
  return change;
}

class OpenApiTest : public ApiTest {
 protected:
  void SetUp() override {
    ApiTest::SetUp();
    start();
    document = parse_json(ask("GET", "/openapi.json").body).value();
    fill();
  }

  /// One of everything, with every optional part set, so that answers are checked in full.
  void fill() {
    ResourceStatus& status = engine.add_resource("alice/Instance/api", Phase::Failed);
    status.observed_at = clock.now();
    status.spec = std::make_shared<const Value>(Value::map({{"command", "x"}}));
    status.directives.push_back(
        {status.ref, DirectiveVerb::Stop, "root", "why", clock.now(), clock.now()});
    engine.add_event("alice", "alice/Instance/api", "Created");
    engine.add_log("alice/Instance/api", "line\n");
    engine.watched.push_back(
        {"alice/main", "alice", "/a", "main", "1", "2", status.conditions, clock.now()});
    engine.changeset.tenant = "alice";
    engine.changeset.digest = std::string(64, 'a');
    engine.changeset.changes = {full_change()};
    engine.changeset.notes = {"note"};
    engine.changeset.guard = Guard{"EmptySource", "waits"};
    engine.waiting = {engine.changeset};
    engine.volume_list = {{.ref = status.ref,
                           .volume = "data",
                           .uid = "u",
                           .provider = "local",
                           .size = 1,
                           .used = 2,
                           .users = {status.ref},
                           .kept_until = clock.now()}};
    engine.uses = {
        {status.ref, "local", Phase::Running, 2, Use{"u", clock.now(), 1.5, 1'000, 2'000, 3}}};
    engine.hooks.add("alice/Webhook/ops").row.disabled_at = clock.now();
    DeliveryRow sent;
    sent.id = "d1";
    sent.notification.type = "croft.resource.ready";
    sent.next_try = sent.ended_at = clock.now();
    engine.hooks.all.back().last = sent;
    engine.hooks.sent = {sent};
    engine.keys = {{"1a2b3c4d", "croft-seal-1x", "age1x", true}};
    engine.archive = {"a tar"};
    engine.make_session = [this](asio::any_io_executor executor, ExecRequest request) {
      return open_fake_session(std::move(executor), std::make_shared<FakeWorld>(clock),
                               std::move(request));
    };
    Transaction transaction;
    transaction.add(PutToken{{"token-id", "old", "hash", "", clock.now(), clock.now()}});
    transaction.add(PutDirective{status.directives[0]});
    commit(std::move(transaction));
  }

  HttpResponse answer_of(const Value& operation, const std::string& verb, const Sample& sample) {
    const std::string protocol = operation.text_or("x-upgrade", "");
    if (protocol.empty()) return ask(verb, sample.target, sample.body);
    HttpRequest request = request_of(verb, sample.target, sample.body);
    const Result<HttpUpgrade> left = run_task(io, local().upgrade(std::move(request), protocol));
    EXPECT_TRUE(left);
    HttpResponse response;
    response.status = left ? left->status : 0;
    return response;
  }

  Value document;
};

TEST_F(OpenApiTest, HasTheShapeOfAnOpenApiDocument) {
  EXPECT_EQ(document.text_or("openapi", ""), "3.1.0");
  EXPECT_NE(document.text_or("info.title", ""), "");
  EXPECT_EQ(document.text_or("info.version", ""), settings.version);
  std::set<std::string> ids;
  const std::set<std::string> methods = {"get", "post", "delete"};
  for (const auto& [path, operations] : document.find("paths")->as_map()) {
    EXPECT_TRUE(path.starts_with('/')) << path;
    for (const auto& [method, operation] : operations.as_map()) {
      EXPECT_TRUE(methods.contains(method)) << method;
      EXPECT_TRUE(ids.insert(operation.text_or("operationId", "")).second) << path;
      EXPECT_NE(operation.text_or("summary", ""), "") << path;
      ASSERT_NE(operation.find("responses"), nullptr) << path;
      EXPECT_NE(operation.find("responses")->find("default"), nullptr) << path;
      std::set<std::string> in_path;
      for (const Value& parameter : operation.find("parameters")->as_list()) {
        EXPECT_NE(parameter.find("schema"), nullptr) << path;
        EXPECT_NE(parameter.text_or("description", ""), "")
            << path << " " << parameter.text_or("name", "");
        if (parameter.text_or("in", "") != "path") continue;
        EXPECT_TRUE(parameter.boolean_or("required", false)) << path;
        in_path.insert("{" + parameter.text_or("name", "") + "}");
      }
      for (const std::string_view segment : path_segments(path)) {
        EXPECT_EQ(is_placeholder(segment), in_path.contains(std::string(segment))) << path;
      }
    }
  }
  EXPECT_EQ(ids.size(), api_operations().size());
}

TEST_F(OpenApiTest, EveryReferenceLeadsSomewhereAndEverySchemaIsUsed) {
  std::set<std::string> references;
  collect_references(document, references);
  std::set<std::string> described;
  for (const auto& [name, schema] : document.at_path("components.schemas")->as_map()) {
    described.insert("#/components/schemas/" + name);
    EXPECT_TRUE(schema.is_map()) << name;
  }
  EXPECT_EQ(references, described);
}

TEST_F(OpenApiTest, EveryOperationAnswersAsItIsDescribed) {
  const Value components = closed(*document.at_path("components.schemas"));
  for (const auto& [path, operations] : document.find("paths")->as_map()) {
    for (const auto& [method, operation] : operations.as_map()) {
      const std::string id = operation.text_or("operationId", "");
      const auto sample = kSamples.find(id);
      ASSERT_NE(sample, kSamples.end()) << "no sample request for " << id;
      std::string verb = method;
      std::ranges::transform(verb, verb.begin(),
                             [](char c) { return static_cast<char>(c - 'a' + 'A'); });
      if (const Value* body = operation.find("requestBody")) {
        const Value* json = body->find("content")->find("application/json");
        EXPECT_EQ(json == nullptr, id == "importVolume") << id;
        if (json != nullptr) {
          const Value sent = parse_json(sample->second.body).value();
          EXPECT_THAT(check_schema(*json->find("schema"), sent, components), IsEmpty()) << id;
        }
      }
      const HttpResponse response = answer_of(operation, verb, sample->second);
      const Value* described = operation.find("responses")->find(std::to_string(response.status));
      ASSERT_NE(described, nullptr)
          << id << " answered " << response.status << " " << response.body;
      const Value* content = described->find("content");
      if (content == nullptr) {
        EXPECT_EQ(response.body, "") << id;
        continue;
      }
      const std::string media = response.headers.value_or("Content-Type", "");
      ASSERT_NE(content->find(media), nullptr) << id << " answered with " << media;
      if (media != "application/json") continue;
      const Value answer = parse_json(response.body).value();
      EXPECT_THAT(check_schema(*content->find(media)->find("schema"), answer, components),
                  IsEmpty())
          << id;
    }
  }
}

TEST_F(OpenApiTest, EveryRefusalIsAnError) {
  const Value components = closed(*document.at_path("components.schemas"));
  const std::vector<HttpResponse> refusals = {
      ask("GET", "/v1/nothing"),
      ask("PUT", "/v1/version"),
      ask("GET", "/v1/events?x=1"),
      ask("POST", "/v1/diff", "{"),
      ask("GET", "/%zz"),
      ask_with("", "GET", "/v1/version"),
      ask_with("croft_no", "GET", "/v1/version"),
      ask_with("", "POST", "/v1/diff", std::string(1U << 20U, ' '))};
  for (const HttpResponse& response : refusals) {
    EXPECT_GE(response.status, 400);
    EXPECT_EQ(response.headers.value_or("Content-Type", ""), "application/json");
    const Result<Value> body = parse_json(response.body);
    ASSERT_TRUE(body) << response.body;
    EXPECT_THAT(check_schema(schema_reference("Error"), *body, components), IsEmpty());
  }
}

TEST(SchemaTest, FindsWhatIsWrong) {
  const Value schema =
      parse_json(R"({"type":"object","required":["a"],"additionalProperties":false,"properties":{
      "a":{"type":"integer","minimum":1,"maximum":3},"b":{"type":["string","null"],"maxLength":2},
      "c":{"type":"array","maxItems":2,"items":{"$ref":"#/components/schemas/D"}},"e":{"enum":["x","y"]}}})")
          .value();
  const Value components = parse_json(R"({"D":{"type":"boolean"}})").value();
  const auto problems = [&](const char* text) {
    return check_schema(schema, parse_json(text).value(), components);
  };
  EXPECT_THAT(problems(R"({"a":1,"b":null,"c":[true],"e":"x"})"), IsEmpty());
  for (const char* bad :
       {"[]", "{}", R"({"a":0})", R"({"a":4})", R"({"a":"1"})", R"({"a":1.5})",
        R"({"a":1,"b":"abc"})", R"({"a":1,"b":1})", R"({"a":1,"c":[1]})",
        R"({"a":1,"c":[true,true,true]})", R"({"a":1,"e":"z"})", R"({"a":1,"z":1})"}) {
    EXPECT_THAT(problems(bad), testing::SizeIs(1)) << bad;
  }
  EXPECT_THAT(check_schema(schema_reference("Missing"), Value(1), components), testing::SizeIs(1));
}

}  // namespace
}  // namespace croft
