#pragma once

#include <string>
#include <vector>

#include "cli/import/engine_project.hpp"
#include "cli/import/service_import.hpp"
#include "core/base/result.hpp"

namespace croft::cli {

/// A volume whose data a person may want to take over.
struct VolumeMove {
  std::string from;  ///< its name at the engine
  std::string to;    ///< "Volume/shop.data"
};

/// A project as files of a repository. `compose.yaml` and `hosting.yaml` describe what runs, as far
/// as a Stack can; the notes say what is not as it was.
struct ImportedStack {
  std::string name;     ///< of the Stack
  std::string compose;  ///< text of the compose file
  std::string hosting;  ///< text of the manifest
  std::size_t services = 0;
  std::vector<ImportNote> notes;
  std::vector<VolumeMove> data;
  bool has_secrets = false;
};

inline constexpr const char* kComposeFile = "compose.yaml";
inline constexpr const char* kHostingFile = "hosting.yaml";

/// Pure. Invalid for a project that Croft itself runs.
Result<ImportedStack> import_project(const EngineProject& project);

}  // namespace croft::cli
