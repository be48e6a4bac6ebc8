#include "providers/script/script_provider.hpp"

#include <fmt/format.h>

#include "core/base/files.hpp"
#include "core/base/hidden.hpp"
#include "core/base/log.hpp"
#include "core/resource/kinds.hpp"
#include "providers/script/adapter.hpp"
#include "providers/script/effect_files.hpp"
#include "providers/script/observed.hpp"

namespace croft {

namespace {

using lua::AdapterCall;
using lua::AdapterHost;

constexpr std::size_t kLongestCredential = 65'536;

/// What a provider and its verbs under way share.
struct State {
  State(std::string as, script::AdapterDescription known, const ScriptParts& with)
      : name(std::move(as)), adapter(std::move(known)), parts(with) {}

  std::string name;
  script::AdapterDescription adapter;
  ScriptParts parts;
  std::unique_ptr<AdapterHost> host;
  Value context;
  Capabilities capabilities;
  bool takes_files = false;                                  ///< its capabilities say so
  std::map<std::string, std::weak_ptr<script::Lane>> turns;  ///< by uid: one effect at a time
  std::map<std::string, HiddenTexts> revealed;  ///< by uid: the secrets that the vendor has of it
};

std::string subject_of(const Ref& ref) {
  return fmt::format("tenant '{}', {}", ref.tenant, local_name(ref));
}

/// The lane of a uid, shared by those who wait for it.
std::shared_ptr<script::Lane> turn_of(State& state, const std::string& uid) {
  std::erase_if(state.turns, [](const auto& entry) { return entry.second.expired(); });
  std::weak_ptr<script::Lane>& known = state.turns[uid];
  std::shared_ptr<script::Lane> lane = known.lock();
  if (!lane) {
    lane = std::make_shared<script::Lane>(1);
    known = lane;
  }
  return lane;
}

/// The files of an effect, read where blocking is allowed.
Task<Result<Value>> read_files(std::shared_ptr<State> state, std::shared_ptr<const FileTree> tree) {
  auto read = [tree = std::move(tree)] { return script::read_effect_files(*tree); };
  if (state->parts.pool == nullptr) co_return read();
  auto reading = state->parts.pool->run(std::move(read));
  co_return co_await std::move(reading);
}

/// A vendor's API takes variables as they are, so that the script gets the values themselves. What
/// it gets is hidden in everything that it logs; in its errors, by whoever asked for the effect.
HiddenTexts reveal_secrets(Effect& effect) {
  HiddenTexts revealed;
  if (!effect.spec || !effect.secrets) return revealed;
  Value spec = *effect.spec;
  const auto reveal = [&](const std::string&, Value& reference) {
    const std::string& clear = *clear_text(effect, reference);
    revealed.add(Secret<std::string>(clear));
    reference = Value(clear);
  };
  for_each_secret(spec_of(effect.ref.kind), spec,
                  std::function<void(const std::string&, Value&)>(reveal));
  effect.spec = std::make_shared<const Value>(std::move(spec));
  return revealed;
}

/// All that the vendor may repeat when it is asked what it runs.
std::shared_ptr<const HiddenTexts> all_revealed(const State& state) {
  auto all = std::make_shared<HiddenTexts>();
  for (const auto& [uid, texts] : state.revealed) all->add(texts);
  return all;
}

/// An observation's error is of nobody's effect: what it says is cleaned here.
Error without_revealed(const Error& error, const HiddenTexts& hidden) {
  Error clean(error.code(), hidden.cut(error.message()));
  if (!error.hint().empty()) clean = std::move(clean).with_hint(hidden.cut(error.hint()));
  for (const std::string& doing : error.context())
    clean = std::move(clean).while_doing(hidden.cut(doing));
  return clean;
}

Task<Result<void>> run_effect(std::shared_ptr<State> state, std::string verb, Effect effect,
                              std::optional<DataPolicy> data) {
  CO_TRY(check_secret_values(effect));
  const HiddenTexts hidden = reveal_secrets(effect);
  if (verb == "destroy") state->revealed.erase(effect.uid);
  if (!hidden.is_empty()) state->revealed.insert_or_assign(effect.uid, hidden);
  const Duration deadline = state->parts.clock.steady() + effect.deadline;
  const std::shared_ptr<script::Lane> lane = turn_of(*state, effect.uid);
  const script::Lane::Place turn = co_await lane->enter(effect.deadline);
  if (!turn)
    co_return fail(ErrorCode::Timeout, "another effect on it did not end before the deadline");
  AdapterCall call;
  call.function = std::move(verb);
  call.subject = subject_of(effect.ref);
  call.hidden = std::make_shared<const HiddenTexts>(hidden);
  call.deadline = deadline;
  call.arguments.push_back(state->context);
  call.arguments.push_back(script::effect_value(effect, data));
  if (effect.files) {
    CO_TRY_ASSIGN(Value files, co_await read_files(state, effect.files));
    call.arguments.back().set("files", std::move(files));
  }
  const Result<Value> done = co_await state->host->call(std::move(call));
  if (!done) co_return std::unexpected(done.error());
  co_return Result<void>();
}

Task<Result<std::vector<Observed>>> run_observe(std::shared_ptr<State> state) {
  AdapterCall call;
  call.function = "observe";
  call.deadline = state->parts.clock.steady() + state->parts.observe_deadline;
  call.arguments.push_back(state->context);
  const auto hidden = all_revealed(*state);
  call.hidden = hidden;
  const Result<Value> list = co_await state->host->call(std::move(call));
  if (!list) co_return fail(without_revealed(list.error(), *hidden));
  co_return script::read_observed(*list);
}

Task<Result<void>> run_logs(std::shared_ptr<State> state, LogRequest request, LogSink sink) {
  AdapterCall call;
  call.function = "logs";
  if (!request.follow) call.deadline = state->parts.clock.steady() + state->parts.log_deadline;
  call.arguments.push_back(state->context);
  call.arguments.push_back(Value::map(
      {{"uid", request.uid}, {"last_lines", request.last_lines}, {"follow", request.follow}}));
  call.emit = std::move(sink);
  const Result<Value> done = co_await state->host->call(std::move(call));
  if (!done) co_return std::unexpected(done.error());
  co_return Result<void>();
}

class ScriptProvider final : public Provider {
 public:
  explicit ScriptProvider(std::shared_ptr<State> state) : state_(std::move(state)) {}
  /// What is under way ends with Cancelled, without another line of the script being run.
  ~ScriptProvider() override { state_->host->cancel(); }
  void retire() override { state_->host->cancel(); }
  ScriptProvider(const ScriptProvider&) = delete;
  ScriptProvider& operator=(const ScriptProvider&) = delete;

