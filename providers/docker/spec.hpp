#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/base/result.hpp"
#include "core/base/value.hpp"
#include "core/resource/ref.hpp"
#include "providers/docker/settings.hpp"
#include "providers/port/update_way.hpp"

namespace croft::docker {

/// Where an Instance finds its files, and where it runs if it has some.
inline constexpr const char* kAppDirectory = "/app";
inline constexpr std::int64_t kDefaultPort = 8080;

/// Pure: what Provider::normalize promises. An Invalid error's first context is the field's path,
/// "spec.labels".
Result<Value> normalize_spec(const ProviderSettings& settings, const Ref& ref, const Value& spec);

/// Pure: an Instance's normalised spec in the words of a Service's, so that one plan fits both; a
/// Service's is given back as it is. Volumes of an Instance are mounts with a name that are its own
/// (`own: true`), `ports` is where it
/// listens, and `prefersInit` says that an init is welcome where the engine has one.
Value workload_of(const Ref& ref, const Value& spec);

/// Pure: true if the change can be made to the container that runs, without another one: limits,
/// restart policy, and what is not the engine's at all.
bool is_change_in_place(Kind kind, const Value& before, const Value& after);

/// Pure: why a second container with this spec cannot run beside the first: "it has a host port".
/// Empty if it can.
std::string why_not_beside(const Value& workload);

/// Pure: what Provider::how_updated promises. `is_anew`: another container is needed whatever the
/// specs say.
UpdateManner manner_of_update(const Ref& ref, const Value& before, const Value& after,
                              bool is_anew);

/// Pure: the entries of a list, or none.
const Value::List& elements_at(const Value& spec, std::string_view path);
const Value::Map& entries_at(const Value& spec, std::string_view path);
std::vector<std::string> texts_at(const Value& spec, std::string_view path);

}  // namespace croft::docker
