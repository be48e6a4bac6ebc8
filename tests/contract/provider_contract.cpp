#include "tests/contract/provider_contract.hpp"

#include <algorithm>
#include <chrono>
#include <ostream>

#include <boost/asio/co_spawn.hpp>

#include "core/resource/resource.hpp"

namespace croft {

void PrintTo(const ProviderSubject& subject, std::ostream* out) { *out << subject.name; }

std::string subject_name(const testing::TestParamInfo<ProviderSubject>& info) {
  return info.param.name;
}

// Instances of the suite are made where a provider's test is linked; the suite's own binary may
// have none.
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(ProviderContract);

namespace {

using SteadyClock = std::chrono::steady_clock;

// How an observation may differ between two looks at an unchanged world: times and words.
bool is_same_thing(const Observed& a, const Observed& b) {
  const bool same_fields =
      (!a.fields && !b.fields) || (a.fields && b.fields && *a.fields == *b.fields);
  return a.uid == b.uid && a.ref == b.ref && a.intent == b.intent &&
         a.spec_digest == b.spec_digest && a.phase == b.phase && a.endpoint == b.endpoint &&
         a.started_at == b.started_at && same_fields;
}

// The fields of `wanted` that are not like that in `reported`.
void list_missing(const Value& wanted, const Value* reported, const std::string& path,
                  std::vector<std::string>& out) {
  if (wanted.is_map()) {
    for (const auto& entry : wanted.as_map()) {
      list_missing(entry.value, reported == nullptr ? nullptr : reported->find(entry.key),
                   path.empty() ? entry.key : path + "." + entry.key, out);
    }
    return;
  }
  const bool is_nothing = wanted.is_null() || (wanted.is_list() && wanted.size() == 0);
  if (reported == nullptr ? !is_nothing : *reported != wanted) out.push_back(path);
}

std::vector<std::string> missing_fields(const Value& wanted, const Observed& observed) {
  std::vector<std::string> missing;
  list_missing(wanted, observed.fields.get(), "", missing);
  return missing;
}

}  // namespace

void ProviderContract::SetUp() {
  harness_ = GetParam().make();
  if (!harness_) GTEST_SKIP() << GetParam().why_not;
  sample_ = harness_->sample();
  ref_ = Ref{"alice", sample_.kind, is_derived(sample_.kind) ? "contract.part" : "contract"};
}

void ProviderContract::TearDown() {
  if (!harness_) return;
  EXPECT_TRUE(destroy("teardown", DataPolicy::Erase));
}

template <typename T>
Result<T> ProviderContract::run(Task<Result<T>> task) {
  std::optional<Result<T>> result;
  asio::io_context& context = harness_->context();
  context.restart();
  asio::co_spawn(context, std::move(task), [&](std::exception_ptr failure, Result<T> value) {
    if (failure) std::rethrow_exception(failure);
    result = std::move(value);
  });
  const auto deadline = SteadyClock::now() + std::chrono::seconds(60) + harness_->patience;
  while (!result && SteadyClock::now() < deadline)
    context.run_one_for(std::chrono::milliseconds(50));
  if (!result) return fail(ErrorCode::Timeout, "the provider did not answer at all");
  return std::move(*result);
}

Effect ProviderContract::effect(const std::string& intent, const Value* declared,
                                std::shared_ptr<const FileTree> files) {
  Effect effect;
  effect.intent = intent;
  effect.uid = uid_;
  effect.ref = ref_;
  effect.tenant = {"tenant0uid0aaaaaaaaaaaaaaa", "alice", 1};
  if (declared != nullptr) {
    Value spec = *declared;
    if (files && spec.find("files") != nullptr) spec.find("files")->set("tree", files->id());
    auto normal = harness_->provider().normalize(ref_, spec);
    EXPECT_TRUE(normal) << normal.error().describe();
    if (normal) spec = std::move(*normal);
    effect.spec_digest = spec_digest(spec);
    effect.spec = std::make_shared<const Value>(std::move(spec));
  }
  effect.files = std::move(files);
  effect.deadline = Duration(30'000);
  return effect;
}

Result<void> ProviderContract::create(const std::string& intent) {
  Effect wanted = effect(intent, &sample_.spec, sample_.files);
  return run(harness_->provider().create(std::move(wanted)));
}
Result<void> ProviderContract::update(const std::string& intent) {
  Effect wanted = effect(intent, &sample_.changed,
                         sample_.changed_files ? sample_.changed_files : sample_.files);
  return run(harness_->provider().update(std::move(wanted)));
}
Result<void> ProviderContract::start(const std::string& intent) {
  Effect wanted = effect(intent, nullptr, nullptr);
  return run(harness_->provider().start(std::move(wanted)));
}
Result<void> ProviderContract::stop(const std::string& intent) {
  Effect wanted = effect(intent, nullptr, nullptr);
  return run(harness_->provider().stop(std::move(wanted)));
}
Result<void> ProviderContract::destroy(const std::string& intent, DataPolicy data) {
  Effect wanted = effect(intent, nullptr, nullptr);
  return run(harness_->provider().destroy(std::move(wanted), data));
}

std::vector<Observed> ProviderContract::observe() {
  auto all = run(harness_->provider().observe());
  EXPECT_TRUE(all) << all.error().describe();
  std::vector<Observed> ours;
  if (!all) return ours;
  std::ranges::copy_if(*all, std::back_inserter(ours), [&](const Observed& observed) {
    return observed.uid == uid_ && observed.phase != Phase::Destroyed;
  });
  return ours;
}

Observed ProviderContract::wait_for(std::vector<Phase> phases) {
  const auto deadline = SteadyClock::now() + harness_->patience;
  std::vector<Observed> ours;
  while (SteadyClock::now() < deadline) {
    ours = observe();
    if (ours.size() == 1 && std::ranges::find(phases, ours[0].phase) != phases.end())
      return ours[0];
    harness_->context().restart();
    harness_->context().run_for(std::chrono::milliseconds(20));
  }
  ADD_FAILURE() << "is not " << to_string(phases.front()) << " in time; observed " << ours.size()
                << " of it"
                << (ours.empty() ? ""
                                 : std::string(", ") + std::string(to_string(ours[0].phase)) + " " +
                                       ours[0].reason + " " + ours[0].message);
  return ours.empty() ? Observed{} : ours[0];
}

void ProviderContract::wait_until_gone() {
  const auto deadline = SteadyClock::now() + harness_->patience;
  while (SteadyClock::now() < deadline) {
    if (observe().empty()) return;
    harness_->context().restart();
    harness_->context().run_for(std::chrono::milliseconds(20));
  }
  ADD_FAILURE() << "it is still there";
}

TEST_P(ProviderContract, NormalizingTwiceChangesNothingMore) {
  auto once = harness_->provider().normalize(ref_, sample_.spec);
  ASSERT_TRUE(once) << once.error().describe();
  auto twice = harness_->provider().normalize(ref_, *once);
  ASSERT_TRUE(twice) << twice.error().describe();
  EXPECT_EQ(to_json(*once), to_json(*twice));
}

TEST_P(ProviderContract, NormalizingKeepsWhatWasDeclared) {
  auto normal = harness_->provider().normalize(ref_, sample_.spec);
  ASSERT_TRUE(normal) << normal.error().describe();
  std::vector<std::string> missing;
  list_missing(sample_.spec, &*normal, "", missing);
  EXPECT_TRUE(missing.empty()) << "changed or dropped: " << testing::PrintToString(missing);
}

TEST_P(ProviderContract, RefusesFieldsThatItCannotHonour) {
  if (sample_.unsupported.empty()) GTEST_SKIP() << "this provider honours every field";
  for (const Value& spec : sample_.unsupported) {
    auto normal = harness_->provider().normalize(ref_, spec);
    ASSERT_FALSE(normal) << to_json(spec);
    EXPECT_EQ(normal.error().code(), ErrorCode::Invalid);
    EXPECT_FALSE(normal.error().message().empty());
  }
}

TEST_P(ProviderContract, RunsTheKindsItSaysItRuns) {
  const Capabilities capabilities = harness_->provider().capabilities();
  EXPECT_TRUE(sample_.kind == Kind::Site ? capabilities.sites : capabilities.workloads);
  EXPECT_TRUE(sample_.volume.empty() || capabilities.volumes);
}

TEST_P(ProviderContract, ObservesNothingAtFirst) { EXPECT_TRUE(observe().empty()); }

TEST_P(ProviderContract, ReportsTheLabelsOfWhatItCreated) {
  ASSERT_TRUE(create("intent-1"));
  const Observed observed = wait_until_up();
  EXPECT_EQ(observed.uid, uid_);
  EXPECT_EQ(observed.ref, ref_);
  EXPECT_EQ(observed.intent, "intent-1");
  EXPECT_EQ(observed.spec_digest, effect("x", &sample_.spec, sample_.files).spec_digest);
  EXPECT_NE(observed.endpoint, Endpoint{});
}

TEST_P(ProviderContract, ReportsFieldsShapedAsTheNormalisedSpec) {
  ASSERT_TRUE(create("intent-1"));
  const Observed observed = wait_until_up();
  ASSERT_NE(observed.fields, nullptr);
  const auto wanted = effect("x", &sample_.spec, sample_.files).spec;
  EXPECT_EQ(testing::PrintToString(missing_fields(*wanted, observed)), "{}")
      << to_json(*observed.fields);
}

TEST_P(ProviderContract, ObservingNeverChangesAnything) {
  ASSERT_TRUE(create("intent-1"));
  const Observed before = wait_until_up();
  for (int i = 0; i < 5; ++i) observe();
  const auto after = observe();
  ASSERT_EQ(after.size(), 1u);
  EXPECT_TRUE(is_same_thing(before, after[0]));
}

TEST_P(ProviderContract, CreatesOncePerIntent) {
  ASSERT_TRUE(create("intent-1"));
  const Observed first = wait_until_up();
  ASSERT_TRUE(create("intent-1"));
  const Observed again = wait_until_up();
  EXPECT_EQ(first.started_at, again.started_at) << "the second create started it anew";
}

TEST_P(ProviderContract, MakesNoSecondAfterALostReply) {
  if (!harness_->lose_next_reply()) GTEST_SKIP() << "this provider cannot be made to lose a reply";
  EXPECT_FALSE(create("intent-1"));
  const Observed observed = wait_until_up();
  EXPECT_EQ(observed.intent, "intent-1") << "an observation must tell which intent was done";
  ASSERT_TRUE(create("intent-1"));
  wait_until_up();
}

TEST_P(ProviderContract, IsFoundAgainAfterARestartOfTheDaemon) {
  ASSERT_TRUE(create("intent-1"));
  const Observed before = wait_until_up();
  harness_->restart();
  const Observed after = wait_until_up();
  EXPECT_TRUE(is_same_thing(before, after));
  ASSERT_TRUE(create("intent-1"));
  EXPECT_EQ(wait_until_up().started_at, before.started_at);
}

TEST_P(ProviderContract, UpdatesToTheNewSpec) {
  ASSERT_TRUE(create("intent-1"));
  wait_until_up();
  ASSERT_TRUE(update("intent-2"));
  const Observed observed = wait_until_up();
  const Effect wanted =
      effect("x", &sample_.changed, sample_.changed_files ? sample_.changed_files : sample_.files);
  EXPECT_EQ(observed.spec_digest, wanted.spec_digest);
  EXPECT_EQ(observed.intent, "intent-2");
  ASSERT_NE(observed.fields, nullptr);
  EXPECT_EQ(testing::PrintToString(missing_fields(*wanted.spec, observed)), "{}")
      << to_json(*observed.fields);
}

TEST_P(ProviderContract, UpdatesOncePerIntent) {
  ASSERT_TRUE(create("intent-1"));
  wait_until_up();
  ASSERT_TRUE(update("intent-2"));
  const Observed first = wait_until_up();
  ASSERT_TRUE(update("intent-2"));
  EXPECT_EQ(wait_until_up().started_at, first.started_at) << "the second update started it anew";
}

TEST_P(ProviderContract, StopsAndStarts) {
  ASSERT_TRUE(create("intent-1"));
  wait_until_up();
  ASSERT_TRUE(stop("intent-2"));
  const Observed stopped = wait_for({Phase::Stopped});
  EXPECT_EQ(stopped.spec_digest, effect("x", &sample_.spec, sample_.files).spec_digest);
  ASSERT_TRUE(stop("intent-3")) << "stopping what is stopped succeeds";
  wait_for({Phase::Stopped});
  ASSERT_TRUE(start("intent-4"));
  wait_until_up();
  ASSERT_TRUE(start("intent-5")) << "starting what runs succeeds";
  wait_until_up();
}

TEST_P(ProviderContract, StaysStoppedAcrossARestartOfTheDaemon) {
  ASSERT_TRUE(create("intent-1"));
  wait_until_up();
  ASSERT_TRUE(stop("intent-2"));
  wait_for({Phase::Stopped});
  harness_->restart();
  wait_for({Phase::Stopped});
}

TEST_P(ProviderContract, DestroyingTheAbsentSucceeds) {
  EXPECT_TRUE(destroy("intent-1", DataPolicy::Keep));
  EXPECT_TRUE(destroy("intent-2", DataPolicy::Erase));
  EXPECT_TRUE(observe().empty());
}

TEST_P(ProviderContract, DestroysOnceAndForAll) {
  ASSERT_TRUE(create("intent-1"));
  wait_until_up();
  ASSERT_TRUE(destroy("intent-2", DataPolicy::Keep));
  wait_until_gone();
  ASSERT_TRUE(destroy("intent-2", DataPolicy::Keep));
  harness_->restart();
  wait_until_gone();
}

TEST_P(ProviderContract, UpdatingOrStartingTheAbsentIsAnError) {
  EXPECT_FALSE(update("intent-1"));
  EXPECT_FALSE(start("intent-2"));
  EXPECT_TRUE(observe().empty()) << "neither may create it";
}

TEST_P(ProviderContract, KeptDataComesBack) {
  if (sample_.volume.empty()) GTEST_SKIP() << "this provider has no volumes";
  ASSERT_TRUE(create("intent-1"));
  wait_until_up();
  ASSERT_TRUE(harness_->write(uid_, sample_.volume, "remember me"));
  ASSERT_TRUE(destroy("intent-2", DataPolicy::Keep));
  wait_until_gone();
  ASSERT_TRUE(create("intent-3"));
  wait_until_up();
  auto text = harness_->read(uid_, sample_.volume);
  ASSERT_TRUE(text) << text.error().describe();
  EXPECT_EQ(*text, "remember me");
}

TEST_P(ProviderContract, ErasedDataIsGone) {
  if (sample_.volume.empty()) GTEST_SKIP() << "this provider has no volumes";
  ASSERT_TRUE(create("intent-1"));
  wait_until_up();
  ASSERT_TRUE(harness_->write(uid_, sample_.volume, "forget me"));
  ASSERT_TRUE(destroy("intent-2", DataPolicy::Erase));
  wait_until_gone();
  ASSERT_TRUE(create("intent-3"));
  wait_until_up();
  auto text = harness_->read(uid_, sample_.volume);
  EXPECT_TRUE(!text || *text != "forget me");
}

TEST_P(ProviderContract, DataOutlivesUpdatesStopsAndStarts) {
  if (sample_.volume.empty()) GTEST_SKIP() << "this provider has no volumes";
  ASSERT_TRUE(create("intent-1"));
  wait_until_up();
  ASSERT_TRUE(harness_->write(uid_, sample_.volume, "still here"));
  ASSERT_TRUE(update("intent-2"));
  wait_until_up();
  ASSERT_TRUE(stop("intent-3"));
  wait_for({Phase::Stopped});
  ASSERT_TRUE(start("intent-4"));
  wait_until_up();
  auto text = harness_->read(uid_, sample_.volume);
  ASSERT_TRUE(text) << text.error().describe();
  EXPECT_EQ(*text, "still here");
}

TEST_P(ProviderContract, NothingHappensAfterTheDeadline) {
  Effect hurried = effect("intent-1", &sample_.spec, sample_.files);
  hurried.deadline = Duration(0);
  const auto begin = SteadyClock::now();
  auto done = run(harness_->provider().create(std::move(hurried)));
  EXPECT_LT(SteadyClock::now() - begin, harness_->patience);
  if (done) GTEST_SKIP() << "it creates in no time at all";
  EXPECT_EQ(done.error().code(), ErrorCode::Timeout) << done.error().describe();
  // Whatever was begun is over now: what is there stays there, what is not does not turn up.
  const auto at_once = observe();
  harness_->context().restart();
  harness_->context().run_for(std::chrono::milliseconds(300));
  EXPECT_EQ(observe().size(), at_once.size());
  ASSERT_TRUE(create("intent-1")) << "the same intent, with time enough, is done";
  wait_until_up();
}

TEST_P(ProviderContract, TellsOfChangesOrSaysThatItDoesNot) {
  if (!harness_->provider().capabilities().events) GTEST_SKIP() << "this provider has no events";
  std::vector<std::string> heard;
  harness_->provider().on_change([&](const std::string& uid) { heard.push_back(uid); });
  ASSERT_TRUE(create("intent-1"));
  wait_until_up();
  EXPECT_NE(std::ranges::find(heard, uid_), heard.end());
  harness_->provider().on_change({});
}

TEST_P(ProviderContract, MeasuresWhatRunsOrSaysThatItDoesNot) {
  if (!harness_->provider().capabilities().use) {
    EXPECT_TRUE(run(harness_->provider().use()).value().empty());
    return;
  }
  const auto mine = [&]() -> std::optional<Use> {
    const Result<std::vector<Use>> all = run(harness_->provider().use());
    EXPECT_TRUE(all) << all.error().describe();
    if (!all) return std::nullopt;
    const auto found = std::ranges::find(*all, uid_, &Use::uid);
    return found == all->end() ? std::nullopt : std::optional(*found);
  };
  EXPECT_FALSE(mine());
  ASSERT_TRUE(create("intent-1"));
  wait_until_up();
  const std::optional<Use> use = mine();
  ASSERT_TRUE(use);
  EXPECT_GT(use->memory.value_or(0), 0);
  EXPECT_GE(use->processes.value_or(0), 1);
  EXPECT_GE(use->cpu_seconds.value_or(-1), 0);
  EXPECT_GT(use->at, Timestamp());
  ASSERT_TRUE(stop("intent-2"));
  wait_for({Phase::Stopped});
  EXPECT_FALSE(mine());
}

TEST_P(ProviderContract, LogsOfTheAbsentDoNotHang) {
  LogRequest request{.uid = uid_, .last_lines = 10};
  LogSink sink = [](std::string_view) { return true; };
  auto done = run(harness_->provider().logs(std::move(request), std::move(sink)));
  EXPECT_TRUE(done || done.error().code() != ErrorCode::Timeout);
}

}  // namespace croft
