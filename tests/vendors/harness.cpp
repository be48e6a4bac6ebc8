#include "tests/vendors/harness.hpp"

#include <algorithm>
#include <stdexcept>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>
#include <fmt/format.h>

#include "core/resource/resource.hpp"
#include "providers/script/script_provider.hpp"
#include "providers/script/shipped.hpp"

namespace croft {

namespace {

template <typename T>
T must(Result<T> result) {
  if (!result) throw std::runtime_error(result.error().describe());
  return std::move(*result);
}

/// As it is in the program that the tests are part of.
AdapterScript script_of(const std::string& adapter) {
  for (AdapterScript& script : script::shipped()) {
    if (script.name == adapter) return std::move(script);
  }
  throw std::runtime_error("no adapter '" + adapter + "' comes with the program");
}

}  // namespace

ProviderHarness::Sample vendor_sample(std::int64_t cpu, std::int64_t volume_size) {
  const auto volume = [&](const char* name) {
    return Value::map(
        {{"name", name}, {"path", fmt::format("/{}", name)}, {"size", Value(volume_size)}});
  };
  const Value resources = Value::map({{"cpu", Value(cpu)}, {"memory", 1 << 28}, {"pids", 128}});
  const Value health = Value::map(
      {{"http", "/healthz"}, {"interval", 10'000}, {"timeout", 5'000}, {"startWithin", 90'000}});
  ProviderHarness::Sample sample;
  sample.kind = Kind::Instance;
  sample.spec = Value::map({{"command", Value::List{"python3", "app.py", "it's \"this\""}},
                            {"files", Value::map({{"path", "web"}})},
                            {"env", Value::map({{"GREETING", "hello"}, {"OLD", "x"}})},
                            {"resources", resources},
                            {"http", Value::map({{"port", 8080}})},
                            {"health", health},
                            {"volumes", Value::List{volume("data")}},
                            {"grace", 10'000}});
  sample.changed = sample.spec;
  sample.changed.set("command", Value::List{"python3", "main.py"});
  sample.changed.set("env", Value::map({{"GREETING", "hi"}}));
  sample.unsupported = {with(sample.spec, "volumes", Value::List{volume("data"), volume("more")}),
                        with(sample.spec, "health", Value::map({{"exec", Value::List{"./check"}}})),
                        with(sample.spec, "template", "x")};
  sample.files = make_memory_tree({{"app.py", "print('hello')"}, {"lib/data.bin", "\x01\xff"}});
  sample.changed_files = make_memory_tree({{"main.py", "print('hi')"}});
  sample.volume = "data";
  return sample;
}

VendorHarness::VendorHarness(VendorSetup setup, Sample sample)
    : setup_(std::move(setup)),
      sample_(std::move(sample)),
      secrets_(TemporaryDirectory::make("croft-vendor-").value()),
      rate_limit_(Value::map({{"perSecond", 100'000}, {"perHour", 1'000'000}})) {
  const auto written = write_file_atomic(secrets_.path() / "token", vendor().token() + "\n", 0600);
  if (!written) throw std::runtime_error(written.error().describe());
  vendor().reset();
  if (!setup_.vendor_plan.empty()) vendor().act("plan", Value::map({{"plan", setup_.vendor_plan}}));
  restart();
}

VendorHarness::~VendorHarness() {
  for (const std::string& violation : vendor().violations())
    ADD_FAILURE() << "the vendor's specification was broken: " << violation;
}

void VendorHarness::restart() {
  const Clock& clock = manual_clock_ != nullptr ? static_cast<const Clock&>(*manual_clock_)
                                                : static_cast<const Clock&>(system_clock_);
  ScriptParts parts{
      .executor = context_.get_executor(), .clock = clock, .secrets_dir = secrets_.path()};
  if (manual_clock_ != nullptr) {
    // Others may wait at the same time: whoever comes first moves the clock, the next only the
    // rest.
    parts.sleep = [this](Duration time) -> Task<> {
      const Duration until = manual_clock_->steady() + time;
      co_await asio::post(context_, asio::use_awaitable);
      pass(std::max(until - manual_clock_->steady(), Duration(0)));
    };
  }
  Value settings = setup_.settings;
  settings.set("url", vendor().url());
  const Value provider = Value::map({{"adapter", setup_.adapter},
                                     {"settings", settings},
                                     {"credentials", Value::map({{"secret", "token"}})},
                                     {"rateLimit", rate_limit_}});
  provider_ =
      must(ScriptProviders(parts).make(script_of(setup_.adapter), setup_.adapter, provider));
}

void VendorHarness::change_setting(const std::string& name, const std::string& value) {
  setup_.settings.set(name, value);
  restart();
}

void VendorHarness::live_on(ManualClock& clock, const Value& rate_limit) {
  manual_clock_ = &clock;
  rate_limit_ = rate_limit;
  restart();
}

void VendorHarness::pass(Duration time) {
  if (manual_clock_ != nullptr) manual_clock_->advance(time);
  vendor().advance(time);
}

bool VendorHarness::lose_next_reply() {
  vendor().lose(setup_.losing);
  return true;
}

Value VendorHarness::place_of(const std::string& uid, const std::string& volume) const {
  const std::string name = "croft-" + uid;
  return Value::map({{"app", name}, {"project", name}, {"volume", volume}});
}

Result<void> VendorHarness::write(const std::string& uid, const std::string& volume,
                                  const std::string& text) {
  Value place = place_of(uid, volume);
  place.set("text", text);
  vendor().act("write", std::move(place));
  return {};
}

Result<std::string> VendorHarness::read(const std::string& uid, const std::string& volume) {
  return vendor().act("read", place_of(uid, volume)).text_or("text", "");
}

void VendorTest::set_up(const std::function<std::unique_ptr<VendorHarness>()>& make) {
  if (const std::string why = FakeVendor::missing(); !why.empty()) GTEST_SKIP() << why;
  harness_ = make();
  sample_ = harness_->sample();
  files_ = sample_.files;
}

Effect VendorTest::effect(const std::string& intent, const Value* spec, const std::string& uid) {
  Effect effect;
  effect.intent = intent;
  effect.uid = uid;
  effect.ref = Ref{"alice", Kind::Instance, "web"};
  effect.tenant = {"tenant0uid0aaaaaaaaaaaaaaa", "alice", 1};
  effect.deadline = Duration(30'000);
  if (spec == nullptr) return effect;
  Value declared = *spec;
  if (files_ && declared.find("files") != nullptr)
    declared.find("files")->set("tree", files_->id());
  Value normal = must(provider().normalize(effect.ref, declared));
  effect.spec_digest = spec_digest(normal);
  effect.spec = std::make_shared<const Value>(std::move(normal));
  if (declared.find("files") != nullptr) effect.files = files_;
  return effect;
}

Result<void> VendorTest::create(const std::string& intent, const Value& spec) {
  Effect wanted = effect(intent, &spec);
  return harness_->run(provider().create(std::move(wanted)));
}
Result<void> VendorTest::update(const std::string& intent, const Value& spec) {
  Effect wanted = effect(intent, &spec);
  return harness_->run(provider().update(std::move(wanted)));
}
Result<void> VendorTest::start(const std::string& intent) {
  Effect wanted = effect(intent);
  return harness_->run(provider().start(std::move(wanted)));
}
Result<void> VendorTest::stop(const std::string& intent) {
  Effect wanted = effect(intent);
  return harness_->run(provider().stop(std::move(wanted)));
}
Result<void> VendorTest::destroy(const std::string& intent, DataPolicy data) {
  Effect wanted = effect(intent);
  return harness_->run(provider().destroy(std::move(wanted), data));
}

std::vector<Observed> VendorTest::observe() {
  auto all = harness_->run(provider().observe());
  EXPECT_TRUE(all) << all.error().describe();
  return all ? *all : std::vector<Observed>{};
}

Observed VendorTest::only() {
  auto all = observe();
  EXPECT_EQ(all.size(), 1u);
  return all.empty() ? Observed{} : all.front();
}

void VendorTest::create_and_wait(const Value& spec) {
  const auto done = create("intent-1", spec);
  ASSERT_TRUE(done) << done.error().describe();
  vendor().advance(Duration(10'000));
  ASSERT_EQ(only().phase, Phase::Running);
}

std::string VendorTest::refusal(const Value& spec) {
  const auto normal = provider().normalize(Ref{"alice", Kind::Instance, "web"}, spec);
  return normal ? "" : normal.error().describe();
}

void VendorTest::expect_too_large(std::size_t size, const std::string& words) {
  files_ = make_memory_tree({{"large", std::string(size, 'x')}});
  const auto done = create("intent-1", spec());
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().code(), ErrorCode::Invalid);
  EXPECT_NE(done.error().describe().find(words), std::string::npos) << done.error().describe();
}

Value VendorTest::without_volume() const {
  Value spec = this->spec();
  spec.erase("volumes");
  return spec;
}

Value VendorTest::at(const Value& value, const std::string& path) {
  const Value* found = value.at_path(path);
  return found != nullptr ? *found : Value();
}

Value with(Value spec, const std::string& key, Value value) {
  spec.set(key, std::move(value));
  return spec;
}

}  // namespace croft
