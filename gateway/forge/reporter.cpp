#include "gateway/forge/reporter.hpp"

#include <algorithm>
#include <map>
#include <set>
#include <variant>

#include <fmt/format.h>

#include "core/base/log.hpp"
#include "core/base/metric_families.hpp"
#include "core/base/work.hpp"
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
/// Few enough that strangers' merge requests leave room in the engine for what is followed.
constexpr int kCommentsAtOnce = 4;
constexpr std::size_t kMostAsked = 100;
/// Fetches of one merge request that took too long.
constexpr int kMostTimeouts = 3;
constexpr std::size_t kMostSaid = 10'000;
constexpr std::size_t kLongestToken = 65'536;
constexpr Duration kNoTimeout{86'400'000};
/// How far the events of a source are looked through for what was posted, or asked for.
constexpr std::size_t kEventsPerPage = 1'000;
constexpr int kEventPages = 50;
/// At the most so many are asked for of what a forge shows of a commit.
constexpr int kStatusPages = 50;
constexpr std::size_t kCommentEvents = 10;
/// On each merge request; the marker is looked for in no more.
constexpr int kPages = 20;

/// Where reports of a source go, and with which token.
struct Target {
  SourceStatus source;
  ForgeRepository repository;
  Secret<std::string> token;
};

/// What was posted for a source, by revision.
struct SourceMemory {
  std::map<std::string, PostedStatuses> revisions;
  bool had_turn = false;  ///< all that it has to say was looked at since start
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
        ended(parts.executor),
        statuses(parts.executor, parts.random, kAtOnce,
                 [this](std::string key) { return take_turn(std::move(key)); }),
        comments(parts.executor, parts.random, kCommentsAtOnce,
                 [this](std::string key) { return take_comment_turn(std::move(key)); }) {}

