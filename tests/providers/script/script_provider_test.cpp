#include "providers/script/script_provider.hpp"

#include <set>

#include <fmt/format.h>
#include <gmock/gmock.h>

#include "core/base/files.hpp"
#include "providers/script/shipped.hpp"
#include "tests/providers/script/harbor.hpp"
#include "tests/support/run_task.hpp"

namespace croft {
namespace {

using testing::HasSubstr;
using testing::Not;

/// An adapter of which a test says some functions; the others do nothing.
std::string adapter_with(const std::string& more, const std::string& data = "api = 1,") {
  std::string text = "local verbs = {\n" + data +
                     "\n  capabilities = function() return {workloads = true} end,\n"
                     "  normalize = function(_, resource) return resource.spec end,\n"
                     "  observe = function() return {} end,\n"
                     "  create = function() end, update = function() end, start = function() end,\n"
                     "  stop = function() end, destroy = function() end,\n"
                     "  server = {auth = \"bearer\"},\n}\n";
  return text + more + "\nreturn verbs\n";
}

class ScriptProviderTest : public testing::Test {
 protected:
  ScriptProviderTest() : secrets_(TemporaryDirectory::make("croft-script-").value()), harbor(io) {
    EXPECT_TRUE(write_file_atomic(secrets_.path() / "token", Harbor::kToken, 0600));
  }

  ScriptProviders make_providers(const std::filesystem::path& calls_dir = {}) {
    return ScriptProviders({.executor = io.get_executor(),
                            .clock = clock,
                            .secrets_dir = secrets_.path(),
                            .sleep = [this](Duration time) { return advance(time); },
                            .calls_dir = calls_dir});
  }
  Value spec(const Value& settings = Value::map()) const {
    Value all = settings;
    all.set("url", harbor.url());
    return Value::map({{"adapter", "test"},
                       {"settings", all},
                       {"credentials", Value::map({{"secret", "token"}})}});
  }
  Result<std::shared_ptr<Provider>> make(const std::string& source, const Value& provider_spec) {
    return providers.make(script_of(source), "cloud", provider_spec);
  }
  static AdapterScript script_of(const std::string& source) {
    return {"test", "adapters/test/adapter.lua", source};
  }
  std::shared_ptr<Provider> must_make(const std::string& source) {
    auto made = make(source, spec());
    EXPECT_TRUE(made) << made.error().describe();
    return made ? *made : nullptr;
  }
  std::string why_not(const std::string& source, const Value& provider_spec) {
    const auto made = make(source, provider_spec);
    return made ? "made" : made.error().describe();
  }
  static Effect effect(const std::string& uid = "u1") {
    Effect effect;
    effect.intent = "i1";
    effect.uid = uid;
    effect.ref = Ref{"alice", Kind::Instance, "web"};
    effect.tenant = {"t1", "alice", 1};
    effect.spec = std::make_shared<const Value>(Value::map({{"image", "x"}}));
    effect.spec_digest = "d1";
    return effect;
  }

  asio::io_context io;
  ManualClock clock;
  TemporaryDirectory secrets_;
  Harbor harbor;
  ScriptProviders providers = make_providers();

