#include "cli/import/engine_project.hpp"

#include <algorithm>
#include <set>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "cli/import/engine_json.hpp"

namespace croft::cli {

namespace {

docker::Filters of_project(const std::string& name) {
  return {{"label", {fmt::format("{}={}", compose_label::kProject, name)}}};
}

std::string service_of(const Value& container) {
  return text_at(container, {"Config", "Labels", compose_label::kService});
}

std::string project_of(const Value& summary) {
  return text_at(summary, {"Labels", compose_label::kProject});
}

// Lists of keys are written in plain functions: GCC 12 does not compile them in coroutines.

Task<Result<std::string>> projects_there(docker::EngineClient engine) {
  const docker::Filters filters{{"label", {std::string(compose_label::kProject)}}};
  CO_TRY_ASSIGN(const Value all, co_await engine.containers().list(filters));
  std::set<std::string> names;
  for (const Value& one : all.as_list()) names.insert(project_of(one));
  if (names.empty()) co_return std::string("no compose project has containers on this engine");
  co_return fmt::format("there are: {}", fmt::join(names, ", "));
}

Task<Result<void>> read_containers(docker::EngineClient engine, EngineProject& project) {
  const docker::Filters filters = of_project(project.name);
  CO_TRY_ASSIGN(const Value list, co_await engine.containers().list(filters));
  for (const Value& one : list.as_list()) {
    const std::string id = one.text_or("Id", "");
    CO_TRY_ASSIGN(Value container, co_await engine.containers().inspect(id));
    const std::string image = container.text_or("Image", "");
    if (!project.images.contains(image)) {
      // An image that was removed while its container runs is no reason to fail.
      Result<Value> found = co_await engine.images().inspect(image);
      project.images[image] = found ? std::move(*found) : Value::map();
    }
    project.containers.push_back(std::move(container));
  }
  std::ranges::stable_sort(project.containers, {}, service_of);
  co_return Result<void>{};
}

/// Names of networks, or of volumes, that the project has or its containers use.
std::set<std::string> names_used(const EngineProject& project, const Value& own, bool is_network) {
  std::set<std::string> names;
  for (const Value& one : own.is_list() ? own.as_list() : Value::List{})
    names.insert(text_at(one, {"Name"}));
  for (const Value& container : project.containers) {
    const Value& used =
        is_network ? at(container, {"NetworkSettings", "Networks"}) : at(container, {"Mounts"});
    if (used.is_map()) {
      for (const Value::Entry& network : used.as_map()) names.insert(network.key);
    } else if (used.is_list()) {
      for (const Value& mount : used.as_list()) {
        if (text_at(mount, {"Type"}) == "volume") names.insert(text_at(mount, {"Name"}));
      }
    }
  }
  names.erase("");
  return names;
}

Task<Result<void>> read_parts(docker::EngineClient engine, EngineProject& project) {
  const docker::Filters filters = of_project(project.name);
  CO_TRY_ASSIGN(const Value networks, co_await engine.networks().list(filters));
  const std::set<std::string> network_names = names_used(project, networks, true);
  for (const std::string& name : network_names) {
    CO_TRY_ASSIGN(Value network, co_await engine.networks().inspect(name));
    project.networks.push_back(std::move(network));
  }
  CO_TRY_ASSIGN(const Value volumes, co_await engine.volumes().list(filters));
  const std::set<std::string> volume_names = names_used(project, volumes, false);
  for (const std::string& name : volume_names) {
    CO_TRY_ASSIGN(Value volume, co_await engine.volumes().inspect(name));
    project.volumes.push_back(std::move(volume));
  }
  co_return Result<void>{};
}

}  // namespace

Task<Result<EngineProject>> read_engine_project(docker::EngineClient engine, std::string name) {
  EngineProject project;
  project.name = name;
  CO_TRY(co_await read_containers(engine, project));
  if (project.containers.empty()) {
    CO_TRY_ASSIGN(std::string hint, co_await projects_there(engine));
    co_return fail(
        Error(ErrorCode::NotFound, fmt::format("there is no container of a project '{}'", name))
            .with_hint(std::move(hint)));
  }
  CO_TRY(co_await read_parts(engine, project));
  co_return project;
}

}  // namespace croft::cli
