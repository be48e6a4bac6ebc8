#pragma once

#include <functional>
#include <string>
#include <vector>

#include "core/store/rows.hpp"
#include "core/store/transaction.hpp"
#include "plans/admission/quotas.hpp"

namespace croft::notify {

/// What the journal holds before a transaction, as far as that says what is new in it. Both may
/// give null.
struct Before {
  std::function<const ResourceRow*(const Ref&)> resource;
  std::function<const SourceRow*(const std::string& key)> source;
};

/// What a transaction of the engine's makes known: its facts as notifications, in their order,
/// without ids. Pure. Facts of no type (core/resource/event_type.hpp) make none: a line of a build,
/// a command that was run.
///
/// A revision's fate is among them: croft.revision.applied, croft.revision.rejected with the
/// Source's key as subject.
std::vector<NotificationRow> what_happened(const Transaction& transaction, const Before& before);

/// What is told of a Webhook itself, by name of the type: with that reason.
NotificationRow about_webhook(std::string type, const Ref& ref, Severity severity,
                              std::string reason, std::string message, Timestamp now);

/// What is told of a quota: the event of the history, with its numbers.
NotificationRow about_quota(const EventRow& event, const plans::ThresholdReached& reached);

}  // namespace croft::notify
