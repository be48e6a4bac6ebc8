#include "gateway/forge/reporter.hpp"

#include <algorithm>
#include <charconv>
#include <map>
#include <set>
#include <variant>

#include <fmt/format.h>

#include "core/base/log.hpp"
#include "core/base/metric_families.hpp"
#include "gateway/forge/caller.hpp"
#include "gateway/forge/comments.hpp"
#include "gateway/forge/posted.hpp"
#include "gateway/forge/verdict.hpp"
#include "gateway/receivers/receiver.hpp"
#include "reconciler/engine/github_apps.hpp"
#include "reconciler/engine/queue.hpp"

namespace croft {

namespace {

/// In the words of metrics::kForgeCalls.
const char* outcome_word(ForgeAnswer::Kind kind) {
  switch (kind) {
    case ForgeAnswer::Kind::Done:
      return "done";
    case ForgeAnswer::Kind::Later:
      return "later";
    case ForgeAnswer::Kind::Refused:
      return "refused";
    case ForgeAnswer::Kind::Unknown:
      break;
  }
  return "unknown";
}

constexpr int kAtOnce = 16;
constexpr std::ptrdiff_t kMostAsked = 100;
constexpr std::size_t kLongestToken = 65'536;
constexpr Duration kNoTimeout{86'400'000};
constexpr std::size_t kEvents = 200;
/// On each merge request; the marker is looked for in no more.
constexpr int kPages = 20;

/// Where reports of a source go, and with which token.
struct Target {
  SourceStatus source;
  ForgeRepository repository;
  Secret<std::string> token;
};

/// Not what was hoped for: how the pass ends.
Outcome outcome_of(const ForgeAnswer& answer, Duration after_refusal) {
  if (answer.kind == ForgeAnswer::Kind::Refused) return After{after_refusal};
  if (answer.wait > Duration::zero()) return After{answer.wait};
  return Retry{Error(ErrorCode::Unavailable, answer.words)};
}

}  // namespace

struct ForgeReporter::State {
  State(ForgeReporterParts with, ForgeReporterSettings how)
      : parts(std::move(with)),
        settings(std::move(how)),
        changed(parts.executor),
        statuses(parts.executor, parts.random, kAtOnce,
                 [this](std::string key) { return take_turn(std::move(key)); }),
        comments(parts.executor, parts.random, kAtOnce,
                 [this](std::string key) { return comment(std::move(key)); }) {}

  static Task<> follow(std::shared_ptr<State> state) {
    while (!state->is_stopped) {
      state->look();
      co_await state->changed.wait(kNoTimeout);
      if (!state->is_stopped) co_await sleep_for(state->settings.gather);
    }
  }

  // What is to be said.

  std::vector<CommitReport> reports(const SourceStatus& source) const {
    std::string held;
    for (const Changeset& changeset : parts.engine.guarded(source.tenant)) {
      if (changeset.tenant == source.tenant && changeset.guard) held = changeset.guard->message;
    }
    return reports_of(source, parts.engine.status(source.tenant), held);
  }

  /// Queues the sources that have something to say that was not said.
  void look() {
    for (const SourceStatus& source : parts.engine.sources("")) {
      if (!source.commit_status || source.tenant.empty()) continue;
      // A forge that said when to come back is not asked before.
      if (waiting.contains(source.key)) continue;
      const std::vector<CommitReport> all = reports(source);
      const PostedStatuses& known = posted[source.key];
      const bool has_news = std::ranges::any_of(all, [&](const CommitReport& one) {
        return !known.knows(one.revision) || is_due(known, one);
      });
      if (has_news) statuses.add(source.key);
    }
  }

  static bool is_due(const PostedStatuses& known, const CommitReport& report) {
    return is_worth_posting(known.state_of(report.context), report.state) &&
           !known.is_given_up(report);
  }

  std::optional<SourceStatus> find(const std::string& key) const {
    for (SourceStatus& source : parts.engine.sources("")) {
      if (source.key == key && source.commit_status && !source.tenant.empty()) return source;
    }
    return std::nullopt;
  }

  Task<Result<Target>> target_of(SourceStatus source) {
    Target target;
    const CommitStatusDeclaration& declared = *source.commit_status;
    CO_TRY_ASSIGN(target.repository, forge_repository(declared, source.url));
    if (declared.secret.empty() && declared.app && parts.apps) {
      CO_TRY_ASSIGN(target.token, co_await parts.apps->token(*declared.app));
    } else {
      CO_TRY_ASSIGN(target.token, settings.secrets->find_line(declared.secret, kLongestToken));
    }
    target.source = std::move(source);
    co_return target;
  }

  // Statuses.

  Task<Outcome> take_turn(std::string key) {
    waiting.erase(key);
    Outcome outcome = co_await report(key);
    if (!std::holds_alternative<Done>(outcome)) waiting.insert(key);
    co_return outcome;
  }

