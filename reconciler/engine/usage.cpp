#include "reconciler/engine/usage.hpp"

#include <algorithm>

namespace croft {

void UsageRecorder::take_over(std::vector<UsageRow> open) {
  for (UsageRow& row : open) {
    std::string uid = row.resource_uid;
    inherited_.insert_or_assign(std::move(uid), std::move(row));
  }
}

Write UsageRecorder::close(UsageRow row, Timestamp at) const {
  row.to = std::max(at, row.from);
  row.heartbeat = *row.to;
  row.quantity = (*row.to - row.from).count();
  return PutUsage{std::move(row)};
}

std::vector<Write> UsageRecorder::note(const std::string& tenant_uid,
                                       const std::string& resource_uid, const std::string& provider,
                                       const Observed* observed) {
  std::vector<Write> writes;
  const bool is_active = observed != nullptr && observed->phase == Phase::Running;
  if (auto old = inherited_.extract(resource_uid)) {
    const bool same_run =
        is_active && observed->started_at && *observed->started_at <= old.mapped().heartbeat;
    if (same_run) {
      open_[resource_uid] = std::move(old.mapped());
    } else {
      const Timestamp last_seen = old.mapped().heartbeat;
      writes.push_back(close(std::move(old.mapped()), last_seen));
    }
  }
  const auto current = open_.find(resource_uid);
  if (is_active && current == open_.end()) {
    UsageRow row;
    row.id = random_.id();
    row.tenant_uid = tenant_uid;
    row.resource_uid = resource_uid;
    row.meter = "active";
    row.from = clock_.now();
    row.heartbeat = row.from;
    row.dimensions = std::make_shared<const Value>(Value::map({{"provider", provider}}));
    writes.emplace_back(PutUsage{row});
    open_.emplace(resource_uid, std::move(row));
  } else if (!is_active && current != open_.end()) {
    writes.push_back(close(std::move(current->second), clock_.now()));
    open_.erase(current);
  }
  return writes;
}

std::vector<Write> UsageRecorder::heartbeat() {
  std::vector<Write> writes;
  for (auto& [uid, row] : open_) {
    row.heartbeat = clock_.now();
    writes.emplace_back(PutUsage{row});
  }
  return writes;
}

}  // namespace croft