  static Task<> follow(std::shared_ptr<State> state) {
    while (!state->is_stopped) {
      state->look();
      co_await state->changed.wait(kNoTimeout);
      if (!state->is_stopped) co_await sleep_for(state->settings.gather);
    }
    // Whatever is under way uses the state.
    co_await state->statuses.stop();
    co_await state->comments.stop();
    state->has_ended = true;
    state->ended.notify();
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
      if (source.commit_status->has_merge_requests && !recalled.contains(source.key) &&
          !busy_with_comments.contains(source.key)) {
        comments.add(source.key);
      }
      // A forge that said when to come back is not asked before, unless it is told of anew.
      if (busy.contains(source.key) && !is_mended(source)) continue;
      const std::vector<CommitReport> all = reports(source);
      const bool has_news = std::ranges::any_of(all, [&](const CommitReport& one) {
        const PostedStatuses* known = find_posted(source.key, one.revision);
        return known == nullptr || is_due(*known, one);
      });
      if (has_news) statuses.add(source.key);
    }
  }

  /// It waits, and for what is declared no more.
  bool is_mended(const SourceStatus& source) const {
    const auto found = waits.find(source.key);
    return found != waits.end() && found->second != source.commit_status;
  }

  PostedStatuses* find_posted(const std::string& source, const std::string& revision) {
    auto& revisions = posted[source].revisions;
    const auto found = revisions.find(revision);
    return found == revisions.end() ? nullptr : &found->second;
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
    busy.insert(key);
    waits.erase(key);
    const std::optional<SourceStatus> source = find(key);
    auto work = std::make_shared<Work>();
    if (source)
      work->facts = {{"tenant", source->tenant}, {"revision", source->attempted_revision}};
    Outcome outcome = co_await doing(std::move(work), report(key));
    if (std::holds_alternative<Done>(outcome)) {
      busy.erase(key);
    } else if (source) {
      waits.insert_or_assign(key, source->commit_status);
    }
    if (const Retry* retry = std::get_if<Retry>(&outcome)) {
      log_info("forge", "a report cannot be posted yet; it is tried again",
               {{"source", key},
                {"revision", source ? source->attempted_revision : ""},
                {"error", retry->error.describe()}});
    }
    changed.notify();  // what came meanwhile
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
    SourceMemory& memory = posted[key];
    if (!all.empty()) forget_others(memory, all);
    const Result<void> learnt = co_await learn(*source, all);
    if (!learnt) co_return Retry{learnt.error()};
    for (const CommitReport& one : all) {
      std::optional<Outcome> outcome = co_await say(*target, one);
      if (outcome) co_return std::move(*outcome);
    }
    memory.had_turn = true;
    co_return Done{};
  }

  static void forget_others(SourceMemory& memory, const std::vector<CommitReport>& all) {
    std::erase_if(memory.revisions, [&](const auto& entry) {
      return std::ranges::find(all, entry.first, &CommitReport::revision) == all.end();
    });
  }

  /// Nothing if that status is posted, or needs not be; else how the pass ends.
  Task<std::optional<Outcome>> say(Target target, CommitReport report) {
    PostedStatuses& known = *find_posted(target.source.key, report.revision);
    if (!is_due(known, report)) co_return std::nullopt;
    if (known.is_unsure(report.context)) {
      std::optional<Outcome> outcome = co_await ask(target, report.revision);
      if (outcome) co_return std::move(*outcome);
    }
    if (known.was_shown(target.repository, report))
      co_return co_await remember(target.source, report);
    co_return co_await post(target, report);
  }

  /// What the forge shows of that commit, once for all contexts; how the pass ends if nobody knows.
  Task<std::optional<Outcome>> ask(Target target, std::string revision) {
    ShownStatuses shown;
    for (int page = 1; page <= kStatusPages; ++page) {
      HttpRequest question = statuses_request(target.repository, revision, page);
      const ForgeAnswer answer = co_await call(target, std::move(question));
      // Who may post may not be allowed to read: then a status too many is better than none.
      if (answer.kind == ForgeAnswer::Kind::Refused) break;
      if (answer.kind != ForgeAnswer::Kind::Done)
        co_return outcome_of(answer, settings.after_refusal);
      if (!shown.add(target.repository, answer.body)) break;
    }
    find_posted(target.source.key, revision)->settle(std::move(shown));
    co_return std::nullopt;
  }

  Task<std::optional<Outcome>> post(Target target, CommitReport report) {
    HttpRequest request = status_request(target.repository, report);
    const ForgeAnswer answer = co_await call(target, std::move(request));
    if (answer.kind == ForgeAnswer::Kind::Done ||
        is_repetition(target.repository.forge, answer.status, answer.words)) {
      co_return co_await remember(target.source, report);
    }
    PostedStatuses& known = *find_posted(target.source.key, report.revision);
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
    find_posted(source.key, report.revision)->note(report);
    metrics::registry()
        .counter(metrics::kCommitStatuses, {std::string(to_string(report.state))})
        .add();
    complaints.erase(source.key);
    EventRow event = posted_event(source, report, parts.clock.now());
    const Result<void> done = co_await append(std::move(event));
    if (!done)
      log_warning("forge", "a posted status is not remembered",
                  {{"source", source.key}, {"error", done.error().describe()}});
    co_return std::nullopt;
  }

  /// What was posted of revisions that are new to us.
  Task<Result<void>> learn(SourceStatus source, std::vector<CommitReport> all) {
    std::map<std::string, std::set<std::string>> contexts;  // by revision
    for (const CommitReport& one : all) {
      if (find_posted(source.key, one.revision) == nullptr)
        contexts[one.revision].insert(one.context);
    }
    for (const auto& [revision, wanted] : contexts) {
      PostedStatuses known(revision, !posted[source.key].had_turn);
      std::function<bool(const std::vector<EventRow>&)> take = [&](const auto& events) {
        known.recall(events);
        return !known.knows(wanted);
      };
      CO_TRY(co_await look_back(source, std::move(take)));
      posted[source.key].revisions.insert_or_assign(revision, std::move(known));
    }
    co_return Result<void>();
  }

  /// Gives the source's events page after page, from the newest page to the oldest, each oldest
  /// first, for so long as more are wanted.
  Task<Result<void>> look_back(SourceStatus source,
                               std::function<bool(const std::vector<EventRow>&)> wants_more) {
    EventQuery query;
    query.tenant = source.tenant;
    query.subject = source.key;
    query.limit = kEventsPerPage;
    for (int page = 0; page < kEventPages; ++page) {
      CO_TRY_ASSIGN(const std::vector<EventRow> events, co_await parts.store.events(query));
      const bool is_last = events.size() < kEventsPerPage;
      if (!wants_more(events) || is_last) break;
      query.before = events.front().sequence;
    }
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
    (void)co_await append(std::move(event));
  }

  Task<Result<void>> append(EventRow event) {
    Transaction transaction;
    transaction.add(AppendEvent{std::move(event)});
    co_return co_await parts.store.commit(std::move(transaction));
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
  Task<Result<void>> ask_for_comment(std::string key, std::int64_t number) {
    const std::optional<SourceStatus> source = find(key);
    const bool is_wanted = source && source->commit_status->has_merge_requests;
    if (!is_wanted || asked[key].has(number) || asked[key].numbers.size() >= kMostAsked)
      co_return Result<void>();
    // Before it is written: whoever ends the one before it sees that there is another.
    asked[key].add(number);
    EventRow event = asked_event(*source, number, false, parts.clock.now());
    Result<void> written = co_await append(std::move(event));
    if (!written) std::erase(asked[key].numbers, number);
    if (written && !busy_with_comments.contains(key)) comments.add(key);
    co_return while_doing(std::move(written), "remembering that a comment is asked for");
  }

  /// What was asked for before the start, and is not over.
  Task<Result<void>> recall_asked(SourceStatus source) {
    std::map<std::int64_t, bool> all;
    std::function<bool(const std::vector<EventRow>&)> take = [&](const auto& events) {
      all.merge(asked_in(events));
      return true;
    };
    CO_TRY(co_await look_back(source, std::move(take)));
    for (const auto& [number, is_over] : all) {
      if (!is_over && asked[source.key].numbers.size() < kMostAsked) asked[source.key].add(number);
    }
    recalled.insert(source.key);
    co_return Result<void>();
  }

  /// Unless it was asked for anew meanwhile.
  Task<> settle_comment(std::string key, std::int64_t number) {
    const std::optional<SourceStatus> source = find(key);
    if (!source || asked[key].has(number)) co_return;
    EventRow event = asked_event(*source, number, true, parts.clock.now());
    const Result<void> done = co_await append(std::move(event));
    if (!done)
      log_warning("forge", "a comment is not remembered; after a restart it is looked at again",
                  {{"source", key}, {"error", done.error().describe()}});
  }

  /// One merge request of the source, then the turn is another source's.
  Task<Outcome> take_comment_turn(std::string source) {
    busy_with_comments.insert(source);
    const std::optional<SourceStatus> known = find(source);
    if (known && !recalled.contains(source)) {
      const Result<void> done = co_await recall_asked(*known);
      if (!done) co_return Retry{done.error()};
    }
    AskedComments& asked_here = asked[source];
    if (!asked_here.numbers.empty()) {
      const std::int64_t number = asked_here.numbers.front();
      asked_here.numbers.pop_front();
      Outcome outcome = co_await comment(source, number);
      const bool is_over =
          std::holds_alternative<Done>(outcome) || std::holds_alternative<Terminal>(outcome);
      if (!is_over) {
        asked_here.add(number);
        co_return outcome;
      }
      asked_here.timeouts.erase(number);
      co_await settle_comment(source, number);
    }
    busy_with_comments.erase(source);
    if (!asked_here.numbers.empty()) co_return After{Duration::zero()};
    asked.erase(source);
    co_return Done{};
  }

  Task<Outcome> comment(std::string key, std::int64_t number) {
    const std::optional<SourceStatus> source = find(key);
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
    if (!diff) co_return co_await end_without_diff(*source, number, diff.error());
    std::string text = comment_text(
        source->key, *diff, diff->problems.empty() ? settings.markdown(diff->changeset) : "");
    co_return co_await keep_comment(*target, number, std::move(text));
  }

  Task<Outcome> end_without_diff(SourceStatus source, std::int64_t number, Error error) {
    const bool is_late = error.code() == ErrorCode::Timeout;
    const bool is_late_again = is_late && ++asked[source.key].timeouts[number] >= kMostTimeouts;
    if (error.is_retryable() && !is_late_again) co_return Retry{std::move(error)};
    co_await complain(source, "", fmt::format("merge request {}: {}", number, error.describe()));
    co_return Terminal{std::move(error)};
  }

  /// The comment that is ours says that, and nothing else does.
  Task<Outcome> keep_comment(Target target, std::int64_t number, std::string text) {
    const std::string subject = comment_subject(target.source.key, number);
    const Result<std::optional<KeptComment>> recalled = co_await recall(target.source, number);
    if (!recalled) co_return Retry{recalled.error()};
    std::optional<KeptComment> kept = *recalled;
    if (kept && kept->id == 0) {
      const ForgeAnswer answer = co_await find_comment(target, number, *kept);
      if (answer.kind != ForgeAnswer::Kind::Done) co_return co_await end(target, answer);
    }
    if (kept && kept->id != 0) {
      if (was_said(subject, text)) co_return Done{};
      HttpRequest change = comment_update_request(target.repository, number, kept->id,
                                                  comment_marker(kept->mark) + text);
      const ForgeAnswer updated = co_await call(target, std::move(change));
      if (updated.kind == ForgeAnswer::Kind::Done) note_said(subject, text);
      // Somebody removed it, or it was posted with the token of somebody else.
      const bool is_gone = updated.status == 403 || updated.status == 404 || updated.status == 410;
      if (updated.kind != ForgeAnswer::Kind::Refused || !is_gone)
        co_return co_await end(target, updated);
      kept.reset();
    }
    co_return co_await post_comment(target, number, std::move(kept), std::move(text));
  }

  bool was_said(const std::string& subject, const std::string& text) const {
    const auto found = said.find(subject);
    return found != said.end() && found->second == sha256_hex(text);
  }
  /// What is forgotten costs a request that changes nothing.
  void note_said(const std::string& subject, const std::string& text) {
    if (said.size() >= kMostSaid) said.clear();
    said[subject] = sha256_hex(text);
  }

  Task<Result<std::optional<KeptComment>>> recall(SourceStatus source, std::int64_t number) {
    EventQuery query;
    query.tenant = source.tenant;
    query.subject = comment_subject(source.key, number);
    query.limit = kCommentEvents;
    CO_TRY_ASSIGN(const std::vector<EventRow> events,
                  co_await parts.store.events(std::move(query)));
    co_return kept_comment(events);
  }

  /// Looks at the forge whether a comment that was begun is there; not there is Done, too.
  Task<ForgeAnswer> find_comment(Target target, std::int64_t number, KeptComment& kept) {
    const std::string marker = comment_marker(kept.mark);
    for (int page = 1; page <= kPages; ++page) {
      HttpRequest question = comments_request(target.repository, number, page);
      ForgeAnswer answer = co_await call(target, std::move(question));
      if (answer.kind != ForgeAnswer::Kind::Done) co_return answer;
      const std::vector<ForgeComment> found = comments_in(target.repository.forge, answer.body);
      const auto ours = std::ranges::find_if(
          found, [&](const ForgeComment& one) { return one.text.starts_with(marker); });
      if (ours != found.end()) {
        kept.id = ours->id;
        co_await remember_comment(target.source, number, kept);
      }
      if (kept.id != 0 || found.size() < static_cast<std::size_t>(kCommentsPerPage)) break;
    }
    co_return ForgeAnswer{};
  }

  /// `kept`: its mark if it was begun before.
  Task<Outcome> post_comment(Target target, std::int64_t number, std::optional<KeptComment> kept,
                             std::string text) {
    if (!kept) {
      kept = KeptComment{parts.random.id(), 0};
      EventRow event = comment_event(target.source, number, *kept, parts.clock.now());
      const Result<void> done = co_await append(std::move(event));
      if (!done) co_return Retry{done.error()};
    }
    HttpRequest request =
        comment_request(target.repository, number, comment_marker(kept->mark) + text);
    const ForgeAnswer made = co_await call(target, std::move(request));
    if (made.kind == ForgeAnswer::Kind::Done) {
      note_said(comment_subject(target.source.key, number), text);
      kept->id = comment_in(made.body);
      co_await remember_comment(target.source, number, *kept);
    }
    co_return co_await end(target, made);
  }

  Task<> remember_comment(SourceStatus source, std::int64_t number, KeptComment kept) {
    EventRow event = comment_event(source, number, kept, parts.clock.now());
    const Result<void> done = co_await append(std::move(event));
    if (!done)
      log_warning("forge", "a posted comment is not remembered; it will be looked for",
                  {{"source", source.key}, {"error", done.error().describe()}});
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
  Signal ended;
  bool is_stopped = false;
  bool has_ended = false;                         ///< nothing is under way any more
  std::map<std::string, SourceMemory> posted;     ///< by source
  std::map<std::string, std::string> complaints;  ///< by source: the last
  std::set<std::string> busy;                     ///< sources that have their turn, or will
  /// Of those that wait: with which declaration their last turn was.
  std::map<std::string, std::optional<CommitStatusDeclaration>> waits;
  std::map<std::string, AskedComments> asked;  ///< by source
  std::set<std::string> recalled;              ///< sources: what was asked for before is in `asked`
  std::set<std::string> busy_with_comments;    ///< as `busy`
  std::map<std::string, std::string> said;     ///< by comment_subject(): the digest
  Queue statuses;                              ///< of sources
  Queue comments;                              ///< of sources
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

Task<Result<void>> ForgeReporter::look_at_merge_request(std::string source, std::int64_t number) {
  const std::shared_ptr<State> state = state_;
  co_return co_await state->ask_for_comment(std::move(source), number);
}

Task<> ForgeReporter::stop() {
  const std::shared_ptr<State> state = state_;
  state->is_stopped = true;
  state->changed.notify();
  while (!state->has_ended) co_await state->ended.wait(Duration(1000));
}

}  // namespace croft
