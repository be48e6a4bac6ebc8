#include "cli/lua/adapter_bench.hpp"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "core/base/suggest.hpp"
#include "core/resource/resource.hpp"
#include "providers/script/observed.hpp"

namespace croft::cli {

namespace {

constexpr std::array<std::string_view, 9> kVerbs = {
    "capabilities", "normalize", "observe", "create", "update", "start", "stop", "destroy", "logs"};
constexpr Duration kNever{86'400'000};  // a bench answers by itself, or not at all

bool is_effect(std::string_view verb) {
  return verb == "create" || verb == "update" || verb == "start" || verb == "stop" ||
         verb == "destroy";
}

/// An Instance that asks for little.
Value example_spec() {
  Value command = Value::list();
  command.push_back("./web");
  return Value::map({{"image", "registry.example.com/web:1"},
                     {"command", std::move(command)},
                     {"env", Value::map({{"GREETING", "hello"}})}});
}

/// An empty table of a script says not what it is; here it can only be a map.
Result<Value> as_map(const Value* given, std::string_view what) {
  if (given == nullptr || given->is_null() || (given->is_list() && given->size() == 0))
    return Value::map();
  if (given->is_map()) return *given;
  return fail(ErrorCode::Invalid, fmt::format("{} must be a table with names as keys", what));
}

Value event_of(std::string_view kind, Value value) {
  return Value::map({{kind, std::move(value)}});
}

Result<Ref> ref_of(const Value& given) {
  Ref ref{.tenant = given.text_or("tenant", "test"),
          .kind = Kind::Instance,
          .name = given.text_or("name", "web")};
  const std::string kind = given.text_or("kind", "Instance");
  const auto known = kind_from(kind);
  if (!known) return fail(ErrorCode::Invalid, fmt::format("kind '{}' is none", kind));
  ref.kind = *known;
  return ref;
}

}  // namespace

Result<void> check_keys(const Value& map, std::string_view what,
                        std::span<const std::string_view> known) {
  for (const Value::Entry& entry : map.as_map()) {
    if (std::ranges::find(known, entry.key) != known.end()) continue;
    return fail(Error(ErrorCode::Invalid, fmt::format("{} has no '{}'", what, entry.key))
                    .with_hint(did_you_mean(entry.key, known)));
  }
  return {};
}

Value failure_for_test(const Error& error, const std::vector<std::string>& files) {
  Value failure = Value::map({{"code", to_string(error.code())}, {"message", error.message()}});
  if (!error.hint().empty()) failure.set("hint", error.hint());
  const bool has_field =
      !error.context().empty() && error.context()[0].find(' ') == std::string::npos;
  if (has_field) failure.set("field", error.context()[0]);
  const bool is_placed = std::ranges::any_of(
      files, [&](const std::string& file) { return error.message().starts_with(file + ":"); });
  failure.set("is_placed", is_placed);
  return failure;
}

Result<std::shared_ptr<AdapterBench>> AdapterBench::make(asio::any_io_executor executor,
                                                         const ScriptUnderTest& script,
                                                         std::shared_ptr<lua::Coverage> coverage) {
  auto bench = std::make_shared<AdapterBench>(executor);
  TRY_ASSIGN(lua::Script compiled, lua::Script::compile(script.file, script.source));
  bench->files_.push_back(script.file);
  lua::HostServices services;
  TRY_ASSIGN(services.files, compile_files(script.files));
  for (const auto& [name, file] : script.files) bench->files_.push_back(file.file);
  services.name = "test";
  // Not the bench itself: it owns the host.
  services.http = std::shared_ptr<lua::AdapterHttp>(std::shared_ptr<void>(), bench.get());
  services.memory = std::make_shared<lua::AdapterMemory>();
  services.clock = &bench->clock_;
  services.sleep = [self = bench.get()](Duration time) { return self->wait(time); };
  services.coverage = std::move(coverage);
  TRY_ASSIGN(bench->host_,
             lua::AdapterHost::make(executor, std::move(compiled), std::move(services)));
  Result<script::AdapterDescription> adapter =
      script::read_adapter(bench->host_->description(), bench->host_->functions());
  if (!adapter) {
    Error error(adapter.error().code(), script.file + ": " + adapter.error().message());
    return fail(std::move(error).with_hint(adapter.error().hint()));
  }
  bench->adapter_ = std::move(*adapter);
  return bench;
}

Task<> AdapterBench::wait(Duration time) {
  clock_.advance(time);
  co_return;
}

Task<Result<Value>> AdapterBench::ask(std::string what, Value value) {
  if (what == "settings") co_return take_settings(value);
  if (what == "advance") co_return advance(value);
  if (what == "call") {
    CO_TRY(begin(value));
    co_return co_await next_event();
  }
  if (what == "reply") {
    CO_TRY(take_reply(value));
    co_return co_await next_event();
  }
  co_return fail(ErrorCode::Invalid, fmt::format("there is no '{}' for adapters", what));
}

Result<Value> AdapterBench::take_settings(const Value& given) {
  TRY_ASSIGN(const Value map, as_map(&given, "the settings"));
  Value texts = Value::map();
  for (const Value::Entry& entry : map.as_map())
    texts.set(entry.key, entry.value.is_text() ? entry.value : Value(to_json(entry.value)));
  TRY(script::read_settings(adapter_, &texts));
  settings_ = std::move(texts);
  return Value(true);
}

Result<Value> AdapterBench::advance(const Value& ms) {
  if (!ms.is_integer()) return fail(ErrorCode::Invalid, "t.clock.advance: whole milliseconds");
  clock_.advance(Duration(ms.as_integer()));
  return Value(std::int64_t{clock_.now().time_since_epoch().count()});
}

Result<Value> AdapterBench::context() const {
  Result<Value> settings =
      script::read_settings(adapter_, settings_.is_map() ? &settings_ : nullptr);
  if (!settings) {
    Error error(ErrorCode::Invalid, settings.error().message());
    return fail(std::move(error).with_hint("give them with t.settings{...}"));
  }
  return Value::map({{"provider", "test"}, {"settings", std::move(*settings)}, {"generation", 1}});
}

Result<void> AdapterBench::begin(const Value& order) {
  const std::string verb = order.text_or("verb", "");
  const bool is_known = std::ranges::find(kVerbs, verb) != kVerbs.end();
  if (!is_known || !host_->has(verb)) {
    return fail(Error(ErrorCode::Invalid, fmt::format("the adapter has no verb '{}'", verb))
                    .with_hint(is_known ? "" : did_you_mean(verb, kVerbs)));
  }
  if (is_busy_) return fail(ErrorCode::Invalid, "one verb at a time");
  TRY_ASSIGN(const Value given, as_map(order.find("effect"), "the effect"));
  Result<lua::AdapterCall> call = call_of(verb, given);
  if (!call) {
    // A spec that the adapter refuses is an outcome like any other.
    if (call.error().context().empty()) return std::unexpected(call.error());
    push_outcome("normalize", std::unexpected(call.error()));
    return {};
  }
  if (verb == "capabilities" || verb == "normalize") {
    begin_pure(verb, std::move(*call));
    return {};
  }
  is_busy_ = true;
  spawn(executor_, run(verb, std::move(*call)), "a verb under test");
  return {};
}

Result<lua::AdapterCall> AdapterBench::call_of(const std::string& verb, const Value& given) {
  lua::AdapterCall call;
  call.function = verb;
  TRY_ASSIGN(Value context_value, context());
  call.arguments.push_back(std::move(context_value));
  TRY_ASSIGN(const Ref ref, ref_of(given));
  if (verb != "capabilities" && verb != "observe" && verb != "logs")
    call.subject = fmt::format("tenant '{}', {}", ref.tenant, local_name(ref));
  if (is_effect(verb)) {
    TRY_ASSIGN(Value effect, effect_of(verb, given));
    call.deadline = clock_.steady() + Duration(effect.integer_or("deadline_ms", 0));
    call.arguments.push_back(std::move(effect));
  } else if (verb == "normalize") {
    static constexpr std::array<std::string_view, 4> kKeys = {"name", "kind", "tenant", "spec"};
    TRY(check_keys(given, "the resource", kKeys));
    TRY_ASSIGN(const Value spec, as_map(given.find("spec"), "spec"));
    call.arguments.push_back(Value::map({{"ref", to_string(ref)},
                                         {"kind", to_string(ref.kind)},
                                         {"name", ref.name},
                                         {"spec", given.find("spec") ? spec : example_spec()}}));
  } else if (verb == "logs") {
    static constexpr std::array<std::string_view, 3> kKeys = {"uid", "last_lines", "follow"};
    TRY(check_keys(given, "the request", kKeys));
    call.arguments.push_back(Value::map({{"uid", given.text_or("uid", "uid-web")},
                                         {"last_lines", given.integer_or("last_lines", 100)},
                                         {"follow", given.boolean_or("follow", false)}}));
    logged_.clear();
    call.emit = [this](std::string_view text) {
      logged_ += text;
      return true;
    };
  } else if (given.size() > 0) {
    return fail(ErrorCode::Invalid, verb + " takes nothing");
  }
  return call;
}

Result<Value> AdapterBench::normalized(const Ref& ref, const Value& spec) {
  lua::AdapterCall call;
  call.function = "normalize";
  call.subject = fmt::format("tenant '{}', {}", ref.tenant, local_name(ref));
  TRY_ASSIGN(Value context_value, context());
  call.arguments.push_back(std::move(context_value));
  call.arguments.push_back(Value::map({{"ref", to_string(ref)},
                                       {"kind", to_string(ref.kind)},
                                       {"name", ref.name},
                                       {"spec", spec}}));
  return while_doing(host_->call_pure(std::move(call)), "normalizing the spec");
}

Result<Value> AdapterBench::effect_of(const std::string& verb, const Value& given) {
  static constexpr std::array<std::string_view, 12> kKeys = {
      "intent", "uid",         "name",         "kind",        "tenant", "spec",
      "files",  "spec_digest", "allow_egress", "deadline_ms", "labels", "erase_data"};
  TRY(check_keys(given, "the effect", kKeys));
  Effect effect;
  TRY_ASSIGN(effect.ref, ref_of(given));
  effect.intent = given.text_or("intent", "intent-1");
  effect.uid = given.text_or("uid", "uid-" + effect.ref.name);
  effect.tenant = {.uid = "uid-" + effect.ref.tenant, .name = effect.ref.tenant, .number = 1};
  effect.allow_egress = given.boolean_or("allow_egress", false);
  effect.deadline = Duration(given.integer_or("deadline_ms", 60'000));
  if (verb == "create" || verb == "update") {
    const Value* spec = given.find("spec");
    // As Croft does it: what an effect carries went through normalize before.
    TRY_ASSIGN(Value normal, normalized(effect.ref, spec != nullptr ? *spec : example_spec()));
    if (!normal.is_map())
      return fail(ErrorCode::Invalid, files_[0] + ": normalize() returned no spec");
    effect.spec_digest = given.text_or("spec_digest", spec_digest(normal));
    effect.spec = std::make_shared<const Value>(std::move(normal));
  }
  std::optional<DataPolicy> data;
  if (verb == "destroy")
    data = given.boolean_or("erase_data", true) ? DataPolicy::Erase : DataPolicy::Keep;
  Value value = script::effect_value(effect, data);
  for (const char* key : {"labels", "files"}) {
    if (const Value* own = given.find(key)) value.set(key, *own);
  }
  return value;
}

void AdapterBench::begin_pure(const std::string& verb, lua::AdapterCall call) {
  push_outcome(verb, host_->call_pure(std::move(call)));
}

Task<> AdapterBench::run(std::string verb, lua::AdapterCall call) {
  const std::shared_ptr<AdapterBench> self = shared_from_this();
  Result<Value> outcome = co_await self->host_->call(std::move(call));
  self->is_busy_ = false;
  self->push_outcome(verb, std::move(outcome));
}

void AdapterBench::push_outcome(const std::string& verb, Result<Value> outcome) {
  if (outcome && verb == "observe") {
    const Result<std::vector<Observed>> observed = script::read_observed(*outcome);
    if (!observed) outcome = std::unexpected(observed.error());
  } else if (outcome && verb == "capabilities") {
    const Result<Capabilities> read = script::read_capabilities(*outcome, adapter_.has_logs);
    if (!read) outcome = std::unexpected(read.error());
  } else if (outcome && verb == "logs") {
    outcome = Value(logged_);
  } else if (outcome && is_effect(verb)) {
    outcome = Value(true);
  }
  push_event(outcome ? event_of("value", std::move(*outcome))
                     : event_of("err", failure_for_test(outcome.error(), files_)));
}

void AdapterBench::push_event(Value event) {
  events_.push_back(std::move(event));
  changed_.notify();
}

Task<Result<Value>> AdapterBench::next_event() {
  while (events_.empty()) co_await changed_.wait(kNever);
  Value event = std::move(events_.front());
  events_.pop_front();
  co_return Result<Value>(std::move(event));
}

namespace {

/// A request as a test sees it.
Value request_form(std::int64_t id, const lua::AdapterRequest& request) {
  Value query = Value::map();
  const bool is_absolute = request.path.starts_with('/');
  if (const auto target = parse_target(is_absolute ? request.path : "/" + request.path)) {
    for (const auto& [name, value] : target->query) query.set(name, value);
  }
  Value headers = Value::map();
  for (const auto& [name, value] : request.headers.fields()) {
    std::string key = name;
    std::ranges::transform(key, key.begin(), [](unsigned char c) { return std::tolower(c); });
    headers.set(key, value);
  }
  Value form = Value::map({{"id", id},
                           {"method", request.method},
                           {"path", request.path},
                           {"query", std::move(query)},
                           {"headers", std::move(headers)},
                           {"body", request.body},
                           {"at", request.asked_at}});
  if (Result<Value> json = parse_json(request.body); json && !request.body.empty())
    form.set("json", std::move(*json));
  return form;
}

Result<HttpResponse> response_of(const Value& reply) {
  if (const std::string code = reply.text_or("error", ""); !code.empty()) {
    return fail(error_code_from(code).value_or(ErrorCode::Unavailable),
                reply.text_or("message", "the server cannot be reached"));
  }
  HttpResponse response;
  response.status = static_cast<int>(reply.integer_or("status", 200));
  response.body = reply.text_or("body", "");
  if (const Value* json = reply.find("json")) {
    response.body = to_json(*json);
    response.headers.set("content-type", "application/json");
  }
  if (const Value* headers = reply.find("headers"); headers != nullptr && headers->is_map()) {
    for (const Value::Entry& entry : headers->as_map())
      response.headers.set(entry.key,
                           entry.value.is_text() ? entry.value.as_text() : to_json(entry.value));
  }
  return response;
}

}  // namespace

Task<Result<HttpResponse>> AdapterBench::send(lua::AdapterRequest request) {
  const std::shared_ptr<AdapterBench> self = shared_from_this();
  const std::int64_t id = ++self->last_request_;
  auto waiting = std::make_shared<Waiting>(self->executor_);
  self->waiting_.emplace(id, waiting);
  self->push_event(event_of("request", request_form(id, request)));
  while (!waiting->response) co_await waiting->answered.wait(kNever);
  co_return std::move(*waiting->response);
}

Result<void> AdapterBench::take_reply(const Value& reply) {
  const auto found = waiting_.find(reply.integer_or("id", 0));
  if (found == waiting_.end()) return fail(ErrorCode::Internal, "nobody waits for that answer");
  if (const std::string code = reply.text_or("error", "");
      !code.empty() && !error_code_from(code)) {
    return fail(ErrorCode::Invalid, fmt::format("t.server: '{}' is no code of an error", code));
  }
  found->second->response = response_of(reply);
  found->second->answered.notify();
  waiting_.erase(found);
  return {};
}

void AdapterBench::close() {
  host_->cancel();
  for (const auto& [id, waiting] : waiting_) {
    waiting->response = fail(ErrorCode::Cancelled, "the test is over");
    waiting->answered.notify();
  }
  waiting_.clear();
}

}  // namespace croft::cli
