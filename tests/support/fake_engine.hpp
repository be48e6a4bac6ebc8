#pragma once

#include <algorithm>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "reconciler/engine.hpp"
#include "tests/support/fake_webhooks.hpp"

namespace croft {

/// An Engine that says what a test put into it and remembers what it was asked to do. Events and
/// logs behave as the real ones: history pages, logs can be followed.
class FakeEngine final : public Engine {
 public:
  // What it says.
  std::vector<ResourceStatus> resources;
  std::vector<SourceStatus> watched;
  std::vector<std::string> tenant_names;
  std::vector<ProviderStatus> provider_list;
  std::vector<Changeset> waiting;
  std::vector<EventRow> history;
  std::vector<HostRoute> hosts;
  std::map<std::string, std::string> log_text;  ///< ref → what its log holds so far
  Changeset changeset;                          ///< what diff() and reconcile() give
  bool settled = true;
  std::vector<ResourceUse> uses;
  EngineVitals engine_vitals;
  std::optional<Error> failure;  ///< what the next call that can fail fails with

  FakeWebhooks hooks;
  notify::Webhooks& webhooks() override { return hooks; }

  // What it was asked to do.
  std::vector<DiffRequest> diffs;
  PriceList price_list;  ///< what price() gives
  std::vector<PriceRequest> prices;
  std::vector<ReconcileRequest> reconciles;
  std::vector<std::string> looked_at;  ///< sources
  RefDiff ref_diff;                    ///< what diff_ref() gives
  std::vector<std::pair<std::string, std::string>> ref_diffs;
  std::set<std::string> stuck;  ///< sources whose diff_ref() ends once they are out of here
  std::vector<DirectiveRow> directed;
  std::vector<std::pair<Ref, DirectiveVerb>> withdrawn;
  std::vector<std::pair<std::string, std::string>> acknowledged;
  std::vector<std::string> people;  ///< who withdrew or acknowledged
  int event_reads = 0;
  int followers = 0;  ///< logs that are being followed now
  std::vector<std::pair<Ref, ExecRequest>> commands;
  std::vector<TransferRequest> exported;
  std::vector<TransferRequest> imported;
  std::string taken_in;  ///< what the last import gave
  std::vector<Ref> erased;
  std::vector<SealingKey> keys;  ///< what sealing_keys() gives
  std::vector<std::string> key_questions;
  std::vector<std::string> retired;
  std::vector<SealedValue> resealed;

  /// How open_exec() makes a session.
  std::function<std::unique_ptr<ExecSession>(asio::any_io_executor, ExecRequest)> make_session;
  std::vector<VolumeStatus> volume_list;
  std::vector<std::string> archive;     ///< pieces that an export gives
  std::optional<Error> archive_breaks;  ///< what it ends with behind them
  std::size_t pieces_given = 0;         ///< that were waited for by a reader
  std::optional<Error> import_fails;    ///< at once, whatever comes

