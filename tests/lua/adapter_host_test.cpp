#include <boost/asio/as_tuple.hpp>
#include <gmock/gmock.h>

#include "tests/lua/adapter_harness.hpp"

namespace croft::lua {
namespace {

using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

class AdapterHostTest : public AdapterTest {
 protected:
  /// A server that answers only once it is let.
  void hold_answers() {
    http->answer = [this](AdapterRequest) { return wait_until_let(); };
  }
  void let_answers_go() {
    is_let_ = true;
    let_.cancel();
  }
  /// Starts a call and leaves it in flight; its result is in `results` once it ended.
  void begin(const std::string& function) {
    AdapterCall order;
    order.function = function;
    const std::size_t index = results.size();
    results.emplace_back();
    asio::co_spawn(io, host->call(std::move(order)),
                   [this, index](std::exception_ptr failure, Result<Value> value) {
                     if (!failure) results[index] = std::move(value);
                   });
    turn();
  }
  void turn() {
    io.restart();
    io.poll();
  }

  std::vector<std::optional<Result<Value>>> results;

 private:
  Task<Result<HttpResponse>> wait_until_let() {
    while (!is_let_) co_await let_.async_wait(asio::as_tuple(asio::use_awaitable));
    co_return answer_of(200, "late");
  }
  asio::steady_timer let_{io, asio::steady_timer::time_point::max()};
  bool is_let_ = false;
};

TEST_F(AdapterHostTest, GivesWhatAFunctionReturns) {
  load("add = function(a, b) return {sum = a.n + b.n, list = {1, 2}} end");
  const auto sum = call("add", {Value::map({{"n", 1}}), Value::map({{"n", 2}})});
  ASSERT_TRUE(sum) << sum.error().describe();
  EXPECT_EQ(to_json(*sum), R"({"list":[1,2],"sum":3})");
}

TEST_F(AdapterHostTest, SaysWhatTheTableHolds) {
  load("api = 1, create = function() end, rate = {perSecond = 1}, destroy = function() end");
  EXPECT_EQ(to_json(host->description()), R"({"api":1,"rate":{"perSecond":1}})");
  EXPECT_EQ(host->functions(), (std::vector<std::string>{"create", "destroy"}));
  EXPECT_TRUE(host->has("create"));
  EXPECT_FALSE(host->has("update"));
}

TEST_F(AdapterHostTest, RefusesAFileThatGivesNoTable) {
  HostServices services;
  services.clock = &clock;
  services.http = http;
  for (const char* source : {"return 1", "error('no')", "local x = nil; return x.y",
                             "while true do end", "return {[1] = 2}", "http.get('/')"}) {
    auto made =
        AdapterHost::make(io.get_executor(), Script::compile("a.lua", source).value(), services);
    ASSERT_FALSE(made) << source;
    EXPECT_THAT(made.error().describe(), HasSubstr("a.lua")) << source;
  }
}

TEST_F(AdapterHostTest, AnExpectedFailureBecomesAnError) {
  load(R"(
    f = function() return fail("Conflict", "taken") end,
    g = function() return nil, {code = "NotFound", message = "gone", field = "spec.image"} end,
    h = function() return nil, "just a text" end,
    i = function() return nil, 7 end,
  )");
  EXPECT_EQ(call("f").error().code(), ErrorCode::Conflict);
  EXPECT_EQ(call("f").error().message(), "taken");
  EXPECT_EQ(call("g").error().context().front(), "spec.image");
  EXPECT_EQ(call("h").error().code(), ErrorCode::Unavailable);
  EXPECT_EQ(call("i").error().code(), ErrorCode::Internal);
}

TEST_F(AdapterHostTest, SaysWhereWhatAndForWhom) {
  load(R"(
    create = function(context, effect)
      http.post("/boxes", {timeout_ms = effect.size})
      http.post("/boxes", {timeout_ms = "5"})
    end)");
  AdapterCall order;
  order.function = "create";
  order.arguments = {Value::map(), Value::map()};
  order.subject = "tenant 'alice', Instance/web";
  const Result<Value> done = call(std::move(order));
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().message(),
            "adapter.lua:5: http.post: options.timeout_ms must be a number, got a text\n"
            "    in create, for tenant 'alice', Instance/web");
  EXPECT_EQ(done.error().code(), ErrorCode::Internal);
}

TEST_F(AdapterHostTest, TellsTheWayToAnError) {
  load_file(
      "local function inner(x)\n  local y = x.z.w\n  return y\nend\n"
      "local function outer(x)\n  local y = inner(x)\n  return y\nend\n"
      "return {f = function() local r = outer({}) return r end}");
  EXPECT_EQ(call("f").error().message(),
            "adapter.lua:2: attempt to index field 'z' (a nil value)\n"
            "    called at adapter.lua:6\n"
            "    called at adapter.lua:9\n"
            "    in f");
}

TEST_F(AdapterHostTest, ATailCallIsPlacedAtItsFunction) {
  load("f = function()\n  return http.get(5)\nend");
  EXPECT_EQ(call("f").error().message(),
            "adapter.lua:2: http.get: the path must be a text, got a number\n"
            "    in f, which begins at that line");
}

TEST_F(AdapterHostTest, NamesAMissingFunction) {
  load("f = function() end");
  EXPECT_EQ(call("g").error().code(), ErrorCode::NotFound);
}

TEST_F(AdapterHostTest, WaitsAcrossPcallAndIterators) {
  answer_with(answer_of(200, "body"));
  EXPECT_EQ(eval_body(R"(
    local ok, response = pcall(http.get, "/x")
    local called, message = pcall(function()
      local r = http.get("/y")
      error({r.body})
    end)
    local handled, text = xpcall(function() http.get("/z") error("deep", 0) end,
      function(err) return "handled " .. err .. http.get("/w").body end)
    local seen = {}
    for _, path in ipairs({"/a", "/b"}) do seen[#seen + 1] = http.get(path).status end
    for k, v in pairs({x = 1}) do seen[#seen + 1] = http.get("/" .. k).body end
    return {ok, response.body, called, message[1], handled, text, seen}
  )"),
            R"([true,"body",false,"body",false,"handled deepbody",[200,200,"body"]])");
}

TEST_F(AdapterHostTest, CannotBeWaitedInWhereLuaCannotYield) {
  EXPECT_THAT(eval(R"(("x"):gsub("x", function() return http.get("/").body end))"),
              HasSubstr("attempt to yield across C-call boundary"));
  EXPECT_THAT(eval(R"(coroutine.wrap(function() return http.get("/") end)())"),
              HasSubstr("not within a coroutine of your own; use await.all"));
  EXPECT_THAT(eval("coroutine.yield(1)"), HasSubstr("coroutine.yield: nothing resumes this"));
  // One that failed to wait leaves nothing behind that a later yield would set off.
  EXPECT_THAT(eval_body(R"(
    pcall(string.gsub, "x", "x", function() return http.get("/").body end)
    coroutine.yield(1))"),
              HasSubstr("nothing resumes this"));
  EXPECT_EQ(http->sent, 0);
}

TEST_F(AdapterHostTest, PureFunctionsAskNobody) {
  load(R"(
    f = function(spec) return {image = spec.image, n = 1} end,
    g = function() return http.get("/") end,
    h = function() return time.now() end,
    i = function() return await.all{} end,
    j = function() return poll(function() end) end,
  )");
  AdapterCall order;
  order.function = "f";
  order.arguments = {Value::map({{"image", "x"}})};
  EXPECT_EQ(to_json(host->call_pure(order).value()), R"({"image":"x","n":1})");
  for (const char* function : {"g", "h", "i", "j"}) {
    order.function = function;
    const auto done = host->call_pure(order);
    ASSERT_FALSE(done) << function;
    EXPECT_THAT(done.error().message(), HasSubstr("pure")) << function;
  }
}

TEST_F(AdapterHostTest, FencesALoopWhileOthersGoOn) {
  load(R"(
    stuck = function() http.get("/") while true do end end,
    caught = function() while true do pcall(function() while true do end end) end end,
    handled = function() return xpcall(function() while true do end end, function() while true do end end) end,
    swallowed = function() pcall(function() while true do end end) return "fine" end,
    inner = function() return await.all{function() while true do end end} end,
    meta = function() return setmetatable({}, {__index = function(t, k) return t[k .. "x"] end}).y end,
    pattern = function() return ("a"):rep(30000):find(("a-"):rep(20) .. "b") end,
    waits = function() return http.get("/").body end,
  )",
       HostLimits{.instructions = 200'000});
  hold_answers();
  begin("waits");
  begin("stuck");
  for (const char* function : {"caught", "handled", "swallowed", "inner", "meta", "pattern"}) {
    const Result<Value> done = call(function);
    ASSERT_FALSE(done) << function;
    EXPECT_THAT(done.error().message(), HasSubstr("in " + std::string(function))) << function;
    if (std::string_view(function) != "meta") {
      EXPECT_THAT(done.error().message(), HasSubstr("200000 steps without waiting")) << function;
    }
  }
  let_answers_go();
  turn();
  ASSERT_TRUE(results[0] && results[1]);
  EXPECT_EQ((*results[0])->as_text(), "late");
  EXPECT_THAT(results[1]->error().message(), StartsWith("adapter.lua:3: the script takes"));
  EXPECT_EQ(host->in_flight(), 0);
}

TEST_F(AdapterHostTest, TheBudgetIsForTheTimeBetweenWaits) {
  load(R"(f = function()
      for i = 1, 20 do
        for j = 1, 50000 do end
        http.get("/")
      end
      return "done"
    end)",
       HostLimits{.instructions = 200'000});
  EXPECT_EQ(call("f")->as_text(), "done");
}

TEST_F(AdapterHostTest, OutOfMemoryEndsAllInFlightAndTheNextIsRight) {
  load(R"(
    waits = function() return http.get("/").body end,
    bomb = function() local t = {} for i = 1, 1e9 do t[i] = ("x"):rep(100000) .. i end end,
    caught = function() pcall(function() local s = "x" while true do s = s .. s end end) return 1 end,
    ok = function() return "ok" end,
  )",
       HostLimits{.memory_bytes = 4 << 20});
  hold_answers();
  begin("waits");
  for (const char* bomb : {"bomb", "caught"}) {
    const Result<Value> done = call(bomb);
    ASSERT_FALSE(done) << bomb;
    EXPECT_EQ(done.error().code(), ErrorCode::Unavailable);
    EXPECT_THAT(done.error().message(), HasSubstr("needed more than 4 MiB of memory"));
    EXPECT_EQ(call("ok")->as_text(), "ok");
  }
  let_answers_go();
  turn();
  ASSERT_TRUE(results[0]);
  EXPECT_EQ(results[0]->error().code(), ErrorCode::Unavailable);
  EXPECT_EQ(call("waits")->as_text(), "late");
}

TEST_F(AdapterHostTest, ABodyThatDoesNotFitIsOutOfMemoryToo) {
  load("f = function() local r = http.get('/') return #r.body end, g = function() return 1 end",
       HostLimits{.memory_bytes = 2 << 20});
  answer_with(answer_of(200, std::string(3 << 20, 'x')));
  EXPECT_EQ(call("f").error().code(), ErrorCode::Unavailable);
  EXPECT_EQ(call("g")->as_integer(), 1);
}

TEST_F(AdapterHostTest, GarbageOfManyCallsIsCollected) {
  load("f = function() local r = http.get('/') return #r.body end",
       HostLimits{.memory_bytes = 8 << 20});
  answer_with(answer_of(200, std::string(1 << 20, 'x')));
  for (int i = 0; i < 100; ++i) ASSERT_TRUE(call("f"));
}

TEST_F(AdapterHostTest, NothingIsResumedAfterItWasCalledOff) {
  std::string said;
  load("f = function(emit) local r = http.get('/') emit('on') http.get('/second') return r end");
  hold_answers();
  AdapterCall order;
  order.function = "f";
  order.emit = [&](std::string_view text) {
    said += text;
    return true;
  };
  std::optional<Result<Value>> result;
  asio::co_spawn(io, host->call(std::move(order)),
                 [&](std::exception_ptr, Result<Value> value) { result = std::move(value); });
  turn();
  EXPECT_TRUE(http->last.is_wanted());
  host->cancel();
  EXPECT_FALSE(http->last.is_wanted());
  let_answers_go();
  turn();
  ASSERT_TRUE(result);
  EXPECT_EQ(result->error().code(), ErrorCode::Cancelled);
  EXPECT_EQ(said, "");
  EXPECT_EQ(http->sent, 1);
  EXPECT_TRUE(call("f", {Value()}).error().code() != ErrorCode::Cancelled);
}

TEST_F(AdapterHostTest, GoesAwayWithCallsInFlight) {
  load(R"(
    f = function() return http.get("/") end,
    g = function() return await.all{function() return http.get("/") end, function() return http.get("/") end} end)");
  hold_answers();
  begin("f");
  begin("g");
  EXPECT_EQ(host->in_flight(), 4);
  host.reset();
  let_answers_go();
  turn();
  ASSERT_TRUE(results[0] && results[1]);
  EXPECT_EQ(results[0]->error().code(), ErrorCode::Cancelled);
  EXPECT_EQ(results[1]->error().code(), ErrorCode::Cancelled);
}

TEST_F(AdapterHostTest, TheLoopMayGoWithCallsInFlight) {
  load("f = function() return http.get('/') end");
  hold_answers();
  begin("f");
}  // the io_context destroys what is left, then the host

TEST_F(AdapterHostTest, GivesUpAtTheDeadline) {
  load(R"(
    polls = function() return poll(function() end) end,
    stubborn = function() while true do poll(function() end, {timeout_ms = 1000}) http.get("/") end end,
  )");
  for (const char* function : {"polls", "stubborn"}) {
    AdapterCall order;
    order.function = function;
    order.deadline = clock.steady() + Duration(5'000);
    const Duration begun = clock.steady();
    const Result<Value> done = call(std::move(order));
    ASSERT_FALSE(done) << function;
    EXPECT_EQ(done.error().code(), ErrorCode::Timeout);
    EXPECT_LE(clock.steady() - begun, Duration(5'000));
  }
  AdapterCall late;
  late.function = "polls";
  late.deadline = clock.steady();
  EXPECT_EQ(call(std::move(late)).error().code(), ErrorCode::Timeout);
}

TEST_F(AdapterHostTest, ALoopOfWaitsEndsToo) {
  load("f = function() while true do http.get('/') end end", HostLimits{.waits = 1000});
  EXPECT_THAT(call("f").error().message(), HasSubstr("waited more than 1000 times"));
  EXPECT_EQ(http->sent, 1000);
}

TEST_F(AdapterHostTest, NothingLeaksFromCallToCall) {
  load_file(R"(
    local cache = {n = 0}
    return {
      put = function()
        leaked = "global"
        cache.n = cache.n + 1
        rawset_try = pcall(function() http.stash = 1 end)
        return {cache.n, pcall(function() http.stash = 1 end), pcall(function() string.stash = 1 end),
                pcall(function() json.array().x = 1 end), pcall(table.insert, http, 1),
                pcall(setmetatable, http, {}), pcall(setmetatable, json.array{}, {})}
      end,
      get = function()
        local list = json.array{}
        return {type(leaked), cache.n, type(http.stash), type(string.stash), getmetatable(list),
                getmetatable(http), getmetatable("") }
      end,
    })");
  EXPECT_EQ(to_json(call("put").value()).substr(0, 2), "[1");
  EXPECT_EQ(to_json(call("put").value()).substr(0, 2), "[1");
  EXPECT_EQ(to_json(call("get").value()), R"(["nil",0,"nil","nil","json.array",false,false])");
}

TEST_F(AdapterHostTest, WhatLeadsOutIsNotThere) {
  EXPECT_EQ(
      eval(R"({type(load), type(loadstring), type(dofile), type(module), type(setfenv),
                     type(getfenv), type(debug), type(io), type(os), type(package), type(ffi),
                     type(jit), type(newproxy), type(collectgarbage), type(_G), type(string.dump),
                     type(rawset), type(print)})"),
      "[" +
          [] {
            std::string all;
            for (int i = 0; i < 18; ++i) all += std::string(i == 0 ? "" : ",") + "\"nil\"";
            return all;
          }() +
          "]");
}

TEST_F(AdapterHostTest, ErrorsThatAreNoTextsAreHarmless) {
  EXPECT_THAT(eval_body("error(setmetatable({}, {__tostring = function() while true do end end}))"),
              HasSubstr("an error that is no text, but a table"));
  EXPECT_THAT(eval_body("error()"), HasSubstr("but a nil"));
  EXPECT_THAT(eval_body("local function f() return 1 + f() end return f()"),
              HasSubstr("stack overflow"));
  EXPECT_THAT(eval_body("return function() end"), HasSubstr("a function is no document"));
  EXPECT_THAT(eval_body("local t = {} t.t = t return t"), HasSubstr("nested deeper"));
}

TEST_F(AdapterHostTest, AThousandAreInFlightAtOnce) {
  load(R"(f = function(context, n)
      local first = http.get("/a/" .. n.n)
      local second = http.get("/b/" .. n.n)
      return first.body .. second.body
    end)");
  hold_answers();
  const std::size_t before = host->memory_used();
  std::vector<std::optional<Result<Value>>> done(1000);
  for (int i = 0; i < 1000; ++i) {
    AdapterCall order;
    order.function = "f";
    order.arguments = {Value::map(), Value::map({{"n", i}})};
    asio::co_spawn(io, host->call(std::move(order)),
                   [&done, i](std::exception_ptr, Result<Value> value) {
                     done[static_cast<std::size_t>(i)] = std::move(value);
                   });
  }
  turn();
  EXPECT_EQ(host->in_flight(), 1000);
  const std::size_t each = (host->memory_used() - before) / 1000;
  RecordProperty("lua_bytes_a_call", static_cast<int>(each));
  EXPECT_LT(each, 8192u);
  let_answers_go();
  turn();
  for (const auto& one : done) {
    ASSERT_TRUE(one);
    ASSERT_TRUE(*one) << one->error().describe();
    EXPECT_EQ((*one)->as_text(), "latelate");
  }
  EXPECT_EQ(host->in_flight(), 0);
}

TEST_F(AdapterHostTest, ManyMoreThanAllowedAreRefused) {
  load("f = function() return http.get('/') end", HostLimits{.coroutines = 2});
  hold_answers();
  begin("f");
  begin("f");
  EXPECT_EQ(call("f").error().code(), ErrorCode::Unavailable);
  let_answers_go();
  turn();
}

}  // namespace
}  // namespace croft::lua