  Task<Outcome> report(std::string key) {
    const std::optional<SourceStatus> source = find(key);
    if (!source) co_return Done{};
    const Result<Target> target = co_await target_of(*source);
    if (!target && target.error().is_retryable()) co_return Retry{target.error()};
    if (!target) {
      co_await complain(*source, source->attempted_revision, target.error().describe());
      co_return After{settings.after_refusal};
    }
    const std::vector<CommitReport> all = reports(*source);
    for (const CommitReport& one : all) {
      std::optional<Outcome> ended = co_await say(*target, one);
      if (ended) co_return std::move(*ended);
    }
    co_return Done{};
  }

  /// Nothing if that status is posted, or needs not be; else how the pass ends.
  Task<std::optional<Outcome>> say(Target target, CommitReport report) {
    PostedStatuses& known = posted[target.source.key];
    if (!known.knows(report.revision)) {
      const Result<void> learnt = co_await learn(target.source, report.revision);
      if (!learnt) co_return Outcome{Retry{learnt.error()}};
    }
    if (!is_due(known, report)) co_return std::nullopt;
    if (known.is_unsure(report.context)) {
      HttpRequest question = statuses_request(target.repository, report.revision);
      const ForgeAnswer answer = co_await call(target, std::move(question));
      // Who may post may not be allowed to read: then a status too many is better than none.
      const bool is_known =
          answer.kind == ForgeAnswer::Kind::Done || answer.kind == ForgeAnswer::Kind::Refused;
      if (!is_known) co_return outcome_of(answer, settings.after_refusal);
      known.settle(report.context);
      if (shows_report(target.repository, answer.body, report))
        co_return co_await remember(target.source, report);
    }
    co_return co_await post(target, report);
  }

  Task<std::optional<Outcome>> post(Target target, CommitReport report) {
    HttpRequest request = status_request(target.repository, report);
    const ForgeAnswer answer = co_await call(target, std::move(request));
    if (answer.kind == ForgeAnswer::Kind::Done ||
        is_repetition(target.repository.forge, answer.status, answer.words)) {
      co_return co_await remember(target.source, report);
    }
    PostedStatuses& known = posted[target.source.key];
    if (answer.kind == ForgeAnswer::Kind::Unknown) known.doubt(report.context);
    if (answer.kind != ForgeAnswer::Kind::Refused)
      co_return outcome_of(answer, settings.after_refusal);
    co_await complain(target.source, report.revision, answer.words);
    // A token can be mended; a commit that the forge does not know stays unknown.
    const bool may_change = answer.status == 401 || answer.status == 403 || answer.status == 404;
    if (may_change) co_return outcome_of(answer, settings.after_refusal);
    known.give_up(report);
    co_return std::nullopt;
  }

  Task<std::optional<Outcome>> remember(SourceStatus source, CommitReport report) {
    posted[source.key].note(report);
    metrics::registry()
        .counter(metrics::kCommitStatuses, {std::string(to_string(report.state))})
        .add();
    complaints.erase(source.key);
    Transaction transaction;
    transaction.add(AppendEvent{posted_event(source, report, parts.clock.now())});
    const Result<void> done = co_await parts.store.commit(std::move(transaction));
    if (!done)
      log_warning("forge", "a posted status is not remembered",
                  {{"source", source.key}, {"error", done.error().describe()}});
    co_return std::nullopt;
  }

  Task<Result<void>> learn(SourceStatus source, std::string revision) {
    EventQuery query;
    query.tenant = source.tenant;
    query.subject = source.key;
    query.limit = kEvents;
    CO_TRY_ASSIGN(const std::vector<EventRow> events,
                  co_await parts.store.events(std::move(query)));
    posted[source.key].learn(revision, events);
    co_return Result<void>();
  }

  /// Says once what is wrong, until something else is.
  Task<> complain(SourceStatus source, std::string revision, std::string words) {
    std::string& last = complaints[source.key];
    if (last == words) co_return;
    last = words;
    log_warning("forge", "a report cannot be posted", {{"source", source.key}, {"why", words}});
    EventRow event;
    event.time = parts.clock.now();
    event.tenant = source.tenant;
    event.subject = source.key;
    event.severity = Severity::Warning;
    event.reason = "StatusNotPosted";
    event.message = redact(words);
    event.revision = std::move(revision);
    Transaction transaction;
    transaction.add(AppendEvent{std::move(event)});
    (void)co_await parts.store.commit(std::move(transaction));
  }

  Task<ForgeAnswer> call(Target target, HttpRequest request) {
    const std::string kind = request.method == "GET" ? "read" : "write";
    ForgeAnswer answer =
        co_await call_forge(target.repository, std::move(request), target.token, parts.clock.now());
    metrics::registry().counter(metrics::kForgeCalls, {kind, outcome_word(answer.kind)}).add();
    constexpr int kUnauthorized = 401;
    const auto& app = target.source.commit_status->app;
    if (answer.status == kUnauthorized && app && parts.apps) parts.apps->forget(*app);
    co_return answer;
  }

  // Comments.