  /// A ready resource: {"alice/Site/blog"}.
  ResourceStatus& add_resource(const std::string& text, Phase phase = Phase::Running) {
    ResourceStatus status;
    status.ref = parse_ref(text).value();
    status.uid = "uid-" + status.ref.tenant + "-" + status.ref.name;
    status.provider = "local";
    status.source = status.ref.tenant + "/main";
    status.phase = phase;
    const bool is_ready = phase == Phase::Running;
    status.conditions.push_back({"Ready", is_ready ? ConditionStatus::True : ConditionStatus::False,
                                 std::string(to_string(phase)), "", Timestamp(Duration(1'000))});
    status.attempted_revision = status.applied_revision = std::string(40, '8');
    status.created_at = Timestamp(Duration(1'000));
    resources.push_back(std::move(status));
    return resources.back();
  }
  /// Appends to history and tells listeners.
  void add_event(std::string tenant, std::string subject, std::string reason) {
    EventRow event;
    event.sequence = static_cast<std::int64_t>(history.size()) + 1;
    event.time = Timestamp(Duration(1'700'000'000'000 + event.sequence));
    event.tenant = std::move(tenant);
    event.subject = std::move(subject);
    event.reason = std::move(reason);
    event.message = event.reason + " happened";
    history.push_back(std::move(event));
    tell();
  }
  void add_log(const std::string& ref, std::string_view text) {
    log_text[ref] += text;
    tell();
  }
  /// Something changed.
  void tell() {
    const auto all = *listeners_;  // a copy: a listener may go while it is told
    for (const auto& [id, listener] : all) listener();
  }
  std::size_t listener_count() const { return listeners_->size(); }

  Task<Result<void>> start() override { co_return Result<void>(); }
  Task<> stop() override { co_return; }

  Task<Result<PriceList>> price(PriceRequest request) override {
    prices.push_back(std::move(request));
    co_return price_list;
  }
  Task<Result<Changeset>> diff(DiffRequest request) override {
    diffs.push_back(std::move(request));
    if (failure) co_return fail(take_failure());
    Changeset answer = changeset;
    answer.tenant = diffs.back().tenant;
    co_return answer;
  }
  Task<Result<std::vector<Changeset>>> reconcile(ReconcileRequest request) override {
    reconciles.push_back(std::move(request));
    if (failure) co_return fail(take_failure());
    co_return std::vector<Changeset>{changeset};
  }
  Result<void> look_at(const std::string& source) override {
    looked_at.push_back(source);
    if (failure) return fail(take_failure());
    return {};
  }
  Task<Result<RefDiff>> diff_ref(std::string source, std::string ref) override {
    ref_diffs.emplace_back(source, std::move(ref));
    while (stuck.contains(source)) co_await sleep_for(Duration(1));
    if (failure) co_return fail(take_failure());
    co_return ref_diff;
  }
  bool is_settled(const std::string&) const override { return settled; }

  std::vector<ResourceStatus> status(const std::string& tenant) const override {
    std::vector<ResourceStatus> found;
    std::ranges::copy_if(resources, std::back_inserter(found), [&](const ResourceStatus& resource) {
      return tenant.empty() || resource.ref.tenant == tenant;
    });
    return found;
  }
  std::vector<SourceStatus> sources(const std::string& tenant) const override {
    std::vector<SourceStatus> found;
    std::ranges::copy_if(watched, std::back_inserter(found), [&](const SourceStatus& source) {
      return tenant.empty() || source.tenant == tenant;
    });
    return found;
  }
  std::vector<ProviderStatus> providers() const override { return provider_list; }
  std::vector<std::string> tenants() const override { return tenant_names; }

  Task<Result<void>> direct(DirectiveRow directive) override {
    if (failure) co_return fail(take_failure());
    directed.push_back(std::move(directive));
    co_return Result<void>();
  }
  Task<Result<void>> withdraw(Ref ref, DirectiveVerb verb, std::string by) override {
    if (failure) co_return fail(take_failure());
    withdrawn.emplace_back(std::move(ref), verb);
    people.push_back(std::move(by));
    co_return Result<void>();
  }

  Task<Result<std::vector<ResourceUse>>> use(std::string tenant) override {
    if (failure) co_return fail(take_failure());
    std::vector<ResourceUse> found;
    std::ranges::copy_if(uses, std::back_inserter(found), [&](const ResourceUse& one) {
      return tenant.empty() || one.ref.tenant == tenant;
    });
    co_return found;
  }
  EngineVitals vitals() const override { return engine_vitals; }

  std::vector<Changeset> guarded(const std::string& tenant) const override {
    std::vector<Changeset> found;
    std::ranges::copy_if(waiting, std::back_inserter(found), [&](const Changeset& one) {
      return tenant.empty() || one.tenant == tenant;
    });
    return found;
  }
  Task<Result<void>> acknowledge(std::string tenant, std::string digest, std::string by) override {
    if (failure) co_return fail(take_failure());
    acknowledged.emplace_back(std::move(tenant), std::move(digest));
    people.push_back(std::move(by));
    co_return Result<void>();
  }

  Task<Result<std::vector<Ref>>> adopt(std::string tenant, std::string by) override {
    if (failure) co_return fail(take_failure());
    people.push_back(std::move(by));
    std::vector<Ref> adopted{{std::move(tenant), Kind::Instance, "api"}};
    co_return adopted;
  }

  Task<Result<std::vector<EventRow>>> events(EventQuery query) override {
    ++event_reads;
    if (failure) co_return fail(take_failure());
    std::vector<EventRow> found;
    std::ranges::copy_if(history, std::back_inserter(found), [&](const EventRow& event) {
      const bool is_before = query.before == 0 || event.sequence < query.before;
      return event.sequence > query.after && is_before &&
             (!query.tenant || event.tenant == *query.tenant) &&
             (query.subject.empty() || event.subject == query.subject);
    });
    const std::size_t surplus = found.size() - std::min(found.size(), query.limit);
    const auto count = static_cast<std::ptrdiff_t>(surplus);
    if (query.after == 0) {
      found.erase(found.begin(), found.begin() + count);
    } else {
      found.erase(found.end() - count, found.end());
    }
    co_return found;
  }

  Task<Result<void>> logs(Ref ref, LogRequest request, LogSink sink) override {
    if (failure) co_return fail(take_failure());
    const std::string key = to_string(ref);
    std::string text = last_lines(log_text[key], request.last_lines);
    std::size_t given = log_text[key].size();
    if (!text.empty() && !sink(text)) co_return Result<void>();
    if (!request.follow) co_return Result<void>();
    const Follower follower(followers);
    Signal changed(co_await asio::this_coro::executor);
    const std::shared_ptr<void> subscription = on_change([&changed] { changed.notify(); });
    for (;;) {
      co_await changed.wait(Duration(3'600'000));
      const std::string more = log_text[key].substr(given);
      given += more.size();
      if (!more.empty() && !sink(more)) co_return Result<void>();
    }
  }

  Task<Result<std::unique_ptr<ExecSession>>> open_exec(Ref ref, ExecRequest request,
                                                       std::string by) override {
    people.push_back(std::move(by));
    if (failure) co_return fail(take_failure());
    commands.emplace_back(std::move(ref), request);
    co_return make_session(co_await asio::this_coro::executor, std::move(request));
  }
  std::vector<VolumeStatus> volumes(const std::string& tenant) const override {
    std::vector<VolumeStatus> found;
    std::ranges::copy_if(volume_list, std::back_inserter(found), [&](const VolumeStatus& volume) {
      return tenant.empty() || volume.ref.tenant == tenant;
    });
    return found;
  }
  Task<Result<void>> export_volume(TransferRequest request, ByteSink sink) override {
    exported.push_back(std::move(request));
    if (failure) co_return fail(take_failure());
    for (const std::string& piece : archive) {
      std::string copy = piece;
      CO_TRY(co_await sink(std::move(copy)));
      ++pieces_given;
    }
    if (archive_breaks) co_return fail(*archive_breaks);
    co_return Result<void>();
  }
  Task<Result<void>> import_volume(TransferRequest request, ByteSource source) override {
    imported.push_back(std::move(request));
    taken_in.clear();
    if (import_fails) co_return fail(*import_fails);
    for (;;) {
      CO_TRY_ASSIGN(const std::string piece, co_await source());
      if (piece.empty()) co_return Result<void>();
      taken_in += piece;
    }
  }
  Task<Result<void>> erase_volumes(Ref ref, std::string by) override {
    people.push_back(std::move(by));
    if (failure) co_return fail(take_failure());
    erased.push_back(std::move(ref));
    co_return Result<void>();
  }

  Task<Result<std::vector<SealingKey>>> sealing_keys(std::string tenant) override {
    key_questions.push_back(tenant);
    if (failure) co_return std::unexpected(*std::exchange(failure, {}));
    co_return keys;
  }
  Task<Result<void>> rotate_sealing_key(std::string by) override {
    people.push_back(std::move(by));
    if (failure) co_return std::unexpected(*std::exchange(failure, {}));
    co_return Result<void>();
  }
  Task<Result<void>> retire_sealing_key(std::string id, std::string by) override {
    people.push_back(std::move(by));
    retired.push_back(std::move(id));
    if (failure) co_return std::unexpected(*std::exchange(failure, {}));
    co_return Result<void>();
  }
  Task<Result<std::string>> reseal(SealedValue value) override {
    resealed.push_back(value);
    if (failure) co_return std::unexpected(*std::exchange(failure, {}));
    co_return value.sealed + "-anew";
  }
  std::vector<HostRoute> routes() const override { return hosts; }

  std::shared_ptr<void> on_change(std::function<void()> listener) override {
    const int id = ++last_listener_;
    listeners_->emplace(id, std::move(listener));
    const auto forget = [id, all = std::weak_ptr(listeners_)](void*) {
      if (const auto listeners = all.lock()) listeners->erase(id);
    };
    return {nullptr, forget};
  }

 private:
  using Listeners = std::map<int, std::function<void()>>;

  struct Follower {
    explicit Follower(int& of) : count(of) { ++count; }
    Follower(const Follower&) = delete;
    Follower& operator=(const Follower&) = delete;
    ~Follower() { --count; }
    int& count;
  };

  Error take_failure() {
    Error error = std::move(*failure);
    failure.reset();
    return error;
  }

  static std::string last_lines(const std::string& text, int lines) {
    std::size_t begin = text.size();
    while (lines > 0 && begin > 0) {
      const std::size_t end_of_previous =
          begin >= 2 ? text.rfind('\n', begin - 2) : std::string::npos;
      begin = end_of_previous == std::string::npos ? 0 : end_of_previous + 1;
      --lines;
    }
    return text.substr(begin);
  }

  std::shared_ptr<Listeners> listeners_ = std::make_shared<Listeners>();
  int last_listener_ = 0;
};

}  // namespace croft
