#pragma once

#include <map>
#include <string>
#include <vector>

#include "core/base/clock.hpp"
#include "core/base/id.hpp"
#include "core/store/rows.hpp"
#include "core/store/transaction.hpp"
#include "providers/port/provider.hpp"

namespace croft {

/// Records active time as usage facts from a provider's reports: an interval opens at the first
/// Running report and closes when it ends; after a crash of Croft it closes at the last heartbeat
/// unless the same run still goes on, so that in doubt the operator pays and not the tenant. Gives
/// writes; the caller commits them.
class UsageRecorder {
 public:
  UsageRecorder(const Clock& clock, RandomSource& random) : clock_(clock), random_(random) {}

  /// Takes over the intervals that were open when the last writer stopped.
  void take_over(std::vector<UsageRow> open);

  /// What a report means for one resource; null: it is not there any more.
  std::vector<Write> note(const std::string& tenant_uid, const std::string& resource_uid,
                          const std::string& provider, const Observed* observed);

  /// Moves the heartbeat of every open interval; call once a minute.
  std::vector<Write> heartbeat();

 private:
  Write close(UsageRow row, Timestamp at) const;

  const Clock& clock_;
  RandomSource& random_;
  std::map<std::string, UsageRow> open_;       ///< by resource uid
  std::map<std::string, UsageRow> inherited_;  ///< of a writer before us, not yet confirmed
};

}  // namespace croft
