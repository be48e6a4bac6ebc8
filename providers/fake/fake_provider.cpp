#include "providers/fake/fake_provider.hpp"

#include <algorithm>

#include <boost/asio/as_tuple.hpp>
#include <fmt/format.h>

#include "core/archive/tar.hpp"
#include "providers/fake/fake_session.hpp"

namespace croft {

namespace {

// Fills in what `spec` lets open.
Value with_defaults(Value spec, const Value& defaults) {
  if (!spec.is_map() || !defaults.is_map()) return spec;
  for (const auto& entry : defaults.as_map()) {
    Value* there = spec.find(entry.key);
    if (there == nullptr) {
      spec.set(entry.key, entry.value);
    } else {
      *there = with_defaults(std::move(*there), entry.value);
    }
  }
  return spec;
}

// Brings fields from one spec to the next: what the old one named and the new one does not goes,
// what neither names stays.
Value retargeted(Value fields, const Value* before, const Value& after) {
  if (!after.is_map() || !fields.is_map()) return after;
  if (before != nullptr && before->is_map()) {
    for (const auto& entry : before->as_map()) {
      Value* there = after.find(entry.key) == nullptr ? fields.find(entry.key) : nullptr;
      if (there == nullptr) continue;
      *there = entry.value.is_map() ? retargeted(std::move(*there), &entry.value, Value::map())
                                    : Value();
      if (there->size() == 0) fields.erase(entry.key);
    }
  }
  for (const auto& entry : after.as_map()) {
    const Value* old = before == nullptr ? nullptr : before->find(entry.key);
    Value* there = fields.find(entry.key);
    Value value = there == nullptr ? entry.value : retargeted(std::move(*there), old, entry.value);
    fields.set(entry.key, std::move(value));
  }
  return fields;
}

std::set<std::string> volumes_of(const Value& spec) {
  std::set<std::string> names;
  const Value* volumes = spec.find("volumes");
  if (volumes == nullptr || !volumes->is_list()) return names;
  for (const Value& volume : volumes->as_list()) names.insert(volume.text_or("name", ""));
  return names;
}

Task<> wait_forever() {
  asio::steady_timer timer(co_await asio::this_coro::executor,
                           asio::steady_timer::time_point::max());
  co_await timer.async_wait(asio::use_awaitable);
}

}  // namespace

FakeProvider::~FakeProvider() {
  if (world_->listener_owner_ == this) world_->listener_ = nullptr;
}

Result<Value> FakeProvider::normalize(const Ref& ref, const Value& spec) const {
  for (const std::string& path : settings_.unsupported) {
    if (spec.at_path(path) == nullptr) continue;
    return fail(Error(ErrorCode::Invalid, fmt::format("{} has '{}', which is not supported here",
                                                      local_name(ref), path))
                    .while_doing("spec." + path));
  }
  return with_defaults(spec, settings_.defaults);
}

Task<Result<std::vector<Observed>>> FakeProvider::observe() {
  FakeCall call;
  world_->calls_.push_back(call);
  auto rule = world_->take_rule(FakeVerb::Observe, "");
  if (rule && (rule->fault == FakeFault::HangBefore || rule->fault == FakeFault::HangAfter)) {
    if (world_->on_hang) world_->on_hang(call);
    co_await wait_forever();
  }
  if (rule && rule->fault == FakeFault::Late) co_await sleep_for(rule->delay);
  if (rule && rule->fault != FakeFault::Late) co_return std::unexpected(rule->error);
  std::vector<Observed> all;
  for (FakeThing& thing : world_->visible()) {
    const auto left = world_->observes_left_.find(thing.observed.uid);
    if (left != world_->observes_left_.end() && thing.observed.phase == Phase::Starting &&
        left->second-- <= 0) {
      thing.observed.phase = Phase::Running;
    }
    thing.observed.allows_egress = thing.allows_egress;
    all.push_back(thing.observed);
  }
  co_return all;
}

Task<Result<void>> FakeProvider::create(Effect effect) {
  return perform(FakeVerb::Create, std::move(effect), DataPolicy::Keep);
}
Task<Result<void>> FakeProvider::update(Effect effect) {
  return perform(FakeVerb::Update, std::move(effect), DataPolicy::Keep);
}
Task<Result<void>> FakeProvider::start(Effect effect) {
  return perform(FakeVerb::Start, std::move(effect), DataPolicy::Keep);
}
Task<Result<void>> FakeProvider::stop(Effect effect) {
  return perform(FakeVerb::Stop, std::move(effect), DataPolicy::Keep);
}
Task<Result<void>> FakeProvider::destroy(Effect effect, DataPolicy data) {
  return perform(FakeVerb::Destroy, std::move(effect), data);
}

Task<Result<void>> FakeProvider::perform(FakeVerb verb, Effect effect, DataPolicy data) {
  FakeCall call{verb, effect.uid, effect.intent, effect.ref, effect.spec_digest, data};
  const std::size_t index = world_->calls_.size();
  world_->calls_.push_back(call);
  if (world_->on_effect) world_->on_effect(call);
  while (world_->held_tenants.contains(effect.tenant.name)) co_await sleep_for(Duration(2));
  const auto rule = world_->take_rule(verb, effect.uid);
  if (rule && rule->fault == FakeFault::Fail) co_return std::unexpected(rule->error);
  if (rule && rule->fault == FakeFault::HangBefore) {
    if (world_->on_hang) world_->on_hang(call);
    co_await wait_forever();
  }
  const Duration delay = rule && rule->fault == FakeFault::Late ? rule->delay : Duration(0);
  if (delay.count() > 0) co_await sleep_for(std::min(delay, effect.deadline));
  if (delay >= effect.deadline) {
    co_return fail(ErrorCode::Timeout, fmt::format("{} did not end in time", to_string(verb)));
  }
  auto done = apply(verb, effect, data, call);
  world_->calls_[index] = call;
  if (FakeThing* thing = effect.secrets ? world_->thing(effect.uid) : nullptr)
    thing->secrets = *effect.secrets;
  if (call.took_effect) world_->changed(effect.uid);
  if (rule && rule->fault == FakeFault::HangAfter) {
    if (world_->on_hang) world_->on_hang(call);
    co_await wait_forever();
  }
  if (rule && rule->fault == FakeFault::LoseReply) co_return std::unexpected(rule->error);
  co_return done;
}

Result<void> FakeProvider::apply(FakeVerb verb, const Effect& effect, DataPolicy data,
                                 FakeCall& call) {
  FakeThing* thing = world_->thing(effect.uid);
  if (verb == FakeVerb::Destroy) {
    call.took_effect =
        thing != nullptr || (data == DataPolicy::Erase && world_->data_.contains(effect.uid));
    remove(effect.uid, data);
    return {};
  }
  const bool was_done = thing != nullptr && thing->intents.contains(effect.intent);
  if (was_done) return {};
  if (verb == FakeVerb::Create) {
    if (effect.spec == nullptr) return fail(ErrorCode::Invalid, "create needs a spec");
    call.took_effect = true;
    make(effect);
    return {};
  }
  if (thing == nullptr) {
    if (verb == FakeVerb::Stop) return {};
    return fail(ErrorCode::NotFound, fmt::format("{} is not here", to_string(effect.ref)));
  }
  call.took_effect = true;
  if (verb == FakeVerb::Update) {
    if (effect.spec == nullptr) return fail(ErrorCode::Invalid, "update needs a spec");
    change(*thing, effect);
  } else if (verb == FakeVerb::Start) {
    if (is_up(*thing))
      call.took_effect = false;
    else
      run(*thing);
  } else {
    thing->observed.phase = Phase::Stopped;
    thing->observed.started_at.reset();
    thing->observed.endpoint = {};
  }
  label(*thing, effect);
  return {};
}

bool FakeProvider::is_up(const FakeThing& thing) {
  const Phase phase = thing.observed.phase;
  return phase == Phase::Running || phase == Phase::Starting || phase == Phase::Asleep;
}

void FakeProvider::make(const Effect& effect) {
  FakeThing thing;
  thing.observed.uid = effect.uid;
  thing.observed.ref = effect.ref;
  thing.observed.fields =
      std::make_shared<const Value>(with_defaults(*effect.spec, settings_.extra_fields));
  thing.tenant = effect.tenant;
  thing.observed.tenant_uid = effect.tenant.uid;
  change(thing, effect);
  label(thing, effect);
  world_->things_.push_back(std::move(thing));
}

void FakeProvider::change(FakeThing& thing, const Effect& effect) {
  const auto before = thing.spec ? volumes_of(*thing.spec) : std::set<std::string>{};
  const auto after = volumes_of(*effect.spec);
  auto& data = world_->data_[effect.uid];
  for (const std::string& name : before) {
    if (!after.contains(name)) data.erase(name);
  }
  for (const std::string& name : after) data.try_emplace(name);
  if (data.empty()) world_->data_.erase(effect.uid);
  thing.observed.fields = std::make_shared<const Value>(
      retargeted(*thing.observed.fields, thing.spec.get(), *effect.spec));
  thing.observed.spec_digest = effect.spec_digest;
  thing.spec = effect.spec;
  thing.files = effect.files ? effect.files->id() : std::string();
  thing.allows_egress = effect.allow_egress;
  run(thing);
}

void FakeProvider::remove(const std::string& uid, DataPolicy data) {
  std::erase_if(world_->things_, [&](const FakeThing& thing) { return thing.observed.uid == uid; });
  world_->observes_left_.erase(uid);
  if (data == DataPolicy::Keep) return;
  world_->data_.erase(uid);
  world_->logs_.erase(uid);
}

void FakeProvider::run(FakeThing& thing) {
  Observed& observed = thing.observed;
  observed.phase = world_->observes_until_running > 0 ? Phase::Starting : Phase::Running;
  world_->observes_left_[observed.uid] = world_->observes_until_running - 1;
  observed.reason.clear();
  observed.message.clear();
  observed.started_at = world_->clock_.now();
  const bool is_site = observed.ref.kind == Kind::Site;
  observed.endpoint = is_site ? Endpoint{Endpoint::Scheme::Release, thing.files}
                              : Endpoint{Endpoint::Scheme::Unix, "/run/fake/" + observed.uid};
}

void FakeProvider::label(FakeThing& thing, const Effect& effect) {
  thing.observed.intent = effect.intent;
  thing.intents.insert(effect.intent);
}

void FakeProvider::on_change(std::function<void(const std::string& uid)> listener) {
  world_->listener_ = std::move(listener);
  world_->listener_owner_ = this;
}

Task<Result<void>> FakeProvider::logs(LogRequest request, LogSink sink) {
  const auto found = world_->logs_.find(request.uid);
  if (found == world_->logs_.end()) co_return Result<void>{};
  const std::vector<std::string> lines = found->second;
  const std::size_t last = static_cast<std::size_t>(std::max(0, request.last_lines));
  for (std::size_t i = lines.size() - std::min(last, lines.size()); i < lines.size(); ++i) {
    const std::string line = lines[i] + "\n";
    if (!sink(line)) break;
  }
  co_return Result<void>{};
}

Task<Result<int>> FakeProvider::exec(std::string uid, std::vector<std::string> command,
                                     Duration deadline) {
  (void)deadline;
  const FakeThing* thing = world_->find(uid);
  if (thing == nullptr || !is_up(*thing))
    co_return fail(ErrorCode::Unavailable, "nothing runs there");
  if (command.size() != 3)
    co_return fail(ErrorCode::Invalid, "write VOLUME TEXT, or read VOLUME TEXT");
  const auto content = world_->read_data(uid, command[1]);
  if (!content) co_return 1;
  if (command[0] == "write") {
    world_->write_data(uid, command[1], command[2]);
    co_return 0;
  }
  co_return content == command[2] ? 0 : 1;
}

Task<Result<std::unique_ptr<ExecSession>>> FakeProvider::open_exec(ExecRequest request) {
  const FakeThing* thing = world_->find(request.uid);
  if (thing == nullptr || !is_up(*thing))
    co_return fail(ErrorCode::Unavailable, "nothing runs there");
  co_return open_fake_session(co_await asio::this_coro::executor, world_, std::move(request));
}

namespace {

/// The content of an archive's only file.
class OnlyFile {
 public:
  Result<void> feed(std::string_view bytes) {
    TRY_ASSIGN(const std::vector<TarReader::Part> parts, reader_.feed(bytes));
    for (const TarReader::Part& part : parts) {
      const auto* entry = std::get_if<TarEntry>(&part);
      if (entry == nullptr) {
        text += std::get<std::string>(part);
      } else if (entry->type != TarType::File || entry->path != "content") {
        return fail(ErrorCode::Invalid, "'" + entry->path + "' in the archive is not its content");
      }
    }
    return {};
  }
  Result<void> finish() const { return reader_.finish(); }
  std::string text;