  /// Whoever asks invents numbers as they like: so many of a source wait at most.
  void ask_for_comment(const std::string& source, std::int64_t number) {
    const auto waiting_here =
        std::distance(asked.lower_bound(source + "#"), asked.lower_bound(source + "$"));
    if (waiting_here >= kMostAsked) return;
    const std::string key = fmt::format("{}#{}", source, number);
    asked.insert(key);
    comments.add(key);
  }

  Task<Outcome> comment(std::string key) {
    asked.erase(key);
    const std::size_t mark = key.find('#');
    std::int64_t number = 0;
    std::from_chars(key.data() + mark + 1, key.data() + key.size(), number);
    const std::optional<SourceStatus> source = find(key.substr(0, mark));
    if (!source || !source->commit_status->has_merge_requests) co_return Done{};
    const Result<Target> target = co_await target_of(*source);
    if (!target && target.error().is_retryable()) co_return Retry{target.error()};
    if (!target) {
      co_await complain(*source, "", target.error().describe());
      co_return Terminal{target.error()};
    }
    std::string ref = merge_request_ref(target->repository.forge, number);
    if (ref.empty()) {
      HttpRequest question = merge_request_request(target->repository, number);
      const ForgeAnswer answer = co_await call(*target, std::move(question));
      if (answer.kind != ForgeAnswer::Kind::Done) co_return co_await end(*target, answer);
      ref = source_ref_in(target->repository, answer.body);
    }
    // From another repository, at a forge that does not show it in this one.
    if (ref.empty()) co_return Done{};
    const Result<RefDiff> diff = co_await parts.engine.diff_ref(source->key, std::move(ref));
    if (!diff && diff.error().is_retryable()) co_return Retry{diff.error()};
    if (!diff) co_return Terminal{diff.error()};
    std::string text = comment_text(
        source->key, *diff, diff->problems.empty() ? settings.markdown(diff->changeset) : "");
    co_return co_await keep_comment(*target, number, std::move(text));
  }

  /// The comment that is ours says that, and nothing else does.
  Task<Outcome> keep_comment(Target target, std::int64_t number, std::string text) {
    const std::string marker = comment_marker(target.source.key);
    for (int page = 1; page <= kPages; ++page) {
      HttpRequest question = comments_request(target.repository, number, page);
      const ForgeAnswer answer = co_await call(target, std::move(question));
      if (answer.kind != ForgeAnswer::Kind::Done) co_return co_await end(target, answer);
      const std::vector<ForgeComment> found = comments_in(target.repository.forge, answer.body);
      for (const ForgeComment& one : found) {
        if (!one.text.starts_with(marker)) continue;
        if (one.text == text) co_return Done{};
        HttpRequest change = comment_update_request(target.repository, number, one.id, text);
        const ForgeAnswer changed = co_await call(target, std::move(change));
        // Somebody else's, who copied the marker: ours is another one, or not there yet.
        if (changed.kind != ForgeAnswer::Kind::Refused) co_return co_await end(target, changed);
      }
      if (found.size() < static_cast<std::size_t>(kCommentsPerPage)) break;
    }
    HttpRequest request = comment_request(target.repository, number, text);
    const ForgeAnswer made = co_await call(target, std::move(request));
    co_return co_await end(target, made);
  }

  Task<Outcome> end(Target target, ForgeAnswer answer) {
    if (answer.kind == ForgeAnswer::Kind::Done) co_return Done{};
    if (answer.kind != ForgeAnswer::Kind::Refused)
      co_return outcome_of(answer, settings.after_refusal);
    co_await complain(target.source, "", answer.words);
    co_return Terminal{Error(ErrorCode::Denied, answer.words)};
  }

  ForgeReporterParts parts;
  ForgeReporterSettings settings;
  Signal changed;
  bool is_stopped = false;
  std::map<std::string, PostedStatuses> posted;   ///< by source
  std::map<std::string, std::string> complaints;  ///< by source: the last
  std::set<std::string> waiting;                  ///< sources whose turn comes again by itself
  std::set<std::string> asked;                    ///< "SOURCE#NUMBER" that wait for a comment
  Queue statuses;                                 ///< of sources
  Queue comments;                                 ///< of "SOURCE#NUMBER"
  std::shared_ptr<void> subscription;
};

ForgeReporter::ForgeReporter(ForgeReporterParts parts, ForgeReporterSettings settings)
    : state_(std::make_shared<State>(std::move(parts), std::move(settings))) {
  state_->subscription =
      state_->parts.engine.on_change([state = state_.get()] { state->changed.notify(); });
  spawn(state_->parts.executor, State::follow(state_), "forge reporter");
}

ForgeReporter::~ForgeReporter() {
  state_->is_stopped = true;
  state_->subscription.reset();
  state_->changed.notify();
}

void ForgeReporter::look_at_merge_request(const std::string& source, std::int64_t number) {
  state_->ask_for_comment(source, number);
}

Task<> ForgeReporter::stop() {
  state_->is_stopped = true;
  state_->changed.notify();
  co_await state_->statuses.stop();
  co_await state_->comments.stop();
}

}  // namespace croft
