#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/base/result.hpp"
#include "core/store/rows.hpp"
#include "reconciler/engine.hpp"

namespace croft {

/// Which events somebody wants to see, beside whose they are. Empty parts want any. Pure.
struct EventFilter {
  std::vector<std::string> reasons;  ///< patterns, of which one has to match: "Created", "*Failed"
  std::vector<std::string> resources;  ///< as above: "Site/*", "alice/Instance/api"
  std::optional<Severity> severity;
  std::string revision;            ///< how it begins
  std::optional<Timestamp> since;  ///< then, or later
  std::optional<Timestamp> until;  ///< before then

  bool matches(const EventRow& event) const;
  bool is_empty() const;
};

/// Reads what stands in a query: reason and resource with commas between patterns; since and until
/// as times (RFC 3339) or as how long ago ("15m"). Patterns are those of a shell, of which `*` and
/// `?` match no '/', whatever the case of letters; one of a resource without its tenant matches
/// every tenant's. Invalid, naming the parameter.
Result<EventFilter> read_event_filter(const Value& query, Timestamp now);

/// The events of a query that the filter lets through, oldest first: with query.after = 0 the
/// newest `limit` of them, otherwise the first ones.
Task<Result<std::vector<EventRow>>> filtered_events(Engine& engine, EventQuery query,
                                                    EventFilter filter);

}  // namespace croft
