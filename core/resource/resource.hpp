#pragma once

#include <cstdint>
#include <memory>
#include <string>
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

/// A declared thing, checked against its kind, with its defaults filled in. A value; the spec is
/// shared and never changes.
struct Resource {
  Ref ref;
  std::shared_ptr<const Value> spec;    ///< a map in the checked form of core/resource/field.hpp
  std::shared_ptr<const Value> labels;  ///< a map of texts, or null for none
  std::shared_ptr<const Value> annotations;  ///< a map of texts, or null for none
  Origin origin;
};

/// The digest that `croft.spec` labels carry: SHA-256 over the canonical JSON of the spec, 64
/// hexadecimal digits.
std::string spec_digest(const Value& spec);

/// The refs in `dependsOn` that a spec names; texts that are no refs were refused by validation and
/// are left out here.
std::vector<Ref> dependencies_of(const Ref& ref, const Value& spec);

}  // namespace croft
