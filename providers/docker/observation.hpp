#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/value.hpp"
#include "providers/docker/names.hpp"
#include "providers/docker/record.hpp"
#include "providers/port/provider.hpp"

namespace croft::docker {

/// What a list of containers says of one.
struct ContainerSummary {
  std::string id;
  std::string name;
  std::string state;   ///< "running", "exited", ...
  std::string status;  ///< "Up 5 seconds (healthy)", "Exited (1) 2 seconds ago"
  std::string image_id;
  std::int64_t created = 0;  ///< seconds since 1970
  Labels labels;
  std::map<std::int64_t, std::string> ports;    ///< of 127.0.0.1, tcp: inner → outer
  std::map<std::string, std::string> networks;  ///< name → its address there, may be empty
  std::vector<std::string> mount_sources;

  std::string uid() const { return label_or_empty(labels, label::kUid); }
  std::string intent() const { return label_or_empty(labels, label::kIntent); }
  bool is_running() const { return state == "running"; }
  bool is_made_only() const;  ///< created, never started
  bool is_gone() const;       ///< being removed, or what was left when that failed
};

/// Pure: those of a list that this provider made.
std::vector<ContainerSummary> our_containers(const Value& list, std::string_view provider);

/// What only an inspection tells.
struct ContainerDetails {
  std::string state;  ///< "exited", "restarting", ...; of the moment of the inspection
  std::int64_t exit_code = 0;
  bool is_out_of_memory = false;
  std::string error;  ///< why it did not start
  std::optional<Timestamp> started_at;
  std::int64_t restarts = 0;
  std::string restart_policy;
  std::int64_t restart_attempts = 0;
  std::int64_t cpu_millis = 0;
  std::int64_t memory = 0;
  std::int64_t reservation = 0;
  std::int64_t pids = 0;
  int process = 0;  ///< its first one as the engine's machine counts; 0: none runs
  /// Containers whose namespaces it was put into when it was made, by id: their network, their
  /// processes.
  std::vector<std::string> joins;
};
ContainerDetails read_details(const Value& inspection);

/// The part of a summary that changes when the details may have.
std::string fingerprint(const ContainerSummary& summary);

/// Pure: of several containers of one resource, as while one takes another's place: the one that
/// stands for it. The newest that runs (and is not known to be unwell), else the newest.
const ContainerSummary* choose_current(const std::vector<const ContainerSummary*>& all);

/// Pure: why a container must be made anew because of those that it joins: they are not among
/// `current`, which stand for their resources now. Empty if it need not.
std::string outdated_by_joins(const ContainerDetails& details,
                              const std::set<std::string>& current);

/// Pure: what else of the resource is there, for Observed::left_behind; empty if nothing.
std::string left_beside(const ContainerSummary& current,
                        const std::vector<const ContainerSummary*>& all);

/// What else is known when a container is described.
struct Circumstances {
  const Record* record = nullptr;  ///< of its uid, or null
  bool is_local = true;            ///< its address can be reached from here
  bool was_killed = false;         ///< somebody else sent it a signal
  /// It was heard to end by itself with success. Else nobody knows whether it did: an engine that
  /// stops or starts anew ends what runs, and most programs then exit with 0, too.
  bool has_completed = true;
  Timestamp now{};
  std::optional<std::int64_t> storage_bytes;
  std::string moved_image;  ///< what its tag means now, where it follows and that moved; or empty
};

/// How long a container must have run until a restart is forgotten.
inline constexpr Duration kStableAfter{10'000};

/// Pure: what a container says of its resource.
Observed describe_container(const ContainerSummary& summary, const ContainerDetails& details,
                            const Circumstances& circumstances);

/// A volume or network.
struct ObjectSummary {
  std::string name;
  std::string id;      ///< of a network; a volume's name
  std::string bridge;  ///< of a network
  bool is_internal = false;
  std::string mountpoint;  ///< of a volume
  Labels labels;

  std::string uid() const { return label_or_empty(labels, label::kUid); }
  std::string part() const { return label_or_empty(labels, label::kPart); }
  bool is_resource_itself() const { return part().empty(); }
};
std::vector<ObjectSummary> our_networks(const Value& list, std::string_view provider);
std::vector<ObjectSummary> our_volumes(const Value& list, std::string_view provider);

/// Pure: what a volume or network says of its resource; nothing if its data is only kept.
std::optional<Observed> describe_object(const ObjectSummary& object, const Record* record);

/// Pure: RFC 3339 with any number of fractional digits; nothing for the Engine's zero time.
std::optional<Timestamp> parse_engine_time(std::string_view text);

}  // namespace croft::docker
