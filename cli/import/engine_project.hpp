#pragma once
// Compose projects that somebody runs on an engine without Croft, as Stacks:
//
//   engine_project   what an engine says about a project
//   engine_json      reading what an engine says
//   stack_import     that as a compose file and a manifest: pure
//   service_import   one service of it: pure

#include <map>
#include <string>
#include <vector>

#include "core/base/async.hpp"
#include "core/base/result.hpp"
#include "core/base/value.hpp"
#include "providers/docker/engine/engine_client.hpp"

namespace croft::cli {

/// A compose project as an engine describes it: everything is what GET .../json of it answers.
struct EngineProject {
  std::string name;
  std::vector<Value> containers;        ///< in the order of their services' names
  std::map<std::string, Value> images;  ///< by id; those of its containers
  std::vector<Value> networks;          ///< its own, and others that its containers are on
  std::vector<Value> volumes;           ///< likewise
};

/// Reads a project, changing nothing. NotFound if no container is of that project, with the names
/// of those that are there.
Task<Result<EngineProject>> read_engine_project(docker::EngineClient engine, std::string name);

}  // namespace croft::cli
