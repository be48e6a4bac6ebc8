// Pushes as traces, and what log lines say of a pass. What the spans are is in push.hpp.

#include <algorithm>

#include "core/base/work.hpp"
#include "reconciler/engine/engine_impl.hpp"

namespace croft {

namespace {

constexpr std::size_t kShort = 7;
/// What is not ready after that long may never be; a trace that nobody sees helps nobody.
constexpr std::int64_t kLongestPush = 1'800'000'000'000;

}  // namespace

WorkPtr EngineImpl::work_on_source(const std::string& key) const {
  auto work = std::make_shared<Work>();
  work->facts = {{"source", key}};
  return work;
}

WorkPtr EngineImpl::work_on_tenant(const std::string& tenant) const {
  auto work = std::make_shared<Work>();
  work->facts = {{"tenant", tenant}};
  if (tracer() == nullptr) return work;
  for (const auto& [key, source] : sources_) {
    if (!source.push || source.keeper->declaration().tenant != tenant) continue;
    work->span = source.push->span.context();
    break;
  }
  return work;
}

void EngineImpl::begin_push(const std::string& key, const std::string& commit,
                            std::int64_t looked_at, std::int64_t fetched_at) {
  note_fact("revision", commit.substr(0, kShort));
  if (tracer() == nullptr) return;
  SourceState& source = sources_.at(key);
  const WorkPtr& work = current_work();
  if (source.push && source.push->commit == commit) {
    // Another look, by hand, found it at the same time.
    if (work) work->span = source.push->span.context();
    return;
  }
  end_push(key, "superseded by " + commit.substr(0, kShort));
  Push push{.commit = commit, .span = Span::root("push", std::exchange(source.asked_by, {}))};
  if (!push.span) return;
  push.begun = looked_at;
  push.span.begin_at(looked_at);
  push.span.set("croft.source", key);
  push.span.set("croft.tenant", source.keeper->declaration().tenant);
  push.span.set("croft.revision", commit);
  Span fetch = Span::part_of(push.span.context(), "fetch");
  fetch.begin_at(looked_at);
  fetch.end_at(fetched_at);
  if (work) work->span = push.span.context();
  source.push = std::move(push);
}

void EngineImpl::end_push(const std::string& key, const std::optional<std::string>& error) {
  const auto source = sources_.find(key);
  if (source == sources_.end() || !source->second.push) return;
  Push push = std::move(*source->second.push);
  source->second.push.reset();
  if (error) {
    push.becoming_ready.fail(*error);
    push.span.fail(*error);
  }
  push.becoming_ready.end();
  push.span.end();
}

Span EngineImpl::join_push(const Prepared& prepared, std::int64_t begun) const {
  const WorkPtr& work = current_work();
  if (tracer() == nullptr || !work || work->span.is_set()) return {};
  for (const auto& [key, load] : prepared.loads) {
    const auto source = sources_.find(key);
    if (source == sources_.end() || !source->second.push) continue;
    const Push& push = *source->second.push;
    if (push.commit != load->commit) continue;
    Span pass = Span::part_of(push.span.context(), "pass");
    pass.begin_at(begun);
    Span preparing = Span::part_of(pass.context(), "prepare");
    preparing.begin_at(begun);
    work->span = pass.context();
    return pass;
  }
  return {};
}

void EngineImpl::follow_pushes(const std::string& tenant) {
  if (tracer() == nullptr) return;
  for (auto& [key, source] : sources_) {
    // What waits to be judged makes another pass.
    const bool is_applied = source.push && !source.candidate &&
                            source.keeper->declaration().tenant == tenant && source.accepted &&
                            source.accepted->commit == source.push->commit;
    if (!is_applied) continue;
    const auto is_waited_for = [&](const ResourceRow* row) {
      const Condition* ready = find_condition(row->conditions, "Ready");
      return row->source == key && row->state == InventoryState::Owned &&
             (ready == nullptr || ready->status != ConditionStatus::True);
    };
    Push& push = *source.push;
    // Until a pass came to its end, what it has not made yet is in no row.
    const bool has_passed = source.passed_revision == push.commit;
    if (has_passed && std::ranges::none_of(journal_.resources_of(tenant), is_waited_for)) {
      end_push(key, std::nullopt);
    } else if (span_time() - push.begun > kLongestPush) {
      end_push(key, "it was not ready in time");
    } else if (!push.becoming_ready) {
      push.becoming_ready = Span::part_of(push.span.context(), "becoming ready");
    }
  }
}

}  // namespace croft
