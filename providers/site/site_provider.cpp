#include "providers/site/site_provider.hpp"

#include <algorithm>
#include <array>
#include <functional>
#include <mutex>

#include <fmt/format.h>

#include "core/base/log.hpp"
#include "core/resource/kinds.hpp"
#include "providers/site/release_store.hpp"
#include "providers/site/site_states.hpp"

namespace croft::site {

namespace {

constexpr std::size_t kLocks = 64;

// What outlives the provider object while work that it started goes on.
class Core {
 public:
  Core(const std::filesystem::path& directory, const Clock& clock, SiteProviderSettings settings)
      : clock_(clock), settings_(settings), releases_(directory), states_(directory / "sites") {}

  Result<std::vector<Observed>> observe() {
    TRY(open());
    std::vector<Observed> all;
    for (SiteState& state : states_.all()) {
      if (!state.is_kept) all.push_back(observed(std::move(state)));
    }
    return all;
  }

  Result<void> put(const Effect& effect, bool may_create, Duration called_at) {
    TRY(open());
    const std::scoped_lock ordered(lock_of(effect.uid));
    const std::optional<SiteState> before = states_.find(effect.uid);
    const bool is_there = before && !before->is_kept;
    if (!is_there && !may_create)
      return fail(ErrorCode::NotFound, to_string(effect.ref) + " is not here");
    if (is_there && before->intent == effect.intent && releases_.has(before->history.front()))
      return {};
    if (!effect.files || !effect.spec)
      return fail(ErrorCode::Invalid, to_string(effect.ref) + " came without files");
    TRY_ASSIGN(const Release release, release_of(effect));
    const auto may_go_on = [&]() -> Result<void> { return check_deadline(effect, called_at); };
    const auto no_sweep = releases_.publishing();
    TRY(while_doing(releases_.publish(release, *effect.files, may_go_on),
                    "publishing " + to_string(effect.ref)));
    return states_.put(next_state(effect, before, release.id));
  }

  Result<void> set_running(const Effect& effect, bool is_running, Duration called_at) {
    TRY(open());
    const std::scoped_lock ordered(lock_of(effect.uid));
    std::optional<SiteState> state = states_.find(effect.uid);
    if (!state || state->is_kept)
      return fail(ErrorCode::NotFound, to_string(effect.ref) + " is not here");
    if (state->is_running == is_running) return {};
    TRY(check_deadline(effect, called_at));
    state->is_running = is_running;
    state->intent = effect.intent;
    state->since = clock_.now();
    return states_.put(*state);
  }

  Result<void> destroy(const Effect& effect, DataPolicy data, Duration called_at) {
    TRY(open());
    const std::scoped_lock ordered(lock_of(effect.uid));
    std::optional<SiteState> state = states_.find(effect.uid);
    if (!state || (state->is_kept && data == DataPolicy::Keep)) return {};
    TRY(check_deadline(effect, called_at));
    if (data == DataPolicy::Erase) return states_.erase(effect.uid);
    state->is_kept = true;
    state->intent = effect.intent;
    return states_.put(*state);
  }

  // True while releases wait for their time of grace to end.
  bool sweep() {
    const auto left = releases_.sweep([this] { return states_.named_releases(); }, clock_.steady(),
                                      settings_.sweep_after);
    if (left) return *left > 0;
    log_warning("site", "releases that no site names could not be removed",
                {{"why", left.error().describe()}});
    return false;
  }

  Duration sweep_after() const { return settings_.sweep_after; }
  Duration steady() const { return clock_.steady(); }

 private:
  Result<void> open() {
    const std::scoped_lock lock(opening_);
    if (is_open_) return {};
    TRY(releases_.open());
    TRY(states_.open());
    is_open_ = true;
    return {};
  }

  std::mutex& lock_of(const std::string& uid) {
    return locks_[std::hash<std::string>{}(uid) % kLocks];
  }

  Result<void> check_deadline(const Effect& effect, Duration called_at) const {
    if (clock_.steady() - called_at < effect.deadline) return {};
    return fail(ErrorCode::Timeout, "it took longer than " + format_duration(effect.deadline));
  }

  Result<Release> release_of(const Effect& effect) const {
    Release release;
    release.index = effect.spec->text_or("index", release.index);
    release.not_found = effect.spec->text_or("notFound", release.not_found);
    release.id = release_id(effect.files->id(), release.index, release.not_found);
    TRY_ASSIGN(std::vector<ServedFile> files, served_files(*effect.files, settings_));
    for (ServedFile& file : files) {
      release.files.emplace_hint(release.files.end(), std::move(file.path),
                                 ReleaseFile{std::move(file.blob), file.size});
    }
    return release;
  }

  SiteState next_state(const Effect& effect, const std::optional<SiteState>& before,
                       const std::string& release) const {
    SiteState state;
    state.uid = effect.uid;
    state.ref = effect.ref;
    state.intent = effect.intent;
    state.spec_digest = effect.spec_digest;
    Value spec = *effect.spec;
    spec.set("files", spec.find("files") == nullptr ? Value::map() : *spec.find("files"))
        .set("tree", effect.files->id());
    const auto retain =
        static_cast<std::size_t>(std::max<std::int64_t>(1, spec.integer_or("retain", 5)));
    state.spec = std::make_shared<const Value>(std::move(spec));
    state.history.push_back(release);
    if (before) {
      std::ranges::copy_if(before->history, std::back_inserter(state.history),
                           [&](const std::string& id) { return id != release; });
    }
    if (state.history.size() > retain) state.history.resize(retain);
    // What is stopped stays so when its content changes.
    state.is_running = !before || before->is_kept || before->is_running;
    state.since = clock_.now();
    return state;
  }

