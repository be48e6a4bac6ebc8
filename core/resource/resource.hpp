#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/value.hpp"
#include "core/resource/ref.hpp"

namespace croft {

/// Where a resource was read from. The commit is the source's, not kept for each resource.
struct Origin {
  std::string source;  ///< key of its Source, "alice/main"; "platform" for the platform repository
  std::string file;    ///< path in the repository
  std::uint32_t document = 0;  ///< index of the YAML document in the file, from 0
  int line = 0;                ///< of its `kind`, from 1

  bool operator==(const Origin&) const = default;
};

/// Where the fields of a derived resource stand: what a compose file says of it is at other paths
/// than its spec's.
struct FieldPlaces {
  struct Place {
    std::string path;  ///< of the spec, "spec.env.GREETING"; "spec" for the whole
    std::string file;  ///< path in the repository
    int line = 0;      ///< from 1
    int column = 0;    ///< from 1, in bytes
    int span = 1;      ///< bytes to underline
  };
  std::vector<Place> places;  ///< sorted by path

  /// The place of a path, or of the nearest thing above it that has one; null if there is none.
  const Place* find(std::string_view path) const;
};

/// A declared thing, checked against its kind, with its defaults filled in. A value; the spec is
/// shared and never changes.
struct Resource {
  Ref ref;
  std::shared_ptr<const Value> spec;    ///< a map in the checked form of core/resource/field.hpp
  std::shared_ptr<const Value> labels;  ///< a map of texts, or null for none
  std::shared_ptr<const Value> annotations;  ///< a map of texts, or null for none
  Origin origin;
  std::shared_ptr<const FieldPlaces> places = nullptr;  ///< of a derived resource; else null
};

/// The digest that `croft.spec` labels carry: SHA-256 over the canonical JSON of the spec, 64
/// hexadecimal digits.
std::string spec_digest(const Value& spec);

/// What something that is depended on must be before its dependent starts.
enum class DependencyState {
  Ready,      ///< its condition Ready is True: healthy, if it has a health check
  Started,    ///< it runs, or has run
  Completed,  ///< it has ended well
};
/// What `dependsWhen` of a spec says of a dependency; Ready if it says nothing.
DependencyState needed_state(const Value& spec, const Ref& dependency);

/// The refs in `dependsOn` that a spec names; texts that are no refs were refused by validation and
/// are left out here.
std::vector<Ref> dependencies_of(const Ref& ref, const Value& spec);

}  // namespace croft
