#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/base/value.hpp"
#include "core/manifest/compose/source.hpp"

namespace croft::manifest::compose {

/// A spec that is being made of a compose file, and where each of its fields stands there.
struct Draft {
  std::string name;  ///< in the Stack
  Spot spot;         ///< of its key in the compose file
  Value spec = Value::map();
  std::vector<std::pair<std::string, Spot>> places;  ///< by path of the spec, "env.GREETING"

  void set(std::string_view field, Value value, const Spot& spot_of_field);
  /// Sets an entry of an object or map in the spec.
  void set_in(std::string_view field, std::string_view key, Value value, const Spot& spot_of_field);
  /// Appends to a list in the spec.
  void append(std::string_view field, Value value, const Spot& spot_of_field);
};

/// One service as the project's files say it, before a Stack adds to it. Its spec is that of a
/// Service without `ports`, `routes`, `dependsOn`, `provider` and the like.
struct Service {
  struct Dependency {
    std::string service;
    std::string when;  ///< "started", "healthy", "completed"
    bool is_required = true;
    Spot spot;
  };
  struct Use {  ///< of a named volume or a network of the project
    std::string name;
    Spot spot;
  };

  Draft draft;
  std::vector<std::string> profiles;
  std::vector<Dependency> depends_on;
  std::vector<Use> volumes;
  std::vector<Use> networks;
};

/// What the compose files of a Stack say, checked and merged.
struct Project {
  static constexpr std::size_t kMostServices = 200;

  std::vector<Service> services;      ///< all of them, in the order of the files
  std::vector<Draft> volumes;         ///< named volumes
  std::vector<Draft> networks;        ///< those that services use, "default" among them
  std::vector<std::string> contexts;  ///< directories that images are built from, from the root
};

}  // namespace croft::manifest::compose