  Capabilities capabilities() const override { return state_->capabilities; }

  Result<Value> normalize(const Ref& ref, const Value& spec) const override {
    if (!state_->takes_files && spec.at_path("files.path") != nullptr) {
      return fail(Error(ErrorCode::Invalid, "it cannot bring files there")
                      .with_hint("put them into the image")
                      .while_doing("spec.files"));
    }
    AdapterCall call;
    call.function = "normalize";
    call.subject = subject_of(ref);
    call.arguments.push_back(state_->context);
    call.arguments.push_back(Value::map({{"ref", to_string(ref)},
                                         {"kind", to_string(ref.kind)},
                                         {"name", ref.name},
                                         {"spec", spec}}));
    TRY_ASSIGN(Value normal, state_->host->call_pure(std::move(call)));
    if (!normal.is_map())
      return fail(ErrorCode::Internal, "the adapter's normalize() returned no spec");
    return normal;
  }

  Task<Result<std::vector<Observed>>> observe() override { return run_observe(state_); }
  Task<Result<void>> create(Effect effect) override {
    return run_effect(state_, "create", std::move(effect), std::nullopt);
  }
  Task<Result<void>> update(Effect effect) override {
    return run_effect(state_, "update", std::move(effect), std::nullopt);
  }
  Task<Result<void>> start(Effect effect) override {
    return run_effect(state_, "start", std::move(effect), std::nullopt);
  }
  Task<Result<void>> stop(Effect effect) override {
    return run_effect(state_, "stop", std::move(effect), std::nullopt);
  }
  Task<Result<void>> destroy(Effect effect, DataPolicy data) override {
    return run_effect(state_, "destroy", std::move(effect), data);
  }
  Task<Result<void>> logs(LogRequest request, LogSink sink) override {
    if (!state_->adapter.has_logs) return Provider::logs(std::move(request), std::move(sink));
    return run_logs(state_, std::move(request), std::move(sink));
  }

