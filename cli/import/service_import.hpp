#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "core/base/value.hpp"

namespace croft::cli {

/// Something that a person should know or do about what was imported.
struct ImportNote {
  std::string about;       ///< "service 'web'", or empty: all of it
  std::string what;        ///< what is not as it was
  std::string advice;      ///< what to do
  bool is_comment = true;  ///< stands in the compose file, too
};

/// What a service's container is called by in the compose file.
struct ImportNames {
  std::map<std::string, std::string> volumes;   ///< the engine's name → the key in the file
  std::map<std::string, std::string> networks;  ///< likewise; those of others are not there
  std::map<std::string, std::string> services;  ///< id of a container → its service
};

/// One service as its container runs.
struct ImportedService {
  std::string name;
  std::vector<std::pair<std::string, Value>> fields;  ///< of the compose file, in its order
  std::vector<ImportNote> notes;
  std::vector<int> ports;  ///< TCP ports that it publishes, for `expose` of the Stack
  bool has_secrets = false;
  bool has_limits = false;  ///< of memory and of processor time
};

/// What the image says by itself is left out. `container` and `image` as the engine inspects them.
ImportedService import_service(const Value& container, const Value& image,
                               const ImportNames& names);

}  // namespace croft::cli