 private:
  Task<> advance(Duration time) {
    clock.advance(time);
    co_return;
  }
};

TEST_F(ScriptProviderTest, SaysWhatIsWrongWithATable) {
  for (const auto& [source, message] : std::vector<std::pair<std::string, std::string>>{
           {"return {", "adapters/test/adapter.lua:1:"},
           {"return 5", "it returns no table"},
           {"return {}", "adapters/test/adapter.lua: api = 1"},
           {adapter_with("", "api = 2,"), "api = 1"},
           {adapter_with("verbs.destroy = nil"), "there is no function 'destroy'"},
           {adapter_with("verbs.lgos = function() end"), "did you mean 'logs'?"},
           {adapter_with("verbs.titel = 'x'"), "did you mean 'title'?"},
           {adapter_with("verbs.server = {auth = 'magic'}"), "server.auth must be"},
           {adapter_with("verbs.server = {adress = 'x'}"), "has no 'adress'"},
           {adapter_with("verbs.rate = {perMinute = 1}"), "has no 'perMinute'"},
           {adapter_with("verbs.rate = {perSecond = 0}"), "rate.perSecond must be"},
           {adapter_with("verbs.settings = {x = {type = 'colour'}}"),
            "settings.x.type must be one of"},
           {adapter_with("verbs.settings = {x = {tpye = 'text'}}"), "did you mean 'type'?"},
           {adapter_with("verbs.settings = {x = {type = 'integer', default = 'many'}}"),
            "must be a whole number"},
           {adapter_with("verbs.settings = {url = {}}"), "settings.url is there by itself"},
           {adapter_with("verbs.capabilities = function() return {workload = true} end"),
            "did you mean 'workloads'?"},
           {adapter_with("verbs.capabilities = function() return {logs = true} end"),
            "no function 'logs'"},
           {adapter_with("verbs.capabilities = function() return http.get('/') end"), "pure"},
           {adapter_with("verbs.capabilities = function() while true do end end"),
            "steps without waiting"},
           {adapter_with("http.get('/')"), "not while the file is read"},
           {std::string("\x1bLJ"), "bytecode"}}) {
    EXPECT_THAT(why_not(source, spec()), HasSubstr(message)) << source;
  }
}

TEST_F(ScriptProviderTest, SettingsAreCheckedAgainstTheScript) {
  const std::string source = adapter_with(R"(
    verbs.settings = {
      region = {type = "text", required = true, help = "where"},
      size = {type = "bytes", default = "1MiB"}, wait = {type = "duration", default = 1500},
      count = {type = "integer", default = 3}, on = {type = "boolean"},
      tier = {type = "text", default = "free", choices = {"free", "paid"}},
    }
    verbs.normalize = function(context) return context.settings end)");
  const auto normal = [&](const Value& settings) {
    const auto made = make(source, spec(settings));
    if (!made) return made.error().describe();
    const auto value = (*made)->normalize(Ref{"alice", Kind::Instance, "web"}, Value::map());
    return value ? to_json(*value) : value.error().describe();
  };
  EXPECT_EQ(normal(Value::map({{"region", "cdg"}})),
            R"({"count":3,"region":"cdg","size":1048576,"tier":"free","wait":1500})");
  EXPECT_EQ(normal(Value::map({{"region", "cdg"},
                               {"size", "2KiB"},
                               {"wait", "1m"},
                               {"count", "7"},
                               {"on", "true"},
                               {"tier", "paid"}})),
            R"({"count":7,"on":true,"region":"cdg","size":2048,"tier":"paid","wait":60000})");
  EXPECT_THAT(normal(Value::map()), HasSubstr("settings.region is required: where"));
  EXPECT_THAT(normal(Value::map({{"regoin", "x"}})), HasSubstr("did you mean 'region'?"));
  EXPECT_THAT(normal(Value::map({{"region", "x"}, {"count", "7x"}})),
              HasSubstr("settings.count: must be a whole number"));
  EXPECT_THAT(normal(Value::map({{"region", "x"}, {"on", "yes"}})), HasSubstr("true or false"));
  EXPECT_THAT(normal(Value::map({{"region", "x"}, {"wait", "soon"}})), HasSubstr("settings.wait"));
  EXPECT_THAT(normal(Value::map({{"region", "x"}, {"tier", "payd"}})),
              HasSubstr("did you mean 'paid'?"));
  EXPECT_THAT(normal(Value::map({{"region", Value::map({{"secret", "s"}})}})),
              HasSubstr("cannot be a secret"));
}

// What is hidden everywhere, others could find out by guessing.
TEST_F(ScriptProviderTest, ASecretIsHiddenWhereItIsUsedAndNowhereElse) {
  const auto provider = must_make(adapter_with(R"lua(
    verbs.create = function(_, effect)
      log.info("made with " .. effect.spec.env.TOKEN, {env = effect.spec.env})
    end
    verbs.observe = function() error('TOKEN is tok-"quoted"-1234') end)lua"));
  Effect given = effect();
  given.spec = std::make_shared<const Value>(Value::map(
      {{"image", "x"},
       {"env", Value::map({{"TOKEN", Value::map({{"secret", "api"}, {"fingerprint", "f"}})}})}}));
  const std::string clear = "tok-\"quoted\"-1234";
  given.secrets =
      std::make_shared<const SecretValues>(SecretValues{{"api", Secret<std::string>(clear)}});
  testing::internal::CaptureStderr();
  const auto made = run_task(io, provider->create(given));
  const std::string said = testing::internal::GetCapturedStderr();
  ASSERT_TRUE(made) << made.error().describe();
  EXPECT_THAT(said, HasSubstr("made with [redacted]"));
  EXPECT_THAT(said, Not(HasSubstr("quoted")));
  const auto seen = run_task(io, provider->observe());
  ASSERT_FALSE(seen);
  EXPECT_THAT(seen.error().describe(), HasSubstr("TOKEN is"));
  EXPECT_THAT(seen.error().describe(), Not(HasSubstr("quoted")));
  EXPECT_EQ(redact(clear), clear);
}

TEST_F(ScriptProviderTest, CredentialsAreAFileOfTheSecrets) {
  Value without = spec();
  without.erase("credentials");
  EXPECT_THAT(why_not(adapter_with(""), without), HasSubstr("give `credentials: {secret: NAME}`"));
  Value other = spec();
  other.find("credentials")->set("secret", "nowhere");
  EXPECT_THAT(why_not(adapter_with(""), other), HasSubstr("reading the secret 'nowhere'"));
  ASSERT_TRUE(write_file_atomic(secrets_.path() / "two", "a-long-line\nanother", 0600));
  other.find("credentials")->set("secret", "two");
  EXPECT_THAT(why_not(adapter_with(""), other), HasSubstr("must be one line"));
  Value elsewhere = spec();
  elsewhere.find("settings")->set("url", "http://example.com");
  EXPECT_THAT(why_not(adapter_with(""), elsewhere), HasSubstr("use https://"));
}

TEST_F(ScriptProviderTest, TheCredentialIsNowhereToBeSeen) {
  harbor.before = [](const HttpRequest& request) -> Task<std::optional<HttpResponse>> {
    co_return json_answer(
        500, Value::map({{"error", "sent: " + request.headers.value_or("Authorization", "")}}));
  };
  const auto provider = must_make(adapter_with(R"(
    verbs.create = function(context, effect)
      local response, err = http.post("/x")
      log.error("failed", {err = err.message, body = err.body})
      if effect.uid == "raise" then error("raised: " .. err.body) end
      return nil, err
    end)"));
  testing::internal::CaptureStderr();
  const auto failed = run_task(io, provider->create(effect()));
  const auto raised = run_task(io, provider->create(effect("raise")));
  const std::string logged = testing::internal::GetCapturedStderr();
  for (const std::string& text : {failed.error().describe(), raised.error().describe(), logged}) {
    EXPECT_THAT(text, HasSubstr("[redacted]"));
    EXPECT_THAT(text, Not(HasSubstr(std::string(Harbor::kToken))));
  }
}

TEST_F(ScriptProviderTest, EffectsSayWhatTheyAre) {
  const auto provider = must_make(adapter_with(R"(
    local function show(context, effect)
      effect.spec = nil
      return fail("Conflict", json.encode({context = context, effect = effect}))
    end
    verbs.create, verbs.destroy = show, show)"));
  EXPECT_EQ(
      run_task(io, provider->create(effect())).error().message(),
      R"({"context":{"generation":1,"provider":"cloud","settings":{}},"effect":{"allow_egress":false,)"
      R"("deadline_ms":60000,"intent":"i1","kind":"Instance","labels":{"croft.intent":"i1",)"
      R"("croft.ref":"alice/Instance/web","croft.spec":"d1","croft.uid":"u1"},"name":"web",)"
      R"("ref":"alice/Instance/web","spec_digest":"d1","tenant":{"name":"alice","uid":"t1"},"uid":"u1"}})");
  EXPECT_THAT(run_task(io, provider->destroy(effect(), DataPolicy::Erase)).error().message(),
              HasSubstr(R"("erase_data":true)"));
}

TEST_F(ScriptProviderTest, MistakesNameVerbTenantAndResource) {
  const auto provider =
      must_make(adapter_with("verbs.create = function(context, effect)\n"
                             "  local x = effect.spec.volumes.data\n  return x\nend"));
  EXPECT_THAT(
      run_task(io, provider->create(effect())).error().describe(),
      testing::MatchesRegex(
          "adapters/test/adapter.lua:[0-9]+: attempt to index field 'volumes' .a nil value.\n"
          "    in create, for tenant 'alice', Instance/web"));
}

TEST_F(ScriptProviderTest, WhatObserveReturnsIsChecked) {
  const std::string good = R"(uid = "u", ref = "alice/Instance/web", phase = "Running")";
  for (
      const auto& [entry, message] : std::vector<std::pair<std::string, std::string>>{
          {good, ""},
          {good +
               R"(, endpoint = "https://x.example.com", fields = {}, health = "Passing", started_at = 1.7e12, restarts = 2)",
           ""},
          {R"(ref = "alice/Instance/web", phase = "Running")", "[1].uid: is missing"},
          {R"(uid = "u", phase = "Running")", "[1].ref: is missing"},
          {R"(uid = "u", ref = "web", phase = "Running")", "[1].ref"},
          {R"(uid = "u", ref = "alice/Instance/web", phase = "Runing")", "did you mean 'Running'?"},
          {good + R"(, endpoint = "web.example.com")", "[1].endpoint"},
          {good + R"(, endpoint = "https://x/\r\nSet-Cookie: a")", "[1].endpoint"},
          {good + R"(, endpoint = "https://x/path")", "[1].endpoint"},
          {good + R"(, helth = "Passing")", "did you mean 'health'?"},
          {good + R"(, health = "Great")", "[1].health"},
          {good + R"(, uid = 5)", "[1].uid: must be a text"}}) {
    const auto provider =
        must_make(adapter_with("verbs.observe = function() return {{" + entry + "}} end"));
    const auto seen = run_task(io, provider->observe());
    EXPECT_EQ(seen.has_value(), message.empty()) << entry;
    if (!seen) {
      EXPECT_THAT(seen.error().describe(), HasSubstr(message)) << entry;
    }
  }
  const auto provider = must_make(adapter_with("verbs.observe = function() return 'x' end"));
  EXPECT_THAT(run_task(io, provider->observe()).error().describe(), HasSubstr("returned no list"));
}

TEST_F(ScriptProviderTest, RefusalsNameTheField) {
  const auto provider = must_make(adapter_with(R"(
    verbs.normalize = function() return fail("Invalid", "no volumes here", {field = "spec.volumes"}) end)"));
  const auto refused = provider->normalize(Ref{"alice", Kind::Instance, "web"}, Value::map());
  EXPECT_EQ(refused.error().code(), ErrorCode::Invalid);
  EXPECT_EQ(refused.error().context().front(), "spec.volumes");
}

TEST_F(ScriptProviderTest, NoEffectOutlivesItsDeadline) {
  const auto provider = must_make(adapter_with(R"(
    verbs.create = function()
      while true do poll(function() end, {timeout_ms = 10000}) http.get("/boxes") end
    end)"));
  Effect hurried = effect();
  hurried.deadline = Duration(35'000);
  const Duration end = clock.steady() + Duration(35'000);
  EXPECT_EQ(run_task(io, provider->create(std::move(hurried))).error().code(), ErrorCode::Timeout);
  EXPECT_LE(clock.steady(), end);
  const std::size_t sent = harbor.requests.size();
  io.restart();
  io.run_for(std::chrono::milliseconds(20));
  EXPECT_EQ(harbor.requests.size(), sent);
}

TEST_F(ScriptProviderTest, EffectsOnOneThingFollowOneAnother) {
  int now = 0;
  int most = 0;
  harbor.before = [&](const HttpRequest&) -> Task<std::optional<HttpResponse>> {
    most = std::max(most, ++now);
    co_await sleep_for(Duration(2));
    --now;
    co_return json_answer(200, Value::map());
  };
  const auto provider =
      must_make(adapter_with("verbs.create = function() http.post('/a') http.post('/b') end"));
  const auto run_all = [&](const std::vector<std::string>& uids) {
    most = 0;
    std::size_t ended = 0;
    for (const std::string& uid : uids) {
      asio::co_spawn(io, provider->create(effect(uid)), [&](std::exception_ptr, Result<void> done) {
        EXPECT_TRUE(done);
        ++ended;
      });
    }
    io.restart();
    while (ended < uids.size()) io.run_one();
    return most;
  };
  EXPECT_EQ(run_all({"u1", "u1", "u1"}), 1);
  EXPECT_EQ(run_all({"u1", "u2", "u3"}), 3);
}

TEST_F(ScriptProviderTest, AReloadCallsOffWhatIsUnderWay) {
  Signal go(io.get_executor());
  harbor.before = [&](const HttpRequest&) -> Task<std::optional<HttpResponse>> {
    co_await go.wait(Duration(5'000));
    co_return json_answer(200, Value::map());
  };
  const std::string source =
      adapter_with("verbs.create = function() http.post('/a') http.post('/b') end");
  auto provider = must_make(source);
  std::optional<Result<void>> done;
  asio::co_spawn(io, provider->create(effect()),
                 [&](std::exception_ptr, Result<void> result) { done = std::move(result); });
  while (harbor.requests.empty()) io.run_one();
  provider = must_make(source);
  go.notify();
  while (!done) io.run_one();
  EXPECT_EQ(done->error().code(), ErrorCode::Cancelled);
  EXPECT_EQ(harbor.requests.size(), 1U);
}

TEST_F(ScriptProviderTest, TheProgramHasEveryFileOfTheAdaptersItBringsAlong) {
  ASSERT_FALSE(script::shipped().empty());
  for (const AdapterScript& script : script::shipped()) {
    std::set<std::string> there{"adapter"};
    for (const auto& [name, source] : script.files) there.insert(name);
    std::set<std::string> listed;
    for (const auto& file :
         std::filesystem::directory_iterator(CROFT_SOURCE "/providers/" + script.name)) {
      if (file.path().extension() == ".lua") listed.insert(file.path().stem().string());
    }
    EXPECT_EQ(there, listed) << script.name;
    const Result<void> fine = providers.check(script);
    EXPECT_TRUE(fine) << fine.error().describe();
  }
}

TEST_F(ScriptProviderTest, AReloadGivesNoFreshAllowance) {
  const std::string source =
      adapter_with("verbs.observe = function() http.get('/boxes') return {} end");
  Value limited = spec();
  limited.set("rateLimit", Value::map({{"perHour", 2}}));
  for (int i = 0; i < 2; ++i) {
    const auto provider = *make(source, limited);
    EXPECT_TRUE(run_task(io, provider->observe()));
  }
  const auto provider = *make(source + "-- edited", limited);
  EXPECT_TRUE(run_task(io, provider->observe())) << "the script ignores what went wrong";
  EXPECT_EQ(harbor.requests.size(), 2U);
}

TEST_F(ScriptProviderTest, ARestartGivesNoFreshAllowanceOfTheHour) {
  const auto kept = TemporaryDirectory::make("croft-calls-").value();
  const std::string source =
      adapter_with("verbs.observe = function() return http.get('/boxes') and {} end");
  Value limited = spec();
  limited.set("rateLimit", Value::map({{"perHour", 3}}));
  const auto live = [&] {
    return *make_providers(kept.path()).make(script_of(source), "cloud", limited);
  };
  for (int life = 0; life < 10; ++life) {
    const auto provider = live();
    (void)run_task(io, provider->observe());
    clock.advance(Duration(60'000));
  }
  EXPECT_EQ(harbor.requests.size(), 3U) << "however often it crashes";
  clock.advance(Duration(3'600'000 - 9 * 60'000));
  const auto provider = live();
  EXPECT_TRUE(run_task(io, provider->observe()));
  EXPECT_EQ(harbor.requests.size(), 4U) << "the first of them is an hour ago";
}

TEST_F(ScriptProviderTest, AnHourLimitHoldsOverRestartsWhereverTheyFall) {
  const auto kept = TemporaryDirectory::make("croft-calls-").value();
  const std::string source =
      adapter_with("verbs.observe = function() return http.get('/boxes') and {} end");
  Value limited = spec();
  limited.set("rateLimit", Value::map({{"perHour", 1'000}}));
  std::vector<Duration> at;
  harbor.before = [&](const HttpRequest&) -> Task<std::optional<HttpResponse>> {
    at.push_back(clock.steady());
    co_return std::nullopt;
  };
  for (int life = 0; life < 130; ++life) {
    const auto provider = *make_providers(kept.path()).make(script_of(source), "cloud", limited);
    for (int i = 0; i < 40; ++i) {  // whole batches: nothing is lost that could hide a mistake
      (void)run_task(io, provider->observe());
      clock.advance(Duration(life < 30 ? 3'000 : 1'000));  // in a greater hurry than before
    }
  }
  ASSERT_GT(at.size(), 1'000U);
  for (std::size_t i = 1'000; i < at.size(); ++i)
    EXPECT_GE(at[i] - at[i - 1'000], Duration(3'600'000));
}

TEST_F(ScriptProviderTest, CallsThatCannotBeWrittenDownAreMadeAllTheSame) {
  const auto kept = TemporaryDirectory::make("croft-calls-").value();
  ASSERT_TRUE(write_file_atomic(kept.path() / "cloud.json", "no list", 0600));
  ASSERT_TRUE(write_file_atomic(kept.path() / "file", "", 0600));
  const std::string source =
      adapter_with("verbs.observe = function() return http.get('/boxes') and {} end");
  Value limited = spec();
  limited.set("rateLimit", Value::map({{"perHour", 3}}));
  for (const auto& directory : {kept.path(), kept.path() / "file"}) {
    const auto provider = *make_providers(directory).make(script_of(source), "cloud", limited);
    EXPECT_TRUE(run_task(io, provider->observe()));
  }
}

// Of the vendor's free plan: a hundred requests an hour, and fifty instances to look after.
TEST_F(ScriptProviderTest, AnHourOfFiftyInstancesKeepsToTheLimits) {
  for (int i = 0; i < 50; ++i) {
    const std::string uid = fmt::format("u{:02}", i);
    harbor.boxes.emplace(
        uid, Value::map({{"name", uid},
                         {"state", "running"},
                         {"labels",
                          Value::map({{"croft.uid", uid}, {"croft.ref", "alice/Instance/" + uid}})},
                         {"config", Value::map({{"image", "x"}, {"memory", 1}})},
                         {"url", "https://" + uid + ".example.com"},
                         {"started_at", 1}}));
  }
  harbor.page_size = 10;
  Value limited = spec();
  limited.set("rateLimit", Value::map({{"perHour", 100}, {"perSecond", 1}}));
  const auto provider =
      *make(read_file(CROFT_SOURCE "/tests/providers/script/harbor.lua", 1 << 20).value(), limited);
  std::vector<Duration> at;
  harbor.before = [&](const HttpRequest&) -> Task<std::optional<HttpResponse>> {
    at.push_back(clock.steady());
    co_return std::nullopt;
  };
  int good = 0;
  const Duration begun = clock.steady();
  while (clock.steady() - begun < Duration(3'600'000)) {
    const auto seen = run_task(io, provider->observe());
    if (seen) {
      EXPECT_EQ(seen->size(), 50U);
    }
    good += seen ? 1 : 0;
    clock.advance(Duration(60'000));
  }
  EXPECT_GE(good, 20) << "five requests each";
  for (std::size_t i = 100; i < at.size(); ++i) {
    EXPECT_GE(at[i] - at[i - 100], Duration(3'600'000));
  }
  for (std::size_t i = 1; i < at.size(); ++i) EXPECT_GE(at[i] - at[i - 1], Duration(1'000));
}

TEST_F(ScriptProviderTest, LogsReachWhoAsked) {
  Effect box = effect();
  const auto provider =
      must_make(read_file(CROFT_SOURCE "/tests/providers/script/harbor.lua", 1 << 20).value());
  auto normal = provider->normalize(box.ref, Value::map({{"image", "x"}}));
  ASSERT_TRUE(normal);
  box.spec = std::make_shared<const Value>(*normal);
  ASSERT_TRUE(run_task(io, provider->create(std::move(box))));
  std::string text;
  LogSink sink = [&](std::string_view part) {
    text += part;
    return true;
  };
  ASSERT_TRUE(run_task(io, provider->logs({.uid = "u1", .last_lines = 5}, sink)));
  EXPECT_EQ(text, "one\ntwo\n");
  EXPECT_FALSE(run_task(io, must_make(adapter_with(""))->logs({.uid = "u1"}, sink)));
}

TEST_F(ScriptProviderTest, HostileScriptsHarmOnlyThemselves) {
  const auto provider = must_make(adapter_with(R"(
    local attacks = {
      loop = function() while true do end end,
      caught = function() while true do pcall(function() while true do end end) end end,
      memory = function() local t = {} while true do t[#t + 1] = ("x"):rep(1e6) .. #t end end,
      deep = function() local function f() return f() + 1 end return f() end,
      raise = function() error(setmetatable({}, {__tostring = error})) end,
      yield = function() coroutine.yield() end,
      spawn = function() local all = {} for i = 1, 1001 do all[i] = function() end end await.all(all) end,
      nest = function() local function f() return await.all{f, f} end f() end,
      away = function() http.get("http://169.254.169.254/latest") end,
      up = function() http.get("/../../admin") end,
      header = function() http.get("/", {headers = {Host = "evil"}}) end,
      smuggle = function() http.get("/x HTTP/1.1\r\nX: y") end,
      result = function() return {setmetatable({}, {__index = function() while true do end end})} end,
    }
    verbs.create = function(context, effect) return attacks[effect.uid]() end)"));
  for (const char* attack : {"loop", "caught", "memory", "deep", "raise", "yield", "spawn", "nest",
                             "away", "up", "header", "smuggle"}) {
    const auto done = run_task(io, provider->create(effect(attack)));
    EXPECT_FALSE(done) << attack;
    EXPECT_TRUE(run_task(io, provider->update(effect())).has_value()) << "after " << attack;
  }
  EXPECT_TRUE(harbor.requests.empty());
}

}  // namespace
}  // namespace croft
