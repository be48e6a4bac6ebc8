#pragma once

#include "providers/docker/core.hpp"

namespace croft::docker {

// The containers that are there for a resource: which one stands for it, with what it runs, and how
// others end.

using Summaries = std::vector<ContainerSummary>;

inline constexpr Duration kStopReserve{
    2'000};  ///< of an effect's time, for what comes after a stop

/// The one that stands for the resource (see choose_current), or null.
const ContainerSummary* current_of(const Summaries& all);

/// What is remembered of this container; null if that is about another one.
std::shared_ptr<const Record> record_for(const Core& core, const std::string& uid,
                                         const ContainerSummary& container);
/// The spec that a container runs with, as it was asked for.
Value fields_of(const Core& core, const std::string& uid, const ContainerSummary& container);
Task<Result<void>> save_record(CorePtr core, std::string uid, Record record);
Task<> forget_record(CorePtr core, std::string uid);

/// How long a container of that spec has for its end.
Duration grace_of(const Value& spec);
/// Stops it, within the grace or the time left, and removes it.
Task<Result<void>> end_container(CorePtr core, ContainerSummary container, Duration grace,
                                 bool removes, Limit limit);
/// Ends and removes all containers of the resource but `current`, and networks that it has left.
Task<Result<void>> settle(CorePtr core, EffectPtr effect, std::string current, Limit limit);

}  // namespace croft::docker