 private:
  TarReader reader_;
};

}  // namespace

Task<Result<void>> FakeProvider::export_volume(std::string uid, std::string volume, ByteSink sink) {
  const std::optional<std::string> content = world_->read_data(uid, volume);
  if (!content) co_return fail(ErrorCode::NotFound, "there is no volume '" + volume + "'");
  TarEntry entry;
  entry.path = "content";
  entry.size = content->size();
  TarWriter writer;
  CO_TRY_ASSIGN(std::string header, writer.begin(entry));
  CO_TRY(co_await sink(std::move(header)));
  constexpr std::size_t kPiece = 64U << 10U;
  for (std::size_t at = 0; at < content->size(); at += kPiece) {
    std::string piece = content->substr(at, kPiece);
    CO_TRY(co_await sink(std::move(piece)));
  }
  std::string end = TarWriter::padding(entry.size) + TarWriter::finish();
  co_return co_await sink(std::move(end));
}

Task<Result<void>> FakeProvider::import_volume(std::string uid, std::string volume,
                                               ByteSource source) {
  if (!world_->read_data(uid, volume))
    co_return fail(ErrorCode::NotFound, "there is no volume '" + volume + "'");
  const FakeThing* thing = world_->find(uid);
  if (thing != nullptr && is_up(*thing)) co_return fail(ErrorCode::Conflict, "it runs");
  OnlyFile file;
  for (;;) {
    CO_TRY_ASSIGN(const std::string piece, co_await source());
    if (piece.empty()) break;
    CO_TRY(file.feed(piece));
  }
  CO_TRY(file.finish());
  world_->write_data(uid, volume, std::move(file.text));
  co_return Result<void>();
}

}  // namespace croft