 private:
  std::shared_ptr<State> state_;
};

Result<std::optional<Secret<std::string>>> read_credential(const ScriptParts& parts,
                                                           const Value& spec) {
  const std::string name = spec.text_or("credentials.secret", "");
  if (name.empty()) return std::nullopt;
  const secret::OperatorSecrets files(parts.secrets_dir);
  const secret::OperatorSecrets& secrets = parts.secrets ? *parts.secrets : files;
  TRY_ASSIGN(const Secret<std::string> found, secrets.find(name, kLongestCredential));
  std::string text = found.reveal();
  while (text.ends_with('\n') || text.ends_with('\r')) text.pop_back();
  const bool is_one_line = text.find_first_of("\r\n") == std::string::npos;
  if (text.empty() || !is_one_line)
    return fail(ErrorCode::Invalid, "the secret '" + name + "' must be one line");
  Secret<std::string> secret(std::move(text));
  remember_secret(secret);
  return secret;
}

Result<script::VendorSettings> vendor_settings(const script::AdapterDescription& adapter,
                                               const ScriptParts& parts, const Value& spec) {
  script::VendorSettings vendor;
  vendor.url = spec.text_or("settings.url", adapter.url);
  if (vendor.url.empty()) {
    return fail(Error(ErrorCode::Invalid, "the adapter has no server of its own")
                    .with_hint("give settings.url"));
  }
  vendor.auth = adapter.auth;
  TRY_ASSIGN(vendor.credential, read_credential(parts, spec));
  if (!vendor.credential && vendor.auth.kind != script::VendorAuth::Kind::None) {
    return fail(Error(ErrorCode::Invalid, "the adapter signs in, and has nothing to do it with")
                    .with_hint("give `credentials: {secret: NAME}`"));
  }
  return vendor;
}

/// The server of a script that is only looked at.
class NoServer final : public lua::AdapterHttp {
 public:
  Task<Result<HttpResponse>> send(lua::AdapterRequest) override {
    co_return fail(ErrorCode::Unavailable, "there is no server");
  }
};

/// The host's http before it is known what the script says of its server.
class LateServer final : public lua::AdapterHttp {
 public:
  Task<Result<HttpResponse>> send(lua::AdapterRequest request) override {
    return server->send(std::move(request));
  }
  std::shared_ptr<lua::AdapterHttp> server = std::make_shared<NoServer>();
};

/// What is wrong with the table of a script, which has no line: its file stands before it.
template <typename T>
Result<T> placed(Result<T> result, const AdapterScript& script) {
  if (result) return result;
  Error error(result.error().code(), script.path + ": " + result.error().message());
  return fail(std::move(error).with_hint(result.error().hint()));
}

Result<std::vector<lua::ScriptFile>> compile_files(const AdapterScript& script) {
  const std::string folder = script.path.substr(0, script.path.rfind('/') + 1);
  std::vector<lua::ScriptFile> files;
  for (const auto& [name, source] : script.files) {
    TRY_ASSIGN(lua::Script compiled, lua::Script::compile(folder + name + ".lua", source));
    files.push_back({name, std::move(compiled)});
  }
  return files;
}

Result<std::unique_ptr<AdapterHost>> make_host(const AdapterScript& script, const std::string& name,
                                               const ScriptParts& parts,
                                               std::shared_ptr<lua::AdapterHttp> http) {
  TRY_ASSIGN(lua::Script compiled, lua::Script::compile(script.path, script.source));
  lua::HostServices services;
  services.name = name;
  services.http = std::move(http);
  services.memory = std::make_shared<lua::AdapterMemory>();
  services.clock = &parts.clock;
  services.sleep = parts.sleep;
  TRY_ASSIGN(services.files, compile_files(script));
  return AdapterHost::make(parts.executor, std::move(compiled), std::move(services), parts.limits);
}

int limit_of(const Value& spec, const char* path, int fallback) {
  return static_cast<int>(spec.integer_or(path, fallback));
}

int concurrency_of(const script::AdapterDescription& adapter, const Value& spec) {
  return limit_of(spec, "rateLimit.concurrency", adapter.concurrency);
}

/// What was called before this life counts for the hour's limit.
void remember_calls(script::VendorGate& gate, const Clock& clock) {
  const Timestamp now = clock.now();
  const auto past = gate.spent->read(now);
  if (!past) {
    log_warning("adapter", "the calls of the last hour are not known",
                {{"error", past.error().describe()}});
    return;
  }
  for (const script::SpentCalls::Past& calls : *past)
    gate.rate.remember(clock.steady() - (now - calls.time), calls.count);
}

/// A provider without its server: script, settings and capabilities.
Result<std::shared_ptr<State>> read_script(const AdapterScript& script, const std::string& name,
                                           const Value& spec, const ScriptParts& parts,
                                           std::int64_t generation,
                                           std::shared_ptr<lua::AdapterHttp> http) {
  TRY_ASSIGN(std::unique_ptr<AdapterHost> host, make_host(script, name, parts, std::move(http)));
  TRY_ASSIGN(script::AdapterDescription adapter,
             placed(script::read_adapter(host->description(), host->functions()), script));
  auto state = std::make_shared<State>(name, std::move(adapter), parts);
  state->host = std::move(host);
  TRY_ASSIGN(Value settings, script::read_settings(state->adapter, spec.find("settings")));
  state->context = Value::map(
      {{"provider", name}, {"settings", std::move(settings)}, {"generation", generation}});
  AdapterCall call;
  call.function = "capabilities";
  call.arguments.push_back(state->context);
  TRY_ASSIGN(const Value capabilities, state->host->call_pure(std::move(call)));
  TRY_ASSIGN(state->capabilities,
             placed(script::read_capabilities(capabilities, state->adapter.has_logs), script));
  state->takes_files = capabilities.boolean_or("files", false);
  return state;
}

}  // namespace

std::shared_ptr<script::VendorGate> ScriptProviders::make_gate(
    const std::string& name, const script::AdapterDescription& adapter, const Value& spec) const {
  const int per_second = limit_of(spec, "rateLimit.perSecond", adapter.per_second);
  const int per_hour = limit_of(spec, "rateLimit.perHour", adapter.per_hour);
  auto gate =
      std::make_shared<script::VendorGate>(per_second, per_hour, concurrency_of(adapter, spec));
  if (const auto known = gates_.find(name); known != gates_.end()) {
    gate->rate = known->second->rate;
    gate->rate.set(per_second, per_hour);
    gate->spent = known->second->spent;
  }
  if (per_hour == 0 || parts_.calls_dir.empty()) return gate;
  if (!gate->spent) {
    gate->spent =
        std::make_shared<script::SpentCalls>(parts_.calls_dir / (name + ".json"), parts_.pool);
    remember_calls(*gate, parts_.clock);
  }
  gate->spent->set(per_hour);
  return gate;
}

Result<std::shared_ptr<Provider>> ScriptProviders::make(const AdapterScript& script,
                                                        const std::string& name,
                                                        const Value& spec) {
  auto server = std::make_shared<LateServer>();
  TRY_ASSIGN(std::shared_ptr<State> state,
             read_script(script, name, spec, parts_, ++generation_, server));
  TRY_ASSIGN(script::VendorSettings vendor, vendor_settings(state->adapter, parts_, spec));
  vendor.idle_connections = static_cast<std::size_t>(concurrency_of(state->adapter, spec));
  std::shared_ptr<script::VendorGate> gate = make_gate(name, state->adapter, spec);
  auto sleep = parts_.sleep ? parts_.sleep : [](Duration time) { return sleep_for(time); };
  TRY_ASSIGN(server->server,
             script::VendorClient::make(std::move(vendor), gate, parts_.clock, std::move(sleep)));
  gates_[name] = std::move(gate);
  return std::shared_ptr<Provider>(std::make_shared<ScriptProvider>(std::move(state)));
}

Result<void> ScriptProviders::check(const AdapterScript& script) const {
  TRY_ASSIGN(const std::unique_ptr<AdapterHost> host,
             make_host(script, script.name, parts_, std::make_shared<NoServer>()));
  TRY(placed(script::read_adapter(host->description(), host->functions()), script));
  return {};
}

Result<void> ScriptProviders::check(const AdapterScript& script, const std::string& name,
                                    const Value& spec) const {
  TRY(read_script(script, name, spec, parts_, 0, std::make_shared<NoServer>()));
  return {};
}

}  // namespace croft