  Observed observed(SiteState state) const {
    Observed observed;
    observed.uid = std::move(state.uid);
    observed.ref = std::move(state.ref);
    observed.intent = std::move(state.intent);
    observed.spec_digest = std::move(state.spec_digest);
    observed.fields = std::move(state.spec);
    observed.phase = state.is_running ? Phase::Running : Phase::Stopped;
    observed.started_at = state.since;
    const std::string& release = state.history.front();
    if (!releases_.has(release)) {
      observed.phase = Phase::Failed;
      observed.reason = "ReleaseMissing";
      observed.message = "the files of release " + release + " are gone";
    } else if (state.is_running) {
      observed.endpoint = {Endpoint::Scheme::Release, release};
      observed.health = Health::Passing;
    }
    return observed;
  }

  const Clock& clock_;
  SiteProviderSettings settings_;
  ReleaseStore releases_;
  SiteStates states_;
  std::mutex opening_;
  bool is_open_ = false;
  std::array<std::mutex, kLocks> locks_;
};

class SiteProvider final : public Provider {
 public:
  SiteProvider(std::filesystem::path directory, BlockingPool& pool, const Clock& clock,
               SiteProviderSettings settings)
      : pool_(pool), core_(std::make_shared<Core>(std::move(directory), clock, settings)) {}

  Capabilities capabilities() const override {
    Capabilities capabilities;
    capabilities.sites = true;
    return capabilities;
  }

  Result<Value> normalize(const Ref& ref, const Value& spec) const override {
    if (ref.kind != Kind::Site) {
      return fail(ErrorCode::Invalid, "the site provider serves Sites, and runs no " +
                                          std::string(to_string(ref.kind)));
    }
    for (const Value::Entry& entry : spec.as_map()) {
      const Field* field = spec_of(Kind::Site).find(entry.key);
      if (field != nullptr && field->arrives_with.empty()) continue;
      return fail(
          Error(ErrorCode::Invalid, fmt::format("the site provider does not know '{}'", entry.key))
              .while_doing("spec." + entry.key));
    }
    Value normal = spec;
    if (normal.find("retain") == nullptr) normal.set("retain", 5);
    if (normal.find("index") == nullptr) normal.set("index", Release{}.index);
    if (normal.find("notFound") == nullptr) normal.set("notFound", Release{}.not_found);
    return normal;
  }

  Task<Result<std::vector<Observed>>> observe() override {
    // What a process that was killed left half made is swept too.
    if (!std::exchange(has_observed_, true)) sweep_later(co_await asio::this_coro::executor);
    auto work = [core = core_] { return core->observe(); };
    co_return co_await pool_.run(std::move(work));
  }

  Task<Result<void>> create(Effect effect) override { return put(std::move(effect), true); }
  Task<Result<void>> update(Effect effect) override { return put(std::move(effect), false); }
  Task<Result<void>> start(Effect effect) override { return set_running(std::move(effect), true); }
  Task<Result<void>> stop(Effect effect) override { return set_running(std::move(effect), false); }

  Task<Result<void>> destroy(Effect effect, DataPolicy data) override {
    auto work = [core = core_, effect = std::move(effect), data, at = core_->steady()] {
      return core->destroy(effect, data, at);
    };
    Result<void> done = co_await pool_.run(std::move(work));
    sweep_later(co_await asio::this_coro::executor);
    co_return done;
  }

 private:
  Task<Result<void>> put(Effect effect, bool may_create) {
    auto work = [core = core_, effect = std::move(effect), may_create, at = core_->steady()] {
      return core->put(effect, may_create, at);
    };
    Result<void> done = co_await pool_.run(std::move(work));
    sweep_later(co_await asio::this_coro::executor);
    co_return done;
  }

  Task<Result<void>> set_running(Effect effect, bool is_running) {
    auto work = [core = core_, effect = std::move(effect), is_running, at = core_->steady()] {
      return core->set_running(effect, is_running, at);
    };
    co_return co_await pool_.run(std::move(work));
  }

  // After an effect there may be releases that nobody names: one sweeper at a time, a while later,
  // sees to all of them.
  void sweep_later(const asio::any_io_executor& executor) {
    if (*is_sweeping_) return;
    *is_sweeping_ = true;
    spawn(executor, keep_sweeping(core_, is_sweeping_, &pool_, core_->sweep_after()), "site sweep");
  }

  // Ends with the provider: another one over the same directory knows more of it than this one
  // does.
  static Task<> keep_sweeping(std::weak_ptr<Core> owner, std::shared_ptr<bool> is_sweeping,
                              BlockingPool* pool, Duration pause) {
    for (bool is_any_left = true; is_any_left;) {
      co_await sleep_for(pause);
      auto work = [core = owner.lock()] { return core != nullptr && core->sweep(); };
      is_any_left = co_await pool->run(std::move(work));
    }
    *is_sweeping = false;
  }

  BlockingPool& pool_;
  std::shared_ptr<Core> core_;
  bool has_observed_ = false;
  std::shared_ptr<bool> is_sweeping_ = std::make_shared<bool>(false);
};

}  // namespace

}  // namespace croft::site

namespace croft {

std::unique_ptr<Provider> make_site_provider(std::filesystem::path directory, BlockingPool& pool,
                                             const Clock& clock, SiteProviderSettings settings) {
  return std::make_unique<site::SiteProvider>(std::move(directory), pool, clock, settings);
}

}  // namespace croft
