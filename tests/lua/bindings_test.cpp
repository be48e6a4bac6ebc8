#include <gmock/gmock.h>

#include "core/base/secret.hpp"
#include "tests/lua/adapter_harness.hpp"

namespace croft::lua {
namespace {

using testing::HasSubstr;

class BindingsTest : public AdapterTest {};

TEST_F(BindingsTest, JsonKeepsWhatIsWhat) {
  EXPECT_EQ(
      eval(
          R"lua(json.encode(json.decode('{"a":[],"b":{},"c":[1,null,2.5],"d":null,"e":"\\u00e9"}')))lua"),
      R"("{\"a\":[],\"b\":{},\"c\":[1,null,2.5E0],\"e\":\"é\"}")");
  EXPECT_EQ(eval("json.encode({json.array{}, json.object{}, {1, 2}, {a = true}})"),
            R"("[[],{},[1,2],{\"a\":true}]")");
  EXPECT_EQ(eval("json.encode(json.null)"), R"("null")");
  EXPECT_EQ(eval("{json.decode('null') == json.null, json.decode('[null]')[1] == json.null}"),
            "[true,true]");
}

TEST_F(BindingsTest, JsonNumbersAreExactOrTexts) {
  EXPECT_EQ(
      eval(
          R"lua(json.decode("[9007199254740992,9007199254740993,-9223372036854775808,18446744073709551615,-123456789012345678901,1e3,0.1]"))lua"),
      R"([9007199254740992,"9007199254740993","-9223372036854775808","18446744073709551615","-123456789012345678901",1000,1E-1])");
  EXPECT_EQ(eval("json.decode(json.encode(1.7976931348623157e-8)) == 1.7976931348623157e-8"),
            "true");
  EXPECT_THAT(eval("select(2, json.decode('[1e400]')).message"), HasSubstr("exponent overflow"));
  EXPECT_THAT(eval("json.encode({2^53 + 2})"), HasSubstr("[1]: a whole number beyond 2^53"));
  EXPECT_THAT(eval("json.encode({0/0})"), HasSubstr("not finite"));
}

TEST_F(BindingsTest, JsonSaysWhatIsNone) {
  EXPECT_THAT(eval("json.encode({a = {b = {}}})"),
              HasSubstr("adapter.lua:3: json.encode: a.b: an empty table is neither list nor map"));
  EXPECT_THAT(eval("json.encode({1, nil, 3})"), HasSubstr("list (keys 1 to n"));
  EXPECT_THAT(eval("json.encode({[0] = 'lost', 1, nil, 3})"), HasSubstr("list (keys 1 to n"));
  EXPECT_THAT(eval("json.encode({1, a = 2})"), HasSubstr("list (keys 1 to n"));
  EXPECT_THAT(eval("json.encode(json.array{a = 1})"), HasSubstr("list (keys 1 to n"));
  EXPECT_THAT(eval("json.encode({a = function() end})"), HasSubstr("a: a function is no document"));
  EXPECT_THAT(eval("json.encode('\\255')"), HasSubstr("not UTF-8"));
  EXPECT_THAT(eval("json.encode()"), HasSubstr("bad argument"));
  EXPECT_EQ(
      eval("{select(2, json.decode('{\"a\":'))}"),
      R"([{"code":"Invalid","message":"not JSON at byte 5: incomplete JSON","retryable":false}])");
  EXPECT_THAT(eval("json.decode({})"),
              HasSubstr("json.decode: the text must be a text, got a table"));
  EXPECT_EQ(eval("select(2, json.decode(('['):rep(100) .. (']'):rep(100))).code"), R"("Invalid")");
  EXPECT_THAT(eval("json.array(http)"), HasSubstr("has a metatable already"));
}

TEST_F(BindingsTest, WhatIsEncodedCanBeDecoded) {
  const auto nested = [this](int levels) {
    return eval_body("local list = json.array{} for _ = 2, " + std::to_string(levels) +
                     " do list = {list} end return #json.decode(json.encode(list))");
  };
  EXPECT_EQ(nested(64), "1");
  EXPECT_THAT(nested(65), HasSubstr("nested deeper than 64 levels"));
}

TEST_F(BindingsTest, MarkedListsGrow) {
  EXPECT_EQ(eval_body(R"(
    local list = json.decode("[]")
    table.insert(list, 1) table.insert(list, "two") list[#list + 1] = json.object{}
    local map = json.object()
    map.a = list
    return json.encode(map))"),
            R"("{\"a\":[1,\"two\",{}]}")");
}

TEST_F(BindingsTest, TextsAreEncodedAndDigested) {
  EXPECT_EQ(eval("{base64.encode('hello\\n'), base64.decode('aGVsbG8K')}"),
            R"(["aGVsbG8K","hello\n"])");
  EXPECT_EQ(eval("select(2, base64.decode('a*b=')).code"), R"("Invalid")");
  EXPECT_EQ(eval("hash.sha256('')"),
            R"("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")");
  EXPECT_EQ(eval("hmac.sha256('Jefe', 'what do ya want for nothing?')"),
            R"("5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843")");
  EXPECT_EQ(eval("url.encode('a b/ü')"), R"("a%20b%2F%C3%BC")");
  EXPECT_EQ(eval("url.query({b = {1, 'x y'}, a = true, c = 0.5})"),
            R"("a=true&b=1&b=x%20y&c=5E-1")");
  EXPECT_THAT(eval("url.query({a = {b = 1}})"), HasSubstr("url.query: 'a' must be"));
  EXPECT_THAT(eval("url.encode(5)"),
              HasSubstr("url.encode: the text must be a text, got a number"));
}

TEST_F(BindingsTest, TimeIsTheHosts) {
  EXPECT_EQ(eval("time.now()"), "1700000000000");
  EXPECT_EQ(eval("time.format(1700000000123)"), R"("2023-11-14T22:13:20.123Z")");
  EXPECT_EQ(eval("time.parse('2023-11-14T22:13:20.123Z')"), "1700000000123");
  EXPECT_EQ(eval("select(2, time.parse('yesterday')).code"), R"("Invalid")");
  EXPECT_THAT(eval("time.format(-1)"), HasSubstr("milliseconds since 1970"));
  EXPECT_THAT(eval("time.format(0/0)"), HasSubstr("must be a number"));
}

TEST_F(BindingsTest, LogsWhatItIsToldAndNoMore) {
  remember_secret(Secret<std::string>("hunter2hunter2"));
  testing::internal::CaptureStderr();
  EXPECT_EQ(eval_body(R"(
    log.info("token is hunter2hunter2", {n = 1})
    log.warn("careful") log.error("bad\nline") log.debug("quiet")
    for i = 1, 300 do log.info("line " .. i) end
    return 1)"),
            "1");
  const std::string said = testing::internal::GetCapturedStderr();
  EXPECT_THAT(said, HasSubstr("adapter: token is [redacted] provider=test verb=f"));
  EXPECT_THAT(said, testing::Not(HasSubstr("hunter2hunter2")));
  EXPECT_THAT(said, HasSubstr("bad line"));
  EXPECT_THAT(said, HasSubstr("logs no more"));
  EXPECT_THAT(said, testing::Not(HasSubstr("line 250")));
  EXPECT_THAT(eval("log.info(1)"), HasSubstr("log: the message must be a text"));
  EXPECT_THAT(eval("log.info('x', 1)"), HasSubstr("log: the fields must be a table"));
}

TEST_F(BindingsTest, HttpSendsWhatItIsAsked) {
  answer_with(
      answer_of(201, R"({"id":7})", {{"X-Thing", "a"}, {"Content-Type", "application/json"}}));
  EXPECT_EQ(eval_body(R"(
    local r = http.post("/apps/" .. url.encode("a b"), {
      query = {force = true, n = 1}, headers = {["X-Trace"] = "t"}, json = {name = "x"},
      timeout_ms = 5000, idempotent = true})
    return {r.status, r.headers["x-thing"], r.json().id})"),
            R"([201,"a",7])");
  EXPECT_EQ(http->last.method, "POST");
  EXPECT_EQ(http->last.path, "/apps/a%20b?force=true&n=1");
  EXPECT_EQ(http->last.headers.value_or("x-trace", ""), "t");
  EXPECT_EQ(http->last.headers.value_or("content-type", ""), "application/json");
  EXPECT_EQ(http->last.body, R"({"name":"x"})");
  EXPECT_EQ(http->last.timeout, Duration(5000));
  EXPECT_TRUE(http->last.is_idempotent);

  for (const auto& [call, method, repeats] :
       std::vector<std::tuple<std::string, std::string, bool>>{
           {"http.get('/')", "GET", true},
           {"http.put('/', {body = 'x'})", "PUT", true},
           {"http.delete('/')", "DELETE", true},
           {"http.patch('/', {body = 'x'})", "PATCH", false},
           {"http.post('/')", "POST", false},
           {"http.request{method = 'HEAD', path = '/h'}", "HEAD", true},
           {"http.request{method = 'POST', path = '/h', body = 'x'}", "POST", false}}) {
    eval(call + ".status");
    EXPECT_EQ(http->last.method, method);
    EXPECT_EQ(http->last.is_idempotent, repeats) << call;
  }
}

TEST_F(BindingsTest, HttpPathsStayBelowTheBaseUrl) {
  const int before = http->sent;
  for (const char* path :
       {"https://evil.example.com/", "//evil.example.com/", "/../admin", "/a/../../b", "/%2e%2e/b",
        "/a/%2E%2E%2fb", "..", "/a b", "/a\\r\\nX: y", "/a#b", "/\\\\evil", "http://x"}) {
    const std::string said = eval("http.get('" + std::string(path) + "')");
    EXPECT_THAT(said, HasSubstr("adapter.lua:3: http.get: the path")) << path;
  }
  EXPECT_EQ(http->sent, before);
  EXPECT_EQ(eval("http.get('/a..b/c?x=../y').status"), "200");
}

TEST_F(BindingsTest, HttpMisuseIsRaisedWhereItHappens) {
  for (const auto& [expression, message] : std::vector<std::pair<std::string, std::string>>{
           {"http.get()", "http.get: the path must be a text, got nil"},
           {"http.get('/', 5)", "http.get: the options must be a table, got a number"},
           {"http.get('/', {timeout = 5})",
            "there is no option 'timeout' (did you mean 'timeout_ms'?)"},
           {"http.get('/', {5})", "the options are named"},
           {"http.get('/', {headers = 'x'})", "options.headers must be a table, got a text"},
           {"http.get('/', {headers = {Authorization = 'x'}})",
            "the header 'Authorization' is the engine's"},
           {"http.get('/', {headers = {['X-A'] = 'a\\nb'}})", "control characters"},
           {"http.get('/', {headers = {['X A'] = 'a'}})", "is no header"},
           {"http.get('/', {query = 'x'})", "the query must be a table, got a text"},
           {"http.get('/', {accept = 404})", "options.accept must be a list of statuses"},
           {"http.get('/', {accept = {'404'}})", "options.accept must be a list of statuses"},
           {"http.get('/', {timeout_ms = 0})", "between 1 and"},
           {"http.post('/', {json = {a = {}}})", "options.json: a: an empty table"},
           {"http.post('/', {json = {a = 1}, body = 'x'})", "either options.body or options.json"},
           {"http.post('/', {idempotent = 1})", "options.idempotent must be a boolean"},
           {"http.request{method = 'BREW', path = '/'}", "options.method must be GET"},
           {"http.request{method = 5}", "options.method must be a text"}}) {
    const std::string said = eval(expression);
    EXPECT_THAT(said, testing::StartsWith("adapter.lua:3: http.")) << expression;
    EXPECT_THAT(said, HasSubstr(message)) << expression;
  }
  EXPECT_EQ(http->sent, 0);
}

TEST_F(BindingsTest, HttpStatusesBecomeErrors) {
  for (const auto& [status, code, retryable] :
       std::vector<std::tuple<int, std::string, std::string>>{{400, "Invalid", "false"},
                                                              {401, "Denied", "false"},
                                                              {403, "Denied", "false"},
                                                              {404, "NotFound", "false"},
                                                              {408, "Timeout", "true"},
                                                              {409, "Conflict", "false"},
                                                              {412, "Conflict", "false"},
                                                              {422, "Invalid", "false"},
                                                              {429, "Unavailable", "true"},
                                                              {500, "Unavailable", "true"},
                                                              {503, "Unavailable", "true"},
                                                              {504, "Timeout", "true"}}) {
    answer_with(answer_of(status, R"({"error":"because"})"));
    EXPECT_EQ(
        eval_body(R"(
      local r, err = http.get("/x", {query = {token = "y"}})
      return {r == nil, err.code, err.retryable, err.status, err.json().error})"),
        "[true,\"" + code + "\"," + retryable + "," + std::to_string(status) + ",\"because\"]");
  }
  answer_with(answer_of(404, R"({"message":"no app"})"));
  EXPECT_EQ(eval("select(2, http.get('/apps/x?secret=1')).message"),
            R"("GET /apps/x: 404 Not Found: no app")");
  EXPECT_EQ(eval("http.get('/', {accept = {404, 410}}).status"), "404");
  EXPECT_EQ(call("f").value(), Value(404));
  // As it came, with its json().
  eval_body("local r, err = http.get('/apps/x') log.info('x', {err = err}) return nil, err");
  EXPECT_EQ(call("f").error().code(), ErrorCode::NotFound);
}

TEST_F(BindingsTest, HttpFailuresAndBadBodiesAreErrors) {
  http->answer = [](AdapterRequest) -> Task<Result<HttpResponse>> {
    co_return fail(ErrorCode::Timeout, "nothing came in time");
  };
  EXPECT_EQ(
      eval_body(
          "local r, err = http.get('/') return {r == nil, err.code, err.message, err.retryable}"),
      R"([true,"Timeout","nothing came in time",true])");
  answer_with(answer_of(200, "<html>"));
  EXPECT_EQ(eval_body("local v, err = http.get('/').json() return {v == nil, err.code}"),
            R"([true,"Unavailable"])");
}

TEST_F(BindingsTest, PagesAreCollected) {
  http->answer = [](AdapterRequest request) {
    const std::string body =
        request.path.starts_with("/items?page=2") ? R"({"items":[3],"next":"/items?page=3"})"
        : request.path == "/items?page=3"         ? R"({"items":[4,5]})"
                                                  : R"({"items":[1,2],"next":"/items?page=2"})";
    return ScriptedHttp::at_once(answer_of(200, body));
  };
  const std::string options =
      "items = function(r) return r.json().items end, next = function(r) return r.json().next end";
  EXPECT_EQ(eval("http.pages('/items', {query = {all = true}, " + options + "})"), "[1,2,3,4,5]");
  EXPECT_EQ(eval("http.pages('/items', {limit = 3, " + options + "})"), "[1,2,3]");
  EXPECT_EQ(
      eval_body("local v, err = http.pages('/items', {items = function() return {} end, next = "
                "function() return '/round' end}) return err.message"),
      R"("the pages go round in a circle at /round")");
  EXPECT_THAT(eval_body("http.pages('/items', {})\nreturn 1"),
              testing::StartsWith("adapter.lua:3: http.pages: options.items must be a function"));
  answer_with(answer_of(500, ""));
  EXPECT_EQ(eval_body("local v, err = http.pages('/items', {" + options + "}) return err.status"),
            "500");
}

TEST_F(BindingsTest, GraphqlIsAPostToTheBaseUrl) {
  answer_with(answer_of(200, R"({"data":{"me":{"id":"7"}}})"));
  EXPECT_EQ(eval("graphql('query { me { id } }', {}).me.id"), R"("7")");
  EXPECT_EQ(http->last.method, "POST");
  EXPECT_EQ(http->last.path, "");
  EXPECT_EQ(http->last.body, R"({"query":"query { me { id } }","variables":{}})");
  EXPECT_TRUE(http->last.is_idempotent);
  eval("graphql('mutation { x }', {id = 'a', n = 1})");
  EXPECT_EQ(http->last.body, R"({"query":"mutation { x }","variables":{"id":"a","n":1}})");
  EXPECT_FALSE(http->last.is_idempotent);
  for (const auto& [body, code] : std::vector<std::pair<std::string, std::string>>{
           {R"({"errors":[{"message":"Not Authorized"}],"data":null})", "Denied"},
           {R"({"errors":[{"message":"x","extensions":{"code":"NOT_FOUND"}}]})", "NotFound"},
           {R"({"errors":[{"message":"Cannot query field"}]})", "Invalid"},
           {R"({"errors":[{"message":"x","extensions":{"code":"INTERNAL_SERVER_ERROR"}}]})",
            "Unavailable"},
           {R"({"nothing":1})", "Unavailable"},
           {"<html>", "Unavailable"},
           {"[]", "Unavailable"}}) {
    answer_with(answer_of(200, body));
    EXPECT_EQ(eval("select(2, graphql('{ me { id } }')).code"), "\"" + code + "\"") << body;
  }
}

TEST_F(BindingsTest, AwaitAllGivesEachItsResult) {
  http->answer = [](AdapterRequest request) {
    return ScriptedHttp::at_once(answer_of(request.path == "/b" ? 404 : 200, request.path));
  };
  EXPECT_EQ(eval_body(R"(
    local results = await.all{
      function() return http.get("/a").body end,
      function() return http.get("/b") end,
      function() end,
      function() return false end,
      function() return await.all{function() return 1 end}[1].value end,
    }
    return {#results, results[1], results[2].ok, results[2].err.code, results[3].ok, results[4], results[5].value})"),
            R"([5,{"ok":true,"value":"/a"},false,"NotFound",true,{"ok":true,"value":false},1])");
  EXPECT_EQ(eval("#await.all{}"), "0");
  EXPECT_THAT(eval("await.all{1}"), HasSubstr("await.all: [1] must be a function, got a number"));
  EXPECT_THAT(eval("await.all(1)"), HasSubstr("await.all: a list of functions, got a number"));
}

TEST_F(BindingsTest, AMistakeInOneOfThemIsTheCallersToo) {
  const std::string said = eval_body(R"(
    local caught = select(2, pcall(await.all, {function() local x = nil return x.y end}))
    await.all{function() return 1 end, function() local x = nil return x.y end})");
  EXPECT_THAT(said, testing::StartsWith("adapter.lua:5: attempt to index local 'x'"));
}

TEST_F(BindingsTest, PollLooksOftenThenSlowly) {
  EXPECT_EQ(eval_body(R"(
    local n = 0
    return poll(function() n = n + 1 return n == 6 and {n = n} or nil end,
      {every_ms = 100, slow_after_ms = 300, slow_every_ms = 1000}))"),
            R"({"n":6})");
  EXPECT_EQ(slept, (std::vector<Duration>{Duration(100), Duration(100), Duration(100),
                                          Duration(1000), Duration(1000)}));
  EXPECT_EQ(eval("select(2, poll(function() end, {timeout_ms = 1000})).code"), R"("Timeout")");
  EXPECT_EQ(eval("select(2, poll(function() return fail('Denied', 'no') end)).code"),
            R"("Denied")");
  EXPECT_THAT(eval("poll(5)"), HasSubstr("poll: what it calls must be a function"));
  EXPECT_THAT(eval("poll(function() end, {every = 5})"),
              HasSubstr("poll: there is no option 'every'"));
}

TEST_F(BindingsTest, FailBuildsAnError) {
  EXPECT_EQ(eval("{select('#', fail('Invalid', 'x')), select(2, fail('Timeout', 'x', {field = "
                 "'spec.a'}))}"),
            R"([2,{"code":"Timeout","field":"spec.a","message":"x","retryable":true}])");
  EXPECT_THAT(eval_body("fail('Nope', 'x')\nreturn 1"),
              testing::StartsWith("adapter.lua:3: fail: 'Nope' is no code"));
  EXPECT_THAT(eval_body("fail('Invalid')\nreturn 1"),
              testing::StartsWith("adapter.lua:3: fail: the message must be"));
}

TEST_F(BindingsTest, EmitHandsTextsOver) {
  load("f = function(emit) return {emit('a\\n'), emit('b\\n'), emit('c\\n')} end");
  std::string said;
  AdapterCall order;
  order.function = "f";
  order.emit = [&](std::string_view text) {
    said += text;
    return said.size() < 4;
  };
  EXPECT_EQ(to_json(call(std::move(order)).value()), "[true,false,false]");
  EXPECT_EQ(said, "a\nb\nc\n");
}

TEST_F(BindingsTest, ProvidesWhatItIsSaidToProvide) {
  load("");
  EXPECT_THAT(
      host->provided(),
      testing::ElementsAre(
          "await.all", "base64.decode", "base64.encode", "fail", "graphql", "hash.sha256",
          "hmac.sha256", "http.delete", "http.get", "http.pages", "http.patch", "http.post",
          "http.put", "http.request", "instance.declared_env", "instance.env", "instance.explain",
          "instance.health", "instance.http", "instance.keep_only", "instance.normalize",
          "instance.one_volume", "instance.refuse", "instance.resources", "instance.round_up",
          "json.array", "json.decode", "json.encode", "json.null", "json.object", "log.debug",
          "log.error", "log.info", "log.warn", "memory.get", "memory.set", "poll", "require",
          "time.format", "time.now", "time.parse", "url.encode", "url.query", "xpcall"));
}

}  // namespace
}  // namespace croft::lua
